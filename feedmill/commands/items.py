"""`feedmill items`: the items of a feed as JSON lines."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database


def items(*, db: Database, feed: Annotated[str, Parameter(help="The feed's name.")]) -> int:
    """Print the items of a feed, one JSON object a line, with the attribute names of the API."""
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump
    from sinks.sqlite.queries import open_queries

    async def work() -> int:
        async with open_queries(as_sink_url(db)) as queries:
            async for item in queries.items(feed):
                sys.stdout.write(f"{dump(item)}\n")
        return Exit.COMPLETE

    return run_async(work)
