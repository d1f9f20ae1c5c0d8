"""Documents from this machine's file system, by path or `file:` URL (RFC 8089)."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import anyio
import anyio.to_thread

from connectors.wire.pace import OneDocument
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, RefuseRun, Retry
from engine.source import Source

_LOCAL_HOSTS: Final = ("", "localhost")


class FileConnector:
    """Read one regular file, and notice when somebody is still writing it."""

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    path = path_of(source)
    with _refused(path):
        # Asked before it is opened: opening a pipe or a device would wait for a writer for ever.
        _check_kind(path, await anyio.to_thread.run_sync(path.stat))
        file = await anyio.open_file(path, "rb", buffering=0)
    async with file:
        content = _Content(path, file, await _facts(file))
        yield OneDocument(Document(source.name, content, size=content.facts.st_size, mtime=content.mtime))


def path_of(source: Source) -> Path:
    """Return the path a `file:` URL names; raises `ConfigError` when it names another machine or cannot be a path."""
    parts = urlsplit(source.url)
    if parts.netloc.lower() not in _LOCAL_HOSTS:
        raise ConfigError(f"{source.name}: a file URL names this machine only; write file:///{parts.netloc}{parts.path} or a plain path")
    if parts.query:
        raise ConfigError(f"{source.name}: a file URL has no query; write a question mark in a file name as %3F")
    raw = unquote_to_bytes(parts.path)
    if b"\0" in raw:
        raise ConfigError(f"{source.name}: a file name cannot hold %00")
    return Path(os.fsdecode(raw))


class _Content(AsyncIterator[bytes]):
    """The file's bytes; raises `Retry` when size or time moved between the first and the last of them."""

    def __init__(self, path: Path, file: anyio.AsyncFile[bytes], facts: os.stat_result) -> None:
        self.facts = facts
        self._path = path
        self._file = file
        self._received = 0

    @property
    def mtime(self) -> datetime:
        return datetime.fromtimestamp(self.facts.st_mtime, UTC)

    async def __anext__(self) -> bytes:
        with _refused(self._path):
            chunk = await self._file.read(CHUNK_BYTES)
            if not chunk:
                self._check_end(await _facts(self._file))
                raise StopAsyncIteration
        self._received += len(chunk)
        return chunk

    def _check_end(self, now: os.stat_result) -> None:
        before = self.facts
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or self._received != before.st_size:
            raise Retry(
                f"{self._path} is still being written ({before.st_size} bytes when reading began, {self._received} read, "
                f"{now.st_size} now): nothing was applied; try again when its writer is done, or have it renamed into place"
            )
        if self._received == 0:
            raise RefuseRun(f"{self._path} is empty; check what should have written it")


async def _facts(file: anyio.AsyncFile[bytes]) -> os.stat_result:
    return await anyio.to_thread.run_sync(os.fstat, file.wrapped.fileno())


def _check_kind(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise RefuseRun(f"{path} is a directory; name one file in it")
    if not stat.S_ISREG(facts.st_mode):
        raise RefuseRun(f"{path} is no regular file; name a file")


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise RefuseRun(f"{path} does not exist; check the path (a relative one starts where the command was given)") from None
    except PermissionError:
        raise RefuseRun(f"{path} may not be read by this user; give it read permission (and its folders, execute)") from None
    except OSError as error:
        raise RefuseRun(f"{path} cannot be read: {error.strerror or type(error).__name__}; check path and disk") from error
