"""Feedmill as a library: import a supplier's catalogue three times and see that only what changed is written.

Run it with `make demo`, or `python -m examples.first_sync [DIRECTORY]`; the database lands in DIRECTORY (default: `run`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import anyio
from rich.console import Console
from rich.table import Table

import feedmill
from examples.catalogue import Catalogue
from examples.supplier import open_supplier

FEED: Final = "Example supplier"

# What the supplier's columns mean. The preset `publishing` knows the usual names (sku, ean, price, stock, ...), so only what
# it cannot guess needs saying: purposes on the left, the supplier's columns on the right.
SETTINGS: Final = {"mapping": "publishing", "syncPricing": True}
FIELDS: Final = {"externalGroupId": "group"}

# What each run must come to: 20,000 items, of which the third download changes one in a hundred.
EXPECTED: Final = {
    "first load": feedmill.Counts(created=20_000),
    "same again": feedmill.Counts(unchanged=20_000),
    "1 % differ": feedmill.Counts(updated=200, unchanged=19_800),
}


async def sync_three_times(database: Path) -> dict[str, feedmill.RunRecord]:
    """Import the catalogue, import it again as it is, and once more after the supplier has changed it."""
    runs = {}
    async with open_supplier(Catalogue()) as supplier:
        for title in EXPECTED:
            supplier.version = 1 if title == "1 % differ" else 0
            # All there is to it. A source that fails does not raise: the record says `error` and why, and nothing was changed.
            runs[title] = await feedmill.sync(supplier.url, to=str(database), feed=FEED, settings=SETTINGS, fields=FIELDS)
    return runs


def as_table(runs: dict[str, feedmill.RunRecord]) -> Table:
    """Lay the runs out side by side. In every row `read` is the sum of what became of the records."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))  # fits 80 columns
    table.add_column("run")
    for figure in ("read", "created", "updated", "unchanged", "rejected", "seconds", "records\nper s"):
        table.add_column(figure, justify="right")
    table.add_column("bottleneck")
    for title, run in runs.items():
        figures = (run.read, run.counts.created, run.counts.updated, run.counts.unchanged, run.rejected)
        rate = run.read / run.seconds if run.seconds else 0
        table.add_row(title, *(f"{figure:,}" for figure in figures), f"{run.seconds:.2f}", f"{rate:,.0f}", run.bottleneck)
    return table


def find_faults(runs: dict[str, feedmill.RunRecord]) -> list[str]:
    """Compare the runs with what they must come to."""
    faults = []
    for title, run in runs.items():
        if run.status is not feedmill.RunStatus.COMPLETE or run.counts != EXPECTED[title] or run.rejected:
            reasons = "".join(f"\n  {problem.message}" for problem in run.problems)
            faults.append(f"{title}: expected {EXPECTED[title]}, got {run.status.value}, {run.counts}, {run.rejected} rejected{reasons}")
    return faults


def start_afresh(database: Path) -> None:
    """Remove the database of an earlier run, with the two files SQLite keeps beside it."""
    database.parent.mkdir(parents=True, exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def main() -> int:
    """Run the example and return its exit code: 0 when every figure is the expected one."""
    database = Path(sys.argv[1] if len(sys.argv) > 1 else "run") / "shop.db"
    start_afresh(database)
    runs = anyio.run(sync_three_times, database)
    # Where nobody looks (a pipe, a log) no width is given; a guessed one would cut columns off.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    console.print(as_table(runs))
    if faults := find_faults(runs):
        sys.stderr.write("\n".join(("this is not what had to come out:", *faults, "")))
        return 1
    console.print(f"\nThe items are in the SQLite database [bold]{database}[/bold]. Try next:\n")
    for command in (
        f'items --db {database} --feed "{FEED}" | head -3',
        f"runs --db {database}",
        "plugins",
        "sync --help",
    ):
        console.print(f"  .venv/bin/feedmill {command}", markup=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
