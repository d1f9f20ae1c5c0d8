"""`feedmill rejects`: the records a run rejected or skipped, with place and reason."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database


def rejects(run: Annotated[int, Parameter(help="The number of the run, as `runs` and `sync` show it.")], /, *, db: Database) -> int:
    """Print what a run rejected or skipped, one JSON object a line."""
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from feedmill.shapes import dump, shape_reject
    from sinks.sqlite.queries import open_queries

    if not 0 < run < 2**63:
        raise UsageError(f"{run} is no number of a run")

    async def work() -> int:
        async with open_queries(as_sink_url(db)) as queries:
            feed = await queries.feed_of(run)
            async for reject in queries.rejects(run):
                sys.stdout.write(f"{dump(shape_reject(reject, feed=feed, run=run))}\n")
        return Exit.COMPLETE

    return run_async(work)
