"""The file connector on real files: whole or an error, and never a file that somebody is still writing."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread
import pytest

from connectors.file import FileConnector
from engine.document import CHUNK_BYTES, Document
from engine.errors import ConfigError, NotModified, RefuseRun, Retry
from engine.source import Egress, Persistence, Source, parse_location

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


async def test_what_the_web_api_makes_reads_no_file_of_this_machine(feed: Path) -> None:
    """A feed that may not reach private addresses may not reach the disk either."""
    with pytest.raises(ConfigError, match="files of this machine may not be read by this feed"):
        await _fetch(replace(parse_location(str(feed)), egress=Egress(allow_private=False)))


def _write(path: Path, content: bytes, seconds: int = 1_700_000_000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (seconds, seconds))


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    """Give a folder as a supplier fills it: three days of stock, an upload under way, a note, a folder and a dead link."""
    folder = tmp_path / "drop 1"
    for day, name in enumerate(("stock_c.csv", "stock_a.csv", "stock_b.csv")):
        _write(folder / name, name.encode(), 1_700_000_000 + day)
    _write(folder / ".stock_z.csv", b"half of it", 1_700_000_900)
    _write(folder / "readme.txt", b"hello", 1_700_000_900)
    (folder / "stock_old.csv").mkdir()
    (folder / "stock_dead.csv").symlink_to(folder / "gone.csv")
    return folder


def _below(folder: Path, path: str, select: Literal["newest", "all"] = "newest") -> Source:
    return replace(parse_location(str(folder)), path=path, select=select)


async def _fetch_all(source: Source) -> list[tuple[Document, bytes]]:
    async with FileConnector().fetch(source) as documents:
        return [(document, b"".join([chunk async for chunk in document.chunks])) async for document in documents]


async def test_the_newest_file_that_fits_is_read(drop: Path) -> None:
    """By time, not by name; hidden files, folders and dead links are none of them. The document is named as a URL."""
    ((document, content),) = await _fetch_all(_below(drop, "stock_*.csv"))
    assert content == b"stock_b.csv"
    assert document.name == (drop / "stock_b.csv").as_uri()
    assert (document.size, document.mtime) == (11, datetime.fromtimestamp(1_700_000_002, UTC))


async def test_all_files_that_fit_are_read_from_the_oldest_on(drop: Path) -> None:
    """Each is a document of its own, so the last word is the newest file's."""
    read = await _fetch_all(_below(drop, "stock_*.csv", "all"))
    assert [content for _, content in read] == [b"stock_c.csv", b"stock_a.csv", b"stock_b.csv"]
    assert len({document.name for document, _ in read}) == 3


async def test_a_path_is_below_the_url_and_may_hold_dates(drop: Path) -> None:
    """Today's file in a folder of the year; a leading slash is no root, and two dots are the operator's own."""
    now = datetime.now(UTC)
    await anyio.to_thread.run_sync(_write, drop / f"{now:%Y}" / f"stock_{now:%m%d}.csv", b"today")
    for path in ("{date:%Y}/stock_{date:%m%d}.csv", "/{date:%Y}/stock_*.csv", "../drop 1/{date:%Y}/stock_*.csv"):
        assert [content for _, content in await _fetch_all(_below(drop, path))] == [b"today"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nothing_*.csv", r"no file fits 'nothing_\*\.csv'; there are '\.stock_z\.csv', 'readme\.txt', 'stock_a\.csv'"),
        ("missing.csv", r"missing\.csv does not exist"),
        ("missing/*.csv", r"missing does not exist"),
        ("readme.txt/*.csv", r"readme\.txt cannot be read: Not a directory"),
        ("stock_old.csv", r"is a directory; name one file in it, or say with resourcePath"),
        ("", r"drop 1 is a directory"),
    ],
)
async def test_a_path_that_leads_to_no_file_is_refused(drop: Path, path: str, reason: str) -> None:
    """What is there is said, so that the cure is seen."""
    with pytest.raises(RefuseRun, match=reason):
        await _fetch_all(_below(drop, path))


@pytest.mark.parametrize("path", ["stock_{day}.csv", "*/stock.csv", "stock\0.csv"])
async def test_a_path_that_cannot_be_meant_is_a_setting_to_change(drop: Path, path: str) -> None:
    """Said before anything is touched."""
    with pytest.raises(ConfigError):
        await _fetch_all(_below(drop, path))


def _known(read: list[tuple[Document, bytes]]) -> dict[str, str]:
    return {document.name: document.version for document, _ in read if document.version is not None}


@pytest.mark.parametrize("select", ["newest", "all"])
async def test_what_was_read_before_is_not_read_again(drop: Path, select: Literal["newest", "all"]) -> None:
    """Every file as it was, and no other: nothing to do. Other files of the folder may change as they like."""
    source = _below(drop, "stock_*.csv", select)
    read = await _fetch_all(source)
    await anyio.to_thread.run_sync(_write, drop / "readme.txt", b"changed")
    with pytest.raises(NotModified, match="nothing was written since the last complete run"):
        await _fetch_all(replace(source, known=_known(read)))


