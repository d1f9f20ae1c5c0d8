"""Each format: bare loop, mapper alone, a first load and a sync of what changed, in turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.formats.material import FORMATS, Format
from benchmarks.generator import Kind
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle

FORMATS_ONLY: Final = "formats"
"""The name of this benchmark on the command line."""

LOOPS: Final[dict[Kind, str]] = {"xml": "lxml.iterparse", "json": "ijson", "jsonl": "ijson"}

_IN_TURN: Final = (("bare", "read", "sync", "changed"), ("sync", "changed", "read", "bare"))
"""Who goes first changes from pair to pair; what changed can only be read after the first load."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The medians of one format; of each pair, how many times as fast as the bare loop each was."""

    title: str
    loop: str
    rows: int
    size: int
    bare: Measurement
    read: Measurement
    sync: Measurement
    changed: Measurement
    read_ratios: tuple[float, ...]
    sync_ratios: tuple[float, ...]
    changed_ratios: tuple[float, ...]

    @property
    def read_ratio(self) -> float:
        """Return the median ratio of the mapper alone."""
        return median(self.read_ratios)

    @property
    def sync_ratio(self) -> float:
        """Return the median ratio of the whole sync, by the clocks of the run and of the loop."""
        return median(self.sync_ratios)

    @property
    def changed_ratio(self) -> float:
        """Return the median ratio of a sync of a file in which 1 % has changed since the one before."""
        return median(self.changed_ratios)


def compare_formats(directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> list[Compared]:
    """Measure every format. Raises `SubjectFailed` when one of them did not read every record, or not what changed."""
    return [_compare(kind, chosen, directory, rows, pairs, say) for kind, chosen in FORMATS.items()]


def _compare(kind: Kind, chosen: Format, directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> Compared:
    file, changed = (write_catalogue(directory, rows, version=version, kind=kind) for version in (0, 1))
    source = directory / f"supplier.{kind}"
    runs: dict[str, list[Measurement]] = {subject: [] for subject in _IN_TURN[0]}
    for pair in range(pairs):
        database = directory / f"{kind}-{pair}.db"
        for subject in _IN_TURN[pair % 2]:
            # The same name throughout: a supplier's file changes where it is.
            source.unlink(missing_ok=True)
            source.symlink_to((changed if subject == "changed" else file).path)
            run = _measure(subject, kind, source, database)
            _check(subject, run, rows, source)
            runs[subject].append(run)
            say(f"{chosen.title}, {subject}: {run.rate:,.0f} records/s, {run.peak_rss / 1e6:.0f} MB")
        for suffix in ("", "-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
    for each in (source, file.path, changed.path):
        each.unlink()
    ratios = {
        subject: tuple(mine.rate / bare.rate for mine, bare in zip(each, runs["bare"], strict=True)) for subject, each in runs.items()
    }
    medians = {subject: middle(each) for subject, each in runs.items()}
    return Compared(
        chosen.title,
        LOOPS[kind],
        rows,
        file.size,
        **medians,
        read_ratios=ratios["read"],
        sync_ratios=ratios["sync"],
        changed_ratios=ratios["changed"],
    )


def _measure(subject: str, kind: Kind, source: Path, database: Path) -> Measurement:
    if subject in ("sync", "changed"):
        return measure_module("formats.sync", kind, source.as_uri(), str(database))
    return measure_module(f"formats.{subject}", kind, str(source))


def _check(subject: str, run: Measurement, rows: int, source: Path) -> None:
    if run.rows != rows:
        raise SubjectFailed(f"formats, {subject}: {run.rows} records of {rows} in {source.name} were read")
    if subject == "changed" and (run.facts["updated"], run.facts["unchanged"]) != (rows // 100, rows - rows // 100):
        raise SubjectFailed(f"formats, {subject}: 1 % of {rows} records changed, but the run counted {run.facts}")
