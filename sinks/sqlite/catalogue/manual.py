"""Connecting by hand: what a person decides stays, whatever runs and the catalogue bring, until a person decides otherwise."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from engine.errors import ConfigError, Conflict, NotFound
from sinks.sqlite import clock
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.landing.rows import json_text
from sinks.sqlite.landing.statements import VARIANTS

_VISIBLE: Final = (
    f"FROM {VARIANTS} AS v JOIN main.inventory_feeds AS f ON f.id = v.inventory_feed_id"
    " WHERE (f.loading_run_id IS NULL OR v.created_run_id IS NOT f.loading_run_id)"
)
_FOUND: Final = "v.id, v.external_id, f.id, f.name, v.variant_id, v.connection_scope, v.status"
_AUDIT: Final = (
    "INSERT INTO main.inventory_feed_variant_connections"
    " (inventory_feed_variant_id, variant_id, action, scope, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)"
)
_RIVALS: Final = (
    # Removed ones too: they would come back to a variant that is somebody else's by then.
    f"SELECT id, external_id, connection_scope FROM {VARIANTS} WHERE variant_id = ? AND inventory_feed_id = ? AND id <> ? ORDER BY id"
)
_RELEASE: Final = (
    f"UPDATE {VARIANTS} SET variant_id = NULL, connection_scope = ?, messages = ?, updated_at = ?,"
    " status = CASE status WHEN 'connected' THEN 'pending' ELSE status END WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class Handled:
    """What was done by hand: to which item, to or from which variant (None where it had none), and which items made way."""

    item: int
    external_id: str
    feed: str
    action: Literal["connected", "disconnected"]
    variant: int | None
    released: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    item: int
    external_id: str
    feed: int
    name: str
    variant: int | None
    scope: str | None
    status: str


async def connect_item(
    database: Database, item: str, *, feed: str | None = None, sku: str | None = None, variant: int | None = None
) -> Handled:
    """Connect an item to a variant, given by its SKU or its id; of its feed's items no other one keeps the variant.

    `item` is an externalId, or `#` and an id; `feed` narrows it to one feed. Raises `ConfigError` when item or variant is not there or
    is not the only one meant, when the item is removed, and when another item of the feed was connected to the variant by hand.
    """
    async with _changing(database, "connect") as (writer, now):
        return await _connect(writer, await _find(writer, item, feed), await _find_variant(writer, sku, variant), now)


async def disconnect_item(database: Database, item: str, *, feed: str | None = None) -> Handled:
    """Take an item off its variant, if it has one, and leave it off until somebody connects it by hand.

    Raises `ConfigError` when the item is not there.
    """
    async with _changing(database, "disconnect") as (writer, now):
        return await _disconnect(writer, await _find(writer, item, feed), now)


async def connect_by_id(writer: Writer, item: int, *, now: int, sku: str | None = None, variant: int | None = None) -> Handled:
    """Connect as `connect_item` does, inside the caller's transaction; without SKU and id to the variant that the item has.

    Raises `NotFound` for an item that is not there, `ConfigError` where no variant is meant, else as `connect_item` does.
    """
    found = await _find_by_id(writer, item)
    if sku is None and variant is None and found.variant is None:
        raise ConfigError(f"item {item} has no variant that could be kept: name one, by variantId or sku")
    target = found.variant if sku is None and variant is None else await _find_variant(writer, sku, variant)
    return await _connect(writer, found, int(str(target)), now)


async def disconnect_by_id(writer: Writer, item: int, *, now: int) -> Handled:
    """Take an item off its variant as `disconnect_item` does, inside the caller's transaction. Raises `NotFound` when it is not there."""
    return await _disconnect(writer, await _find_by_id(writer, item), now)


@asynccontextmanager
async def _changing(database: Database, kind: str) -> AsyncIterator[tuple[Writer, int]]:
    now = clock.now()
    async with database.connect() as connection:
        writer = Writer(connection, None, database.name, locking=True)
        async with writer.changing(Origin(now, call=f"{kind}:{secrets.token_hex(8)}")):
            yield writer, now


