"""`feedmill serve` as a process of its own: what it has said, and how it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process

PATIENCE = 60.0
PROGRAM = "from feedmill.cli import main; main()"

# A suite that runs in the background of a shell inherits an ignored SIGINT, and a command would inherit it from the suite.
_UNMASK = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


@dataclass
class Served:
    """A service. `lines` are what it has printed so far, `log` is where it logs to."""

    process: Process
    log: Path
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the address that it printed."""
        return self.lines[0].rpartition(" ")[2]

    @property
    def token(self) -> str | None:
        """Return the token that it printed, None when it printed none."""
        return next((line.rpartition(" ")[2] for line in self.lines if "token" in line), None)

    async def read_until(self, text: str) -> None:
        """Read what it prints up to a line that holds a text."""
        assert self.process.stdout is not None
        held = b""
        with anyio.fail_after(PATIENCE):
            while not any(text in line for line in self.lines):
                try:
                    held += await self.process.stdout.receive()
                except anyio.EndOfStream:
                    raise AssertionError(f"it ended without {text!r}: {await anyio.Path(self.log).read_text()}") from None
                *whole, held = held.split(b"\n")
                self.lines += [line.decode() for line in whole]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return await self.wait()

    async def wait(self) -> int:
        """Return the exit code once it has ended."""
        with anyio.fail_after(PATIENCE):
            return await self.process.wait()


@asynccontextmanager
async def serve(
    directory: Path, *arguments: str, env: Mapping[str, str] | None = None, program: str = PROGRAM, until: str = "Feedmill serves"
) -> AsyncIterator[Served]:
    """Run `feedmill serve` with arguments in a directory; it is killed at the end when it still runs."""
    command = [sys.executable, "-c", _UNMASK + program, "serve", *arguments]
    log = directory / "serve.log"
    environment = {**os.environ, "FEEDMILL_LOG": "info", **(env or {})}
    with await anyio.to_thread.run_sync(lambda: log.open("ab")) as file:
        process = await anyio.open_process(command, stdout=subprocess.PIPE, stderr=file, cwd=directory, env=environment)
    async with process:
        served = Served(process, log)
        try:
            await served.read_until(until)
            yield served
        finally:
            if process.returncode is None:
                process.kill()
