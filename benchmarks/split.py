"""The splitter alone: bytes to whole records, not looked into. Beside it stands a bare split at line ends, which knows no quotes."""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import feedmill
from benchmarks.subject import hand_back, make_benchmark_recipe, make_mapper, parse_case, read_chunks
from engine.contracts import Mapper


def split_records(mapper: Mapper, path: Path, size: int) -> int:
    """Split a file with the mapper and return how many bytes were in its pieces."""
    split = 0
    for chunk in read_chunks(path, size):
        split += sum(len(piece.data) for piece in mapper.feed(chunk))
    return split + sum(len(piece.data) for piece in mapper.finish())


def split_lines(path: Path, size: int) -> int:
    """Split a file at its line ends and return how many bytes were in its lines."""
    split, rest = 0, b""
    for chunk in read_chunks(path, size):
        *lines, rest = (rest + chunk).split(b"\n")
        split += sum(map(len, lines))
    return split + len(rest)


def main(path: Path, rows: int, told: str) -> None:
    """Split a file. The mapper does not count records before they are parsed, so how many there are is given."""
    feedmill.tune_process()
    design, size = parse_case(told)
    mapper = make_mapper(make_benchmark_recipe(), path)
    begun = perf_counter()
    split = split_lines(path, size) if design == "lines" else split_records(mapper, path, size)
    hand_back(rows, perf_counter() - begun, bytes=split)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