async def _connect(writer: Writer, found: _Found, target: int, now: int) -> Handled:
    if found.status == "removed":
        raise Conflict(f"item {found.external_id!r} of feed {found.name!r} is removed: it can be connected when it is back")
    released = await _make_way(writer, found, target, now)
    if found.variant is not None and found.variant != target:
        await writer.execute(_AUDIT, found.item, found.variant, "disconnected", "manual", now, now)
    if (found.variant, found.scope) != (target, "manual"):
        await writer.execute(_AUDIT, found.item, target, "connected", "manual", now, now)
        sets = "variant_id = ?, connection_scope = 'manual', status = 'connected', messages = NULL, updated_at = ?"
        await writer.execute(f"UPDATE {VARIANTS} SET {sets} WHERE id = ?", target, now, found.item)
    return Handled(found.item, found.external_id, found.name, "connected", target, released)


async def _disconnect(writer: Writer, found: _Found, now: int) -> Handled:
    if found.variant is not None:
        await writer.execute(_AUDIT, found.item, found.variant, "disconnected", "manual", now, now)
    if found.scope != "off":
        await writer.execute(_RELEASE, "off", None, now, found.item)
    return Handled(found.item, found.external_id, found.name, "disconnected", found.variant)


async def _find(writer: Writer, item: str, feed: str | None) -> _Found:
    columns = _FOUND
    within = "" if feed is None else " AND f.name = ?"
    rows = await writer.query(f"SELECT {columns} {_VISIBLE} AND v.external_id = ?{within}", item, *([] if feed is None else [feed]))
    digits = item[1:] if item[:1] == "#" else ""
    if not rows and digits.isascii() and digits.isdigit() and len(digits) < 19:
        rows = await writer.query(f"SELECT {columns} {_VISIBLE} AND v.id = ?{within}", int(digits), *([] if feed is None else [feed]))
    if not rows:
        where = writer.name if feed is None else f"feed {feed!r} of {writer.name}"
        raise ConfigError(f"there is no item {item!r} in {where}, by externalId or #id; `feedmill items` lists them")
    if len(rows) > 1:
        named = ", ".join(str(row[3]) for row in rows)
        raise ConfigError(f"several feeds have an item {item!r}: {named}; say which with --feed")
    return _found(rows[0])


async def _find_by_id(writer: Writer, item: int) -> _Found:
    rows = await writer.query(f"SELECT {_FOUND} {_VISIBLE} AND v.id = ?", item)
    if not rows:
        raise NotFound(f"there is no inventory feed variant {item}")
    return _found(rows[0])


def _found(row: tuple[object, ...]) -> _Found:
    number, external, feed_id, name, variant, scope, status = row
    held = None if variant is None else int(str(variant))
    return _Found(int(str(number)), str(external), int(str(feed_id)), str(name), held, None if scope is None else str(scope), str(status))


async def _find_variant(writer: Writer, sku: str | None, variant: int | None) -> int:
    if variant is not None:
        rows, said = await writer.query("SELECT id FROM main.variants WHERE id = ?", variant), f"id {variant}"
    else:
        rows, said = await writer.query("SELECT id FROM main.variants WHERE identity = 'sku:' || ? ORDER BY id", sku), f"SKU {sku!r}"
    if not rows:
        raise ConfigError(f"the catalogue in {writer.name} has no variant with the {said}; `feedmill catalogue list` shows it")
    if len(rows) > 1:
        listed = ", ".join(str(row[0]) for row in rows)
        raise ConfigError(f"several variants have the {said}: name the one by its id (--variant-id), which is one of {listed}")
    return int(str(rows[0][0]))


async def _make_way(writer: Writer, found: _Found, target: int, now: int) -> tuple[str, ...]:
    """Take the variant from the items of the feed that were connected to it by themselves, and say so in their messages."""
    released: list[str] = []
    for number, external, scope in await writer.query(_RIVALS, target, found.feed, found.item):
        if scope == "manual":
            raise Conflict(
                f"variant {target} is connected to item {str(external)!r} of feed {found.name!r} by hand: disconnect that one first"
            )
        told = json_text([f"ambiguous: other items of the feed fit variant {target} of the catalogue as well"])
        await writer.execute(_AUDIT, int(str(number)), target, "disconnected", "automated", now, now)
        await writer.execute(_RELEASE, None, told, now, int(str(number)))
        released.append(str(external))
    return tuple(released)
