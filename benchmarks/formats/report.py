"""The section on formats, and what is promised of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.formats.compare import Compared
from benchmarks.promise import Promise, format_ratios, write_promises

PROMISED_RATIO: Final = 0.7
PROMISED_FIRST: Final = {"XML": 0.8, "JSON": 0.9}
PROMISED_AGAIN: Final = {"XML": 5.0}
PROMISED_RSS: Final = 160e6


def check_formats(found: Sequence[Compared]) -> Iterator[Promise]:
    """Compare every format with what is promised: near the speed of the bare loop, in flat memory."""
    for each in found:
        kept = each.read_ratio >= PROMISED_RATIO
        yield Promise(
            f"{each.title} is read at {PROMISED_RATIO} of a bare {each.loop} loop at least", format_ratios(each.read_ratios), kept
        )
        if (first := PROMISED_FIRST.get(each.title)) is not None:
            text = f"a first load of {each.title} goes at {first} of it at least"
            yield Promise(text, format_ratios(each.sync_ratios), each.sync_ratio >= first)
        if (again := PROMISED_AGAIN.get(each.title)) is not None:
            text = f"{each.title} again, 1 % changed, goes at {again:g} times the bare loop at least"
            yield Promise(text, format_ratios(each.changed_ratios), each.changed_ratio >= again)
        peak = max(each.read.peak_rss, each.sync.peak_rss, each.changed.peak_rss)
        yield Promise(f"peak RSS of {each.title}, again too, is under 160 MB", f"{peak / 1e6:.0f} MB", peak < PROMISED_RSS)


def write_section(found: Sequence[Compared], *, promised: bool) -> Iterator[str]:
    """Yield the lines."""
    yield from ("", "## Formats", "")
    yield from textwrap.wrap(
        "The same catalogue as XML, as one JSON document and as JSON Lines, from a file. The bare loop visits every record with the "
        "library named and looks into none of them; the mapper alone makes a row of eleven cells of each; the sync does all the rest too, "
        "into an empty SQLite database, then again with the file of the next day, in which 1 % have another stock or price. Records a "
        "second are by each subject's own clock, without starting Python; *ratio* is to the bare loop of the same pair, its median and "
        "every pair.",
        118,
    )
    yield from (
        "",
        "| what | records | MB | records/s | CPU seconds | peak RSS | ratio |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    )
    for each in found:
        for title, run, ratios in (
            (f"{each.title}: bare {each.loop}", each.bare, ()),
            (f"{each.title}: mapper alone", each.read, each.read_ratios),
            (f"{each.title}: whole sync", each.sync, each.sync_ratios),
            (f"{each.title}: again, 1 % changed", each.changed, each.changed_ratios),
        ):
            figures = f"{each.rows:,} | {each.size / 1e6:,.0f} | {run.rate:,.0f} | {run.cpu:.2f} | {run.peak_rss / 1e6:.0f} MB"
            yield f"| {title} | {figures} | {format_ratios(ratios) if ratios else ''} |"
    yield from write_promises(list(check_formats(found)) if promised else [])
