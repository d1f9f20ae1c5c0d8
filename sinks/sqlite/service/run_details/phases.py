"""Where a run stands that has not ended: what it waits for, or how much of what was decided is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from engine.errors import NotFound
from sinks.sqlite.service.runs import JOB_KIND, awaits_batches

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

Phase: TypeAlias = Literal["waiting", "reading", "applying", "held", "ended"]
Cause: TypeAlias = Literal["turn", "worker", "batches", "retry"]
"""What a run waits for: its turn, a worker that begins it just now, batches that came before it, or another try after a failed one."""

# An undo has no plan: there is as much to do as the other run did. The rows of a first load are in place before it is decided.
_DONE: Final = "r.created + r.updated + r.removed"
_RUN: Final = (
    "SELECT r.status, r.decided_at IS NOT NULL,"
    f" iif(r.kind = 'undo', {_DONE} + r.unchanged + r.skipped, {_DONE}),"
    " iif(r.kind = 'undo', (SELECT u.created + u.updated + u.removed FROM main.data_imports AS u WHERE u.id = r.undoes),"
    " iif(json_extract(r.plan, '$.loaded'), NULL, json_extract(r.plan, '$.planned.created')"
    " + json_extract(r.plan, '$.planned.updated') + json_extract(r.plan, '$.planned.removed')))"
    " FROM main.data_imports AS r WHERE r.id = ?"
)
_JOB: Final = "SELECT id, available_at, owner IS NOT NULL FROM main.jobs WHERE dedupe_key = 'run:' || ?"
_AHEAD: Final = "SELECT count(*) FROM main.jobs WHERE owner IS NULL AND kind = ? AND available_at <= ? AND (available_at, id) < (?, ?)"


@dataclass(frozen=True, slots=True)
class Wait:
    """What a run waits for; `ahead` counts the runs whose turn comes before its own, `until` is when it is tried again."""

    cause: Cause
    ahead: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a run stands. `done` of `planned` items are written while it is applied; `planned` is None where that is not known."""

    status: str
    phase: Phase
    wait: Wait | None = None
    done: int | None = None
    planned: int | None = None


async def read_stand(reader: Writer, run: int, *, now: int) -> Stand:
    """Return where a run stands at a moment in microseconds. Raises `NotFound` when there is none."""
    rows = await reader.query(_RUN, run)
    if not rows:
        raise NotFound(f"there is no run {run}")
    status, decided, done, planned = rows[0]
    if status == "pending":
        return Stand("pending", "waiting", await _read_wait(reader, run, now=now))
    if status == "started" and decided:
        return Stand("started", "applying", done=int(str(done)), planned=None if planned is None else int(str(planned)))
    phase: Phase = "reading" if status == "started" else "held" if status == "held" else "ended"
    return Stand(str(status), phase)


async def _read_wait(reader: Writer, run: int, *, now: int) -> Wait:
    if await awaits_batches(reader, run, now=now):
        return Wait("batches")
    rows = await reader.query(_JOB, run)
    if not rows:
        # Its job is brought back within a minute.
        return Wait("turn")
    number, at, claimed = (int(str(each)) for each in rows[0])
    if claimed:
        return Wait("worker")
    if at > now:
        return Wait("retry", until=at)
    return Wait("turn", await reader.number(_AHEAD, JOB_KIND, now, at, number))
