"""What became of runs, in the order in which it happened, and how far each loop that reads it has come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from engine.run import Problem
from sinks.sqlite.fence import Writer

KEEP_DAYS: Final = 7
"""Days for which it is kept what became of a run, though all have read it whose marks are stored: a scrape has none."""

LONGEST_DAYS: Final = 30
"""Days after which nobody is waited for: a scheduler that is switched off, or a webhook that cannot be told."""

PRUNED: Final = 1000
"""Events that are deleted at once, for the same reason."""

MOST: Final = 500
"""Events that are read at once: a transaction that takes them stays short."""

_EVENTS: Final = (
    "SELECT e.id, e.run_id, e.feed_id, e.kind, e.status, e.at, r.limited, r.problems FROM main.data_import_events AS e"
    " LEFT JOIN main.data_imports AS r ON r.id = e.run_id WHERE e.id > ? ORDER BY e.id LIMIT ?"
)
_PRUNE: Final = (
    "DELETE FROM main.data_import_events WHERE id IN (SELECT id FROM main.data_import_events ORDER BY id LIMIT ?)"
    # What is of the future is of a clock that was set back.
    " AND (at < ? OR (at NOT BETWEEN ? AND ? AND id <= min("
    "(SELECT ifnull(min(event_mark), 9e18) FROM main.webhooks WHERE enabled),"
    " (SELECT min(ifnull(CAST(s.value AS INTEGER), 0)) FROM json_each(?) AS j LEFT JOIN main.service_state AS s ON s.name = j.value))))"
)
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """A run that became held, complete, error, skipped or cancelled at a moment, in microseconds; `id` counts all of them."""

    id: int
    run: int
    feed: int
    kind: str
    status: str
    at: int
    limited: int
    problems: tuple[Problem, ...]

    @property
    def reason(self) -> str:
        """Return why it failed, in one line: what ended it stands last among its problems. Empty where nothing is known of it."""
        told = [problem.message for problem in self.problems if problem.code not in ("rejected", "source")]
        return (told or [problem.message for problem in self.problems] or [""])[-1].partition("\n")[0]

    @property
    def retry_after(self) -> float | None:
        """Return for how many seconds the supplier asked to be left alone, None where it did not."""
        return next((problem.retry_after for problem in self.problems if problem.retry_after is not None), None)

    def has(self, code: str) -> bool:
        """Return whether the run has a problem of this code."""
        return any(problem.code == code for problem in self.problems)


async def read_outcomes(reader: Writer, mark: int, *, most: int = MOST) -> list[RunOutcome]:
    """Return what became of runs behind a mark, the first ones first."""
    return [_outcome(row) for row in await reader.query(_EVENTS, mark, most)]


async def read_mark(reader: Writer, name: str) -> int:
    """Return how far a loop has come, 0 where it has not begun."""
    rows = await reader.query("SELECT value FROM main.service_state WHERE name = ?", name)
    return int(str(rows[0][0])) if rows else 0


async def write_mark(writer: Writer, name: str, mark: int) -> None:
    """Store how far a loop has come; inside the transaction in which it did what it had to."""
    await writer.execute(
        "INSERT INTO main.service_state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        str(mark),
    )


async def prune_events(writer: Writer, readers: Iterable[str], *, now: int) -> bool:
    """Delete some of what all webhooks and `readers`, the names of their marks, have read some time ago; return whether more may be."""
    bounds = (now - LONGEST_DAYS * _DAY, now - KEEP_DAYS * _DAY, now)
    return await writer.execute(_PRUNE, PRUNED, *bounds, orjson.dumps(list(readers)).decode()) == PRUNED


async def is_behind(reader: Writer, name: str) -> bool:
    """Return whether anything became of a run since a loop last looked; costs next to nothing."""
    return await reader.number("SELECT coalesce(max(id), 0) FROM main.data_import_events") > await read_mark(reader, name)


def _outcome(row: tuple[object, ...]) -> RunOutcome:
    number, run, feed, kind, status, at, limited, problems = row
    told = tuple(Problem(**problem) for problem in orjson.loads(str(problems or "[]")))
    return RunOutcome(int(str(number)), int(str(run)), int(str(feed)), str(kind), str(status), int(str(at)), int(str(limited or 0)), told)