async def test_one_file_is_known_again_by_its_version(feed: Path) -> None:
    """Also without a path, under the name of the source."""
    source = parse_location(str(feed))
    document, _ = await _fetch(source)
    assert document.version is not None
    with pytest.raises(NotModified):
        await _fetch(replace(source, known={source.name: document.version}))


def _rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"S")
    os.utime(path, (1_700_000_002, 1_700_000_002))


def _replace_by_copy(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    copy.replace(path)


def _add_newer(path: Path) -> None:
    _write(path.with_name("stock_d.csv"), b"new", 1_700_000_100)


def _add_older(path: Path) -> None:
    _write(path.with_name("stock_d.csv"), b"late", 1_600_000_000)


def _remove_another(path: Path) -> None:
    path.with_name("stock_a.csv").unlink()


@pytest.mark.parametrize(
    ("select", "change"),
    [
        ("newest", _rewrite),
        ("newest", _replace_by_copy),
        ("newest", _add_newer),
        ("all", _rewrite),
        ("all", _add_older),
        ("all", _remove_another),
    ],
)
async def test_whatever_changed_is_read_again(drop: Path, select: Literal["newest", "all"], change: Callable[[Path], None]) -> None:
    """A rewrite that keeps size and time, another file with both, one file more, one less: never taken for unchanged."""
    source = _below(drop, "stock_*.csv", select)
    known = _known(await _fetch_all(source))
    await anyio.to_thread.run_sync(change, drop / "stock_b.csv")
    read = await _fetch_all(replace(source, known=known))
    assert _known(read) != known


async def test_a_file_whose_versions_were_kept_under_another_name_is_read(drop: Path) -> None:
    """The newest file of yesterday says nothing of that of today."""
    source = _below(drop, "stock_*.csv")
    ((document, _),) = await _fetch_all(source)
    assert await _fetch_all(replace(source, known={"file:///elsewhere.csv": document.version or ""}))
    assert await _fetch_all(replace(source, known={**_known([(document, b"")]), "file:///elsewhere.csv": "1"}))


async def test_a_fresh_file_is_left_to_settle(feed: Path) -> None:
    """A file written this moment is read once a later write would show: its version then stands for its bytes."""
    versions = set[str | None]()
    for number in range(5):
        await anyio.to_thread.run_sync(_overwrite, feed, b"%06d" % number)
        document, chunks = await _fetch(parse_location(str(feed)))
        assert b"".join(chunks).startswith(b"%06d" % number)
        versions.add(document.version)
    assert len(versions) == 5


def _overwrite(path: Path, content: bytes) -> None:
    with path.open("r+b") as file:
        file.write(content)


def _append_until(path: Path, done: threading.Event) -> None:
    # In a thread of its own: a loop that is late is late for reader and writer alike, and the reader would find the file at rest.
    while not done.wait(0.002):
        _append(path)


@asynccontextmanager
async def _writing(path: Path) -> AsyncIterator[threading.Event]:
    """Have a file written until the event is set or the context left."""
    done = threading.Event()
    async with anyio.create_task_group() as group:
        await anyio.to_thread.run_sync(_append, path)
        group.start_soon(anyio.to_thread.run_sync, _append_until, path, done)
        try:
            yield done
        finally:
            done.set()


async def test_a_file_that_is_being_written_is_tried_again_and_then_a_retry(feed: Path) -> None:
    """Somebody writes on and on: the connector asks as often as it may, tells it, and gives up with what cures it."""
    told: list[str] = []
    source = replace(parse_location(str(feed)), persistence=Persistence(2, 0.0, 0.0), tell=told.append)
    async with _writing(feed):
        with pytest.raises(Retry, match=r"is still being written .*have it renamed into place"):
            await _fetch(source)
    assert ["(attempt 2 of 2 in 0.0 s)" in message for message in told] == [True]


async def test_a_file_that_comes_to_rest_is_read(feed: Path) -> None:
    """A writer that is done while the connector waits costs a moment, not the run."""
    told: list[str] = []
    async with _writing(feed) as done:

        def tell(message: str) -> None:
            told.append(message)
            done.set()

        source = replace(parse_location(str(feed)), persistence=Persistence(50, 0.0, 0.0), tell=tell)
        _, chunks = await _fetch(source)
    assert told
    assert b"".join(chunks) == await anyio.Path(feed).read_bytes()


async def test_a_file_that_is_gone_when_its_turn_comes_is_a_retry(drop: Path) -> None:
    """Half of the files would be half a feed; the next run sees the folder as it is then."""
    source = _below(drop, "stock_*.csv", "all")
    async with FileConnector().fetch(source) as documents:
        await anext(documents)
        await anyio.Path(drop / "stock_a.csv").unlink()
        with pytest.raises(Retry, match=r"stock_a\.csv was moved or removed after it was found"):
            await anext(documents)


async def test_a_pipe_that_took_a_files_place_is_refused_without_waiting(drop: Path) -> None:
    """Opening a pipe waits for a writer, if it is let."""
    source = _below(drop, "stock_*.csv", "all")
    async with FileConnector().fetch(source) as documents:
        await anext(documents)
        await anyio.Path(drop / "stock_a.csv").unlink()
        os.mkfifo(drop / "stock_a.csv")
        with anyio.fail_after(5), pytest.raises(RefuseRun, match="is no regular file"):
            await anext(documents)
