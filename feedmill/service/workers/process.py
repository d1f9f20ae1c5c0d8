"""A worker process: what it is asked for comes as JSON lines on standard input, answers go out on what was standard output.

The end of standard input means that the server is gone, and SIGTERM that the machine is going: both cancel what is being done. A
run that is decided is finished nevertheless, one that is not waits for another worker.
"""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import orjson
import structlog
from anyio import CancelScope, get_cancelled_exc_class, to_thread

from engine.errors import ConfigError, FeedmillError
from engine.source import Egress
from feedmill.assembly import load_plugins
from feedmill.exits import Exit
from feedmill.logs import configure_logging
from feedmill.process import tune_process
from feedmill.service.keys import load_keys
from feedmill.service.workers.calls import CALLS, Workplace
from feedmill.service.workers.messages import as_line, tell_error
from sinks.sqlite.database import locate

if TYPE_CHECKING:
    from engine.flow.tally import Progress

_RSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024

HANGING_SECONDS: Final = 600.0
"""After how long without a turn of its loop a worker ends itself: nobody else would ever end the run in whose record it hangs."""


PROGRESS_SECONDS: Final = 0.25
"""How often the server is told how far a run has come."""


@dataclass(slots=True)
class Desk:
    """Calls that are being done, by number, how far they have come, and where their answers go."""

    place: Workplace
    out: int
    scopes: dict[int, CancelScope] = field(default_factory=dict)
    progress: dict[int, Progress] = field(default_factory=dict)
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def do(self, number: int, op: str, arguments: dict[str, Any]) -> None:
        """Do one call and answer it, whatever becomes of it."""
        answer: dict[str, object] = {"stopped": True}
        try:
            with CancelScope() as scope:
                self.scopes[number] = scope
                answer = await self._call(number, op, arguments)
        except get_cancelled_exc_class():
            await self._answer(number, {"stopped": True})
            raise
        finally:
            self.scopes.pop(number, None)
            self.progress.pop(number, None)
        await self._answer(number, answer)

    async def report(self) -> None:
        """Tell now and again how far calls have come, until cancelled; what has not moved is not told again."""
        while True:
            await anyio.sleep(PROGRESS_SECONDS)
            told, self.progress = self.progress, {}
            for number, progress in told.items():
                await self._answer(number, {"progress": asdict(progress)})

    async def _call(self, number: int, op: str, arguments: dict[str, Any]) -> dict[str, object]:
        place = replace(self.place, tell=partial(self._note, number))
        try:
            return {"text": await CALLS[op](place, arguments)}
        except FeedmillError as error:
            return {"error": tell_error(error)}

    def _note(self, number: int, progress: Progress) -> None:
        self.progress[number] = progress

    async def _answer(self, number: int, answer: dict[str, object]) -> None:
        with CancelScope(shield=True):
            async with self.lock:
                await to_thread.run_sync(_write, self.out, {"id": number, **answer})


def _write(out: int, answer: dict[str, object]) -> None:
    line = as_line({**answer, "rss": _peak_rss()})
    try:
        while line:
            line = line[os.write(out, line) :]
    except BrokenPipeError:
        # The server is gone, which the end of standard input says too.
        return


def _peak_rss() -> int:
    """Return the most memory in bytes that this process has had. Blocks."""
    if sys.platform == "linux":
        # What getrusage says begins with what the process had that started this one.
        for line in Path("/proc/self/status").read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


async def _work(out: int) -> None:
    lines = _read()
    told = await anext(lines, None)
    if told is None:
        return
    desk = Desk(await _open_workplace(told), out)
    async with anyio.create_task_group() as group:
        group.start_soon(_end_when_hanging)
        group.start_soon(_stop_on_signal, group.cancel_scope)
        group.start_soon(desk.report)
        async for message in lines:
            if "cancel" in message:
                if scope := desk.scopes.get(message["cancel"]):
                    scope.cancel()
            else:
                group.start_soon(desk.do, message["id"], message["op"], message["arguments"])
        group.cancel_scope.cancel()


async def _open_workplace(told: dict[str, Any]) -> Workplace:
    configure_logging(told["level"])
    database = locate(told["database"])
    keys = await to_thread.run_sync(load_keys, Path(told["keys"]))
    egress = told["egress"]
    ports, schemes = (None if egress[name] is None else frozenset(egress[name]) for name in ("ports", "schemes"))
    return Workplace(database, keys, await load_plugins(), Egress(egress["allow_private"], ports, schemes), told["lane"])


async def _read() -> AsyncIterator[dict[str, Any]]:
    # Abandoned when the process is to stop: nobody can take back a read that waits.
    while line := await to_thread.run_sync(sys.stdin.buffer.readline, abandon_on_cancel=True):
        if line.endswith(b"\n"):
            yield orjson.loads(line)


async def _end_when_hanging() -> None:
    """Put the end of the process off as long as its loop turns. What hangs may hold the interpreter: only C still sees the time."""
    while True:
        faulthandler.dump_traceback_later(HANGING_SECONDS, exit=True)
        await anyio.sleep(HANGING_SECONDS / 10)


async def _stop_on_signal(scope: CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            scope.cancel()
            return


def main() -> None:
    """Work until there is nobody to work for, then end the process, threads that hang included."""
    # Answers alone go to the server: what a library prints is for the log.
    out = os.dup(1)
    os.dup2(2, 1)
    tune_process()
    code = Exit.INTERNAL
    try:
        anyio.run(_work, out)
        code = Exit.COMPLETE
    except ConfigError as wrong:
        structlog.get_logger("feedmill").error("a worker cannot work", error=str(wrong))
        code = Exit.CONFIGURATION
    finally:
        # Whatever it is that has ended it: a process that waits for its threads would keep the server waiting for its answers.
        kind, error, trace = sys.exc_info()
        if kind is not None and error is not None:
            sys.excepthook(kind, error, trace)
        os._exit(code)


if __name__ == "__main__":
    main()
