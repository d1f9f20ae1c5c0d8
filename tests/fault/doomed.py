"""A process that works on a feed and is killed, or stopped, between any two of its transactions.

`Doomed` starts a process that has everything imported and forks a child for each job, so that a kill costs a tenth of a second
instead of a start of Python. The child is the program as it is: what ends it counts the commits of its connections, and the signal
cannot be caught. Only the rows of a chunk and the bytes of a read are fewer, so that a small feed has several of both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, cast

import aiosqlite
import anyio
import pytest

if TYPE_CHECKING:
    from engine.run import RunStatus
    from plugins.manager import Registry

ROOT: Final = Path(__file__).parents[2]
FEED: Final = "shop"
FIELDS: Final = (
    {"name": "sku", "purpose": "sku"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
)
CHUNK_ROWS: Final = 40
READ_BYTES: Final = 2_048


@dataclass(frozen=True, slots=True)
class Job:
    """What a child does, and how it ends: by `fate` right `before` or `after` its commit number `commit`, counted from 0.

    A `whole` job has chunks and reads of their full size.
    """

    call: Literal["sync", "approve", "reject", "undo"]
    database: str
    source: str = ""
    feed: str = FEED
    settings: dict[str, object] | None = None
    fields: Sequence[Mapping[str, object]] = FIELDS
    run: int = 0
    fate: Literal["none", "killed", "stopped"] = "none"
    commit: int = 0
    when: Literal["before", "after"] = "after"
    whole: bool = False
    chunk_rows: int = CHUNK_ROWS


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended or halted, and what it said on its standard error."""

    how: Literal["killed", "stopped", "exited"]
    code: int
    said: str


class Doomed:
    """The process that forks the children; one child at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    async def run(self, job: Job) -> End:
        """Do a job until the child ends or is stopped."""
        return await anyio.to_thread.run_sync(self._ask, json.dumps(asdict(job)))

    async def wake(self) -> End:
        """Let the child that is stopped go on, until it ends."""
        return await anyio.to_thread.run_sync(self._ask, "{}")

    def _ask(self, line: str) -> End:
        stdin, stdout = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        stdin.write(f"{line}\n")
        stdin.flush()
        return End(**json.loads(stdout.readline()))


@contextmanager
def doomed() -> Iterator[Doomed]:
    """Start the process, and end it with the block."""
    command = [sys.executable, "-c", "from tests.fault.doomed import serve; serve()"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as process:
        yield Doomed(process)
        cast("IO[str]", process.stdin).close()


def serve() -> None:
    """Fork a child for every job that stands on standard input, and answer how it ended."""
    registry = _import_everything()
    child, said = 0, Path()
    for number, line in enumerate(sys.stdin):
        if order := json.loads(line):
            job = Job(**order)
            said = Path(f"{job.database}-said-{number}")
            child = os.fork()
            if child == 0:
                os._exit(_live(job, registry, said))
        else:
            os.kill(child, signal.SIGCONT)
        _, status = os.waitpid(child, os.WUNTRACED)
        how, code = "exited", 0
        if os.WIFSTOPPED(status):
            how = "stopped"
        elif os.WIFSIGNALED(status):
            how, code = "killed", os.WTERMSIG(status)
        else:
            code = os.WEXITSTATUS(status)
        sys.stdout.write(f"{json.dumps({'how': how, 'code': code, 'said': said.read_text()})}\n")
        sys.stdout.flush()


def _import_everything() -> Registry:
    """Import what a run needs, and load the plugins."""
    for name in (
        "connectors.file",
        "mappers.csv",
        "engine.flow.pipeline",
        "feedmill.library",
        "feedmill.assembly",
        "sinks.sqlite.decisions",
        "sinks.sqlite.sink",
    ):
        import_module(name)
    from plugins.manager import load_registry

    return load_registry()


def _make_small(patch: pytest.MonkeyPatch, job: Job) -> None:
    for module in ("applying", "housekeeping"):
        patch.setattr(f"sinks.sqlite.landing.{module}.CHUNK_ROWS", job.chunk_rows)
    patch.setattr("connectors.file.CHUNK_BYTES", READ_BYTES)


def _live(job: Job, registry: Registry, said: Path) -> int:
    """Do the job in the child and return its exit code, which is the one of the command line."""
    from engine.errors import FeedmillError
    from feedmill.exits import exit_of_error, exit_of_status

    patch = pytest.MonkeyPatch()
    if not job.whole:
        _make_small(patch, job)
    if job.fate != "none":
        patch.setattr(aiosqlite.Connection, "commit", _counting(job))
    with said.open("w") as log:
        try:
            return exit_of_status(anyio.run(_do, job, registry))
        except FeedmillError as error:
            log.write(f"{type(error).__name__}: {error}\n")
            return exit_of_error(error)


async def _do(job: Job, registry: Registry) -> RunStatus:
    from feedmill.library import sync
    from sinks.sqlite.database import locate
    from sinks.sqlite.decisions import approve, reject
    from sinks.sqlite.history.undo import undo

    if job.call == "undo":
        return (await undo(locate(f"sqlite:///{job.database}"), job.run)).record.status
    if job.call != "sync":
        decide = approve if job.call == "approve" else reject
        return (await decide(locate(f"sqlite:///{job.database}"), job.run)).status
    asked = sync(job.source, to=job.database, feed=job.feed, settings=job.settings, fields=job.fields, refetch=True, registry=registry)
    return (await asked).status


def _counting(job: Job) -> Callable[[aiosqlite.Connection], object]:
    """Return a commit that ends the process, or halts it, at the one that the job says."""
    commit, left = aiosqlite.Connection.commit, job.commit
    end = signal.SIGKILL if job.fate == "killed" else signal.SIGSTOP

    async def count(connection: aiosqlite.Connection) -> None:
        nonlocal left
        mine, left = left == 0 and connection.in_transaction, left - connection.in_transaction
        if mine and job.when == "before":
            os.kill(os.getpid(), end)
        await commit(connection)
        if mine and job.when == "after":
            os.kill(os.getpid(), end)

    return count
