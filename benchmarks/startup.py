"""What a process costs before it does much: the interpreter alone, `feedmill --version`, a sync of ten rows, one of a known source."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from benchmarks.catalogue import write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, measure_command, middle
from benchmarks.promise import Promise, write_promises
from benchmarks.server import KNOWN
from examples.catalogue import Catalogue

STARTUP: Final = "startup"
"""The name of this benchmark on the command line."""

BARE: Final = "a bare interpreter"
VERSION: Final = "feedmill --version"
TEN: Final = "feedmill sync, ten rows from a file"
UNCHANGED: Final = "feedmill sync, a source known by its ETag"

PROMISED: Final = {VERSION: 0.120, TEN: 0.500, UNCHANGED: 0.100}
"""Seconds above a bare interpreter."""

TIMES: Final = 5
"""How often at least: what is measured takes less than the machine's other work may."""

_MAIN: Final = [sys.executable, "-c", "from feedmill.cli import main; main()"]
_FIELDS: Final = ["--feed", "start", "--field", "sku=sku", "--field", "inventoryQuantity=stock"]


@dataclass(frozen=True, slots=True)
class Startup:
    """The medians by subject, the wall seconds of each time above a bare interpreter, and the bytes of body that were fetched."""

    runs: dict[str, Measurement]
    above: dict[str, tuple[float, ...]]
    body: int


def measure_startup(directory: Path, url: str, times: int, say: Callable[[str], None]) -> Startup:
    """Measure every subject in turn, so many times. `url` is where the files of `directory` are served."""
    ten, known = directory / "ten.csv", write_catalogue(directory, 1_000)
    ten.write_text("".join(Catalogue(10).lines()), encoding="utf-8")
    kept = str(directory / "known.db")
    again = [*_MAIN, "sync", f"{url}{KNOWN}/{known.name}", "--to", kept, *_FIELDS]
    _read_once(again)
    runs: dict[str, list[Measurement]] = {}
    for number in range(times):
        database = str(directory / f"ten-{number}.db")
        for title, command in (
            (BARE, [sys.executable, "-c", "pass"]),
            (VERSION, [*_MAIN, "--version"]),
            (TEN, [*_MAIN, "sync", str(ten), "--to", database, *_FIELDS]),
            (UNCHANGED, again),
        ):
            runs.setdefault(title, []).append(measure_command(command, "", rows=0))
            say(f"{title}: {runs[title][-1].wall * 1000:.0f} ms")
    above = {title: tuple(run.wall - bare.wall for run, bare in zip(each, runs[BARE], strict=True)) for title, each in runs.items()}
    return Startup({title: middle(each) for title, each in runs.items()}, above, _read_once(again))


def _read_once(command: list[str]) -> int:
    done = subprocess.run([*command, "--json"], capture_output=True, check=False)
    if done.returncode != 0:
        raise SubjectFailed(f"a sync of a source with an ETag ended with {done.returncode}: {done.stderr.decode()}")
    return int(orjson.loads(done.stdout)["bytes"])


def check_startup(found: Startup) -> Iterator[Promise]:
    """Compare what each took with what is promised."""
    for title, seconds in PROMISED.items():
        took = median(found.above[title])
        yield Promise(f"{title}: at most {seconds * 1000:.0f} ms above a bare interpreter", f"{took * 1000:.0f} ms", took <= seconds)
    yield Promise("and no byte of the body is fetched of a source known by its ETag", f"{found.body} bytes", found.body == 0)


def write_startup(found: Startup, *, promised: bool) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## Start-up", "")
    yield from textwrap.wrap(
        f"Whole processes from start to exit, in turn, {len(found.above[BARE])} times; *above* is the median of what each took beyond a "
        "bare interpreter that was started beside it.",
        118,
    )
    yield from ("", "| process | ms | CPU ms | above | peak RSS |", "| --- | ---: | ---: | ---: | ---: |")
    for title, run in found.runs.items():
        above = f"{median(found.above[title]) * 1000:.0f} ms" if title != BARE else ""
        yield f"| {title} | {run.wall * 1000:.0f} | {run.cpu * 1000:.0f} | {above} | {run.peak_rss / 1e6:.0f} MB |"
    yield from write_promises(list(check_startup(found)) if promised else [])
