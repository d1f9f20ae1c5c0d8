"""Between fetch and decode: hold a source back as long as it equals what the last complete run read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from engine.errors import NotModified
from engine.flow.checkpoint import refuse_older
from engine.flow.unchanged.digest import SourceDigest
from engine.flow.unchanged.limits import Limits
from engine.flow.unchanged.spool import Spool

if TYPE_CHECKING:
    from engine.contracts import Checkpoint
    from engine.decode import Part
    from engine.flow.channel import Budget, Channel, StageClock
    from engine.source import Source


class Gate:
    """Pass the parts of a source on to a channel, or hold them back while they may be those that were read last time.

    `before` is what the last complete run left, None where its bytes say nothing of what would become of these. At the first
    difference what is held back is passed on in order, and then whatever arrives as it arrives. Meanwhile the source is
    still read, a little for much that is passed on: a server that sees nothing taken for a minute hangs up, and one without
    validators could not resume, so that a change near the end of a long file would never be read.
    """

    def __init__(self, before: Checkpoint | None, budget: Budget, limits: Limits | None = None) -> None:
        self._before = before
        self._limits = limits or Limits()
        self._digest = SourceDigest(before.digests if before is not None else "", self._limits)
        self._spool = Spool(budget, self._limits)
        self._holds = self._digest.may_equal

    @property
    def holds(self) -> bool:
        """Return whether everything so far is held back."""
        return self._holds

    @property
    def digests(self) -> str:
        """Return what the next run may know the source by, see `Checkpoint.digests`; complete when `end` has returned."""
        return self._digest.text

    async def send(self, part: Part, out: Channel[Part], clock: StageClock) -> None:
        """Take the next part of the source; raises `Retry` when what was held back is lost."""
        self._digest.take(part)
        if not self._holds and self._spool.is_empty:
            await out.send(part, _size(part), clock)
            return
        # Held back is not stalled: the watchdog has to see that something moves.
        clock.moved()
        has_room = await self._spool.put(part)
        self._holds = self._holds and has_room and self._digest.may_equal
        if not self._holds:
            await self._pass_on(out, clock, self._limits.replayed if has_room else None)

    async def end(self, source: Source, newest: datetime | None, out: Channel[Part], clock: StageClock) -> None:
        """Take the end of the source, whose newest document is of `newest`, and pass on what is left.

        Raises `NotModified` when all of it was held back and is all that the last complete run read; `RefuseRun` when its newest
        file is older all the same.
        """
        if self._holds and self._digest.equals and self._before is not None:
            refuse_older(self._before, self._before.fingerprint, newest, source)
            raise NotModified(f"{source.name}: sent the same bytes as before")
        self._holds = False
        await self._pass_on(out, clock, None)

    async def aclose(self) -> None:
        """Let go of what is held back; call it on every path."""
        await self._spool.aclose()

    async def _pass_on(self, out: Channel[Part], clock: StageClock, enough: int | None) -> None:
        sent = 0
        while (enough is None or sent < enough) and (part := await self._spool.take()) is not None:
            await out.send(part, _size(part), clock)
            sent += _size(part)
        if self._spool.is_empty:
            await self._spool.aclose()


def _size(part: Part) -> int:
    return len(part) if isinstance(part, bytes) else 0
