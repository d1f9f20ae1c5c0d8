"""The mapper alone: the bytes of a file to rows of text, every mapped value among them."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.catalogue import FEED
from benchmarks.formats.material import find_format
from benchmarks.parse import parse_file
from benchmarks.subject import hand_back, make_mapper
from engine.feed import build_feed
from feedmill.assembly import make_recipe
from plugins.manager import load_registry


def main(name: str, path: Path) -> None:
    """Read a file."""
    feedmill.tune_process()
    chosen = find_format(name)
    recipe = make_recipe(load_registry(), build_feed(FEED, chosen.settings, chosen.fields))
    mapper = make_mapper(recipe, path)
    begun = perf_counter()
    rows = sum(len(batch.rows) for batch in parse_file(mapper, path))
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
