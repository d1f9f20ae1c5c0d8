"""`feedmill approve` and `feedmill reject`: decide a run that is held."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json, Run, check_run

if TYPE_CHECKING:
    from engine.run import RunRecord

Comment: TypeAlias = Annotated[str | None, Parameter(help="Why; it is kept with the run.")]


def approve(run: Run, /, *, db: Database, comment: Comment = None, as_json: Json = False) -> int:
    """Apply a run that is held. What it leaves is what the next run is judged against."""
    from feedmill.cli import run_async
    from feedmill.exits import exit_of_status
    from feedmill.operations import approve as approve_run

    check_run(run)

    async def work() -> int:
        record = await approve_run(run, db=db, comment=comment)
        _print(record, as_json=as_json)
        return exit_of_status(record.status)

    return run_async(work)


def reject(run: Run, /, *, db: Database, comment: Comment = None, as_json: Json = False) -> int:
    """End a run that is held; nothing of it is applied."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.operations import reject as reject_run

    check_run(run)

    async def work() -> int:
        _print(await reject_run(run, db=db, comment=comment), as_json=as_json)
        return Exit.COMPLETE

    return run_async(work)


def _print(record: RunRecord, *, as_json: bool) -> None:
    from feedmill.shapes import dump, shape_run
    from feedmill.tables import run_lines

    for line in [dump(shape_run(record))] if as_json else run_lines(record):
        sys.stdout.write(f"{line}\n")
