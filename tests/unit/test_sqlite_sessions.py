"""SQLite sessions: fencing, control rows, rejects, times, and what readers are told."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from anyio import to_thread
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import ItemBatch, JsonValue, Reject, Value, ValuesByColumn
from engine.contracts import FeedDefinition, Sink
from engine.errors import ConfigError, InternalError, Retry, Superseded, UnderWay
from engine.run import Counts, Problem, RunRecord, RunStatus, StageTimes
from plugins.conformance.sink import FEED, batch, import_items, plan_record, settle
from sinks.sqlite import session as session_module
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.control import Control
from sinks.sqlite.database import locate
from sinks.sqlite.failures import explain
from sinks.sqlite.landing.bitmap import Bitmap
from sinks.sqlite.landing.rows import KeyedRows, Pace, stored_digests
from sinks.sqlite.landing.statements import ROWS_ALONE, ROWS_BESIDE, Insert
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite

BOTH = ("name", "inventoryQuantity")


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a database that does not exist yet."""
    return f"sqlite:///{tmp_path}/shop.db"


async def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on the database, behind Feedmill's back, and return its rows."""

    def run() -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
            return connection.execute(sql).fetchall()

    return await to_thread.run_sync(run)


@pytest.mark.parametrize("first", [True, False], ids=["straight", "staged"])
async def test_a_run_that_lost_its_fence_writes_nothing(url: str, first: bool) -> None:
    """A run that somebody took over can stage, apply and finish nothing, and is told so; the other goes on."""
    async with open_sqlite(url) as sink:
        if not first:
            await import_items(sink, batch(BOTH, ("a", "x", 1)))
        async with sink.session(FEED) as old:
            await old.stage(batch(BOTH, ("a", "old", 1), ("b", "old", 1)))
            planned = plan_record(old, await old.summary(), 2)
            taken = await Control(locate(url)).take_over(old.run, RunStatus.STARTED)
            assert taken is not None
            assert taken.epoch == 2
            says = f"run {old.run} of feed 'conformance' may not write any more"
            for write in (
                lambda: old.stage(batch(BOTH, ("c", "old", 1))),
                lambda: old.apply(planned),
                lambda: old.hold(planned),
                lambda: old.keep([Reject(1, 1, None, None, "bad", "", "d")]),
                lambda: old.finish(planned),
                old.discard,
            ):
                with pytest.raises(Superseded, match=re.escape(says)):
                    await write()
        async with open_queries(url) as queries:
            assert [item["name"] async for item in queries.items(FEED.name)] == ([] if first else ["x"])
        await import_items(sink, batch(BOTH, ("a", "new", 2)))
        async with open_queries(url) as queries:
            assert [item["name"] async for item in queries.items(FEED.name)] == ["new"]
            ended = {row.record.run: row.record for row in await queries.runs(FEED.name)}[old.run]
    assert (ended.status, [problem.code for problem in ended.problems]) == (RunStatus.ERROR, ["abandoned"])


async def test_the_second_session_of_a_feed_is_told_of_the_first(url: str) -> None:
    """While a run of a feed is under way another one does not begin, and says which; runs of other feeds do."""
    async with open_sqlite(url) as sink, open_sqlite(url) as other, sink.session(FEED) as first:
        with pytest.raises(UnderWay, match=f"run {first.run} of feed 'conformance' is under way: nothing was begun") as told:
            async with other.session(FEED):
                pass
        assert told.value.run == first.run
        async with other.session(FeedDefinition("another")) as elsewhere:
            await settle(elsewhere)
        await settle(first)
    assert await ask(url, "SELECT id, status FROM data_imports") == [(1, "complete"), (2, "complete")]


async def test_cancelled_session_ends_as_an_error(url: str) -> None:
    """A session that is cancelled leaves a failed run, no stage, no hidden rows and no open transaction."""
    async with open_sqlite(url) as sink:
        with anyio.CancelScope() as scope:
            async with sink.session(FEED) as session:
                await session.stage(batch(BOTH, ("a", "x", 1)))
                scope.cancel()
                await session.stage(batch(BOTH, ("b", "x", 1)))
        assert scope.cancelled_caught
    assert await ask(url, "SELECT status, finished_at IS NOT NULL FROM data_imports") == [("error", 1)]
    assert await ask(url, "SELECT count(*) FROM inventory_feed_variants") == [(0,)]
    assert await ask(url, "SELECT loading_run_id FROM inventory_feeds") == [(None,)]


