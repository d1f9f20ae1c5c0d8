"""The field rules alone: rows of text to valid items. Splitting and parsing happen, but off the clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.parse import parse_file
from benchmarks.subject import hand_back, make_benchmark_recipe, make_mapper
from engine.batch import ItemBatch
from engine.document import CHUNK_BYTES
from engine.flow.transform import Recipe
from engine.mapping.numbers import NumberReader
from engine.mapping.rules import Rules, compile_rules


def map_file(recipe: Recipe, path: Path, size: int = CHUNK_BYTES) -> Iterator[tuple[ItemBatch, float]]:
    """Yield the items of a file, a batch a chunk of `size` bytes, each with the seconds its rules took."""
    mapper = make_mapper(recipe, path)
    numbers = NumberReader(recipe.feed.decimal_notation, recipe.feed.currency)
    rules: Rules | None = None
    for batch in parse_file(mapper, path, size):
        begun = perf_counter()
        if rules is None:
            rules = compile_rules(
                recipe.feed, recipe.rows, locate=mapper.locate, columns=batch.columns, rules=recipe.rules, numbers=numbers
            )
        mapped = rules.apply(batch)
        yield mapped.items, perf_counter() - begun


def main(path: Path) -> None:
    """Map a file."""
    feedmill.tune_process()
    rows, seconds = 0, 0.0
    for items, spent in map_file(make_benchmark_recipe(), path):
        rows += len(items)
        seconds += spent
    hand_back(rows, seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
