"""`feedmill undo`: take back what a run did."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json, Run, check_run


def undo(
    run: Run,
    /,
    *,
    db: Database,
    dry_run: Annotated[bool, Parameter(negative=(), help="Do nothing: show what would be restored, and what would not.")] = False,
    as_json: Json = False,
) -> int:
    """Restore what a run changed, except for what was written since. An undo is itself a run, and can be undone.

    Exit codes: 0 undone, whatever was left alone; 4 nothing could be restored; 78 the run cannot be undone.
    """
    from feedmill import operations
    from feedmill.changes import shape_undo, undo_lines
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump

    check_run(run)

    async def work() -> int:
        outcome = await operations.undo(run, db=db, dry_run=dry_run)
        for line in [dump(shape_undo(outcome, run))] if as_json else undo_lines(outcome):
            sys.stdout.write(f"{line}\n")
        return Exit.FAILED if outcome.record.skipped and not outcome.restored else Exit.COMPLETE

    return run_async(work)
