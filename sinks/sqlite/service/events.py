"""What became of runs, in the order in which it happened, and how far each loop that reads it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from engine.run import Problem
from sinks.sqlite.fence import Writer

MOST: Final = 500
"""Events that are read at once: a transaction that takes them stays short."""

_EVENTS: Final = (
    "SELECT e.id, e.run_id, e.feed_id, e.kind, e.status, e.at, r.limited, r.problems FROM main.data_import_events AS e"
    " LEFT JOIN main.data_imports AS r ON r.id = e.run_id WHERE e.id > ? ORDER BY e.id LIMIT ?"
)


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


async def is_behind(reader: Writer, name: str) -> bool:
    """Return whether anything became of a run since a loop last looked; costs next to nothing."""
    return await reader.number("SELECT coalesce(max(id), 0) FROM main.data_import_events") > await read_mark(reader, name)


def _outcome(row: tuple[object, ...]) -> RunOutcome:
    number, run, feed, kind, status, at, limited, problems = row
    told = tuple(Problem(**problem) for problem in orjson.loads(str(problems or "[]")))
    return RunOutcome(int(str(number)), int(str(run)), int(str(feed)), str(kind), str(status), int(str(at)), int(str(limited or 0)), told)
