"""The daily limit: calls and runs together update so many distinct items a UTC day, whoever writes and whenever."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from anyio import create_task_group, run_process, to_thread

from engine.contracts import FeedDefinition
from engine.errors import ConfigError, LimitReached
from engine.run import Counts, RunRecord, RunStatus
from feedmill.library import sync
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite import clock
from sinks.sqlite.database import locate
from sinks.sqlite.decisions import approve
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.landing import applying
from sinks.sqlite.landing.statements import StageTable
from sinks.sqlite.queries import open_queries
from sinks.sqlite.single.calls import ItemCalls, open_calls
from sinks.sqlite.single.plan import DAY, read_plan, set_limit
from sinks.sqlite.sink import SqliteSink, open_sqlite

BOTH = ("vendorSku", "inventoryQuantity")
PUSH_MANY = """
import sys, anyio
from engine.errors import LimitReached
from sinks.sqlite.single.calls import open_calls

async def main(url, first):
    refused = 0
    async with open_calls(url) as calls:
        for number in range(int(first), 40):
            try:
                await calls.push("conformance", {"externalId": f"n{number}", "vendorSku": "N", "inventoryQuantity": number})
            except LimitReached:
                refused += 1
    print(refused)

anyio.run(main, *sys.argv[1:])
"""


class Day:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 20_000 * DAY + DAY // 2

    def __call__(self) -> int:
        return self.now

    def turn(self) -> None:
        """Let midnight UTC pass, by a microsecond."""
        self.now = (self.now // DAY + 1) * DAY


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Day:
    """Set the clock of the tables."""
    set_by_hand = Day()
    monkeypatch.setattr(clock, "now", set_by_hand)
    return set_by_hand


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
async def sink(url: str) -> AsyncIterator[SqliteSink]:
    """Open a database whose feed has the items a to e, 5 of each, before there is a limit."""
    async with open_sqlite(url) as opened:
        await import_items(opened, batch(BOTH, *((key, "S", 5) for key in "abcde")))
        yield opened


@pytest.fixture
async def calls(url: str, sink: SqliteSink) -> AsyncIterator[ItemCalls]:
    """Open it for calls."""
    async with open_calls(url) as opened:
        yield opened


async def stock(url: str, feed: str = FEED.name) -> dict[object, object]:
    """Return the stock of each item that a reader sees."""
    async with open_queries(url) as queries:
        return {item["externalId"]: item["inventoryQuantity"] async for item in queries.items(feed)}


async def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on the database, behind Feedmill's back, and return its rows."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(sql).fetchall()

    return await to_thread.run_sync(run)


async def set_stock(calls: ItemCalls, key: str, quantity: int) -> str:
    """Push a quantity and say what became of it."""
    return (await calls.push(FEED.name, {"externalId": key, "inventoryQuantity": quantity})).outcome


async def test_an_item_counts_once_a_day_and_an_unchanged_one_never(calls: ItemCalls, url: str, day: Day) -> None:
    """Two of two are used by two items, however often they change; a third is refused until midnight, to the second."""
    await set_limit(url, 2)
    for key, quantity in (("a", 6), ("a", 7), ("c", 5), ("b", 8), ("a", 9), ("b", 10)):
        await set_stock(calls, key, quantity)
    with pytest.raises(LimitReached, match="daily limit of 2 items") as told:
        await set_stock(calls, "c", 6)
    assert told.value.retry_after == DAY / 2 / 1_000_000
    with pytest.raises(LimitReached):
        await calls.push(FEED.name, {"externalId": "new", "vendorSku": "N"})
    assert await stock(url) == {"a": 9, "b": 10, "c": 5, "d": 5, "e": 5}
    plan = await read_plan(url)
    assert (plan.sku_limit, plan.used_today, plan.resets_at) == (2, 2, datetime(2024, 10, 5, tzinfo=UTC))


async def test_midnight_utc_gives_a_new_day(calls: ItemCalls, url: str, day: Day) -> None:
    """What was refused a microsecond before midnight is taken at midnight; a clock set back finds its day as it was."""
    await set_limit(url, 1)
    await set_stock(calls, "a", 6)
    day.turn()
    day.now -= 1
    with pytest.raises(LimitReached):
        await set_stock(calls, "b", 6)
    day.now += 1
    assert await set_stock(calls, "b", 6) == "updated"
    day.now -= 1
    with pytest.raises(LimitReached):
        await set_stock(calls, "c", 6)
    day.now += 3 * DAY
    await set_stock(calls, "c", 6)
    assert len(await ask(url, "SELECT * FROM plan_usage")) == 1, "days that nobody asks for are kept"


async def test_nothing_that_takes_out_of_stock_is_stopped(calls: ItemCalls, url: str) -> None:
    """A fall to nothing and a removal are taken at a limit of 0 and count for nothing; a fall to something is an update."""
    await set_limit(url, 0)
    assert await set_stock(calls, "a", 0) == "updated"
    assert (await calls.push(FEED.name, {"externalId": "b", "status": "removed"})).outcome == "updated"
    with pytest.raises(LimitReached):
        await set_stock(calls, "c", 1)
    with pytest.raises(LimitReached):
        await set_stock(calls, "b", 0)  # It would come back, though without stock.
    await calls.edit(FEED.name, "d", {"inventoryQuantity": 1})
    await calls.remove(FEED.name, "e")
    assert await stock(url) == {"a": 0, "b": 0, "c": 5, "d": 1}
    assert (await read_plan(url)).used_today == 0


async def test_without_a_limit_nothing_is_counted(calls: ItemCalls, url: str) -> None:
    """There is none until one is set, and none again when it is taken away; a negative one is refused."""
    await set_stock(calls, "a", 6)
    assert ((await read_plan(url)).sku_limit, (await read_plan(url)).used_today) == (None, 0)
    await set_limit(url, 1)
    await set_stock(calls, "b", 6)
    await set_limit(url, None)
    assert await set_stock(calls, "c", 6) == "updated"
    assert ((await read_plan(url)).sku_limit, (await read_plan(url)).used_today) == (None, 1)
    with pytest.raises(ConfigError, match="-1 is no limit"):
        await set_limit(url, -1)


@pytest.mark.parametrize("chunk", [1, 2, 5_000])
async def test_a_run_takes_what_the_day_allows_in_the_order_of_the_feed(
    sink: SqliteSink, calls: ItemCalls, url: str, day: Day, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records come in another order than keys: the first two that count are taken, sold out ones always, the rest by the next day's run.

    One that is unchanged and one that was counted already today are free.
    """
    monkeypatch.setattr(applying, "CHUNK_ROWS", chunk)
    await set_limit(url, 3)
    await set_stock(calls, "e", 6)
    feed = batch(BOTH, ("z", "S", 1), ("e", "S", 9), ("b", "S", 5), ("d", "S", 7), ("c", "S", 0), ("a", "S", 8), ("y", "S", 2))
    _, foreseen = await import_items(sink, feed, dry_run=True)
    _, counts = await import_items(sink, feed)
    assert counts == foreseen == Counts(created=1, updated=3, unchanged=1, skipped=2, limited=2)
    assert await stock(url) == {"a": 5, "b": 5, "c": 0, "d": 7, "e": 9, "z": 1}
    assert (await read_plan(url)).used_today == 3
    _, counts = await import_items(sink, feed)
    assert counts == Counts(unchanged=5, skipped=2, limited=2)
    day.turn()
    _, counts = await import_items(sink, feed)
    assert counts == Counts(created=1, updated=1, unchanged=5)
    assert await stock(url) == {"a": 8, "b": 5, "c": 0, "d": 7, "e": 9, "y": 2, "z": 1}


