"""The next day's files: the catalogue with none, some or many of its records changed, or with all of them in other places."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.generator import Kind, Material

NOTHING: Final = "nothing changed"
LITTLE: Final = "1 % changed"
MUCH: Final = "10 % changed"
MOVED: Final = "moved by the hundred"
SHUFFLED: Final = "every record moved"
EDITS: Final = (NOTHING, LITTLE, MUCH, MOVED, SHUFFLED)

_EVERY: Final = {LITTLE: 100, MUCH: 10}
_TOGETHER: Final = {MOVED: 100, SHUFFLED: 1}
_FRAME: Final[dict[Kind, tuple[int, int]]] = {"csv": (1, 0), "xml": (3, 2), "json": (1, 1), "jsonl": (0, 0)}


@dataclass(frozen=True, slots=True)
class Edition:
    """A file of the next day and how many of its records are others than the day before."""

    path: Path
    changed: int


@contextmanager
def write_editions(directory: Path, kind: Kind, rows: int) -> Iterator[dict[str, Edition]]:
    """Write one file an edit and remove them in the end; that of `NOTHING` is the file of the day before. Memory stays flat."""
    first = write_catalogue(directory, rows, kind=kind).path
    editions = {NOTHING: Edition(first, 0)}
    for place, (edit, every) in enumerate(_EVERY.items()):
        path = directory / f"changed-{place}.{kind}"
        with path.open("wb") as file:
            file.writelines(Material(kind, rows, every).blocks(1))
        editions[edit] = Edition(path, len(range(1, rows, every)))
    for place, (edit, together) in enumerate(_TOGETHER.items()):
        path = directory / f"moved-{place}.{kind}"
        move_records(first, path, kind, together)
        editions[edit] = Edition(path, 0)
    try:
        yield editions
    finally:
        for edition in editions.values():
            edition.path.unlink()


def frame_of(kind: Kind) -> tuple[int, int]:
    """Return how many lines stand before the records of a catalogue and behind them; each record is one line."""
    return _FRAME[kind]


def move_records(source: Path, target: Path, kind: Kind, together: int) -> None:
    """Write the records of a file in another order, always the same one; so many that stood behind each other still do."""
    before, behind = frame_of(kind)
    with source.open("rb") as read, mmap(read.fileno(), 0, access=ACCESS_READ) as data, target.open("wb") as written:
        starts = [0, *_line_ends(data)]
        records = range(before, len(starts) - 1 - behind)
        groups = [records[at : at + together] for at in range(0, len(records), together)]
        random.Random(7).shuffle(groups)
        lines = chain(range(before), chain.from_iterable(groups), range(records.stop, len(starts) - 1))
        written.writelines(data[starts[line] : starts[line + 1]] for line in lines)


def _line_ends(data: mmap) -> Iterator[int]:
    at = 0
    while (at := data.find(b"\n", at) + 1) > 0:
        yield at
