"""`feedmill diff`: what a run did to the items, or would do."""

from __future__ import annotations

import csv
import sys
from contextlib import aclosing

from feedmill.commands.arguments import Csv, Database, Json, Run, check_run


def diff(run: Run, /, *, db: Database, as_json: Json = False, as_csv: Csv = False) -> int:
    """Show what a complete run changed, or what a held one would: figures, and of each kind those with most stock."""
    from feedmill import operations
    from feedmill.changes import diff_lines, shape_diff
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from feedmill.shapes import dump

    check_run(run)
    if as_json and as_csv:
        raise UsageError("--json and --csv are both given; give one")

    async def work() -> int:
        if as_csv:
            await _print_csv(run, db)
            return Exit.COMPLETE
        found = await operations.diff(run, db=db)
        for line in [dump(shape_diff(found))] if as_json else diff_lines(found):
            sys.stdout.write(f"{line}\n")
        return Exit.COMPLETE

    return run_async(work)


async def _print_csv(run: int, db: str) -> None:
    from feedmill import operations
    from feedmill.changes import CHANGE_COLUMNS, change_rows

    # A run that cannot be shown is told before anything is printed.
    pending = [CHANGE_COLUMNS]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    async with aclosing(operations.changes(run, db=db)) as changes:
        async for change in changes:
            writer.writerows((*pending, *change_rows(change)))
            pending.clear()
    writer.writerows(pending)
