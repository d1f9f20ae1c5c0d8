"""Cost and memory as work grows: a first load and a run with 1 % changed, at a tenth, at once and at ten times the rows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle
from benchmarks.promise import Promise, format_ratios, write_promises

GROWTH: Final = "growth"
"""The name of this benchmark on the command line."""

FIRST: Final = "first load"
CHANGED: Final = "again, 1 % changed"

PROMISED_RSS: Final = 160e6
PROMISED_GROWTH: Final = 1.2
PROMISED_COST: Final = 1.15
_SCREENED: Final = 24
"""Bytes of memory that each known record may take on top, for its fingerprint."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The medians by step and rows; `costs` are of each pair the seconds a row at the largest size by those at the smallest."""

    sizes: tuple[int, int, int]
    runs: dict[tuple[str, int], Measurement]
    costs: dict[str, tuple[float, ...]]


def measure_growth(directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> Growth:
    """Measure all sizes in turn, from a file. Raises `SubjectFailed` when a run did not count what it must."""
    sizes = (rows // 10, rows, rows * 10)
    runs: dict[tuple[str, int], list[Measurement]] = {}
    for pair in range(pairs):
        for size in sizes if pair % 2 == 0 else reversed(sizes):
            for step, run in _measure(directory, size):
                runs.setdefault((step, size), []).append(run)
                say(f"{step}, {size:,} rows: {run.seconds:.2f} s, {run.peak_rss / 1e6:.0f} MB")
    costs = {step: tuple(_costs(runs[step, sizes[0]], runs[step, sizes[-1]])) for step in (FIRST, CHANGED)}
    return Growth(sizes, {place: middle(each) for place, each in runs.items()}, costs)


def _measure(directory: Path, rows: int) -> Iterator[tuple[str, Measurement]]:
    database, source = directory / "growth.db", directory / "supplier.csv"
    expected = {FIRST: {"created": rows}, CHANGED: {"updated": rows // 100, "unchanged": rows - rows // 100}}
    for version, step in enumerate((FIRST, CHANGED)):
        # Made anew each time: ten million rows in two versions would need the room of both.
        write_catalogue(directory, rows, version=version).path.rename(source)
        run = measure_module("sync", source.as_uri(), str(database))
        counted = {name: run.facts[name] for name in expected[step]}
        if counted != expected[step]:
            raise SubjectFailed(f"{step} of {rows:,} rows: expected {expected[step]}, but the run counted {counted}")
        yield step, run
    for path in (source, *(database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))):
        path.unlink(missing_ok=True)


def _costs(small: Sequence[Measurement], large: Sequence[Measurement]) -> Iterator[float]:
    for of_small, of_large in zip(small, large, strict=True):
        yield of_small.rate / of_large.rate


def check_growth(found: Growth) -> Iterator[Promise]:
    """Compare memory and cost with what is promised."""
    _, rows, largest = found.sizes
    for step in (FIRST, CHANGED):
        peak, grown = found.runs[step, rows].peak_rss, found.runs[step, largest].peak_rss
        yield Promise(f"{step}: peak RSS is under 160 MB at {rows:,} rows", _megabytes(peak), peak < PROMISED_RSS)
        yield Promise(
            f"{step}: at {largest:,} rows it is at most {PROMISED_GROWTH} times that, and {_SCREENED} bytes a row for the screen",
            _megabytes(grown),
            grown <= PROMISED_GROWTH * peak + _SCREENED * largest,
        )
        cost = found.costs[step]
        text = f"{step}: a row costs at most {PROMISED_COST} times as many seconds at {largest:,} rows as at {found.sizes[0]:,}"
        yield Promise(text, format_ratios(cost), median(cost) <= PROMISED_COST)


def write_growth(found: Growth, *, promised: bool) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## As work grows", "")
    yield from textwrap.wrap(
        "The same catalogue at three sizes, from a file into SQLite; seconds by the run's own clock, sizes in turn. What stays of a "
        "starting process weighs on the smallest. Cost is the seconds a row at the largest size by those at the smallest, of each pair.",
        118,
    )
    yield from ("", "| run | rows | seconds | rows/s | CPU seconds | peak RSS |", "| --- | ---: | ---: | ---: | ---: | ---: |")
    for (step, rows), run in sorted(found.runs.items(), key=lambda each: (each[0][0] != FIRST, each[0][1])):
        yield f"| {step} | {rows:,} | {run.seconds:.2f} | {run.rate:,.0f} | {run.cpu:.2f} | {_megabytes(run.peak_rss)} |"
    yield from ("", *(f"Cost, {step}: {format_ratios(each)}." for step, each in found.costs.items()))
    yield from write_promises(list(check_growth(found)) if promised else [])


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
