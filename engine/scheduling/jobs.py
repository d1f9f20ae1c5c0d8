"""The job port: work that outlives the process that asked for it. Where jobs are kept is an implementation's business.

The tables of runs and batches are the truth, a job is only the reminder that something in them is to be done: it may come twice,
and it may be lost, for `reconcile` brings it back. No queue fences a worker that was paused; the run's epoch does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from engine.batch import JsonValue


@dataclass(frozen=True, slots=True)
class NewJob:
    """Work to be done: its kind and what a worker has to know; no secret is in it.

    Of one `key` there is at most one job, waiting or running. `delay` is in seconds.
    """

    kind: str
    payload: Mapping[str, JsonValue] = field(default_factory=dict)
    key: str | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in work. `attempt` counts from 1, and counts the attempts of workers that died."""

    id: int
    kind: str
    payload: Mapping[str, JsonValue]
    key: str | None
    attempt: int


@dataclass(frozen=True, slots=True)
class JobStats:
    """What waits and what is in work, by kind; `oldest` is the age of the longest waiting job that could run, in seconds."""

    waiting: Mapping[str, int]
    running: Mapping[str, int]
    oldest: float = 0.0


Handle: TypeAlias = Callable[[ClaimedJob], Awaitable[None]]
"""Does a job. Returning ends it; `Retry` makes it wait for `retry_after` and come back; any other error ends it, and is logged."""


class Jobs(Protocol):
    """Keep jobs until they are done."""

    async def enqueue(self, jobs: Sequence[NewJob]) -> Sequence[int | None]:
        """Store jobs durably, all or none, and return their ids; None for one whose key is taken."""
        ...

    async def run(self, kinds: Sequence[str], handle: Handle, *, slots: int) -> None:
        """Claim and do jobs of these kinds, `slots` at a time, oldest first, until cancelled. What is cancelled in work waits again."""
        ...

    async def cancel(self, key: str) -> bool:
        """Take the job of this key away when it waits, or cancel its handler when it runs here; return whether there was one."""
        ...

    async def stats(self) -> JobStats:
        """Count."""
        ...

    async def requeue(self, owner: str | None = None) -> int:
        """Let what an owner that died had in work wait again, of every owner but this process where none is named; return how many."""
        ...

    async def reconcile(self, unfinished: Sequence[NewJob]) -> int:
        """Enqueue what the tables say is unfinished and no job speaks of, and return how much that was."""
        ...
