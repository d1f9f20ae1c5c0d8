"""What the subjects share: the feed's recipe, the file in chunks, and how a result is handed back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from benchmarks.catalogue import FEED, FIELDS, SETTINGS
from engine.document import CHUNK_BYTES

if TYPE_CHECKING:
    from engine.contracts import Mapper
    from engine.flow.transform import Recipe

# What a recipe needs is imported where one is made: nobody is charged for imports that his program would not have.


def make_benchmark_recipe() -> Recipe:
    """Return the recipe of the feed that is measured."""
    from engine.feed import build_feed
    from feedmill.assembly import make_recipe
    from plugins.manager import load_registry

    return make_recipe(load_registry(), build_feed(FEED, SETTINGS, FIELDS))


def make_mapper(recipe: Recipe, path: Path) -> Mapper:
    """Return a mapper for the file."""
    from engine.contracts import DocumentFacts

    return recipe.create_mapper(recipe.settings, DocumentFacts(path.name, path.stat().st_size, charset="utf-8"))


def read_chunks(path: Path, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Read the file in chunks as a connector yields them, or of another size."""
    with path.open("rb") as file:
        while chunk := file.read(size):
            yield chunk


def parse_case(told: str) -> tuple[str, int]:
    """Return the design and the bytes of a chunk that a case names, as in `mapper:256`."""
    design, _, kibibytes = told.partition(":")
    return design, int(kibibytes) * 1024


def hand_back(rows: int, seconds: float, **facts: object) -> None:
    """Print the result for `measure`."""
    sys.stdout.buffer.write(orjson.dumps({"rows": rows, "seconds": seconds, **facts}))
