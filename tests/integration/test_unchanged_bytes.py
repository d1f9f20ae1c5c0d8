"""A supplier whose server says nothing of versions: the same bytes end a run before anything is mapped, other ones are applied."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web

import feedmill
from engine.contracts import Checkpoint
from engine.run import Counts, RunRecord, RunStatus
from sinks.sqlite.queries import open_queries
from sinks.sqlite.session import SqliteSession
from sinks.sqlite.single.plan import set_limit
from tests.servers.web import serving

FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}
ROWS = 1_500
SMALL = b"sku,qty\na,1\nb,2\n"


def stock(**changed: int) -> bytes:
    """Return a feed of several chunks; each item has its own number in stock but for those that changed."""
    rows = {f"i{number:06d}": number % 10 for number in range(ROWS)} | changed
    note = "x" * 300
    return b"sku,note,qty\n" + b"".join(f"{key},{note},{value:06d}\n".encode() for key, value in rows.items())


FIRST, LAST = "i000000", f"i{ROWS - 1:06d}"


@dataclass
class Supplier:
    """A server of one file, without ETag or Last-Modified, and the shop that reads it."""

    database: Path
    port: int = 0
    body: bytes = SMALL
    charset: str = "utf-8"
    asked: int = 0
    conditions: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the file whatever the conditions."""
        self.asked += 1
        self.conditions += [name for name in request.headers if name.startswith("If-")]
        return web.Response(body=self.body, content_type="text/csv", charset=self.charset)

    async def sync(self, **more: Any) -> RunRecord:
        """Run the feed once."""
        where = f"http://127.0.0.1:{self.port}/stock.csv"
        return await feedmill.sync(where, to=str(self.database), feed="acme", **{"fields": FIELDS, "settings": {}, **more})

    async def stock(self, *keys: str) -> list[object]:
        """Return what is stored of some items."""
        async with open_queries(f"sqlite:///{self.database}") as queries:
            stored: Mapping[str, object] = {str(item["externalId"]): item["inventoryQuantity"] async for item in queries.items("acme")}
        return [stored.get(key) for key in keys]


