"""The whole of it: one `feedmill.sync` from a URL into a SQLite database, as a program of its own would run it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import anyio

import feedmill
from benchmarks.catalogue import FEED, FIELDS, SETTINGS
from benchmarks.subject import hand_back
from feedmill.process import end_process

if TYPE_CHECKING:
    from feedmill.lanes.choosing import LaneName


def run_sync(
    url: str,
    database: str,
    settings: Mapping[str, object],
    fields: Sequence[Mapping[str, object]],
    lane: LaneName = "auto",
) -> None:
    """Sync once, hand back what the run counted and how long each of its stages worked, and end the process as the command line does."""

    async def sync() -> feedmill.RunRecord:
        return await feedmill.sync(url, to=database, feed=FEED, settings=settings, fields=fields, lane=lane)

    feedmill.tune_process()
    run = anyio.run(sync)
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
    end_process(0)


if __name__ == "__main__":
    lanes: dict[str, LaneName] = {"auto": "auto", "thread": "thread", "process": "process", "inline": "inline"}
    run_sync(sys.argv[1], sys.argv[2], SETTINGS, FIELDS, lanes[sys.argv[3] if len(sys.argv) > 3 else "auto"])
