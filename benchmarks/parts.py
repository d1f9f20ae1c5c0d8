"""The stages one by one, each alone in a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.catalogue import CatalogueFile, write_catalogue
from benchmarks.measure import Measurement, measure_module, middle

PARTS: Final = {
    "split": "split into records",
    "parse": "split and parse into text",
    "map": "field rules, from text to items",
    "stage": "SQLite sink, from items in memory",
}

_STAGED_ROWS: Final = 200_000
"""What the sink alone is given lies ready in memory, so it is no more than this."""


def measure_part(name: str, file: CatalogueFile, directory: Path, times: int, say: Callable[[str], None]) -> Measurement:
    """Measure one part several times and return the median."""
    if name == "stage" and file.rows > _STAGED_ROWS:
        file = write_catalogue(directory, _STAGED_ROWS)
    runs = []
    for number in range(times):
        runs.append(measure_module(name, str(file.path), *_arguments(name, file, directory / f"stage-{number}.db")))
        say(f"{PARTS[name]}: {runs[-1].rate:,.0f} rows/s")
    return middle(runs)


def _arguments(name: str, file: CatalogueFile, database: Path) -> tuple[str, ...]:
    return {"split": (str(file.rows),), "stage": (str(database),)}.get(name, ())
