"""Where the mapper works: inline, in a thread, or wherever the composition root has made a place for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from anyio import to_thread

from engine.batch import JsonValue
from engine.contracts import DocumentFacts
from engine.decode import Part
from engine.flow.reading import Advance, Reading, Verdict
from engine.flow.transform import Recipe
from engine.screen.screening import Screening


@dataclass(frozen=True, slots=True)
class Order:
    """What a lane is opened for: a run's documents, the first of which is `facts`.

    `screening` is None where the sink keeps no screen. It and everything else can be sent to another process.
    """

    recipe: Recipe
    source: str
    before: Mapping[str, JsonValue]
    screening: Screening | None
    facts: DocumentFacts


class Lane(Protocol):
    """A place where a `Reading` works. The engine awaits one call after the other, `drain` until it returns None, then `judge`.

    How many bytes may wait in a lane is bounded; `take` does not return before there are no more.
    """

    async def take(self, part: Part) -> Advance:
        """Have `Reading.take` done. What is returned may be of earlier parts, and what comes of this one may come later."""
        ...

    async def drain(self) -> Advance | None:
        """Wait for what is still to come of the parts that were taken; None when there is nothing more."""
        ...

    async def judge(self) -> Verdict:
        """Do what `Reading.judge` does."""
        ...


OpenLane: TypeAlias = Callable[[Order], AbstractAsyncContextManager[Lane]]


class _Inline:
    def __init__(self, order: Order) -> None:
        self._reading = Reading(order.recipe, order.source, order.before, order.screening)

    async def take(self, part: Part) -> Advance:
        return self._reading.take(part)

    async def drain(self) -> Advance | None:
        return None

    async def judge(self) -> Verdict:
        return self._reading.judge()


class _Thread:
    def __init__(self, order: Order) -> None:
        self._reading = Reading(order.recipe, order.source, order.before, order.screening)

    async def take(self, part: Part) -> Advance:
        # Abandoned when the run ends early, so that a mapper that hangs cannot hold the run open; what it still does is thrown away.
        return await to_thread.run_sync(self._reading.take, part, abandon_on_cancel=True)

    async def drain(self) -> Advance | None:
        return None

    async def judge(self) -> Verdict:
        return self._reading.judge()


@asynccontextmanager
async def inline(order: Order) -> AsyncIterator[Lane]:
    """Open a lane on the event loop itself, for tests and tiny feeds."""
    yield _Inline(order)


@asynccontextmanager
async def thread(order: Order) -> AsyncIterator[Lane]:
    """Open a lane in worker threads, one call at a time."""
    yield _Thread(order)
