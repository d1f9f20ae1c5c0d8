"""Splitting and parsing: bytes to rows of text. Beside the mapper stands what Python's own reader does with the same bytes."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.subject import hand_back, make_benchmark_recipe, make_mapper, parse_case, read_chunks
from engine.batch import Batch
from engine.contracts import Mapper
from engine.document import CHUNK_BYTES


def parse_file(mapper: Mapper, path: Path, size: int = CHUNK_BYTES) -> Iterator[Batch]:
    """Yield the batches of a file that comes in chunks of `size` bytes."""
    for chunk in read_chunks(path, size):
        yield from map(mapper.parse, mapper.feed(chunk))
    yield from map(mapper.parse, mapper.finish())


def read_rows(path: Path, size: int) -> int:
    """Parse a file with `csv.reader` and return how many records it has."""
    with path.open(encoding="utf-8", newline="", buffering=size) as file:
        return sum(1 for _ in csv.reader(file)) - 1


def main(path: Path, told: str) -> None:
    """Split and parse a file in the design that is told."""
    feedmill.tune_process()
    design, size = parse_case(told)
    mapper = make_mapper(make_benchmark_recipe(), path)
    begun = perf_counter()
    rows = read_rows(path, size) if design == "reader" else sum(len(batch.rows) for batch in parse_file(mapper, path, size))
    hand_back(rows, perf_counter() - begun)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[3])
