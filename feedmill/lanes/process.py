"""The mapper in a process of its own, as the run sees it: parts go into one pipe, what comes of them comes out of another."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from anyio import to_thread, wait_readable, wait_writable

from engine.decode import Ended, Opened
from engine.errors import FeedmillError, InternalError, Retry
from engine.flow.reading import Advance, Verdict
from feedmill.lanes.errors import load_error
from feedmill.lanes.order import dump_facts, dump_order
from feedmill.lanes.starting import PIPE_BYTES, start_process
from feedmill.lanes.wire import (
    ADVANCE,
    BYTES,
    ENDED,
    ERROR,
    HEADER,
    JUDGE,
    OPENED,
    ORDER,
    VERDICT,
    join,
    load_advance,
    load_verdict,
)

if TYPE_CHECKING:
    from anyio.abc import Process

    from engine.batch import JsonValue
    from engine.decode import Part
    from engine.flow.lanes import Lane, Order
    from feedmill.lanes.starting import EarlyStart

_PIECE_BYTES: Final = 256 * 1024
"""Most bytes of a frame, so that no answer keeps the event loop for long."""

_KILLED: Final = frozenset({signal.SIGKILL, signal.SIGTERM})


@asynccontextmanager
async def open_process_lane(order: Order, early: EarlyStart | None = None) -> AsyncIterator[Lane]:
    """Open a lane in a process of its own, or in one that was started early; it ends with the lane, whatever it does.

    Nothing waits for it to have started: what is sent meanwhile waits in its pipe. Raises `Retry` when the machine has no room for one.
    """
    started = (early.take() if early is not None else None) or await start_process()
    try:
        lane = _ProcessLane(started.process, order.recipe.feed.name, started.give, started.answers)
        await lane.send(ORDER, dump_order(order))
        yield lane
    finally:
        await started.aclose()
    if order.screening is not None:
        # Now, while the sink still has batches to write: numpy takes the room that the process has left, and was not needed before.
        await to_thread.run_sync(import_module, "engine.screen.settling")


class _ProcessLane:
    """The run's end of the pipes.

    So many bytes are under way as fit into the pipe, so that writing need not wait: what is waited for is answers, and the child is never
    left with one that nobody takes. Neither can therefore wait for the other for ever, also where the pipes are narrow.
    """

    def __init__(self, process: Process, feed: str, give: int, answers: int) -> None:
        self._process = process
        self._feed = feed
        self._give = give
        self._answers = answers
        self._document = ""
        self._owed: deque[str] = deque()
        self._under_way = 0
        self._ready: list[Advance] = []
        self._dialect: Mapping[str, JsonValue] = {}
        self._verdict: Verdict | None = None
        self._refused = self._deaf = self._ended = False
        self._buffer = bytearray(PIPE_BYTES)
        self._filled = 0
        self._window = _window(give)

    async def take(self, part: Part) -> Advance:
        """Send a part on its way, and return what has come of it and of those before it up to now."""
        if isinstance(part, bytes):
            for piece in _pieces(part):
                await self._owe(BYTES, piece)
        elif isinstance(part, Opened):
            self._document = part.facts.name
            await self._owe(OPENED, dump_facts(part.facts))
        elif isinstance(part, Ended):
            await self._owe(ENDED, b"")
        self._take_in()
        return await self._hand_over()

    async def drain(self) -> Advance | None:
        """Wait for what is still to come of the parts that were taken; None when there is nothing more."""
        while self._owed and not self._ready:
            await self._receive()
        return await self._hand_over() if self._ready else None

    async def judge(self) -> Verdict:
        """Do what `Reading.judge` does."""
        await self.send(JUDGE, b"")
        while self._verdict is None:
            await self._receive()
        return self._verdict

    async def _hand_over(self) -> Advance:
        if self._deaf and not self._refused:
            # It listens no more, and has not said why yet.
            while True:
                await self._receive()
        advances, self._ready = self._ready, []
        return join(advances, self._dialect)

    async def _owe(self, kind: bytes, payload: bytes | memoryview) -> None:
        while self._owed and self._under_way + len(payload) > self._window:
            await self._receive()
        if self._refused:
            return
        await self.send(kind, payload)
        self._owed.append(self._document)
        self._under_way += len(payload)

    async def send(self, kind: bytes, payload: bytes | memoryview) -> None:
        """Write a frame."""
        rest = [memoryview(HEADER.pack(kind, len(payload))), memoryview(payload)]
        while rest and not self._deaf:
            try:
                written = os.writev(self._give, rest)
            except BlockingIOError:
                # Not for room while it may be waiting for its answer to be taken.
                await (self._receive() if self._owed else wait_writable(self._give))
                continue
            except BrokenPipeError:
                # What it has to say of that is in the other pipe.
                self._deaf = True
                return
            while rest and written >= len(rest[0]):
                written -= len(rest.pop(0))
            if rest:
                rest[0] = rest[0][written:]

    async def _receive(self) -> None:
        """Wait for the child to say something. Raises what it raised, and what became of it if it has ended."""
        if not self._ended:
            await wait_readable(self._answers)
            self._take_in()
        if self._ended and not self._refused:
            raise self._explain(await self._process.wait())

    def _take_in(self) -> None:
        while not self._ended:
            try:
                count = os.readv(self._answers, [memoryview(self._buffer)[self._filled :]])
            except BlockingIOError:
                return
            self._ended = not count
            self._filled += count
            self._take_frames()

    def _take_frames(self) -> None:
        at, end = 0, self._filled
        with memoryview(self._buffer) as view:
            while end - at >= HEADER.size:
                kind, size = HEADER.unpack_from(view, at)
                if end - at < HEADER.size + size:
                    break
                at += HEADER.size
                self._take_frame(kind, view[at : at + size])
                at += size
            view[: end - at] = view[at:end]
        self._filled = end - at
        if self._filled >= HEADER.size:
            lacking = HEADER.size + HEADER.unpack_from(self._buffer)[1] - len(self._buffer)
            self._buffer.extend(bytes(max(0, lacking)))

    def _take_frame(self, kind: bytes, payload: memoryview) -> None:
        if kind == ADVANCE:
            taken, advance = load_advance(payload, self._dialect)
            self._owed.popleft()
            self._under_way -= taken
            self._dialect = advance.dialect
            self._ready.append(advance)
            if advance.refusal is not None:
                self._refused = self._deaf = True
                self._owed.clear()
        elif kind == VERDICT:
            self._verdict = load_verdict(payload)
        elif kind == ERROR:
            raise load_error(bytes(payload))
        else:
            raise InternalError(f"{self._what} failed: {str(payload, 'utf-8')}; where it did is in the log; nothing was applied")

    @property
    def _what(self) -> str:
        document = self._owed[0] if self._owed else self._document
        return f"feed {self._feed!r}: the process that read {document} for it"

    def _explain(self, code: int) -> FeedmillError:
        """Return what the end of the process means."""
        what = self._what
        if code < 0 and -code in _KILLED:
            return Retry(
                f"{what} was killed ({signal.Signals(-code).name}), as happens where memory runs out; nothing was applied; try again"
            )
        if code < 0:
            return InternalError(f"{what} crashed ({_name(-code)}): a library in it broke on what it read; nothing was applied; report it")
        return InternalError(f"{what} ended with status {code} before it was done; its log says why; nothing was applied")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _pieces(part: bytes) -> Iterator[memoryview]:
    view = memoryview(part)
    for at in range(0, len(part), _PIECE_BYTES):
        yield view[at : at + _PIECE_BYTES]


def _window(pipe: int) -> int:
    """Return how many bytes may be under way: they, and the heads of their frames, fit into the pipe."""
    return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) * 3 // 4 if sys.platform == "linux" else PIPE_BYTES
