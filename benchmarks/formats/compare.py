"""Each format: bare loop, mapper alone and whole sync, in turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.formats.material import FORMATS, Format
from benchmarks.measure import Measurement, SubjectFailed, measure_module, middle

FORMATS_ONLY: Final = "formats"
"""The name of this benchmark on the command line."""

LOOPS: Final = {"xml": "lxml.iterparse", "json": "ijson"}


@dataclass(frozen=True, slots=True)
class Compared:
    """The medians of one format; of each pair, how many times as fast as the bare loop mapper, first load and the changed file were."""

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
        """Return the median ratio of the first load, by the clocks of the run and of the loop."""
        return median(self.sync_ratios)

    @property
    def changed_ratio(self) -> float:
        """Return the median ratio of the sync of a file in which 1 % has changed since."""
        return median(self.changed_ratios)


def compare_formats(directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> list[Compared]:
    """Measure every format. Raises `SubjectFailed` when one of them did not read every record."""
    return [_compare(name, chosen, directory, rows, pairs, say) for name, chosen in FORMATS.items()]


def _compare(name: str, chosen: Format, directory: Path, rows: int, pairs: int, say: Callable[[str], None]) -> Compared:
    path = chosen.write(directory, rows)
    later = chosen.write(directory, rows, version=1)
    source = directory / f"supplier-{chosen.file}"
    runs: dict[str, list[Measurement]] = {"bare": [], "read": [], "sync": [], "changed": []}
    for pair in range(pairs):
        database = directory / f"{name}-{pair}.db"
        # Who goes first changes from pair to pair; a supplier's file changes where it is.
        for subject in ("bare", "read", "sync", "changed") if pair % 2 == 0 else ("sync", "changed", "read", "bare"):
            source.unlink(missing_ok=True)
            source.symlink_to(later if subject == "changed" else path)
            module = "sync" if subject == "changed" else subject
            arguments = (name, source.as_uri(), str(database)) if module == "sync" else (name, str(path))
            run = measure_module(f"formats.{module}", *arguments)
            if run.rows != rows:
                raise SubjectFailed(f"formats.{subject} read {run.rows} records of {rows} in {path.name}")
            runs[subject].append(run)
            say(f"{chosen.title}, {subject}: {run.rate:,.0f} records/s, {run.peak_rss / 1e6:.0f} MB")
        for suffix in ("", "-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
    size = path.stat().st_size
    for file in (source, path, later):
        file.unlink()
    ratios = {subject: tuple(mine.rate / bare.rate for mine, bare in zip(runs[subject], runs["bare"], strict=True)) for subject in runs}
    medians = {subject: middle(each) for subject, each in runs.items()}
    return Compared(
        chosen.title,
        LOOPS[name],
        rows,
        size,
        **medians,
        read_ratios=ratios["read"],
        sync_ratios=ratios["sync"],
        changed_ratios=ratios["changed"],
    )
