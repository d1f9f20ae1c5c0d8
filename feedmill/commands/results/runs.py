"""`feedmill runs`: what was run, newest first."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json

if TYPE_CHECKING:
    from sinks.sqlite.queries import RunRow


def runs(*, db: Database, feed: Annotated[str | None, Parameter(help="Only this feed.")] = None, as_json: Json = False) -> int:
    """List runs, newest first."""
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump, shape_run
    from sinks.sqlite.queries import open_queries

    async def work() -> int:
        async with open_queries(as_sink_url(db)) as queries:
            found = await queries.runs(feed)
        if as_json:
            shaped = [{**shape_run(row.record), "startedAt": row.started_at, "finishedAt": row.finished_at} for row in found]
            sys.stdout.write(f"{dump(shaped)}\n")
        else:
            _print_runs(found)
        return Exit.COMPLETE

    return run_async(work)


def _print_runs(rows: list[RunRow]) -> None:
    from rich.console import Console
    from rich.table import Table

    from feedmill.shapes import COUNTS, shape_run

    table = Table("run", "feed", "status", "started (UTC)", *COUNTS, "seconds", box=None)
    for row in rows:
        shaped = shape_run(row.record)
        figures = [f"{shaped[name]:,}" for name in COUNTS]
        started = f"{row.started_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(row.record.run), row.record.feed, row.record.status.value, started, *figures, f"{row.record.seconds:.2f}")
    # A pipe has no width: cutting columns to a guessed one would lose figures.
    console = Console(width=None if sys.stdout.isatty() else 250, markup=False)
    with console.capture() as drawn:
        console.print(table)
    sys.stdout.write(drawn.get())
