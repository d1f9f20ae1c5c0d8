"""Documents over SFTP: one file, or those a pattern means, streamed, complete or an error. For errors see `connectors.ssh.errors`."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from connectors.ssh.errors import Missing
from connectors.ssh.reading import Content, Opened, still_written
from connectors.ssh.session import Facts, Session, Site, open_site
from connectors.wire.choosing import Entry, choose, expand_dates, fits, is_pattern
from connectors.wire.courtesy import admitted
from connectors.wire.egress import check_url
from connectors.wire.settling import settle
from engine.document import Document
from engine.errors import ConfigError, NotModified, RefuseRun
from engine.source import Source

if TYPE_CHECKING:
    import asyncssh

_HOME: Final = "/~/"


class SftpConnector:
    """Fetch files over SFTP (version 3, draft-ietf-secsh-filexfer-02).

    The path of the URL begins at the server's root; one that begins with `/~/` begins at the login directory. Nothing of this
    user's own SSH configuration is read but the known_hosts file: what a feed does must stand in the feed.
    """

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        return _fetch(source)


@asynccontextmanager
async def _fetch(source: Source) -> AsyncIterator[AsyncIterator[Document]]:
    check_url(source)
    path = path_of(source, datetime.now(UTC))
    async with admitted(source), open_site(source) as site:
        found = await site.ask(lambda session: _find(session, path, source))
        if source.known and dict(source.known) == {file.name: file.facts.version for file in found}:
            raise NotModified(f"{source.name}: size and time of change are those of the last complete run")
        yield _Documents(site, found)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that is to be read: where, under which name, and what was said of it when it was found."""

    path: str
    name: str
    facts: Facts


class _Documents(AsyncIterator[Document]):
    """Open the files one after the other."""

    def __init__(self, site: Site, files: Sequence[_File]) -> None:
        self._site = site
        self._files = deque(files)

    async def __anext__(self) -> Document:
        if not self._files:
            raise StopAsyncIteration
        file = self._files.popleft()
        session, handle, facts = await self._site.ask(lambda session: _open(session, file))
        ssh = self._site.source.ssh
        return Document(
            file.name,
            Content(self._site, Opened(file.path, file.name, session, handle, facts)),
            size=facts.size,
            mtime=facts.changed_at,
            version=facts.version,
            buffer_bytes=ssh.block_bytes * ssh.max_requests,
        )


async def _open(session: Session, file: _File) -> tuple[Session, asyncssh.SFTPClientFile, Facts]:
    """Open a file whose facts stand for its bytes; raises `Retry` when it is being written just now."""
    handle, facts = await session.open(file.path, file.name)
    _check_kind(facts, file.name)
    if await settle(facts.changed_at):
        now = await session.facts_of(handle)
        if now != facts:
            raise still_written(file.name, facts, now)
    return session, handle, facts


async def _find(session: Session, path: str, source: Source) -> Sequence[_File]:
    """Return the files that a path means, with their facts; raises `RefuseRun` when there are none."""
    folder, _, last = path.rpartition("/")
    name = _name(path, source)
    if source.path is not None and is_pattern(last):
        folder = folder or ("/" if path.startswith("/") else ".")
        return await _listed(session, folder, last, source)
    try:
        facts = await session.facts(path or ".", name)
    except Missing as error:
        raise RefuseRun(f"{error}{await _hint(session, path, source)}") from None
    _check_kind(facts, name)
    return [_File(path, name, facts)]


async def _listed(session: Session, folder: str, pattern: str, source: Source) -> Sequence[_File]:
    try:
        listing = dict(await session.listing(folder, _name(folder, source)))
    except Missing as error:
        raise RefuseRun(f"{error}{await _hint(session, folder, source)}") from None
    paths = {name: posixpath.join(folder, name) if folder != "." else name for name in listing}
    for name, facts in listing.items():
        if facts.is_link() and fits(name, pattern):
            with suppress(Missing):
                listing[name] = await session.facts(paths[name], _name(paths[name], source))
    files = [Entry(name, facts.size, facts.changed_at) for name, facts in listing.items() if facts.is_file()]
    chosen = choose(files, pattern, source.select, source)
    return [_File(paths[entry.name], _name(paths[entry.name], source), listing[entry.name]) for entry in chosen]


async def _hint(session: Session, path: str, source: Source) -> str:
    """Return what may cure a path that is not there."""
    hints = []
    if source.path is None and is_pattern(path):
        hints.append("a pattern stands in resourcePath, not in the URL")
    # A server that keeps the user in the login directory calls that directory the root; then both paths are one.
    if path.startswith("/") and (home := await session.home()) != "/":
        hints.append(f"the path begins at the server's root; one that begins at the login directory {home} is written {_HOME}...")
    return "".join(f" ({hint})" for hint in hints)


def _check_kind(facts: Facts, name: str) -> None:
    if facts.is_folder():
        raise RefuseRun(f"{name} is a folder; name one file in it, or set resourcePath to a pattern such as *.csv")
    if not facts.is_file():
        raise RefuseRun(f"{name} is no regular file; name a file")


def path_of(source: Source, now: datetime) -> str:
    """Return the path that the URL and `Source.path` name on the server, relative where it begins at the login directory.

    Bytes that are not UTF-8 come as surrogates (PEP 383). Raises `ConfigError` for what can be no path.
    """
    parts = urlsplit(source.url)
    if parts.query or source.url.endswith("?"):
        raise ConfigError(f"{source.name}: an SFTP URL has no query; write a question mark in a file name as %3F")
    path = unquote_to_bytes(parts.path).decode("utf-8", "surrogateescape") or "/"
    if source.path is not None:
        path = f"{path.rstrip('/')}/{expand_dates(source.path, now).lstrip('/')}"
    if any(sign in path for sign in "\0\r\n"):
        raise ConfigError(f"{source.name}: a path on the server cannot hold %00, %0A or %0D")
    return f"{path}/".removeprefix(_HOME).rstrip("/") if f"{path}/".startswith(_HOME) else path


def _name(path: str, source: Source) -> str:
    """Return the URL of a path, fit to be shown."""
    if source.path is None:
        return source.name
    raw = path.encode("utf-8", "surrogateescape")
    written = quote(raw, safe="/~!$&'()*+,;=:@") if path.startswith("/") else _HOME + quote(raw, safe="/~!$&'()*+,;=:@")
    return replace(source, url=urlunsplit(urlsplit(source.url)._replace(path=written))).name
