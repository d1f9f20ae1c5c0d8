"""Quirk 5: bodies that end early, break, drip or still grow, and a pointer in place of the file, over real sockets and files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import pytest

from engine.contracts import FieldRuleSpec
from engine.flow.channel import MAX_BUFFERED_BYTES
from engine.hooks import hookimpl
from engine.run import RunStatus
from engine.source import Patience
from feedmill.library import Fields
from plugins.manager import load_registry
from tests.fault.fault_proxy import Cut, Drip, Fault, Reset, canned_server, fault_proxy
from tests.integration.quirk_feeds import COLUMNS, GOOD, Outcome, check_items, check_untouched, sync

BODY: Final = GOOD.replace(b"11", b"1") + b"".join(b"new-%06d;%d;Clamp\n" % (n, n % 90) for n in range(20_000))
QUICK: Final = Patience(connect=2.0, idle=0.3, min_bytes_per_second=2_000.0)
WHOLE: Final = Fault(after=1 << 30)


def _http(body: bytes, *headers: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Connection: close", "Content-Type: text/csv", *headers, "", ""]).encode() + body


def _chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return _http(b"%x\r\n%b\r\n%b" % (len(body), body, end), "Transfer-Encoding: chunked")


SIZED: Final = _http(BODY, f"Content-Length: {len(BODY)}")


async def _fetch(answer: bytes, fault: Fault, database: Path) -> Outcome:
    async with canned_server(answer) as server, fault_proxy(server, fault) as port:
        url = f"http://user:hunter2@127.0.0.1:{port}/stock.csv?token=hush"
        return await sync(url, database, patience=QUICK, settings={"transport": {"attempts": 1}})


@pytest.fixture
async def good(tmp_path: Path) -> Outcome:
    """Give the state of a good first load, which no broken source may change."""
    outcome = await _fetch(_http(GOOD, f"Content-Length: {len(GOOD)}"), WHOLE, tmp_path / "shop.db")
    assert outcome.record.status is RunStatus.COMPLETE
    check_items({"old-1": 11, "old-2": 0}, outcome.items)
    return outcome


@pytest.mark.parametrize(
    ("answer", "fault", "said"),
    [
        pytest.param(
            _http(BODY[:100_000], f"Content-Length: {len(BODY)}"),
            WHOLE,
            (f"the body ended after 100000 of {len(BODY)} bytes", "try again later"),
            id="q5-short-of-content-length",
        ),
        pytest.param(
            _http(BODY[:-1], f"Content-Length: {len(BODY)}"),
            WHOLE,
            (f"the body ended after {len(BODY) - 1} of {len(BODY)} bytes", "try again later"),
            id="q5-short-by-one-byte",
        ),
        pytest.param(_chunked(BODY, b""), WHOLE, ("the body ended after", "try again later"), id="q5-chunked-without-its-end"),
        pytest.param(_chunked(BODY), Cut(100_000), ("the body ended after", "try again later"), id="q5-chunked-cut"),
        pytest.param(SIZED, Reset(100_000), (f"of {len(BODY)} bytes", "nothing was applied", "try again later"), id="q5-reset"),
        pytest.param(_http(BODY), Reset(100_000), ("the body ended after", "try again later"), id="q5-reset-until-close"),
        pytest.param(SIZED, Drip(100_000), ("bytes a second over", "nothing was applied", "try again later"), id="q5-drip"),
        pytest.param(SIZED, Drip(300), ("bytes a second over", "nothing was applied", "try again later"), id="q5-drip-from-the-start"),
    ],
)
async def test_a_body_that_does_not_arrive_whole_changes_nothing(
    answer: bytes, fault: Fault, said: tuple[str, ...], good: Outcome, tmp_path: Path
) -> None:
    """Cut, reset or dripping (here 50 bytes a second): the run is one to try again, the last good state stays, no secret is told."""
    broken = await _fetch(answer, fault, tmp_path / "shop.db")
    check_untouched(good, broken, "retry", said)
    assert broken.record.bytes <= len(BODY)
    told = repr(broken.record)
    assert "127.0.0.1" in told
    assert "hunter2" not in told
    assert "hush" not in told


async def test_the_next_whole_body_puts_things_right(good: Outcome, tmp_path: Path) -> None:
    """After a broken run a whole body is applied once, as if nothing had happened."""
    await _fetch(SIZED, Reset(100_000), tmp_path / "shop.db")
    whole = await _fetch(SIZED, WHOLE, tmp_path / "shop.db")
    assert whole.record.status is RunStatus.COMPLETE
    assert (whole.record.counts.created, whole.record.counts.updated, whole.record.counts.unchanged) == (20_000, 1, 1)


@dataclass
class _Writer:
    """A plugin whose rule changes the source file, once, while it is being read."""

    change: Callable[[Path], None]
    path: Path
    began: list[str] = field(default_factory=list)

    @hookimpl
    def feedmill_field_rules(self) -> Sequence[FieldRuleSpec]:
        return (FieldRuleSpec("disturb", self._disturb),)

    def _disturb(self, text: str) -> str:
        if not self.began:
            self.began.append(text)
            self.change(self.path)
        return text


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"late;7;Drill\n")


def _touch(path: Path) -> None:
    os.utime(path, (1_700_000_000, 1_700_000_000))


@pytest.mark.parametrize("change", [pytest.param(_grow, id="q5-size-moves"), pytest.param(_touch, id="q5-mtime-moves")])
async def test_a_file_that_is_still_being_written_changes_nothing(change: Callable[[Path], None], good: Outcome, tmp_path: Path) -> None:
    """A file whose size or time moves while it is read is left alone; read again when its writer is done, it is applied."""
    path = tmp_path / "growing.csv"
    rows = b"".join(b"new-%d;%d;%b\n" % (n, n, b"x" * 20_000) for n in range(1_000))
    # More than may wait between reader and mapper: the first row is mapped long before the last byte is read.
    assert len(rows) > MAX_BUFFERED_BYTES + 2_000_000
    await anyio.Path(path).write_bytes(GOOD + rows)
    writer = _Writer(change, path)
    registry = await anyio.to_thread.run_sync(lambda: load_registry(extra=(writer,)))
    mapping: Fields = [{"purpose": "sku", "name": "sku", "rules": ["disturb"]}, {"purpose": "inventoryQuantity", "name": "stock"}]
    moving = await sync(str(path), tmp_path / "shop.db", fields=mapping, registry=registry)
    assert writer.began == ["old-1"]
    check_untouched(good, moving, "retry", (f"{path} is still being written", "try again when its writer is done"))
    still = await sync(str(path), tmp_path / "shop.db", fields=mapping, registry=registry)
    assert still.record.status is RunStatus.COMPLETE
    assert still.record.counts.created == 1_000 + (change is _grow)


POINTER: Final = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 132735\n" % (b"4d7a2146" * 8)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(COLUMNS, id="q5-git-lfs-pointer"),
        pytest.param({"sku": "1", "inventoryQuantity": "2"}, id="q5-git-lfs-pointer-by-column-number"),
    ],
)
async def test_a_git_lfs_pointer_is_no_feed(fields: Fields, good: Outcome, tmp_path: Path) -> None:
    """The note that stands for a file kept elsewhere is refused by its name, from a file and over HTTP, under any mapping."""
    said = ("is a Git LFS pointer", "fetch the file itself", "nothing was applied")
    path = tmp_path / "pointer.csv"
    await anyio.Path(path).write_bytes(POINTER)
    check_untouched(good, await sync(str(path), tmp_path / "shop.db", fields=fields), "refused", said)
    answer = _http(POINTER, f"Content-Length: {len(POINTER)}")
    check_untouched(good, await _fetch(answer, WHOLE, tmp_path / "shop.db"), "refused", said)
