"""The figures as one page of Markdown, and whether they are what was promised."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from benchmarks.formats.compare import FORMATS_ONLY, Compared
from benchmarks.formats.report import check_formats
from benchmarks.formats.report import write_section as write_formats
from benchmarks.growth import GROWTH, Growth, check_growth, write_growth
from benchmarks.measure import Measurement
from benchmarks.parts import STAGES, write_parts
from benchmarks.peers.compare import PEERS, Comparison
from benchmarks.peers.report import check_peers, write_peers
from benchmarks.plots import MEMORY, RATIOS, SPEED, embed
from benchmarks.promise import Promise
from benchmarks.screening.compare import SCREEN, Screens
from benchmarks.screening.report import write_screens
from benchmarks.service.whole import SERVICE, ServiceResults, check_service, write_service
from benchmarks.startup import STARTUP, Starts, check_starts, write_starts
from benchmarks.transports.report import check_streams, write_section
from benchmarks.transports.streams import TRANSPORTS, Streams
from benchmarks.transports.syncs import Synced, write_syncs
from benchmarks.whole import SYNC, Whole, check_whole, write_whole

PROMISED_ROWS: Final = 1_000_000
"""For how many rows the promises are made: in small runs starting Python takes longer than the work."""

ORDER: Final = (
    *("Beside other programs", "As work grows", "Whole syncs", "Whole syncs by transport", "Formats", "The screen", "The stages alone"),
    *("Starting", "The service", "Pages of items", "Transports"),
)
"""The titles of the sections, as they stand in the page."""


@dataclass(slots=True)
class Results:
    """All that was measured in one run of the benchmarks, of catalogues of `rows` items."""

    rows: int
    pairs: int
    machine: str
    whole: Whole | None = None
    syncs: list[Synced] = field(default_factory=list)
    peers: Comparison | None = None
    growth: Growth | None = None
    starts: Starts | None = None
    screens: Screens | None = None
    parts: dict[str, dict[str, Measurement]] = field(default_factory=dict)
    formats: list[Compared] = field(default_factory=list)
    streams: Streams | None = None
    service: ServiceResults | None = None

    @property
    def promised(self) -> bool:
        """Return whether there were as many rows as the promises are made for."""
        return self.rows >= PROMISED_ROWS


def check_promises(results: Results) -> list[Promise]:
    """Compare what was measured with what is promised of Feedmill; little runs promise nothing."""
    promises: list[Promise] = []
    if results.promised:
        promises += check_whole(results.whole) if results.whole is not None else []
        promises += check_peers(results.peers) if results.peers is not None else []
        promises += check_growth(results.growth) if results.growth is not None else []
        promises += check_formats(results.formats)
    promises += check_starts(results.starts) if results.starts is not None else []
    promises += check_streams(results.streams) if results.streams is not None else []
    return promises + (check_service(results.service) if results.service is not None else [])


def write_report(results: Results, plots: Mapping[str, str], folder: str = "benchmarks") -> str:
    """Return the page; `plots` are those that were drawn, in a folder beside it."""
    sections = (line for name, lines in _sections(results, plots, folder) for line in _dated(lines, name, results))
    return "\n".join((*_opening(), *sections)) + "\n"


def _opening() -> Iterator[str]:
    yield from ("# Benchmarks", "")
    yield from textwrap.wrap(
        "A generated catalogue in 11 columns, 176 bytes a row as CSV, unless a section says otherwise. Every figure is a median, and every "
        "section tells of how many, on which machine and at which commit; `make bench` measures all of them again.",
        118,
    )


def _dated(lines: Iterator[str], name: str, results: Results) -> Iterator[str]:
    """Yield the lines of a section, with what it was measured on behind its heading."""
    for line in lines:
        yield line
        if line.startswith("## "):
            told = (
                f"Measured in {results.pairs} {'pairs' if results.pairs > 1 else 'pair'} on {results.machine}; "
                f"`.venv/bin/python -m benchmarks --only {name}` measures this section alone."
            )
            yield from ("", *textwrap.wrap(told, 118, break_on_hyphens=False))


def _sections(results: Results, plots: Mapping[str, str], folder: str) -> Iterator[tuple[str, Iterator[str]]]:
    promised = results.promised
    if results.peers is not None:
        yield PEERS, write_peers(results.peers, promised=promised)
        yield PEERS, embed(plots, [RATIOS], folder)
    if results.growth is not None:
        yield GROWTH, write_growth(results.growth, promised=promised)
        yield GROWTH, embed(plots, [SPEED, MEMORY], folder)
    if results.whole is not None:
        yield SYNC, write_whole(results.whole, promised=promised)
        yield SYNC, write_syncs(results.syncs)
    if results.formats:
        yield FORMATS_ONLY, write_formats(results.formats, promised=promised)
    if results.screens is not None:
        yield SCREEN, write_screens(results.screens)
    if results.parts:
        yield STAGES, write_parts(results.parts)
    if results.starts is not None:
        yield STARTUP, write_starts(results.starts)
    if results.service is not None:
        yield SERVICE, write_service(results.service)
    if results.streams is not None:
        yield TRANSPORTS, write_section(results.streams)
