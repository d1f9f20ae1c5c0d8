"""Feedmill for programs: single items, written and taken away by calls."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from feedmill.assembly import as_sink_url
from sinks.sqlite.single.calls import Written, open_calls

if TYPE_CHECKING:
    from engine.batch import JsonValue


async def push(db: str, feed: str, item: Mapping[str, object]) -> Written:
    """Create or update one item of a feed, by its `externalId`, and return it whole with what became of the call.

    `db` is a database's URL (`sqlite:///shop.db`) or path, `item` holds attributes by their API names: what is not in it stays as it
    is, None clears. Money is a number or a numeric text. An item that had been removed comes back. With `sequence` or `occurredAt`
    (RFC 3339) an older call never overwrites a newer one: it is `stale`. Raises `ConfigError` when there is no such database or feed,
    `InvalidItem` with all its faults, `LimitReached` when the daily limit is reached, `Conflict` while the feed is paused, `UnderWay`
    while it is loaded for the first time; then nothing was written.
    """
    async with open_calls(as_sink_url(db)) as calls:
        return await calls.push(feed, item)


async def edit(db: str, feed: str | None, key: str, attributes: Mapping[str, object]) -> Written:
    """Change attributes of the item with this external id by hand, and return it whole; `feed` may be None where one feed only has it.

    `inventoryQuantityOverride` (`manual`, `maximum`) takes a `manualInventoryQuantity`; these and `allocationBufferOverride` survive
    imports. What the feed brings too, its next run brings again. Raises as `push` does, but for limits: there are none by hand.
    """
    async with open_calls(as_sink_url(db)) as calls:
        return await calls.edit(feed or await calls.only_feed_with(key), key, attributes)


async def remove(db: str, feed: str, key: str) -> dict[str, JsonValue | Decimal]:
    """Delete the item of a feed with this external id and return it as it was; its history stays. Raises as `edit` does."""
    async with open_calls(as_sink_url(db)) as calls:
        return await calls.remove(feed, key)
