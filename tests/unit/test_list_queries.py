"""Queries of lists: what a query string asks for, what of it is refused, and what the database is asked then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import pytest

from engine.errors import InvalidItem
from feedmill.web.problems import Problem
from feedmill.web.queries import parse_list
from sinks.sqlite.fence import Writer
from sinks.sqlite.service.listing import Column, Condition, Listed, ListQuery, Scope, select_page

GOODS = Listed(
    "goods AS g",
    {
        "id": Column("g.id", "integer"),
        "name": Column("g.name"),
        "price": Column("g.price", "money"),
        "sold": Column("g.sold", "flag"),
        "at": Column("g.at", "time"),
        "weight": Column("g.weight", "number"),
        "tags": Column("g.tags", "json"),
    },
    key="g.id",
)
ROWS = (
    (1, "ant", 1_500_000, 0, 0, 0.5, '["a"]'),
    (2, "bee", None, 1, 1_000_000, 2, "[]"),
    (3, "cat", 2_000_000, 1, None, None, "[]"),
    (4, "a%t", 10, 0, 5, -1, "{}"),
)


@pytest.fixture
async def reader(tmp_path: Path) -> AsyncIterator[Writer]:
    """Open a table of four goods."""
    async with aiosqlite.connect(":memory:") as connection:
        await connection.execute(
            "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT, price INTEGER, sold, at INTEGER, weight REAL, tags TEXT)"
        )
        await connection.executemany("INSERT INTO goods VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
        yield Writer(connection, None, "goods")


def asked(text: str) -> ListQuery:
    """Return what a query string asks for, written without escapes."""
    pairs = [pair.partition("=") for pair in text.split("&")] if text else []
    return parse_list([(key, value) for key, _, value in pairs])


async def found(reader: Writer, text: str, scope: Scope | None = None) -> list[object]:
    """Return the ids that a query finds, in order."""
    return [row["id"] for row in (await select_page(reader, GOODS, asked(text), scope)).rows]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", [1, 2, 3, 4]),
        ("where[name]=ant", [1]),
        ("where[name][$ne]=ant", [2, 3, 4]),
        ("where[name][$in]=ant&where[name][$in]=cat", [1, 3]),
        ("where[name][$in][]=ant&where[name][$in][1]=bee", [1, 2]),
        ("where[name][$like]=a%", [1, 4]),
        ("where[price][$gte]=1.5&where[price][$lt]=2", [1]),
        ("where[price]=0.00001", [4]),
        ("where[price]=null", [2]),
        ("where[price][$ne]=null&where[sold]=true", [3]),
        ("where[price][$null]=true", [2]),
        ("where[price][$null]=false", [1, 3, 4]),
        ("where[price][$in]=null&where[price][$in]=1.5", [1]),
        ("where[name]=null", []),
        ("where[name][$null]=true", []),
        ("where[name][$eq]=ant", [1]),
        ("where[at][$gt]=1970-01-01T00:00:00Z", [2, 4]),
        ("where[at]=1970-01-01T02:00:01%2B02:00".replace("%2B", "+"), [2]),
        ("where[weight][$lte]=0.5&order[attribute]=weight", [4, 1]),
        ("order[attribute]=sold&order[descending]=true", [3, 2, 4, 1]),
        ("limit=3&from=1", [4]),
        ("after=2&limit=1", [3]),
        ("from=9223372036854775807&limit=1000", []),
        ("where[name]='; DROP TABLE goods; --", []),
        ("where[name][$in]=x') OR 1=1 --", []),
    ],
)
async def test_a_query_finds_what_it_says(reader: Writer, text: str, ids: list[int]) -> None:
    """Conditions compare by the kind of the attribute, are joined by and, and values are never read as SQL."""
    assert await found(reader, text) == ids
    assert await reader.number("SELECT count(*) FROM goods") == 4


async def test_the_text_null_is_not_the_lack_of_one(reader: Writer) -> None:
    """A name that is the word null is found by `$eq`, `$in` and `$like`, and what has no name by `$null`; neither finds the other."""
    await reader.execute("INSERT INTO goods (id, name) VALUES (5, 'null'), (6, NULL)")
    for text in ("[$eq]=null", "[$in]=null", "[$like]=null", "[$null]=false&where[id][$gt]=4"):
        assert await found(reader, f"where[name]{text}") == [5], text
    for text in ("=null", "[$null]=true"):
        assert await found(reader, f"where[name]{text}") == [6], text


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("where[colour]=red", "where[colour]"),
        ("where[name) OR (1]=1", "where[name) OR (1]"),
        ("where[tags]=a", "where[tags]"),
        ("where[price]=cheap", "where[price]"),
        ("where[price]=NaN", "where[price]"),
        ("where[price]=1e13", "where[price]"),
        ("where[id]=9223372036854775808", "where[id]"),
        ("where[sold]=maybe", "where[sold]"),
        ("where[at]=2026-01-01T00:00:00", "where[at]"),
        ("where[at]=noon", "where[at]"),
        ("where[name]=a&where[name]=b", "where[name]"),
        ("where[weight][$gt]=null", "where[weight]"),
        ("where[weight][$null]=null", "where[weight]"),
        ("where[price][$eq]=null", "where[price]"),
        ("order[attribute]=tags", "order[attribute]"),
        ("order[attribute]=id; --", "order[attribute]"),
        ("attributes[]=id&attributes[]=price FROM secrets", "attributes"),
        ("after=1&order[attribute]=name", "after"),
    ],
)
async def test_what_no_attribute_answers_is_refused(reader: Writer, text: str, field: str) -> None:
    """Unknown attributes and values of another kind are named, and the database is not asked."""
    with pytest.raises(InvalidItem) as caught:
        await found(reader, text)
    assert list(caught.value.faults) == [field]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=\uff11", "limit"),
        ("from=-1", "from"),
        ("after=x", "after"),
        ("order[descending]=perhaps", "order[descending]"),
        ("where[name][$regex]=a", "where[name][$regex]"),
        ("where[name][gt]=a", "where[name][gt]"),
        ("where[name][$gt][]=a", "where[name][$gt][]"),
        ("where=a", "where"),
        ("where[]=a", "where[]"),
        ("sort=name", "sort"),
        ("limit[]=1", "limit[]"),
        ("where[name=1", "where[name"),
    ],
)
def test_what_is_no_query_is_refused(text: str, field: str) -> None:
    """A part of the query that means nothing is named, not overlooked."""
    with pytest.raises(Problem) as caught:
        asked(text)
    assert (caught.value.status, [fault.field for fault in caught.value.faults]) == (422, [field])


async def test_pages_neither_repeat_nor_leave_out(reader: Writer) -> None:
    """Pages by number and by id go through all rows once, also where they are ordered by what is equal; the total is of all."""
    for order in ("", "order[attribute]=sold&", "order[attribute]=price&order[descending]=1&"):
        pages = [await found(reader, f"{order}limit=1&from={page}") for page in range(5)]
        assert sorted(str(row) for page in pages for row in page) == ["1", "2", "3", "4"]
    page = await select_page(reader, GOODS, asked("after=0&limit=3"))
    assert (page.total, page.more, page.last) == (4, True, 3)
    page = await select_page(reader, GOODS, asked("after=3&limit=3"))
    assert (page.more, page.last) == (False, 4)


async def test_a_scope_holds_whatever_is_asked(reader: Writer) -> None:
    """What narrows the list by itself is joined to all that a caller says, and counts for the total."""
    scope = Scope("g.sold = ? OR g.id = ?", (1, 4))
    assert await found(reader, "where[id][$lt]=3", scope) == [2]
    assert (await select_page(reader, GOODS, ListQuery(), scope)).total == 3


async def test_rows_hold_what_was_asked_for_in_its_kind(reader: Writer) -> None:
    """Money is exact, times are RFC 3339, flags are booleans, JSON is whole; parts stand in for all of them where they are given."""
    page = await select_page(reader, GOODS, asked("where[id]=1&attributes[]=price&attributes[]=sold&attributes[]=at&attributes[]=tags"))
    (row,) = page.rows
    assert {name: str(value) for name, value in row.items()} == {
        "price": "1.5",
        "sold": "False",
        "at": "1970-01-01T00:00:00.000000Z",
        "tags": "['a']",
    }
    parts = Listed(GOODS.source, GOODS.columns, GOODS.key, parts={"raw": Column("g.price")})
    assert (await select_page(reader, parts, ListQuery((Condition("id", "eq", ("1",)),), ("name",)))).rows == [{"raw": 1_500_000}]


def test_an_empty_part_of_a_query_asks_for_nothing() -> None:
    """A & too many is no fault; a value without a name is."""
    assert parse_list([("limit", "2"), ("", "")]).limit == 2
    with pytest.raises(Problem):
        parse_list([("", "x")])
