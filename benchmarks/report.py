"""The figures as one page of Markdown, and whether they are what was promised."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from benchmarks.catalogue import CatalogueFile
from benchmarks.formats.compare import Compared
from benchmarks.formats.report import check_formats
from benchmarks.formats.report import write_section as write_formats
from benchmarks.growth import Growth, check_growth, write_growth
from benchmarks.measure import Measurement
from benchmarks.parts import PARTS
from benchmarks.peers.compare import Comparison
from benchmarks.peers.report import check_peers, write_peers
from benchmarks.plots import MEMORY, RATIOS, SPEED, embed
from benchmarks.promise import Promise, write_promises
from benchmarks.service.whole import ServiceResults, check_service, write_service
from benchmarks.startup import Starts, check_starts, write_starts
from benchmarks.transports.report import check_streams, write_section
from benchmarks.transports.streams import Streams
from benchmarks.whole import FIRST, PEER, SMALL, Whole

PROMISED_ROWS: Final = 1_000_000
"""For how many rows the promises are made: in small runs starting Python takes longer than the work."""

PROMISED_RSS: Final = 200e6
PROMISED_RATIO: Final = 0.5
PROMISED_COST: Final = 1.3
_ABOUT_THE_SAME: Final = 1.25
"""How much more memory ten times the rows may take and still be called the same."""


@dataclass(slots=True)
class Results:
    """All that was measured in one run of the benchmarks; `file` is what was synced, where anything was."""

    pairs: int
    machine: str
    smoke: bool = False
    file: CatalogueFile | None = None
    whole: Whole | None = None
    peers: Comparison | None = None
    growth: Growth | None = None
    starts: Starts | None = None
    parts: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    formats: list[Compared] = field(default_factory=list)
    streams: Streams | None = None
    service: ServiceResults | None = None


def check_promises(results: Results) -> list[Promise]:
    """Compare what was measured with what is promised of Feedmill; little runs promise nothing."""
    syncs = _check_whole(results.whole) if results.whole is not None and _rows(results) >= PROMISED_ROWS else []
    formats = list(check_formats(results.formats)) if _promised(results.formats) else []
    streams = check_streams(results.streams) if results.streams is not None else []
    peers = list(check_peers(results.peers)) if results.peers is not None and results.peers.rows >= PROMISED_ROWS else []
    growth = list(check_growth(results.growth)) if results.growth is not None and results.growth.sizes[1] >= PROMISED_ROWS else []
    starts = check_starts(results.starts) if results.starts is not None else []
    return syncs + peers + growth + starts + formats + streams + (check_service(results.service) if results.service is not None else [])


def _rows(results: Results) -> int:
    return results.file.rows if results.file is not None else 0


def _promised(formats: list[Compared]) -> bool:
    return all(each.rows >= PROMISED_ROWS for each in formats)


def _check_whole(whole: Whole) -> list[Promise]:
    full, small = whole.runs[FIRST].peak_rss, whole.runs[SMALL].peak_rss
    promises = [
        Promise("peak RSS of the first load is under 200 MB", _megabytes(full), full < PROMISED_RSS),
        Promise("and about the same for a tenth of the rows", f"{_megabytes(small)} there", full <= small * _ABOUT_THE_SAME),
    ]
    for text, costs in (("the change log adds", whole.log_costs), ("staging, judging, logging and applying 1 % add", whole.change_costs)):
        found = f"{median(costs) - 1:+.0%}; pairs: {', '.join(f'{cost - 1:+.0%}' for cost in costs)}"
        promises.append(Promise(f"{text} at most 30 % to a sync", found, median(costs) <= PROMISED_COST))
    if whole.ratio is not None:
        found = f"{whole.ratio:.2f} times as fast; pairs: {', '.join(f'{ratio:.2f}' for ratio in whole.ratios)}"
        promises.append(Promise("at least half as fast as sqlite3's own import and upsert", found, whole.ratio >= PROMISED_RATIO))
    return promises


def write_report(results: Results, plots: Mapping[str, str], folder: str = "benchmarks") -> str:
    """Return the page; `plots` are those that were drawn, in a folder beside it."""
    return "\n".join(_lines(results, plots, folder)) + "\n"


def _lines(results: Results, plots: Mapping[str, str], folder: str) -> Iterator[str]:
    yield from ("# Benchmarks", "")
    if results.file is not None:
        size = f"{results.file.size / 1e6:,.0f} MB of CSV"
        yield f"A generated catalogue of {results.file.rows:,} items in 11 columns ({size}), each figure the"
        yield f"median of {results.pairs}; `make bench` measures again."
    else:
        yield f"Each figure is the median of {results.pairs}; `make bench` measures again."
    yield from ("", *textwrap.wrap(f"{results.machine}.", 118))
    if results.whole is not None:
        yield from _whole(results.whole)
        yield from write_promises(_check_whole(results.whole) if _rows(results) >= PROMISED_ROWS else [])
    if results.peers is not None:
        yield from write_peers(results.peers, promised=results.peers.rows >= PROMISED_ROWS)
        yield from embed(plots, [RATIOS], folder)
    if results.growth is not None:
        yield from write_growth(results.growth, promised=results.growth.sizes[1] >= PROMISED_ROWS)
        yield from embed(plots, [SPEED, MEMORY], folder)
    if results.starts is not None:
        yield from write_starts(results.starts)
    if results.parts:
        yield from _parts(results.parts)
    if results.formats:
        yield from write_formats(results.formats, promised=_promised(results.formats))
    if results.streams is not None:
        yield from write_section(results.streams)
    if results.service is not None:
        yield from write_service(results.service)


def _whole(whole: Whole) -> Iterator[str]:
    yield from ("", "## Whole syncs", "")
    yield "Over HTTP from a supplier on loopback into SQLite, each in a fresh process. `sqlite3` reads the same file from disk and"
    yield "fills a table of the same columns, types, key and indices, types converted, in WAL mode. Seconds are from the start"
    yield "of the process to its exit; CPU and peak RSS are of the process and all its children together, without the supplier."
    yield ""
    yield "| run | rows | seconds | rows/s | CPU seconds | peak RSS | seconds at work, by stage |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for title, run in whole.runs.items():
        figures = f"{run.rows:,} | {run.wall:.2f} | {run.rows / run.wall:,.0f} | {run.cpu:.2f} | {_megabytes(run.peak_rss)}"
        yield f"| {title} | {figures} | {_at_work(run)} |"
    yield ""
    if PEER in whole.runs:
        yield "In every pair both first loads ended with equal tables: the same keys, and with each the same value in every mapped"
        yield "column."
    else:
        yield "**The `sqlite3` command line is not installed: nothing was compared.**"


def _parts(parts: dict[str, dict[str, Measurement]]) -> Iterator[str]:
    yield from (
        "",
        "## The stages alone",
        "",
        "Each in a process of its own, on one thread, by its own clock; the first of several is what runs do.",
        "",
    )
    yield "| stage | rows | seconds | rows/s |"
    yield "| --- | ---: | ---: | ---: |"
    for name, cases in parts.items():
        for label, run in cases.items():
            title = f"{PARTS[name].title}, {label}" if label else PARTS[name].title
            yield f"| {title} | {run.rows:,} | {run.seconds:.2f} | {run.rate:,.0f} |"


def _at_work(run: Measurement) -> str:
    busy = run.facts.get("busy")
    return ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in busy.items()) if isinstance(busy, dict) else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
