"""The items of all feeds as a list, and one by its id; what a first load has not finished is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeAlias

import orjson

from engine.batch import JsonValue
from engine.errors import InvalidItem, NotFound
from engine.schema import ATTRIBUTES
from engine.schema import Kind as Held
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import VARIANTS
from sinks.sqlite.queries import ITEM_COLUMNS, read_item_feeds, shape_item
from sinks.sqlite.service.listing import Column, Kind, Listed, ListQuery, Page, Scope, select_page

Item: TypeAlias = "Mapping[str, JsonValue | Decimal]"

_KINDS: Final[Mapping[Held, Kind]] = {
    Held.TEXT: "text",
    Held.INTEGER: "integer",
    Held.QUANTITY: "number",
    Held.MONEY: "money",
    Held.FLAG: "flag",
    Held.JSON: "json",
}
COMPUTED: Final = ("availableQuantity", "hash", "lastFetchedAt")
"""What an item shows and no column holds, so that no list can be asked for it."""

ITEMS: Final = Listed(
    f"{VARIANTS} AS v",
    {
        "id": Column("v.id", "integer"),
        "inventoryFeedId": Column("v.inventory_feed_id", "integer"),
        **{name: Column(f"v.{each.column}", _KINDS[each.kind]) for name, each in ATTRIBUTES.items()},
        "inventoryUpdatedAt": Column("v.inventory_updated_at", "time"),
        "createdAt": Column("v.created_at", "time"),
        "updatedAt": Column("v.updated_at", "time"),
    },
    "v.id",
    long=True,
)

# A first load writes into an empty feed, and nothing else may meanwhile, so that all its items are hidden, and the index of feeds
# alone tells which are seen and how many. The plus keeps SQLite from going feed by feed, which is not the order of a page.
_SEEN: Final = Scope("+v.inventory_feed_id IN (SELECT id FROM main.inventory_feeds WHERE loading_run_id IS NULL)")
_BY_IDS: Final = f"SELECT v.inventory_feed_id, {ITEM_COLUMNS} FROM json_each(?) AS j CROSS JOIN {VARIANTS} AS v WHERE v.id = j.value"
_ADDRESS: Final = (
    f"SELECT v.id, v.inventory_feed_id, f.name, v.external_id FROM {VARIANTS} AS v CROSS JOIN main.inventory_feeds AS f"
    " WHERE f.id = v.inventory_feed_id AND f.loading_run_id IS NULL AND v.id = ?"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an item is: its id, its feed's id and name, its key within the feed."""

    item: int
    feed: int
    name: str
    external_id: str


async def select_items(reader: Writer, query: ListQuery) -> tuple[Page, Sequence[Item]]:
    """Return a page of the list of items, and the items of it as they are shown, or the attributes of them that are asked for.

    Raises `InvalidItem` as `select_page` does.
    """
    _refuse_computed(query)
    page = await select_page(reader, ITEMS, replace(query, attributes=("id",)), _SEEN)
    items = await read_items(reader, [int(str(row["id"])) for row in page.rows])
    if not query.attributes:
        return page, items
    return page, [{name: value for name, value in item.items() if name in query.attributes} for item in items]


async def read_items(reader: Writer, ids: Sequence[int]) -> list[Item]:
    """Return items by their ids, in the order of these; those that are not there are left out."""
    rows = await reader.query(_BY_IDS, orjson.dumps(list(ids)).decode())
    feeds = await read_item_feeds(reader, (int(str(row[0])) for row in rows))
    return [shape_item(row[1:], feeds[number]) for row in rows if (number := int(str(row[0]))) in feeds]


async def read_item(reader: Writer, item: int) -> Item:
    """Return one item. Raises `NotFound` when there is none."""
    await find_address(reader, item)
    return (await read_items(reader, [item]))[0]


async def find_address(reader: Writer, item: int) -> Address:
    """Return where an item is. Raises `NotFound` when there is none, or nobody may see it yet."""
    rows = await reader.query(_ADDRESS, item)
    if not rows:
        raise NotFound(f"there is no inventory feed variant {item}")
    number, feed, name, key = rows[0]
    return Address(int(str(number)), int(str(feed)), str(name), str(key))


def _refuse_computed(query: ListQuery) -> None:
    faults = {f"where[{each.attribute}]": _WHY for each in query.where if each.attribute in COMPUTED}
    if query.order in COMPUTED:
        faults["order[attribute]"] = _WHY
    known = {*ITEMS.columns, *COMPUTED}
    if unknown := [name for name in query.attributes if name not in known]:
        faults["attributes"] = f"{unknown[0][:80]!r} is no attribute of this list"
    if faults:
        raise InvalidItem("the list cannot be queried so:", faults)


_WHY: Final = "is computed when an item is shown, so that no list can be asked for it"
