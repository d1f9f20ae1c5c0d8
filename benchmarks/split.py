"""The splitter alone: bytes to whole records, not looked into."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.subject import hand_back, make_benchmark_recipe, make_mapper, read_chunks


def main(path: Path, rows: int) -> None:
    """Split a file. The mapper does not count records before they are parsed, so how many there are is given."""
    feedmill.tune_process()
    mapper = make_mapper(make_benchmark_recipe(), path)
    size, begun = 0, perf_counter()
    for chunk in read_chunks(path):
        size += sum(len(piece.data) for piece in mapper.feed(chunk))
    size += sum(len(piece.data) for piece in mapper.finish())
    hand_back(rows, perf_counter() - begun, bytes=size)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
