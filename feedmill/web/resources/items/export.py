"""A feed's items as CSV, page by page: no matter how many there are, a few hundred are in memory, and no transaction stays open."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Final

from aiohttp import web

from engine.errors import NotFound
from feedmill.shapes import dump
from feedmill.web.downloads import breaking_off
from feedmill.web.endpoint import Call, Endpoint, Parameter
from feedmill.web.openapi.items import ITEM
from feedmill.web.problems import FieldFault, Problem
from sinks.sqlite.fence import Writer
from sinks.sqlite.queries import ItemFeed, read_item_feeds, read_page
from sinks.sqlite.service.resources.items import Item
from sinks.sqlite.service.store import Store

COLUMNS: Final[Sequence[str]] = tuple(ITEM["properties"])
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_SPREADSHEET: Final = Parameter(
    "spreadsheet",
    "Whether texts that a spreadsheet would take for a formula (they begin with = + - @, a tab or a line end) get an apostrophe in"
    " front. Without it every cell is exactly what is stored, so that the export can be imported again.",
    {"type": "boolean", "default": False},
)


async def _export(call: Call) -> web.StreamResponse:
    guarded = _flag(call.request.query.get("spreadsheet", "false"))
    store = call.service.store
    async with store.reading() as reader:
        feed = await _find_feed(reader, call.id)
        first = await read_page(reader, feed, 0)
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="inventory-feed-{feed.number}.csv"'})
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(call.request)
    await response.write(_lines([COLUMNS]))
    with breaking_off(call):
        async for items in _pages(store, feed, first):
            await response.write(_lines([[_cell(item[name], guarded=guarded) for name in COLUMNS] for item in items]))
        await response.write_eof()
    return response


async def _find_feed(reader: Writer, number: int) -> ItemFeed:
    found = (await read_item_feeds(reader, [number])).get(number)
    if found is None:
        raise NotFound(f"there is no inventory feed {number}")
    return found


async def _pages(store: Store, feed: ItemFeed, first: Sequence[Item]) -> AsyncIterator[Sequence[Item]]:
    """Yield page after page, each of a read transaction of its own: one that lasts would keep the log from being checkpointed."""
    page = first
    while page:
        yield page
        async with store.reading() as reader:
            page = await read_page(reader, feed, int(str(page[-1]["id"])))


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    """Return lines of CSV (RFC 4180)."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(value: object, *, guarded: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if guarded and value.startswith(_FORMULA) else value
    return str(value) if isinstance(value, Decimal) else dump(value)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise Problem(422, "invalid", "the export cannot be asked for so", faults=[FieldFault("spreadsheet", "is neither true nor false")])
    return text.lower() in ("true", "1")


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "GET",
        "/api/inventory-feeds/{id}/export.json",
        _export,
        "Stream a feed's items as CSV.",
        "inventory-feeds",
        "read",
        answer={"type": "string"},
        query=(_SPREADSHEET,),
        media="text/csv",
        aliases=("/api/inventory-feed/{id}/export.json",),
    ),
)
