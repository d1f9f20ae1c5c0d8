"""`feedmill rejects`: the records a run rejected or skipped, with place and reason."""

from __future__ import annotations

import csv
import sys

from feedmill.commands.arguments import Csv, Database, Run, check_run


def rejects(run: Run, /, *, db: Database, as_csv: Csv = False) -> int:
    """Print what a run rejected or skipped, one JSON object a line, or as CSV."""
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import REJECT_COLUMNS, dump, shape_reject
    from sinks.sqlite.queries import open_queries

    check_run(run)

    async def work() -> int:
        async with open_queries(as_sink_url(db)) as queries:
            feed = await queries.feed_of(run)
            table = csv.writer(sys.stdout, lineterminator="\n")
            if as_csv:
                table.writerow(REJECT_COLUMNS)
            async for reject in queries.rejects(run):
                shaped = shape_reject(reject, feed=feed, run=run)
                if as_csv:
                    table.writerow([shaped[name] for name in REJECT_COLUMNS])
                else:
                    sys.stdout.write(f"{dump(shaped)}\n")
        return Exit.COMPLETE

    return run_async(work)