async def test_definition_is_written_only_when_it_differs(url: str) -> None:
    """A feed's definition comes back as it was given; its `updated_at` stays while nothing differs. No secret is made by a run."""
    field: dict[str, JsonValue] = {"name": "Lager", "purpose": "inventoryQuantity", "enabled": True, "strip": ["x"], "lookup": {"viel": 9}}
    feed = FeedDefinition("f", {"delimiter": ";", "guard": {"minItems": 5}, "enabled": True}, (field,))
    rows = "SELECT f.updated_at, f.hash, p.name FROM inventory_feeds AS f JOIN dropship_providers AS p ON p.id = f.dropship_provider_id"
    async with open_sqlite(url) as sink:
        assert await sink.feed("f") is None
        await _empty_run(sink, feed)
        first = await ask(url, rows)
        await _empty_run(sink, feed)
        assert await ask(url, rows) == first
        assert await sink.feed("f") == feed
        other = replace(feed, attributes={"delimiter": ","}, fields=(field, {**field, "name": "Menge", "enabled": False}))
        await _empty_run(sink, other)
        assert await sink.feed("f") == other
    ((updated_at, secret, provider),) = await ask(url, rows)
    assert updated_at > first[0][0]
    assert secret == first[0][1] == ""
    assert provider == "f"


async def _empty_run(sink: Sink, feed: FeedDefinition) -> None:
    async with sink.session(feed) as session:
        await settle(session)


async def test_run_record_comes_back_whole(url: str) -> None:
    """What `finish` stores is what `runs` returns, with the source, the times and the kept rejects."""
    feed = replace(FEED, attributes={"resourceLocation": "https://user:***@example.com/a.csv"})
    rejects = [
        Reject(7, 9, "stock", "many", "is no number", "a;many", "a.csv"),
        Reject(8, 10, None, None, "totals", "", "a.csv", "skipped"),
    ]
    async with open_sqlite(url) as sink, sink.session(feed) as session:
        await session.keep(rejects)
        await session.keep([])
        await session.discard()
        record = RunRecord(
            feed.name, session.run, RunStatus.ERROR, 9, Counts(1, 2, 3, 1, 4), 1, 1, 0, 2, 1234, 0.5,
            {"fetch": StageTimes(0.1, 0.2, 0.3)}, {"delimiter": ";"}, (Problem("guard", "too few", line=3),),
        )  # fmt: skip
        await session.finish(record)
    async with open_queries(url) as queries:
        (row,) = await queries.runs()
        assert [reject async for reject in queries.rejects(session.run)] == rejects
    assert row.record == record
    assert (row.source, row.rejects_kept) == ("https://user:***@example.com/a.csv", 2)
    assert row.finished_at is not None
    assert row.started_at <= row.finished_at


