"""Each kind of file after each edit, in every design: one process a file and pair, so that all read the same bytes in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.generator import Kind
from benchmarks.measure import SubjectFailed, measure_module
from benchmarks.screen import DESIGNS, KINDS, RECORDS
from benchmarks.screening.editions import LITTLE, NOTHING, Edition, frame_of, write_editions

SCREEN: Final = "screen"
"""The name of this benchmark on the command line."""

TITLES: Final[dict[Kind, str]] = {"csv": "CSV", "xml": "XML", "jsonl": "JSON Lines"}

OTHER_SIZES: Final = (512, 4_096, 16_384)
"""Bytes of a block, about, beside the 1,500 that runs cut; of CSV."""

_SURE_ROWS: Final = 20_000


@dataclass(slots=True)
class Screened:
    """One file after one edit, with blocks of one size: of each design, seconds and bytes left to be parsed, one a pair."""

    title: str
    edit: str
    size: int
    seconds: dict[str, list[float]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)

    def take(self, design: str, seconds: float, left: int) -> None:
        """Take what a design made of it."""
        self.seconds.setdefault(design, []).append(seconds)
        self.left[design] = left

    def ratios(self, design: str) -> tuple[float, ...]:
        """Return of each pair how many times as fast a design is as looking at every record."""
        return tuple(bare / mine for bare, mine in zip(self.seconds[RECORDS], self.seconds[design], strict=True))

    def part_left(self, design: str) -> float:
        """Return which part of the bytes a design leaves to be parsed."""
        return self.left[design] / self.size

    def rate(self, design: str, rows: int) -> float:
        """Return the records a second, the median of the pairs."""
        return rows / median(self.seconds[design])


@dataclass(frozen=True, slots=True)
class Screens:
    """All that was measured; in `sizes` by the bytes of a block."""

    rows: int
    pairs: int
    kinds: list[Screened]
    sizes: dict[int, list[Screened]]


def compare_designs(directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> Screens:
    """Measure every design. Raises `SubjectFailed` when one took what has changed for known, or knew nothing at all."""
    found = Screens(rows, pairs, [], {})
    for kind in KINDS:
        with write_editions(directory, kind, rows) as editions:
            found.kinds.extend(_measure(kind, 0, editions, found, say))
            if kind == "csv":
                few = {edit: editions[edit] for edit in (NOTHING, LITTLE)}
                found.sizes.update((size, _measure(kind, size, few, found, say)) for size in OTHER_SIZES)
    return found


def _measure(kind: Kind, size: int, editions: Mapping[str, Edition], found: Screens, say: Callable[[str], None]) -> list[Screened]:
    title = TITLES[kind]
    cases = {edition.path.name: Screened(title, edit, edition.path.stat().st_size) for edit, edition in editions.items()}
    changed = {edition.path.name: edition.changed for edition in editions.values()}
    for turn in range(found.pairs):
        run = measure_module("screen", kind, str(size), str(turn), *(str(edition.path) for edition in editions.values()))
        taken: Any = run.facts["taken"]
        for each in taken:
            _check(kind, cases[each["name"]], each["design"], each["known"], found.rows, changed[each["name"]])
            cases[each["name"]].take(each["design"], each["seconds"], each["left"])
    told = f", blocks of {size:,} bytes" if size else ""
    for case in cases.values():
        rates = ", ".join(f"{design} {case.rate(design, found.rows):,.0f}" for design in DESIGNS)
        say(f"{title}, {case.edit}{told}: {rates} rows/s")
    return list(cases.values())


def _check(kind: Kind, case: Screened, design: str, known: int | None, rows: int, changed: int) -> None:
    if known is None:
        return
    same = rows - changed
    # Of a small document nearly all is its beginning and its end, which runs parse whatever is known.
    least = 1 if rows >= _SURE_ROWS else 0
    # A bare split takes what frames the records for records too.
    if (known != same + sum(frame_of(kind))) if design == RECORDS else not least <= known <= same:
        raise SubjectFailed(f"{case.title}, {case.edit}, {design}: {known:,} records of {rows:,} were known, of which {changed:,} changed")
