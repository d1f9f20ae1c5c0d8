"""The stages one by one, each alone in a process; where there is a choice, its designs and sizes side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.catalogue import CatalogueFile, write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle

STAGES: Final = "stages"
"""The name of all of them together on the command line."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage that is measured alone: its title, and its cases, each a label with what the subject is told; the first is what runs do."""

    title: str
    cases: tuple[tuple[str, str], ...]
    most_rows: int | None = None


_CHUNKS: Final = (("chunks of 256 KiB", "mapper:256"), ("chunks of 64 KiB", "mapper:64"), ("chunks of 1 MiB", "mapper:1024"))

PARTS: Final = {
    "split": Part("split into records", (*_CHUNKS, ("bare bytes.split at line ends", "lines:256"))),
    "parse": Part("split and parse into text", (*_CHUNKS, ("bare csv.reader", "reader:256"))),
    "map": Part("field rules, from text to items", (("", ""),)),
    # What the sink is given lies ready in memory, so it is no more than this.
    "stage": Part("SQLite sink, from items in memory", _CHUNKS, 200_000),
    "apply": Part(
        "SQLite sink, what is staged becomes what is known", (("1 % changed", "100"), ("all changed", "1"), ("all new", "0")), 200_000
    ),
    "channel": Part(
        "a channel between two tasks",
        (("items of 32 KiB", "channel:32768"), ("items of 1 KiB", "channel:1024"), ("anyio's stream, 1 KiB", "stream:1024")),
    ),
}


def measure_part(name: str, file: CatalogueFile, directory: Path, times: int, say: Callable[[str], None]) -> dict[str, Measurement]:
    """Measure the cases of one part in turn, several times, and return the median of each by its label."""
    part = PARTS[name]
    if part.most_rows is not None and file.rows > part.most_rows:
        file = write_catalogue(directory, part.most_rows)
    runs: dict[str, list[Measurement]] = {}
    for number in range(times):
        for place, (label, told) in enumerate(part.cases):
            run = measure_module(name, str(file.path), str(file.rows), told, str(directory / f"{name}-{number}-{place}.db"))
            if run.rows != file.rows:
                raise SubjectFailed(f"{name}, {label}: {run.rows} rows of {file.rows}")
            runs.setdefault(label, []).append(run)
            say(f"{part.title}, {label}: {run.rate:,.0f} rows/s")
    return {label: middle(each) for label, each in runs.items()}


def write_parts(parts: dict[str, dict[str, Measurement]]) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## The stages alone", "")
    yield "Each in a process of its own, on one thread, by its own clock; the first of several is what runs do."
    yield from ("", "| stage | rows | seconds | rows/s |", "| --- | ---: | ---: | ---: |")
    for name, cases in parts.items():
        for label, run in cases.items():
            title = f"{PARTS[name].title}, {label}" if label else PARTS[name].title
            yield f"| {title} | {run.rows:,} | {run.seconds:.2f} | {run.rate:,.0f} |"
