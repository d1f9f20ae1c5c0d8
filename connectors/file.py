"""Documents from this machine's file system, by path or `file:` URL (RFC 8089): one file, or those of a folder that fit."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

import anyio
import anyio.to_thread

from connectors.wire.choosing import Entry, choose, expand_dates, fits, is_pattern
from connectors.wire.egress import check_url
from connectors.wire.retrying import persist
from connectors.wire.settling import SETTLE_SECONDS, settle
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, NotModified, RefuseRun, Retry
from engine.source import Source

_LOCAL_HOSTS: Final = ("", "localhost")
_TICK_SECONDS: Final = 0.05
"""Some ticks of the kernel's clock, by which a file system with fractions of a second stamps its files."""

_BIG_BYTES: Final = 16 * 1024 * 1024
_BIG_CHUNK_BYTES: Final = 1024 * 1024
"""How much of a big file is read at once: each chunk is handed from thread to thread and from stage to stage, and costs 0.3 ms in all."""

_PASSING: Final = frozenset({errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN})
"""What a mounted file server answers when a file was replaced under the reader, or it does not answer."""


class FileConnector:
    """Read regular files, and notice when somebody is still writing one.

    With `Source.path` the URL names a folder and the path what is wanted of it. A file's version is its size, its times of
    change and its inode: as long as those of all files are what they were, `NotModified` is raised.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file as it was found; `name` is its document's."""

    path: Path
    name: str
    facts: os.stat_result


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    check_url(source)
    found = await anyio.to_thread.run_sync(_find, source, datetime.now(UTC))
    if dict(source.known) == {file.name: _version(file.facts) for file in found}:
        raise NotModified(f"{source.name}: nothing was written since the last complete run")
    documents = _Documents(source, found)
    try:
        yield documents
    finally:
        await documents.aclose()


def path_of(source: Source) -> Path:
    """Return the path a `file:` URL names; raises `ConfigError` when it names another machine or cannot be a path."""
    parts = urlsplit(source.url)
    if parts.netloc.lower() not in _LOCAL_HOSTS:
        raise ConfigError(f"{source.name}: a file URL names this machine only; write file:///{parts.netloc}{parts.path} or a plain path")
    if parts.query:
        raise ConfigError(f"{source.name}: a file URL has no query; write a question mark in a file name as %3F")
    raw = unquote_to_bytes(parts.path or "/")
    if b"\0" in raw:
        raise ConfigError(f"{source.name}: a file name cannot hold %00")
    return Path(os.fsdecode(raw))


def _find(source: Source, now: datetime) -> list[_Found]:
    """Return the files that are meant, in the order in which they are to be read. Blocks."""
    base = path_of(source)
    if source.path is None:
        return [_Found(base, source.name, _facts_of(base))]
    wanted = expand_dates(source.path, now)
    if "\0" in wanted:
        raise ConfigError(f"{source.name}: resourcePath cannot hold a NUL")
    # Below the URL, as it is for every transport: joined as it stands, a leading slash would replace the URL's folder.
    path = base / wanted.lstrip("/")
    if is_pattern(path.name):
        return _listed(path, source)
    return [_Found(path, path.as_uri(), _facts_of(path))]


def _listed(pattern: Path, source: Source) -> list[_Found]:
    folder, entries, found = pattern.parent, list[Entry](), dict[str, _Found]()
    with _refused(folder), os.scandir(folder) as listing:
        for entry in listing:
            if not entry.is_file():
                continue
            if not fits(entry.name, pattern.name):
                entries.append(Entry(entry.name, None, None))
            elif (facts := _facts_if_there(entry)) is not None:
                entries.append(Entry(entry.name, facts.st_size, _moment(facts.st_mtime)))
                path = folder / entry.name
                found[entry.name] = _Found(path, path.as_uri(), facts)
    return [found[entry.name] for entry in choose(entries, pattern.name, source.select, source)]


