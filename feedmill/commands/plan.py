"""`feedmill plan`: how many items may be updated a day."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json


def plan(
    *,
    db: Database,
    sku_limit: Annotated[
        str | None, Parameter(help="So many items may be created or updated a UTC day; none takes the limit away.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Show the daily limit and what is used of it, or set it. A limit that is set in the middle of a day counts from there."""
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from feedmill.shapes import dump
    from sinks.sqlite.single.plan import read_plan, set_limit

    if sku_limit is not None and sku_limit != "none" and not (sku_limit.isascii() and sku_limit.isdecimal() and len(sku_limit) < 19):
        raise UsageError(f"--sku-limit {sku_limit!r} is neither a number of items nor none")

    async def work() -> int:
        url = as_sink_url(db)
        state = await read_plan(url) if sku_limit is None else await set_limit(url, None if sku_limit == "none" else int(sku_limit))
        if as_json:
            shaped = {"skuLimit": state.sku_limit, "usedToday": state.used_today, "resetsAt": state.resets_at}
            sys.stdout.write(f"{dump(shaped)}\n")
        else:
            limit = "none" if state.sku_limit is None else f"{state.sku_limit:,} items a day"
            sys.stdout.write(f"limit       {limit}\nused today  {state.used_today:,}\nresets at   {state.resets_at:%Y-%m-%d %H:%M} UTC\n")
        return Exit.COMPLETE

    return run_async(work)