async def test_rejects_are_capped(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first rejects of a run are kept, in order, however they are handed over."""
    monkeypatch.setattr(session_module, "REJECTS_KEPT", 3)
    rejects = [Reject(number, number, None, None, "bad", "", "d") for number in range(5)]
    async with open_sqlite(url) as sink, sink.session(FEED) as session:
        await session.keep(rejects[:2])
        await session.keep(rejects[2:])
        await session.keep(rejects)
    async with open_queries(url) as queries:
        assert [reject.record async for reject in queries.rejects(1)] == [0, 1, 2]


async def test_times_move_with_what_changed(url: str) -> None:
    """A price change moves `updatedAt` only, a stock change `inventoryUpdatedAt` too; an unchanged item moves neither."""
    columns = ("inventoryQuantity", "retailPrice")
    times = "SELECT external_id, updated_at, inventory_updated_at FROM inventory_feed_variants"
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(columns, ("a", 1, 5), ("b", 1, 5), ("c", 1, 5)))
        before = {key: moments for key, *moments in await ask(url, times)}
        await import_items(sink, batch(columns, ("a", 2, 5), ("b", 1, 6), ("c", 1, 5)))
        after = {key: moments for key, *moments in await ask(url, times)}
    moved = {key: tuple(new != old for new, old in zip(after[key], before[key], strict=True)) for key in before}
    assert moved == {"a": (True, True), "b": (True, False), "c": (False, False)}


async def test_equal_values_under_another_digest_only_refresh_the_digest(url: str) -> None:
    """A row whose digest differs but whose values do not is unchanged; it gets its new digest and nothing else moves."""
    same = batch(BOTH, ("a", "x", 1))
    async with open_sqlite(url) as sink:
        await import_items(sink, same)
        before = await ask(url, "SELECT updated_at, inventory_updated_at, created_run_id FROM inventory_feed_variants")
        _, counts = await import_items(sink, replace(same, digests=[42]))
        assert counts == Counts(unchanged=1)
        assert await ask(url, "SELECT updated_at, inventory_updated_at, created_run_id FROM inventory_feed_variants") == before
        assert await ask(url, "SELECT content_hash FROM inventory_feed_variants") == [(42,)]
        await ask(url, "UPDATE inventory_feed_variants SET content_hash = NULL, name = 'by hand'")
        _, counts = await import_items(sink, replace(same, digests=[42]))
    assert counts == Counts(updated=1)


async def test_items_are_shown_as_the_api_shows_them(url: str) -> None:
    """Items have API names and exact values, the feed's stock settings applied, and times in RFC 3339."""
    feed = replace(FEED, attributes={"allocationBuffer": 2, "maximumInventoryQuantity": 5})
    columns = ("name", "inventoryQuantity", "retailPrice", "taxable", "options")
    new = batch(columns, ("00123", "x", 10, 12_500_000, 0, '[{"name":"Size"}]'), ("b", None, 3, None, None, None))
    async with open_sqlite(url) as sink, sink.session(feed) as session:
        await session.stage(new)
        await settle(session, 2)
    async with open_queries(url) as queries:
        first, second = [item async for item in queries.items(feed.name)]
    assert first["externalId"] == "00123"
    assert (first["retailPrice"], first["taxable"], first["options"]) == (Decimal("12.5"), False, [{"name": "Size"}])
    assert (first["availableQuantity"], second["availableQuantity"]) == (5, 1)
    assert (second["retailPrice"], second["taxable"], second["options"], second["status"]) == (None, True, [], "pending")
    assert re.fullmatch("[0-9a-f]{16}", str(first["hash"]))
    for name in ("lastFetchedAt", "inventoryUpdatedAt", "createdAt", "updatedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(first[name]))


async def test_unknown_names_are_told(url: str) -> None:
    """Asking for a feed or a run that is not there names what there is."""
    async with open_sqlite(url) as sink:
        await import_items(sink)
    async with open_queries(url) as queries:
        with pytest.raises(ConfigError, match=r"there is no feed 'x' in .*; there are: conformance"):
            await anext(queries.items("x"))
        with pytest.raises(ConfigError, match="there is no feed 'x'"):
            await queries.runs("x")
        with pytest.raises(ConfigError, match="there is no run 9"):
            await anext(queries.rejects(9))


@pytest.mark.parametrize("url", ["sqlite:x.db", "sqlite://host/x.db", "sqlite:///x.db?mode=ro", "http://x/y.db"])
def test_other_urls_are_refused(url: str) -> None:
    """A URL that is not one of the four forms is refused."""
    with pytest.raises(ConfigError, match="SQLite URL"):
        locate(url)


def test_urls_name_paths() -> None:
    """Three slashes are a relative path, four an absolute one; what a URI would escape is escaped."""
    assert locate("sqlite:////srv/a b%3F.db").uri == "file:/srv/a%20b%253F.db"
    assert locate("sqlite:///shop.db").path == Path("shop.db")
    assert locate("sqlite://").uri != locate("sqlite://").uri


@pytest.mark.parametrize(
    ("code", "kind"),
    [(sqlite3.SQLITE_BUSY, Retry), (sqlite3.SQLITE_FULL, ConfigError), (sqlite3.SQLITE_CORRUPT, ConfigError), (1, InternalError)],
)
def test_database_errors_say_what_to_do(code: int, kind: type[Exception]) -> None:
    """A lock is tried again, a full or damaged disk is the operator's, a wrong statement is ours."""
    error = sqlite3.OperationalError("told so")
    error.sqlite_errorcode = code
    assert isinstance(explain(error, "shop.db"), kind)


@pytest.mark.parametrize("sizes", [ROWS_ALONE, ROWS_BESIDE])
def test_rows_of_any_number_are_inserted_once(sizes: Sequence[int]) -> None:
    """However many rows there are, the pieces hold each of them once and in order, in few statements."""
    insert = Insert("INSERT INTO t", "(?, ?)", "")
    for count in (0, 1, 31, 32, 33, 512, 1_500, 1_663):
        cells: list[Value] = [*chain.from_iterable((n, -n) for n in range(count))]
        pieces = [(text, list(parameters)) for text, parameters in insert.pieces(cells, count, sizes)]
        assert [value for _, lists in pieces for values in lists for value in values[::2]] == list(range(count))
        assert all(text.count("?") == len(values) for text, lists in pieces for values in lists)
        assert len(pieces) <= 4


def test_rows_held_by_column_are_the_same_rows() -> None:
    """One by one, a stretch of them, all of them, the cells of a statement and the sum of a column."""
    rows: list[tuple[Value, ...]] = [("a", 1.5), ("b", None), (None, -3), ("d", 4)]
    held = ValuesByColumn([["a", "b", None, "d"], [1.5, None, -3, 4]])
    assert (len(held), held[1], held[-1], list(held[1:3]), list(held)) == (4, rows[1], rows[-1], rows[1:3], rows)
    assert held == rows
    assert held != rows[:3]
    keys, digests = ["k", "l", "m", "n"], [9, 8, 7, 6]
    found = [KeyedRows(keys, digests, each) for each in (rows, held)]
    assert [each.cells() for each in found] == [["k", 9, "a", 1.5, "l", 8, "b", None, "m", 7, None, -3, "n", 6, "d", 4]] * 2
    assert [each.total(1) for each in found] == [5.5, 5.5]


def test_statements_grow_beside_a_busy_thread() -> None:
    """Statements that wait most of their time become bigger, and small again once they hardly wait."""
    pace, seen = Pace(), []
    for took, worked in ((3.0, 1.0), (5.0, 1.0), (2.0, 1.0), (1.2, 1.0)):
        pace.add(took, worked)
        pace.judge()
        seen.append(pace.sizes)
    assert seen == [ROWS_ALONE, ROWS_BESIDE, ROWS_BESIDE, ROWS_ALONE]


def test_digests_know_what_blank_means() -> None:
    """The stored digest changes when blank cells of its columns begin to clear, and stays in 64 bits."""
    plain, same = batch(BOTH, ("a", None, 1)), batch(BOTH, ("a", None, 1), clears=("grams",))
    clearing = batch(BOTH, ("a", None, 1), clears=("name",))
    assert stored_digests(plain) == stored_digests(same)
    assert stored_digests(plain) != stored_digests(clearing)
    assert all(-(2**63) <= digest < 2**63 for digest in stored_digests(clearing))


def test_bitmap_is_a_set() -> None:
    """Each number is new once, whatever lies between them."""
    numbers, bitmap = [1, 65_535, 65_536, 7, 2**40, 8], Bitmap()
    assert [bitmap.add(number) for number in [*numbers, *numbers]] == [True] * 6 + [False] * 6
    assert bitmap.size == 6


@given(st.lists(st.tuples(st.integers(65_400, 65_700), st.integers(1, 200))))
def test_neighbours_are_added_all_or_none(rows: list[tuple[int, int]]) -> None:
    """Neighbours, on one page or across two, come into a bitmap together, and not at all where one of them is in."""
    bitmap, numbers = Bitmap(), set[int]()
    for first, count in rows:
        added = set(range(first, first + count))
        assert bitmap.add_row(first, count) is numbers.isdisjoint(added)
        numbers |= added if numbers.isdisjoint(added) else set()
        assert bitmap.size == len(numbers)
    assert all((number in bitmap) is (number in numbers) for number in range(65_390, 65_910))


@given(st.lists(st.lists(st.integers(65_530, 65_545) | st.sampled_from([1, 2**40]))))
def test_many_numbers_are_added_at_once(lots: list[list[int]]) -> None:
    """In any order and from any page, and each that was in, or stands among them twice, is told once."""
    bitmap, numbers = Bitmap(), set[int]()
    for lot in lots:
        again = {number for number in lot if number in numbers or lot.count(number) > 1}
        assert sorted(bitmap.add_all(np.array(lot, np.int64))) == sorted(again)
        numbers |= set(lot)
        assert bitmap.size == len(numbers)
    assert all((number in bitmap) is (number in numbers) for number in (1, 2**40, *range(65_530, 65_546)))


async def test_items_are_known_again_by_any_key(url: str) -> None:
    """A key is the text it is, whatever JSON makes of it, and the digests that are compared are all 64 bits."""
    keys = ["", " ", "1", "a.b", "$[0]", 'q"', "\\", "\\u0041", "\t\n\x01", "ä", "\U0001f529", "null", "a'b", "[]", "{}"]
    known = ItemBatch(("name",), keys, [(key,) for key in keys], [0, 1, -1, -(2**63), 2**63 - 1, *range(10, 20)], [1] * 15, [*range(1, 16)])
    async with open_sqlite(url) as sink:
        await import_items(sink, known)
        summary, counts = await import_items(sink, known)
        assert (summary.seen, counts.unchanged) == (15, 15)
        _, counts = await import_items(sink, replace(known, rows=[(f"{key}!",) for key in keys], digests=[*range(50, 65)]))
        assert counts.updated == 15


async def test_a_later_record_takes_back_an_earlier_one(url: str) -> None:
    """An item that is changed in one batch and as it was in a later one stays as it was; ids met again are told apart."""
    first = batch(BOTH, ("a", "x", 5), ("b", "y", 6), ("c", "z", 7))
    async with open_sqlite(url) as sink:
        await import_items(sink, first)
        summary, counts = await import_items(sink, batch(BOTH, ("b", "new", 1), ("c", "z", 7)), first)
        assert (summary.updated, counts.updated, counts.unchanged, counts.duplicate) == (0, 0, 3, 2)


@pytest.mark.parametrize(
    ("later", "stock"),
    [
        (batch(BOTH, ("a", "x", 1)), 7),
        (batch(BOTH, ("a", "x", None), ("c", "z", 2.5), ("d", "z", -3)), 8.5),
        (batch(BOTH, ("c", "z", 2), ("d", "z", None)), 13),
        (replace(batch(BOTH, ("c", "z", 2)), spoiled={"b": 9}), 7),
    ],
)
async def test_the_stock_of_a_first_load_is_that_of_its_items(url: str, later: ItemBatch, stock: float) -> None:
    """A row that a later one replaces, or a rejected record takes back, counts no more; what is below zero counts as none."""
    async with open_sqlite(url) as sink:
        summary, _ = await import_items(sink, batch(BOTH, ("a", "x", 5), ("b", "y", 6)), later, dry_run=False)
        assert summary.figures.stock_after == stock


def test_times_are_exact() -> None:
    """Microseconds survive the way to text, where a float would round them."""
    assert rfc3339(1_763_900_000_123_457) == "2025-11-23T12:13:20.123457Z"
    assert rfc3339(None) is None


async def test_a_definition_is_stored_by_a_complete_run_only(url: str) -> None:
    """Settings that came with a refused run change nothing that a reader sees."""
    async with open_sqlite(url) as sink:
        await import_items(sink, batch(BOTH, ("a", "x", 5)))
        capped = replace(FEED, attributes={"maximumInventoryQuantity": 1})
        for status in (RunStatus.ERROR, RunStatus.COMPLETE):
            async with sink.session(capped) as session:
                await session.stage(batch(BOTH, ("a", "x", 5)))
                if status is RunStatus.COMPLETE:
                    await settle(session, 1)
                else:
                    await session.discard()
                    await session.finish(RunRecord(FEED.name, session.run, status))
            async with open_queries(url) as queries:
                (item,) = [item async for item in queries.items(FEED.name)]
            assert item["availableQuantity"] == (5 if status is RunStatus.ERROR else 1)


async def test_a_dry_run_counts_what_readers_see(url: str) -> None:
    """The rows of a load that is not finished are no items yet: a dry run beside it would create them."""
    async with open_sqlite(url) as sink, sink.session(FEED) as loading:
        await loading.stage(batch(BOTH, ("a", "x", 1), ("b", "x", 1)))
        summary, counts = await import_items(sink, batch(BOTH, ("a", "x", 1), ("b", "y", 2), ("c", "x", 1)), dry_run=True)
        assert (summary.known, counts) == (0, Counts(created=3))
