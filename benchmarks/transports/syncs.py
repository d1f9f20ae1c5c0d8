"""Whole syncs over every transport: a first load, and again from the same address when 1 % has changed."""

from __future__ import annotations

import gzip
import os
import shutil
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.formats.material import FORMATS
from benchmarks.generator import Material
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle
from benchmarks.transports.cases import PASSWORD, USER
from benchmarks.transports.suppliers import Suppliers, serve_all
from benchmarks.transports.sync import Told
from benchmarks.transports.web_server import LISTED
from benchmarks.whole import remove_database

FIRST: Final = "first load"
CHANGED: Final = "again, 1 % changed"
STEPS: Final = (FIRST, CHANGED)

_PLAIN: Final = "supplier.csv"
_PACKED: Final = "supplier.csv.gz"
_PAGE: Final = "page-{}.json"
_PAGE_ITEMS: Final = 4_000
_LONG_AGO: Final = 1_700_000_000
"""A time of change that has settled, so that no connector waits for it to; each version has its own."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The medians of one transport, by step."""

    title: str
    runs: dict[str, Measurement]


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of the catalogue on disk, in a folder of its own: plain, packed and in pages, under the names a supplier has."""

    folder: Path

    def write(self, rows: int, number: int) -> None:
        self.folder.mkdir()
        write_catalogue(self.folder, rows, version=number).path.rename(self.folder / _PLAIN)
        with (self.folder / _PLAIN).open("rb") as plain, gzip.open(self.folder / _PACKED, "wb", compresslevel=1) as packed:
            shutil.copyfileobj(plain, packed, 1 << 20)
        lines = (line for block in Material("jsonl", rows).blocks(number) for line in block.splitlines())
        for page in range(1, -(-rows // _PAGE_ITEMS) + 1):
            (self.folder / _PAGE.format(page)).write_bytes(b"[%b]" % b",".join(islice(lines, _PAGE_ITEMS)))
        for path in self.folder.iterdir():
            os.utime(path, (_LONG_AGO + number, _LONG_AGO + number))

    def serve_from(self, directory: Path) -> None:
        """Have the supplier's files be this version's from now on, each under its name."""
        for path in self.folder.iterdir():
            served = directory / path.name
            served.unlink(missing_ok=True)
            served.hardlink_to(path)


def list_ways(directory: Path, suppliers: Suppliers) -> dict[str, Told]:
    """Return what is synced, by its title."""
    http, https = f"http://127.0.0.1:{suppliers.http}", f"https://127.0.0.1:{suppliers.https}"
    trusted, ftp = {"caFile": str(suppliers.certificate.ca_file)}, f"{USER}:{PASSWORD}@127.0.0.1:{suppliers.ftp}/{_PLAIN}"
    ssh, json = suppliers.ssh, FORMATS["json"]
    pages = {**json.settings, "pagination": {"style": "page", "maxPages": 1_000_000}}
    return {
        "file": Told((directory / _PLAIN).as_uri()),
        "http": Told(f"{http}/{_PLAIN}"),
        "http, gzip": Told(f"{http}/{_PACKED}"),
        "https": Told(f"{https}/{_PLAIN}", {"transport": trusted}),
        f"rest, JSON in pages of {_PAGE_ITEMS:,}": Told(f"rest+{http}{LISTED}", pages, json.fields),
        "ftp": Told(f"ftp://{ftp}"),
        "ftps": Told(f"ftps://{ftp}", {"transport": trusted}),
        "sftp": Told(
            f"sftp://{ssh.user}@127.0.0.1:{ssh.port}{directory / _PLAIN}",
            {"transport": {"privateKey": str(ssh.key_file), "hostKey": ssh.host_key}},
        ),
    }


def measure_syncs(directory: Path, rows: int, pairs: int, say: Callable[[str], None], steps: Sequence[str] = STEPS) -> list[Synced]:
    """Measure every transport in turn, the first of the steps or all of them.

    Raises `SubjectFailed` when a run did not count what it must.
    """
    versions = [_Version(directory / f"version-{number}") for number in range(len(steps))]
    for number, version in enumerate(versions):
        version.write(rows, number)
    served = directory / "served"
    served.mkdir()
    runs: dict[str, dict[str, list[Measurement]]] = {}
    with serve_all(served) as suppliers:
        for _ in range(pairs):
            for title, told in list_ways(served, suppliers).items():
                database = directory / "synced.db"
                for step, version in zip(steps, versions, strict=True):
                    version.serve_from(served)
                    run = measure_module("transports.sync", told.dump(), str(database))
                    _check(title, step, run, rows)
                    runs.setdefault(title, {}).setdefault(step, []).append(run)
                    say(f"{title}, {step}: {run.seconds:.2f} s, {run.peak_rss / 1e6:.0f} MB")
                remove_database(database)
    return [Synced(title, {step: middle(each) for step, each in taken.items()}) for title, taken in runs.items()]


def _check(title: str, step: str, run: Measurement, rows: int) -> None:
    expected = {"created": rows} if step == FIRST else {"updated": rows // 100, "unchanged": rows - rows // 100}
    counted = {name: run.facts[name] for name in expected}
    if counted != expected:
        raise SubjectFailed(f"{title}, {step}: expected {expected}, but the run counted {counted}")


def write_syncs(found: list[Synced]) -> Iterator[str]:
    """Yield the lines of the section."""
    yield from ("", "## Whole syncs by transport", "")
    yield from textwrap.wrap(
        "The same catalogue from suppliers on loopback into SQLite, each in a fresh process: a first load, and again when the file of the "
        "next day lies at the same address. CSV but for `rest`, which is JSON and has no screen. Seconds are by the run's own clock; CPU "
        "and peak RSS are of the process and all its children together, without the supplier.",
        118,
    )
    yield from ("", "| transport | run | rows | seconds | rows/s | CPU seconds | peak RSS |")
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    for each in found:
        for step, run in each.runs.items():
            figures = f"{run.seconds:.2f} | {run.rate:,.0f} | {run.cpu:.2f} | {run.peak_rss / 1e6:.0f} MB"
            yield f"| {each.title} | {step} | {run.rows:,} | {figures} |"
