"""The section on the screen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from benchmarks.promise import format_ratios
from benchmarks.screen import APART, BLOCKS, RECORDS, RUNS
from benchmarks.screening.compare import Screened, Screens


def write_screens(found: Screens) -> Iterator[str]:
    """Yield the lines of the section; the first design is what the others are measured by."""
    yield from ("", "## The screen", "")
    yield from textwrap.wrap(
        f"What is known of {found.rows:,} records from the day before, and nothing else: no record is parsed, no item written. One "
        "thread, by its own clock; all designs read the same bytes in one process, in turn. *Every record* is a split at line ends, "
        "which proves nothing of quotes, comments or columns, xxh3 of each line, and a look-up in an array that was sorted before. *Taken "
        "apart* looks at every record too, but at those that a run may trust. *Blocks alone* knows nothing smaller than a block that is "
        "cut by content. *Runs* is what runs do: blocks first, and records where a block is not known; it also hands over which items were "
        "met, and the blocks for the next day. What is *left* would have to be parsed, in per cent of the bytes; runs always parse the "
        f"end of a document. *Moved by the hundred*: all records are there, a hundred together in another place. Medians of {found.pairs}; "
        "in brackets how many times as fast as *every record*, the median of the pairs and every pair.",
        118,
        break_on_hyphens=False,
    )
    yield from ("", "| file | the next day | every record, rows/s | taken apart | blocks alone | left | runs | left |")
    yield "| --- | --- | ---: | --- | --- | ---: | --- | ---: |"
    for case in found.kinds:
        yield _row(case, found.rows, case.title)
    yield from ("", "CSV, in blocks of other sizes; those of runs are of about 1,500 bytes.", "")
    yield from ("| bytes a block | the next day | every record, rows/s | taken apart | blocks alone | left | runs | left |",)
    yield "| ---: | --- | ---: | --- | --- | ---: | --- | ---: |"
    for size, cases in found.sizes.items():
        for case in cases:
            yield _row(case, found.rows, f"{size:,}")


def _row(case: Screened, rows: int, title: str) -> str:
    bare = f"{case.rate(RECORDS, rows):,.0f}"
    cells = [title, case.edit, bare, _compared(case, APART, rows)]
    for design in (BLOCKS, RUNS):
        cells += [_compared(case, design, rows), f"{100 * case.part_left(design):.1f} %"]
    return f"| {' | '.join(cells)} |"


def _compared(case: Screened, design: str, rows: int) -> str:
    return f"{case.rate(design, rows):,.0f} [{format_ratios(case.ratios(design))}]"
