"""The section on the peers, and what is promised beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.measure import Measurement
from benchmarks.peers.compare import HTTP, WAYS, Comparison, Place
from benchmarks.peers.subjects import AGAIN, CHANGED, DLT, DLT_DUCKDB, DUCKDB, FEEDMILL, FIRST, SLING, SQLITE3, SQLITE_UTILS, STEPS
from benchmarks.promise import Promise, format_ratios, write_promises


@dataclass(frozen=True, slots=True)
class _Bound:
    """How many times as fast as each of `names` Feedmill has to be in a run of the job, over each of `ways`."""

    step: str
    names: tuple[str, ...]
    ratio: float
    ways: tuple[str, ...] = WAYS


_PROMISED: Final = (
    _Bound(FIRST, (SQLITE3,), 1.0),
    _Bound(FIRST, (SQLITE_UTILS,), 8.0),
    _Bound(FIRST, (SLING,), 15.0),
    # Into whichever database it is faster.
    _Bound(FIRST, (DLT, DLT_DUCKDB), 10.0),
    # From a file there is nothing to compare: a file that is the last run's is not even opened.
    _Bound(AGAIN, (DUCKDB,), 5.0, (HTTP,)),
    _Bound(AGAIN, (SQLITE3,), 8.0, (HTTP,)),
    _Bound(CHANGED, (DUCKDB,), 2.5),
    _Bound(CHANGED, (SQLITE3,), 4.0),
)


def check_peers(found: Comparison) -> Iterator[Promise]:
    """Compare the ratios with those promised; who is not installed is passed over. Every way the file came has to keep a promise."""
    for bound in _PROMISED:
        for name in bound.names:
            places = [place for place in found.ratios if place.step == bound.step and place.name == name]
            ratios = {place.way: found.ratios[place] for place in places}
            chosen = {way: ratios[way] for way in bound.ways if way in ratios}
            if chosen:
                text = f"CSV {bound.step}: {bound.ratio:g} times as fast as {name} at least"
                if any(place.slow for place in places):
                    text += f", at {found.slow_rows:,} rows"
                told = "; ".join(f"{way} {format_ratios(each)}" for way, each in chosen.items())
                yield Promise(text, told, min(map(median, chosen.values())) >= bound.ratio)


def write_peers(found: Comparison, *, promised: bool) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## Beside other programs", "")
    yield from textwrap.wrap(
        f"The catalogue's CSV into a table by its key: a first load, the same file again, then one in which 1 % of the rows have "
        f"another stock or price; from a file, and over HTTP from a server on loopback that names no version. {found.rows:,} rows, "
        f"{found.slow_rows:,} for the slow programs. Everyone converts the same eleven columns and writes every row by "
        "its key; Feedmill also checks each row, keeps a change log and hashes. All take part in turn, each in a process of its own; who "
        "begins changes from pair to pair. Bytecode is compiled, as in every installation. Seconds are by the program's own clock, without "
        "starting Python and its imports, *wall* from start to exit, both medians; *times as fast* is how many times as fast Feedmill was "
        "in the same pair, the median and every pair, by own clocks beside Python programs and by wall seconds beside programs in C.",
        118,
    )
    yield from ("", *textwrap.wrap(" ".join(_notes(found)), 118))
    yield from ("", "| CSV | from | program | rows | seconds | wall | rows/s | CPU seconds | peak RSS | times as fast |")
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for slow in (False, True):
        for step in STEPS:
            for way in WAYS:
                for name in (FEEDMILL, *(peer.name for peer in found.peers)):
                    place = Place(way, step, name, slow)
                    if place in found.runs:
                        yield _row(place, found.median_of(place), found.ratios.get(place, ()))
    yield ""
    yield "In every pair all tables were equal when each was done: the same keys, with the same value in every mapped column."
    yield from write_promises(list(check_peers(found)) if promised else [])


def _notes(found: Comparison) -> Iterator[str]:
    names = [peer.name for peer in found.peers]
    yield f"Compared with {found.versions}."
    if found.missing:
        yield f"**Not installed here, so not compared: {', '.join(found.missing)}.**"
    if SQLITE3 in names:
        yield "`sqlite3` imports into a staging table, over HTTP from `curl`, and upserts into Feedmill's own table with all its indices."
    if DUCKDB in names:
        yield "DuckDB fetches to disk first, since its extension for HTTP is a download of its own, and writes into its own database."
    if DLT in names:
        yield "dlt merges into SQLite by deleting and inserting, which takes minutes when the rows are there already, so that is"
        yield "measured into DuckDB alone, where it upserts."


def _row(place: Place, run: Measurement, ratios: Sequence[float]) -> str:
    figures = f"{run.rows:,} | {run.seconds:.2f} | {run.wall:.2f} | {run.rate:,.0f} | {run.cpu:.2f} | {run.peak_rss / 1e6:.0f} MB"
    return f"| {place.step} | {place.way} | {place.name} | {figures} | {format_ratios(ratios) if ratios else ''} |"
