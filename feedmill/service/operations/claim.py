"""One service to a database: two would each schedule every feed, and each deliver every webhook.

The lock is the operating system's, on a file beside the database, so that it ends with the process that holds it, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import CancelScope, to_thread

from engine.errors import ConfigError, UnderWay


@asynccontextmanager
async def claim_database(database: Path) -> AsyncIterator[None]:
    """Hold a database as its one service for as long as the block lasts.

    Raises `UnderWay`, naming the process, when another service holds it, `ConfigError` when no file can be made beside it.
    """
    descriptor = await to_thread.run_sync(_acquire, database)
    try:
        yield
    finally:
        with CancelScope(shield=True):
            await to_thread.run_sync(os.close, descriptor)


def _acquire(database: Path) -> int:
    # By its real name: who comes by a symbolic link serves the same database.
    path = f"{os.path.realpath(database)}-service.lock"
    try:
        # Never removed: a name that is taken away and made again could be locked twice.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(
            f"the database {database} cannot be used: {path} cannot be made ({error.strerror});"
            " create the directory, and let this user write in it"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise UnderWay(
            f"process {holder or 'unknown'} runs a service on the database {database} already: stop it, or name another database", run=0
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
