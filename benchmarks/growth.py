"""Cost and memory as work grows: a first load and a run with 1 % changed, from a hundredth of the rows to ten times as many."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle
from benchmarks.promise import Promise, format_ratios, write_promises
from examples.catalogue import Catalogue

GROWTH: Final = "growth"
"""The name of this benchmark on the command line."""

FIRST: Final = "first load"
CHANGED: Final = "again, 1 % changed"

PROMISED_RSS: Final = 160e6
PROMISED_GROWTH: Final = 1.2
PROMISED_COST: Final = 1.15
_SCREENED: Final = 24
"""Bytes of memory that each known record may take on top, for its fingerprint."""

_DISK_A_ROW: Final = 900
"""Bytes that a row takes at most at one time: in the file, in the database with its log, and while the log is written over."""

_LONG_AGO: Final = 1_700_000_000
"""A time of change that has settled, so that a run does not wait for it to; each version has its own."""


@dataclass(frozen=True, slots=True)
class Growth:
    """The medians by step and rows; `costs` are of each pair the seconds a row at the last of the sizes by those at the second."""

    sizes: tuple[int, int, int, int]
    runs: dict[tuple[str, int], Measurement]
    costs: dict[str, tuple[float, ...]]

    def memory(self, step: str) -> float:
        """Return the peak of memory at the largest size by that at a tenth of it, the screen's arrays left out of the former."""
        _, _, rows, largest = self.sizes
        # A first load holds nothing of the screen: without bytes that it never took it would be less than nothing.
        return max(self.runs[step, largest].peak_rss - _SCREENED * largest, 0) / self.runs[step, rows].peak_rss


def measure_growth(directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> Growth:
    """Measure all sizes in turn, from a file. Raises `SubjectFailed` when a run did not count what it must, or the disk is too small."""
    sizes = (rows // 100, rows // 10, rows, rows * 10)
    free, wanted = shutil.disk_usage(directory).free, sizes[-1] * _DISK_A_ROW
    if free < wanted:
        raise SubjectFailed(f"{directory} has {free / 1e9:.1f} GB left, not {wanted / 1e9:.1f}: set TMPDIR, or --rows to less")
    runs: dict[tuple[str, int], list[Measurement]] = {}
    for pair in range(pairs):
        for size in sizes if pair % 2 == 0 else reversed(sizes):
            for step, run in _measure(directory, size):
                runs.setdefault((step, size), []).append(run)
                say(f"{step}, {size:,} rows: {run.seconds:.2f} s, {run.peak_rss / 1e6:.0f} MB")
    costs = {step: tuple(_costs(runs[step, sizes[1]], runs[step, sizes[-1]])) for step in (FIRST, CHANGED)}
    return Growth(sizes, {place: middle(each) for place, each in runs.items()}, costs)


def _measure(directory: Path, rows: int) -> Iterator[tuple[str, Measurement]]:
    database, source = directory / "growth.db", directory / "supplier.csv"
    changed = len(Catalogue(rows).changed(1))
    expected = {FIRST: {"created": rows}, CHANGED: {"updated": changed, "unchanged": rows - changed}}
    for version, step in enumerate((FIRST, CHANGED)):
        # Made anew each time, when the one before is gone: ten million rows in two versions would need the room of both.
        source.unlink(missing_ok=True)
        write_catalogue(directory, rows, version=version).path.rename(source)
        os.utime(source, (_LONG_AGO + version, _LONG_AGO + version))
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
    _, small, rows, largest = found.sizes
    for step in (FIRST, CHANGED):
        peak, cost = found.runs[step, rows].peak_rss, found.costs[step]
        yield Promise(f"{step}: peak RSS is under 160 MB at {rows:,} rows", _megabytes(peak), peak < PROMISED_RSS)
        yield Promise(
            f"{step}: at {largest:,} rows it is at most {PROMISED_GROWTH} times that, {_SCREENED} bytes a row for the screen left out",
            f"{found.memory(step):.2f} ({_megabytes(found.runs[step, largest].peak_rss)})",
            found.memory(step) <= PROMISED_GROWTH,
        )
        text = f"{step}: a row costs at most {PROMISED_COST} times as many seconds at {largest:,} rows as at {small:,}"
        yield Promise(text, format_ratios(cost), median(cost) <= PROMISED_COST)


def write_growth(found: Growth, *, promised: bool) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## As work grows", "")
    yield from textwrap.wrap(
        "The same catalogue at four sizes, from a file into SQLite; seconds by the run's own clock, sizes in turn. What stays of a "
        f"starting process weighs on the smallest, so the cost of a row is compared with that at {found.sizes[1]:,} rows.",
        118,
    )
    yield from ("", "| run | rows | seconds | µs a row | rows/s | CPU µs a row | peak RSS |")
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for (step, rows), run in sorted(found.runs.items(), key=lambda each: (each[0][0] != FIRST, each[0][1])):
        figures = f"{run.seconds:.2f} | {_micros(run.seconds, rows)} | {run.rate:,.0f} | {_micros(run.cpu, rows)}"
        yield f"| {step} | {rows:,} | {figures} | {_megabytes(run.peak_rss)} |"
    told = (
        f"{step}: a row costs {format_ratios(cost)} times as much at the largest size, and memory is {found.memory(step):.2f} "
        f"times as much as at a tenth of it, the screen's {_SCREENED} bytes a row left out."
        for step, cost in found.costs.items()
    )
    for each in told:
        yield from ("", *textwrap.wrap(each[0].upper() + each[1:], 118))
    yield from write_promises(list(check_growth(found)) if promised else [])


def _micros(seconds: float, rows: int) -> str:
    return f"{1e6 * seconds / rows:.2f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
