"""The process of a mapper: started, with a pipe to it and one from it, and ended. Needs next to no import, so that it can come first."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import anyio
from anyio import CancelScope

from engine.errors import Retry

if TYPE_CHECKING:
    from anyio.abc import Process

PIPE_BYTES: Final = 1024 * 1024


@dataclass(slots=True)
class MapperProcess:
    """A process that waits for its order: what is written to `give` it reads, and it writes what is read from `answers`."""

    process: Process
    give: int
    answers: int

    async def aclose(self) -> None:
        """End the process, whatever it does, and close the pipes."""
        try:
            with CancelScope(shield=True):
                if self.process.returncode is None:
                    with suppress(ProcessLookupError):
                        self.process.kill()
                await self.process.wait()
                await self.process.aclose()
        finally:
            os.close(self.give)
            os.close(self.answers)


async def start_process(*, early: bool = False) -> MapperProcess:
    """Start a process; `early` says that its order will come later. Raises `Retry` when the machine has no room for one."""
    given, give = os.pipe()
    answers, answer = os.pipe()
    try:
        process = await _start(given, answer, early=early)
    except BaseException:
        os.close(give)
        os.close(answers)
        raise
    _widen(give)
    _widen(answers)
    return MapperProcess(process, give, answers)


class EarlyStart:
    """A process that was started before it was known whether the run wants one."""

    def __init__(self, process: MapperProcess | None = None) -> None:
        self._process = process

    @property
    def waits(self) -> bool:
        """Return whether there is one to take."""
        return self._process is not None

    def take(self) -> MapperProcess | None:
        """Return the process, which is then the caller's to end; None when there is none, or none any more."""
        process, self._process = self._process, None
        return process


@asynccontextmanager
async def start_early(*, wanted: bool) -> AsyncIterator[EarlyStart]:
    """Start a process that a run will probably want; it is ended if nobody has taken it. Where it cannot be started there is none."""
    early = EarlyStart()
    if wanted:
        with suppress(Retry):
            early = EarlyStart(await start_process(early=True))
    try:
        yield early
    finally:
        if (left := early.take()) is not None:
            await left.aclose()


def _widen(pipe: int) -> None:
    os.set_blocking(pipe, False)
    if sys.platform == "linux":
        # Refused to somebody who has many pipes; a narrow one is slower, no more.
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


async def _start(given: int, answer: int, *, early: bool) -> Process:
    # The modules are found where they are found here, whatever the program has done to its path since it began.
    paths = [path for path in sys.path if isinstance(path, str)]
    code = f"import sys; sys.path[:] = {paths!r}; from feedmill.lanes.child import main; main(early={early})"
    try:
        # A session of its own: Ctrl-C is for whoever started it.
        return await anyio.open_process((sys.executable, "-c", code), stdin=given, stdout=answer, stderr=None, start_new_session=True)
    except OSError as error:
        raise Retry(f"no process could be started for the mapper: {error.strerror}; nothing was applied; try again later") from None
    finally:
        # The child has its own of them, and must be the only one: only then is it noticed that it is gone.
        os.close(given)
        os.close(answer)
