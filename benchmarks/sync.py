"""The whole of it: one `feedmill.sync` from a URL into a SQLite database, as a program of its own would run it."""

from __future__ import annotations

import sys

import anyio

import feedmill
from benchmarks.catalogue import FEED, FIELDS, SETTINGS
from benchmarks.subject import hand_back


async def sync(url: str, database: str) -> feedmill.RunRecord:
    """Sync once."""
    return await feedmill.sync(url, to=database, feed=FEED, settings=SETTINGS, fields=FIELDS)


def main(url: str, database: str) -> None:
    """Sync once and hand back what the run counted and how long each of its stages worked."""
    feedmill.tune_process()
    run = anyio.run(sync, url, database)
    if run.status is not feedmill.RunStatus.COMPLETE:
        sys.exit("; ".join(problem.message for problem in run.problems))
    counts = run.counts
    hand_back(
        run.read,
        run.seconds,
        created=counts.created,
        updated=counts.updated,
        unchanged=counts.unchanged,
        busy={name: round(times.busy, 3) for name, times in run.stages.items()},
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
