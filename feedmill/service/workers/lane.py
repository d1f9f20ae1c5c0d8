"""One worker process as the server sees it: calls go in, what became of them comes out, and its end is noticed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import anyio
import structlog
from anyio import CancelScope, get_cancelled_exc_class, move_on_after

from engine.errors import InternalError
from feedmill.service.workers.messages import GONE, WorkerDied, as_line, make_error, read_lines

if TYPE_CHECKING:
    from anyio.abc import Process

_COMMAND: Final = (sys.executable, "-m", "feedmill.service.workers.process")

RETRY_SECONDS: Final = 0.2
"""After how long what a dead worker was asked to do is asked of another one."""

FULL_SECONDS: Final = 5.0
"""After how long a worker is started again that there was no room for."""


@dataclass(slots=True)
class _Pending:
    """A call whose answer is awaited; `tell` is told how far it has come."""

    tell: Callable[[Mapping[str, Any]], None] | None = None
    answered: anyio.Event = field(default_factory=anyio.Event)
    answer: dict[str, Any] | None = None


class Lane:
    """A worker process. Calls may overlap; each is answered with JSON text.

    A call that is cancelled is cancelled in the worker, which finishes what is decided; `grace` is how many seconds that may take.
    """

    def __init__(self, process: Process, grace: float) -> None:
        self._process = process
        self._grace = grace
        self._numbers = count(1)
        self._pending: dict[int, _Pending] = {}
        self._ended = anyio.Event()
        self.calls = 0
        self.peak_rss = 0
        self.idle_since = anyio.current_time()

    @property
    def pid(self) -> int:
        """Return the id of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Return whether it can still be asked for anything."""
        return not self._ended.is_set()

    @property
    def busy(self) -> bool:
        """Return whether it has something to do."""
        return bool(self._pending)

    async def listen(self) -> None:
        """Take what the process says until it ends. Not to be cancelled: `close` ends the process, and with it this."""
        with CancelScope(shield=True):
            if self._process.stdout is not None:
                async for message in read_lines(self._process.stdout):
                    self._take(message)
            code = await self._process.wait()
            self._ended.set()
            await self._process.aclose()
            if self._pending or code:
                structlog.get_logger("feedmill").warning("a worker ended", pid=self.pid, code=code, calls=len(self._pending))
            for pending in self._pending.values():
                pending.answered.set()

    def _take(self, message: dict[str, Any]) -> None:
        self.peak_rss = message.get("rss", self.peak_rss)
        pending = self._pending.get(message["id"])
        if pending is not None and "progress" in message:
            if pending.tell is not None:
                pending.tell(message["progress"])
        elif pending is not None:
            pending.answer = message
            pending.answered.set()

    async def configure(self, settings: Mapping[str, object]) -> None:
        """Send the first line, which says where the process works."""
        await self._send(settings)

    async def call(self, op: str, arguments: Mapping[str, object], tell: Callable[[Mapping[str, Any]], None] | None = None) -> str:
        """Do something in the process and return the JSON text that it answers; `tell` is told a run's progress meanwhile.

        Raises what the worker raised, and `WorkerDied` when it ended before it answered, or was told to stop by somebody else.
        """
        number, pending = next(self._numbers), _Pending(tell)
        self._pending[number] = pending
        self.calls += 1
        try:
            await self._send({"id": number, "op": op, "arguments": dict(arguments)})
            await pending.answered.wait()
        except get_cancelled_exc_class():
            await self._break_off(number, pending)
            raise
        finally:
            self._pending.pop(number, None)
            self.idle_since = anyio.current_time()
        return self._result(op, pending.answer)

    def _result(self, op: str, answer: dict[str, Any] | None) -> str:
        if answer is None or answer.get("stopped"):
            raise WorkerDied(f"the worker that was to do {op} ended before it had done it; it is tried again", retry_after=RETRY_SECONDS)
        if "error" in answer:
            raise make_error(answer["error"])
        text = answer["text"]
        if not isinstance(text, str):
            raise InternalError(f"a worker answered {op} without a text")
        return text

    async def _break_off(self, number: int, pending: _Pending) -> None:
        with move_on_after(self._grace, shield=True) as waiting, suppress(WorkerDied):
            await self._send({"cancel": number})
            await pending.answered.wait()
        if waiting.cancelled_caught:
            self.kill()

    async def _send(self, message: Mapping[str, object]) -> None:
        try:
            if self._process.stdin is None or not self.alive:
                raise WorkerDied("the worker has ended", retry_after=RETRY_SECONDS)
            # Half a message would be no end of the first and no beginning of the next.
            with CancelScope(shield=True):
                await self._process.stdin.send(as_line(message))
        except GONE:
            raise WorkerDied("the worker has ended", retry_after=RETRY_SECONDS) from None

    def kill(self) -> None:
        """End the process at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """Let the process end, which it does once what is decided is done; one that does not within the grace is killed."""
        with move_on_after(self._grace, shield=True) as waiting:
            if self._process.stdin is not None:
                await self._process.stdin.aclose()
            await self._ended.wait()
        if waiting.cancelled_caught:
            self.kill()


async def open_lane(settings: Mapping[str, object], grace: float) -> Lane:
    """Start a process and tell it where to work; nothing of that stands on its command line. Its log goes to our standard error.

    Raises `WorkerDied` when the machine has no room for one.
    """
    try:
        # A session of its own: Ctrl-C is for the server, which then tells its workers.
        process = await anyio.open_process(_COMMAND, stderr=None, start_new_session=True)
    except OSError as error:
        raise WorkerDied(f"no worker could be started: {error.strerror}", retry_after=FULL_SECONDS) from None
    lane = Lane(process, grace)
    await lane.configure(settings)
    return lane
