"""Where a run's mapper works: as a person says, or by what is known of the document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from engine.errors import ConfigError, Retry
from engine.flow.lanes import inline, thread
from feedmill.lanes.foreseeing import BIG_BYTES, can_start_python, cores
from plugins.discovery import GIVEN

if TYPE_CHECKING:
    from engine.flow.lanes import Lane, OpenLane, Order
    from feedmill.lanes.starting import EarlyStart
    from plugins.manager import Registry

LaneName: TypeAlias = Literal["auto", "inline", "thread", "process"]


def choose_lane(registry: Registry, name: LaneName, early: EarlyStart | None = None) -> OpenLane:
    """Return the lane that a name stands for; `auto` is a process for what is big and new, and a thread for all else.

    Raises `ConfigError` for `process` where plugins were given in code, which no other process can load, and for no name of a lane.
    """
    given = [plugin.name for plugin in registry.plugins() if plugin.distribution == GIVEN]
    if name == "inline":
        return inline
    if name == "thread" or (name == "auto" and (given or not can_start_python() or cores() < 2)):
        return thread
    if name == "auto":
        return partial(_open_fitting_lane, early=early)
    if name == "process":
        if given:
            raise ConfigError(f"lane=process cannot load plugins that were given in code ({', '.join(given)}): install them, or use thread")
        from feedmill.lanes.process import open_process_lane

        return open_process_lane
    raise ConfigError(f"lane={name} is none: give auto, thread, process or inline")


@asynccontextmanager
async def _open_fitting_lane(order: Order, early: EarlyStart | None) -> AsyncIterator[Lane]:
    async with AsyncExitStack() as stack:
        yield await _enter_fitting_lane(stack, order, early)


async def _enter_fitting_lane(stack: AsyncExitStack, order: Order, early: EarlyStart | None) -> Lane:
    if is_worth_a_process(order, started=early is not None and early.waits):
        # Here, so that the many runs that get no process pay nothing for it.
        from feedmill.lanes.process import open_process_lane

        try:
            return await stack.enter_async_context(open_process_lane(order, early))
        except Retry:
            # The machine has no room for one now: slower is better than not at all.
            pass
    return await stack.enter_async_context(thread(order))


def is_worth_a_process(order: Order, *, started: bool = False) -> bool:
    """Return whether a run's first document is announced as big, and little of it is known.

    One of unknown size, compressed or made while it is sent, is worth one that is `started`: that costs no more than to end it.
    """
    size = order.facts.size
    if size is None:
        return started
    if size < BIG_BYTES:
        return False
    remembered = order.screening.remembered if order.screening is not None else None
    known = sum(memoryview(remembered.arrays.sizes).cast("i")) if remembered is not None else 0
    return known < size // 2