@pytest.fixture
async def supplier(tmp_path: Path) -> AsyncIterator[Supplier]:
    """Give a supplier."""
    made = Supplier(tmp_path / "shop.db")
    async with serving(made.answer) as port:
        made.port = port
        yield made


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give the sizes of the batches that are staged."""
    sizes: list[int] = []
    real = SqliteSession.stage

    async def stage(session: SqliteSession, batch: Any) -> None:
        sizes.append(len(batch))
        await real(session, batch)

    monkeypatch.setattr(SqliteSession, "stage", stage)
    return sizes


def is_unchanged(record: RunRecord) -> bool:
    """Tell whether a complete run found its source unchanged."""
    assert record.status is RunStatus.COMPLETE
    return [problem.code for problem in record.problems] == ["not-modified"]


async def test_the_same_bytes_end_the_run(supplier: Supplier, staged: list[int]) -> None:
    """Nothing is staged, the figures are those of reading it again, and the record says which run read these bytes."""
    supplier.body = stock()
    first = await supplier.sync()
    assert (first.counts, sum(staged)) == (Counts(created=ROWS), ROWS)
    staged.clear()
    for _ in range(2):
        again = await supplier.sync()
        assert (again.counts, again.read, again.bytes, staged) == (Counts(unchanged=ROWS), ROWS, len(supplier.body), [])
        assert is_unchanged(again)
        said = "stock.csv: sent the same bytes as before; its records are those that run 1 read"
        assert again.problems[0].message.endswith(said)
    assert (supplier.asked, supplier.conditions) == (3, [])


@pytest.mark.parametrize("key", [FIRST, LAST])
async def test_a_change_of_the_first_or_the_last_byte_is_applied(supplier: Supplier, key: str) -> None:
    """Wherever the one change is, it is found and stored, and the next run knows the new bytes."""
    supplier.body = stock()
    await supplier.sync()
    supplier.body = stock(**{key: 77})
    changed = await supplier.sync()
    assert (changed.counts, changed.read) == (Counts(updated=1, unchanged=ROWS - 1), ROWS)
    assert await supplier.stock(key) == [77]
    assert is_unchanged(await supplier.sync())


async def test_a_byte_at_the_very_end_counts(supplier: Supplier) -> None:
    """A newline that is cut off is another source; what is held back for it is passed on at the end."""
    await supplier.sync()
    supplier.body = supplier.body[:-1]
    again = await supplier.sync()
    assert (again.counts, is_unchanged(again)) == (Counts(unchanged=2), False)


async def test_packed_bytes_are_compared_as_they_were_sent(supplier: Supplier, staged: list[int]) -> None:
    """An archive that is the same is not unpacked."""
    supplier.body = gzip.compress(supplier.body, mtime=0)
    await supplier.sync()
    staged.clear()
    again = await supplier.sync()
    assert (again.bytes, staged, again.dialect) == (len(supplier.body), [], {})
    assert is_unchanged(again)


async def test_the_same_bytes_in_another_charset_are_read(supplier: Supplier) -> None:
    """What the server says of the characters decides what the bytes mean."""
    supplier.body, supplier.charset = "sku,qty\ncafé,1\n".encode(), "utf-8"
    await supplier.sync()
    supplier.charset = "iso-8859-1"
    assert not is_unchanged(await supplier.sync())


async def test_what_decides_the_items_has_the_same_bytes_read(supplier: Supplier) -> None:
    """After another setting, by `refetch` and by a dry run the source is read whole, as where its server knows versions."""
    await supplier.sync()
    assert not is_unchanged(await supplier.sync(refetch=True))
    assert not is_unchanged(await supplier.sync(dry_run=True))
    assert is_unchanged(await supplier.sync())
    assert not is_unchanged(await supplier.sync(settings={"allocationBuffer": 1}))


async def test_what_the_daily_limit_left_out_is_read_again(supplier: Supplier) -> None:
    """A run that is not done with its source leaves nothing by which the next could take it for unchanged."""
    await supplier.sync()
    await set_limit(f"sqlite:///{supplier.database}", 1)
    supplier.body = b"sku,qty\na,3\nb,4\n"
    assert (await supplier.sync()).limited == 1
    await set_limit(f"sqlite:///{supplier.database}", None)
    assert (await supplier.sync()).counts == Counts(updated=1, unchanged=1)
    assert await supplier.stock("a", "b") == [3, 4]


async def test_missing_items_are_awaited_though_the_bytes_are_the_same(supplier: Supplier) -> None:
    """Grace is counted in runs that read the source."""
    grace = {"settings": {"missingGraceRuns": 1}}
    await supplier.sync(**grace)
    supplier.body = b"sku,qty\na,1\n"
    assert not is_unchanged(await supplier.sync(**grace))
    assert (await supplier.sync(**grace)).counts.removed == 1
    assert not is_unchanged(await supplier.sync(**grace))
    assert is_unchanged(await supplier.sync(**grace))


async def test_an_undo_goes_back_to_the_bytes_of_the_run_before(supplier: Supplier) -> None:
    """What was undone is read again when it is still there, and what stands again is known by its own bytes."""
    await supplier.sync()
    supplier.body = b"sku,qty\na,1\nb,3\n"
    changed = await supplier.sync()
    await feedmill.undo(changed.run, db=str(supplier.database))
    assert await supplier.stock("a", "b") == [1, 2]
    read = await supplier.sync()
    assert (read.counts, await supplier.stock("b")) == (Counts(updated=1, unchanged=1), [3])
    await feedmill.undo(read.run, db=str(supplier.database))
    supplier.body = SMALL
    assert is_unchanged(await supplier.sync())
    assert await supplier.stock("a", "b") == [1, 2]


async def test_a_push_in_between_stands_until_the_source_changes(supplier: Supplier) -> None:
    """As where the server knows versions: a source that says nothing new takes nothing back."""
    await supplier.sync()
    await feedmill.push(str(supplier.database), "acme", {"externalId": "a", "inventoryQuantity": 9})
    assert is_unchanged(await supplier.sync())
    assert await supplier.stock("a", "b") == [9, 2]
    supplier.body = b"sku,qty\na,1\nb,3\n"
    await supplier.sync()
    assert await supplier.stock("a", "b") == [1, 3]


async def test_a_held_run_that_is_approved_leaves_its_bytes(supplier: Supplier) -> None:
    """What waited for a person is known by its digest from then on, as what was applied at once."""
    reviewed = {"settings": {"reviewChanges": True}}
    held = await supplier.sync(**reviewed)
    assert held.status is RunStatus.HELD
    await feedmill.approve(held.run, db=str(supplier.database))
    assert is_unchanged(await supplier.sync(**reviewed))


async def test_a_run_that_breaks_off_leaves_what_was_known(supplier: Supplier) -> None:
    """A page that is no feed is refused, and the old bytes are still the old bytes."""
    await supplier.sync()
    supplier.body = b"<html><title>Login</title></html>"
    assert (await supplier.sync()).status is RunStatus.ERROR
    supplier.body = SMALL
    assert is_unchanged(await supplier.sync())


async def test_a_checkpoint_of_an_older_program_is_read(supplier: Supplier) -> None:
    """One without a digest loads, stands for no bytes, and the next run leaves one."""
    await supplier.sync()
    await _edit_checkpoint(supplier.database, lambda stored: stored.pop("digests"))
    assert not is_unchanged(await supplier.sync())
    assert is_unchanged(await supplier.sync())
    await _edit_checkpoint(supplier.database, lambda stored: stored.update(digests="9 of another form"))
    assert not is_unchanged(await supplier.sync())


async def _edit_checkpoint(database: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    def work() -> None:
        with closing(sqlite3.connect(database)) as connection, connection:
            stored = orjson.loads(connection.execute("SELECT checkpoint FROM inventory_feeds").fetchone()[0])
            assert set(Checkpoint.__dataclass_fields__) == set(stored)
            edit(stored)
            connection.execute("UPDATE inventory_feeds SET checkpoint = ?", (orjson.dumps(stored).decode(),))

    await anyio.to_thread.run_sync(work)
