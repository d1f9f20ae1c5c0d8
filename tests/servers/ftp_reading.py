"""What the FTP tests share: sources for a test server, files with a past, and reading a source to its end."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
import pytest

from connectors.ftp import FtpConnector
from engine.errors import FeedmillError
from engine.source import Patience, Persistence, Source, Tls, parse_location
from tests.servers.authority import Authority
from tests.servers.debian import ACCOUNTS, Account

BODY: Final = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(60_000))
CHANGED: Final = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
QUICK: Final = Patience(connect=5.0, idle=5.0)
ONCE: Final = Persistence(attempts=1)

Mode = Literal["ftp", "explicit", "implicit"]


async def put(folder: Path, name: str, body: bytes = BODY, changed: datetime = CHANGED) -> None:
    """Write a file, see `put_now`, from within an event loop."""
    await anyio.to_thread.run_sync(put_now, folder, name, body, changed)


def put_now(folder: Path, name: str, body: bytes = BODY, changed: datetime = CHANGED) -> None:
    """Write a file whose time of change lies in the past: connectors wait for a fresh one to settle."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (changed.timestamp(), changed.timestamp()))


def source_of(
    port: int,
    below: str,
    mode: Mode = "ftp",
    tls: Authority | None = None,
    *,
    account: Account = ACCOUNTS[0],
    host: str = "127.0.0.1",
    **more: Any,
) -> Source:
    """Return the source of a URL on the loopback; `below` stands as it is behind the host's slash, `more` are fields of it."""
    user, password = quote(account.user, safe=""), quote(account.password, safe="")
    source = parse_location(f"{'ftp' if mode == 'ftp' else 'ftps'}://{user}:{password}@{host}:{port}/{below}", patience=QUICK)
    trusted = Tls(ca_file=str(tls.ca_file) if tls else None, ftps=None if mode == "ftp" else mode)
    return replace(source, **{"tls": trusted, "persistence": ONCE, **more})


async def read(source: Source) -> dict[str, bytes]:
    """Read every document to its end, by name."""
    async with FtpConnector().fetch(source) as documents:
        return {document.name: b"".join([chunk async for chunk in document.chunks]) async for document in documents}


async def read_one(source: Source) -> bytes:
    """Read a source of one document."""
    (body,) = (await read(source)).values()
    return body


async def versions(source: Source) -> dict[str, str]:
    """Return the versions of the documents, as a complete run would keep them."""
    kept: dict[str, str] = {}
    async with FtpConnector().fetch(source) as documents:
        async for document in documents:
            async for _ in document.chunks:
                pass
            assert document.version is not None
            kept[document.name] = document.version
    return kept


async def failure(source: Source) -> FeedmillError:
    """Return the error that reading ends with, having looked that it holds no password."""
    with pytest.raises(FeedmillError) as caught:
        await read(source)
    password = source.password.reveal() if source.password is not None else ""
    assert not password or password not in str(caught.value)
    return caught.value