async def test_a_first_load_keeps_to_the_limit(url: str) -> None:
    """A limit that is set before the first run leaves out what is over it, in the order of the feed."""
    await set_limit(url, 2)
    async with open_sqlite(url) as sink:
        _, counts = await import_items(sink, batch(BOTH, ("c", "S", 1), ("a", "S", 1), ("b", "S", 1)))
    assert counts == Counts(created=2, skipped=1, limited=1)
    assert set(await stock(url)) == {"a", "c"}


async def test_midnight_between_two_chunks_allows_the_rest(sink: SqliteSink, url: str, day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk counts on the day of its own transaction."""
    monkeypatch.setattr(applying, "CHUNK_ROWS", 1)
    await set_limit(url, 1)
    clear = StageTable.clear

    def clear_at_midnight(stage: StageTable) -> str:
        day.turn()
        return clear(stage)

    monkeypatch.setattr(StageTable, "clear", clear_at_midnight)
    _, counts = await import_items(sink, batch(BOTH, ("a", "S", 6), ("b", "S", 6), ("c", "S", 6), ("d", "S", 5), ("e", "S", 5)))
    assert (counts.updated, counts.limited) == (3, 0)
    assert await ask(url, "SELECT used FROM plan_days ORDER BY day") == [(1,), (1,)]


async def test_what_others_write_meanwhile_is_counted_against_the_run(
    sink: SqliteSink, calls: ItemCalls, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pushes between the chunks take places that the run had reckoned with: all together are not more than the limit."""
    monkeypatch.setattr(applying, "CHUNK_ROWS", 1)
    changing, pushed = Writer.changing, iter((None, "x", "y"))

    @asynccontextmanager
    async def push_first(writer: Writer, origin: Origin) -> AsyncIterator[Writer]:
        if origin.run is not None and (key := next(pushed, None)) is not None:
            await calls.push(FEED.name, {"externalId": key, "vendorSku": "S", "inventoryQuantity": 1})
        async with changing(writer, origin) as opened:
            yield opened

    await set_limit(url, 4)
    monkeypatch.setattr(Writer, "changing", push_first)
    _, counts = await import_items(sink, batch(BOTH, *((key, "S", 6) for key in "abcde")))
    assert counts == Counts(updated=2, skipped=3, limited=3)
    assert await stock(url) == {"a": 6, "b": 6, "c": 5, "d": 5, "e": 5, "x": 1, "y": 1}
    assert (await read_plan(url)).used_today == 4


async def test_an_approved_run_keeps_to_the_limit_of_the_day_it_is_applied_on(sink: SqliteSink, url: str, day: Day) -> None:
    """The limit is set after the run was held; what it leaves out is told among its problems, and no checkpoint is kept."""
    async with sink.session(FEED) as session:
        await session.stage(batch(BOTH, *((key, "S", 6) for key in "abc")))
        await session.summary()
        await session.hold(RunRecord(FEED.name, session.run, RunStatus.HELD, 3, Counts(updated=3)))
    await set_limit(url, 2)
    day.turn()
    record = await approve(locate(url), session.run)
    assert (record.counts.updated, record.skipped, record.limited) == (2, 1, 1)
    assert [problem.code for problem in record.problems] == ["approved", "daily-limit"]
    assert await stock(url) == {"a": 6, "b": 6, "c": 5, "d": 5, "e": 5}


async def test_a_limited_run_says_so_and_reads_its_source_again(tmp_path: Path, url: str, day: Day) -> None:
    """A source that has not changed since is read by the next run, which takes the rest."""
    source = anyio.Path(tmp_path) / "feed.csv"
    await source.write_text("sku,stock\nb,1\na,2\nc,3\n")

    async def run() -> RunRecord:
        return await sync(str(source), to=url, feed="shop", fields={"sku": "sku", "inventoryQuantity": "stock"})

    await set_limit(url, 2)
    first = await run()
    assert (first.status, first.counts.created, first.skipped, first.limited) == (RunStatus.COMPLETE, 2, 1, 1)
    assert [problem.code for problem in first.problems if problem.code == "daily-limit"] == ["daily-limit"]
    async with open_queries(url) as queries:
        (kept,) = [each async for each in queries.rejects(first.run or 0)]
    assert (kept.record, kept.value, kept.fate) == (3, "c", "skipped")
    assert "daily limit" in kept.reason
    assert orjson.loads(kept.raw) == {"externalId": "c", "vendorSku": "c", "inventoryQuantity": 3}
    day.turn()
    second = await run()
    assert (second.counts.created, second.counts.unchanged, second.limited) == (1, 2, 0)
    assert await stock(url, "shop") == {"a": 2, "b": 1, "c": 3}


async def test_two_processes_that_push_at_once_share_one_limit(sink: SqliteSink, url: str) -> None:
    """Of 80 pushes of 40 items by two processes exactly ten items are taken, each counted once."""
    await set_limit(url, 10)
    refused: list[int] = []

    async def push(first: int) -> None:
        done = await run_process([sys.executable, "-W", "error", "-c", PUSH_MANY, url, str(first)], stderr=None)
        refused.append(int(done.stdout))

    async with create_task_group() as processes:
        processes.start_soon(push, 0)
        processes.start_soon(push, 5)
    assert await ask(url, "SELECT count(*) FROM inventory_feed_variants WHERE vendor_sku = 'N'") == [(10,)]
    assert await ask(url, "SELECT used, (SELECT count(*) FROM plan_usage) FROM plan_days") == [(10, 10)]
    assert min(refused) >= 25


async def test_feeds_share_one_limit(sink: SqliteSink, calls: ItemCalls, url: str) -> None:
    """The plan is the database's: what one feed takes the other one lacks."""
    other = FeedDefinition("other")
    await import_items(sink, feed=other)
    await set_limit(url, 1)
    await set_stock(calls, "a", 6)
    _, counts = await import_items(sink, batch(BOTH, ("a", "S", 1)), feed=other)
    assert counts == Counts(skipped=1, limited=1)