def _facts_if_there(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except FileNotFoundError:
        return None


def _facts_of(path: Path) -> os.stat_result:
    with _refused(path):
        facts = path.stat()
    _check_kind(path, facts)
    return facts


class _Documents(AsyncIterator[Document]):
    """The documents of the files that were found, one open at a time."""

    def __init__(self, source: Source, found: list[_Found]) -> None:
        self._source = source
        self._left = iter(found)
        self._file: anyio.AsyncFile[bytes] | None = None

    async def __anext__(self) -> Document:
        await self.aclose()
        found = next(self._left, None)
        if found is None:
            raise StopAsyncIteration
        with _refused(found.path):
            try:
                file, facts = await persist(self._source, partial(_open, found.path))
            except FileNotFoundError:
                raise Retry(f"{found.path} was moved or removed after it was found: nothing was applied; try again") from None
        self._file = file
        content = _Content(found.path, file, facts)
        return Document(found.name, content, size=facts.st_size, mtime=_moment(facts.st_mtime), version=_version(facts))

    async def aclose(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with anyio.CancelScope(shield=True):
                await file.aclose()


async def _open(path: Path) -> tuple[anyio.AsyncFile[bytes], os.stat_result]:
    """Open a file whose facts stand for its bytes; raises `Retry` when somebody is writing it."""
    file = await anyio.open_file(path, "rb", buffering=0, opener=_open_at_once)
    try:
        facts = await _facts(file)
        _check_kind(path, facts)
        if await settle(_moment(facts.st_ctime), resolution=_tick(facts)):
            settled = await _facts(file)
            if _version(settled) != _version(facts):
                raise _still_written(path, f"{facts.st_size} bytes, then {settled.st_size}")
    except BaseException:
        with anyio.CancelScope(shield=True):
            await file.aclose()
        raise
    return file, facts


def _open_at_once(path: str, flags: int) -> int:
    # A pipe that took the file's place since it was looked at would wait for a writer for ever.
    return os.open(path, flags | os.O_NONBLOCK)


def _tick(facts: os.stat_result) -> float:
    # The status time is the kernel's own: unlike the time of change, nobody can set it to a round second.
    return _TICK_SECONDS if facts.st_ctime_ns % 1_000_000_000 else SETTLE_SECONDS


def _version(facts: os.stat_result) -> str:
    # Size and time of change alone are equal after a copy that keeps times; the status time and the inode are not.
    return f"size={facts.st_size} mtime={facts.st_mtime_ns} ctime={facts.st_ctime_ns} inode={facts.st_ino}"


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


class _Content(AsyncIterator[bytes]):
    """The file's bytes; raises `Retry` when size or time moved between the first and the last of them."""

    def __init__(self, path: Path, file: anyio.AsyncFile[bytes], facts: os.stat_result) -> None:
        self._facts = facts
        self._path = path
        self._file = file
        self._received = 0
        self._chunk = CHUNK_BYTES if facts.st_size < _BIG_BYTES else _BIG_CHUNK_BYTES

    async def __anext__(self) -> bytes:
        with _refused(self._path):
            chunk = await self._file.read(self._chunk)
            if not chunk:
                self._check_end(await _facts(self._file))
                raise StopAsyncIteration
        self._received += len(chunk)
        return chunk

    def _check_end(self, now: os.stat_result) -> None:
        before = self._facts
        # Not the status time: a file that is replaced by renaming loses a link, and is whole all the same.
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns) or self._received != before.st_size:
            raise _still_written(self._path, f"{before.st_size} bytes when reading began, {self._received} read, {now.st_size} now")
        if self._received == 0:
            raise RefuseRun(f"{self._path} is empty; check what should have written it")


def _still_written(path: Path, seen: str) -> Retry:
    return Retry(
        f"{path} is still being written ({seen}): nothing was applied; try again when its writer is done, or have it renamed into place"
    )


async def _facts(file: anyio.AsyncFile[bytes]) -> os.stat_result:
    return await anyio.to_thread.run_sync(os.fstat, file.wrapped.fileno())


def _check_kind(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise RefuseRun(f"{path} is a directory; name one file in it, or say with resourcePath which of its files, as in stock_*.csv")
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
        if error.errno in _PASSING:
            raise Retry(f"{path} cannot be read now ({error.strerror}): nothing was applied; check the file server, or try again") from None
        raise RefuseRun(f"{path} cannot be read: {error.strerror or type(error).__name__}; check path and disk") from error
