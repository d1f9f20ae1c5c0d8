"""The file connector on real files: whole or an error, and never a file that somebody is still writing."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from connectors.file import FileConnector
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, RefuseRun, Retry
from engine.source import Source, parse_location

BODY = b"sku;stock\n" + b"".join(b"%06d;%d\n" % (n, n % 90) for n in range(60_000))


async def _fetch(source: Source) -> tuple[Document, list[bytes]]:
    async with FileConnector().fetch(source) as documents:
        document = await anext(documents)
        chunks = [chunk async for chunk in document.chunks]
        with pytest.raises(StopAsyncIteration):
            await anext(documents)
    return document, chunks


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    """Give a file of several chunks, in a folder and under a name that need encoding in a URL."""
    path = tmp_path / "Lager bestände" / "50%#1?.csv"
    path.parent.mkdir()
    path.write_bytes(BODY)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


async def test_a_path_and_its_url_read_the_same(feed: Path) -> None:
    """A plain path, a file URL and one that names localhost are one file, whatever characters are in its name."""
    url = feed.as_uri()
    for location in (str(feed), url, url.replace("file://", "file://localhost"), url.replace("file://", "FILE://LOCALHOST")):
        document, chunks = await _fetch(parse_location(location))
        assert b"".join(chunks) == BODY
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)
        assert (document.size, document.mtime) == (len(BODY), datetime.fromtimestamp(1_700_000_000, UTC))


async def test_a_name_that_is_no_utf_8_is_a_name(tmp_path: Path) -> None:
    """Old shares hold names in old encodings; they are read by the bytes they are."""
    path = tmp_path / os.fsdecode(b"best\xe4nde.csv")
    await anyio.Path(path).write_bytes(BODY)
    _, chunks = await _fetch(parse_location(str(path)))
    assert b"".join(chunks) == BODY


async def test_what_is_no_readable_file_is_refused_with_its_path(tmp_path: Path) -> None:
    """A missing file, a folder, a pipe and a path through a file are refused, each by its path."""
    plain, pipe = tmp_path / "plain.csv", tmp_path / "pipe"
    await anyio.Path(plain).write_bytes(BODY)
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path / "missing.csv", "does not exist"),
        (tmp_path, "is a directory"),
        (pipe, "is no regular file"),
        (plain / "stock.csv", "cannot be read: Not a directory"),
    ):
        with pytest.raises(RefuseRun) as caught:
            await _fetch(parse_location(str(path)))
        assert str(caught.value).startswith(f"{path} {reason}")


async def test_a_file_of_another_user_is_refused_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing permission is told apart from a missing file."""

    def forbidden(path: Path) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    # The real thing cannot be made where tests run as root, whom no permission stops.
    monkeypatch.setattr(Path, "stat", forbidden)
    with pytest.raises(RefuseRun, match="may not be read by this user"):
        await _fetch(Source("file:///srv/stock.csv"))


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    """No bytes are no feed."""
    path = tmp_path / "empty.csv"
    path.touch()
    with pytest.raises(RefuseRun, match="is empty"):
        await _fetch(parse_location(str(path)))


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more;1\n")


def _truncate(path: Path) -> None:
    os.truncate(path, CHUNK_BYTES + 10)


def _touch(path: Path) -> None:
    os.utime(path, (1_700_000_100, 1_700_000_100))


@pytest.mark.parametrize("change", [_append, _truncate, _touch])
async def test_a_file_that_moves_while_it_is_read_is_a_retry(feed: Path, change: Callable[[Path], None]) -> None:
    """Grown, shrunk or rewritten in place between first and last byte: somebody is still writing (quirk 5)."""
    chunks: list[bytes] = []
    async with FileConnector().fetch(parse_location(str(feed))) as documents:
        document = await anext(documents)
        chunks.append(await anext(document.chunks))
        await anyio.to_thread.run_sync(change, feed)
        with pytest.raises(Retry, match="is still being written"):
            chunks.extend([chunk async for chunk in document.chunks])


async def test_a_file_that_is_replaced_by_renaming_is_read_whole(feed: Path) -> None:
    """A writer that renames into place disturbs no reader: the old file is read to its end."""
    fresh = feed.with_name("fresh.csv")
    async with FileConnector().fetch(parse_location(str(feed))) as documents:
        document = await anext(documents)
        chunks = [await anext(document.chunks)]
        await anyio.Path(fresh).write_bytes(b"other\n")
        await anyio.Path(fresh).replace(feed)
        chunks.extend([chunk async for chunk in document.chunks])
    assert b"".join(chunks) == BODY


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file://fileserver/stock.csv", "names this machine only"),
        ("file://stock.csv", "names this machine only"),
        ("file:///srv/stock.csv?x", "has no query"),
        ("file:///srv/stock%00.csv", "cannot hold %00"),
    ],
)
async def test_a_file_url_that_can_be_no_local_file_is_a_setting_to_change(url: str, reason: str) -> None:
    """Another machine's file, a query and a NUL are said before anything is touched (RFC 8089)."""
    with pytest.raises(ConfigError, match=reason):
        await _fetch(parse_location(url))
