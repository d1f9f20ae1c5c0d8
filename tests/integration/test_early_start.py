"""A mapper's process that is started before anything that could run a feed is imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from aiohttp import web

import feedmill
import feedmill.lanes.choosing
import feedmill.lanes.foreseeing
import feedmill.lanes.starting
from engine.flow.lanes import Order
from feedmill import RunStatus
from feedmill.lanes.choosing import is_worth_a_process
from feedmill.lanes.foreseeing import BIG_BYTES, foresees_process
from feedmill.lanes.starting import MapperProcess, start_process
from sinks.sqlite.queries import open_queries
from tests.servers.web import serving

FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}
LONG_PAST = 1_000_000_000


Started: TypeAlias = list[tuple[MapperProcess, bool]]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Take any file for big, and note every process and whether it was started early."""
    noted: Started = []

    async def note(*, early: bool = False) -> MapperProcess:
        noted.append((await start_process(early=early), early))
        return noted[-1][0]

    for module in (feedmill.lanes.choosing, feedmill.lanes.foreseeing):
        monkeypatch.setattr(module, "BIG_BYTES", 1)
        monkeypatch.setattr(module, "cores", lambda: 2)
    monkeypatch.setattr(feedmill.lanes.starting, "start_process", note)
    return noted


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file of 2,000 items that was written long ago."""
    path = tmp_path / "feed.csv"
    path.write_text("sku,qty\n" + "".join(f"a{number},{number}\n" for number in range(2_000)))
    os.utime(path, (LONG_PAST, LONG_PAST))
    return path


async def test_a_first_load_is_read_in_the_process_that_was_started_early(source: Path, started: Started, tmp_path: Path) -> None:
    """The run takes that process and starts no other; it has ended when the run has."""
    shop = f"sqlite:///{tmp_path / 'shop.db'}"
    run = await feedmill.sync(str(source), to=shop, feed="acme", fields=FIELDS)
    assert (run.status, run.counts.created) == (RunStatus.COMPLETE, 2_000)
    assert [(early, process.process.returncode is None) for process, early in started] == [(True, False)]
    async with open_queries(shop) as queries:
        stored = {item["externalId"]: item["inventoryQuantity"] async for item in queries.items("acme")}
    assert stored == {f"a{number}": number for number in range(2_000)}


@pytest.mark.parametrize("compressed", [True, False])
async def test_what_is_of_unknown_size_is_read_in_the_process_that_waits(compressed: bool, started: Started, tmp_path: Path) -> None:
    """A first load over HTTP takes it where the answer is compressed; one that is announced as small leaves it, and it is ended."""

    async def answer(_: web.Request) -> web.Response:
        response = web.Response(text="sku,qty\na,1\nb,2\n", content_type="text/csv")
        if compressed:
            response.enable_compression(web.ContentCoding.gzip)
        return response

    lanes: list[bool] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(feedmill.lanes.choosing, "BIG_BYTES", BIG_BYTES)
        patched.setattr(feedmill.lanes.choosing, "is_worth_a_process", _noting(lanes))
        async with serving(answer) as port:
            run = await feedmill.sync(f"http://127.0.0.1:{port}/feed.csv", to=str(tmp_path / "shop.db"), feed="acme", fields=FIELDS)
    assert (run.status, run.counts.created, lanes) == (RunStatus.COMPLETE, 2, [compressed])
    assert [(early, process.process.returncode is None) for process, early in started] == [(True, False)]


def _noting(lanes: list[bool]) -> Callable[..., bool]:
    def note(order: Order, *, started: bool = False) -> bool:
        lanes.append(is_worth_a_process(order, started=started))
        return lanes[-1]

    return note


async def test_a_process_that_no_run_wants_is_ended(source: Path, started: Started, tmp_path: Path) -> None:
    """Settings that cannot work leave no process behind."""
    with pytest.raises(feedmill.ConfigError):
        await feedmill.sync(str(source), to=str(tmp_path / "shop.db"), feed="acme", settings={"delimiter": 7}, fields=FIELDS)
    assert [(early, process.process.returncode is None) for process, early in started] == [(True, False)]


def test_a_process_is_foreseen_for_a_big_file_that_is_mostly_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a small file, a folder, another kind of sink, or where the database may hold what the file does."""
    monkeypatch.setattr(feedmill.lanes.foreseeing, "cores", lambda: 2)
    big, small, database = tmp_path / "big file.csv", tmp_path / "small.csv", tmp_path / "shop.db"
    for path, size in ((big, BIG_BYTES), (small, BIG_BYTES - 1), (database, BIG_BYTES // 2 - 1)):
        path.touch()
        os.truncate(path, size)
    for sink in (str(database), f"sqlite:///{database}", str(tmp_path / "new.db")):
        assert foresees_process(str(big), sink)
        assert foresees_process(big.as_uri(), sink)
        for other in (str(small), str(tmp_path), str(tmp_path / "missing.csv"), "ipfs://big.csv", "file://[", "a\0b", None):
            assert not foresees_process(other, sink)
    assert not foresees_process(str(big), f"jsonl:///{database}")
    assert not foresees_process(str(big), None)
    os.truncate(database, BIG_BYTES // 2)
    assert not foresees_process(str(big), str(database))


def test_a_process_is_foreseen_for_an_address_whose_database_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows how much will come, and a first load happens once; a run on what is there starts none before it knows."""
    monkeypatch.setattr(feedmill.lanes.foreseeing, "cores", lambda: 2)
    there, absent = tmp_path / "shop.db", tmp_path / "new.db"
    there.touch()
    for source in ("https://example.org/big.csv", "HTTP://user:secret@example.org", "ftp://[", "ftps://a/b", "sftp://a/b"):
        assert foresees_process(source, str(absent))
        assert foresees_process(source, f"sqlite:///{absent}")
        for sink in (str(there), f"sqlite:///{there}", f"jsonl:///{absent}", None):
            assert not foresees_process(source, sink)
    monkeypatch.setattr(feedmill.lanes.foreseeing, "cores", lambda: 1)
    assert not foresees_process("https://example.org/big.csv", str(absent))
