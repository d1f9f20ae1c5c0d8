"""Splitting and parsing: bytes to rows of text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.subject import hand_back, make_benchmark_recipe, make_mapper, read_chunks
from engine.batch import Batch
from engine.contracts import Mapper


def parse_file(mapper: Mapper, path: Path) -> Iterator[Batch]:
    """Yield the batches of a file."""
    for chunk in read_chunks(path):
        yield from map(mapper.parse, mapper.feed(chunk))
    yield from map(mapper.parse, mapper.finish())


def main(path: Path) -> None:
    """Split and parse a file."""
    feedmill.tune_process()
    mapper = make_mapper(make_benchmark_recipe(), path)
    begun = perf_counter()
    rows = sum(len(batch.rows) for batch in parse_file(mapper, path))
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
