"""`feedmill history`: what was done to an item."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json


def history(
    item: Annotated[str, Parameter(help="An externalId, a SKU, or '#' and an id.")],
    /,
    *,
    db: Database,
    feed: Annotated[str | None, Parameter(help="Only this feed.")] = None,
    as_json: Json = False,
) -> int:
    """Show what was done to an item, newest first: when, by which run or call, each field before and after."""
    from feedmill import operations
    from feedmill.changes import history_lines, shape_history
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump

    async def work() -> int:
        found = await operations.history(item, db=db, feed=feed)
        for line in [dump(shape_history(found))] if as_json else history_lines(found):
            sys.stdout.write(f"{line}\n")
        return Exit.COMPLETE

    return run_async(work)
