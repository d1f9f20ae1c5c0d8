"""A feed with its secrets: what of it is stored plainly, what is sealed, and how both become the feed that a run needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import orjson

from engine.contracts import FeedDefinition
from engine.errors import NotFound
from engine.feed import Feed, build_feed
from engine.settings.transport import TRANSPORT_SECRETS

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from feedmill.service.keys import KeyRing
    from sinks.sqlite.fence import Writer

SEALED: Final = (
    *("resourceLocation", "authenticationToken", "authenticationSecret", "proxyUrl", "webhookEndpoint", "parseWebhookEndpoint"),
    "parameters",
)
"""Attributes that are sealed whole. With them `hash`, the secret of the inbound API, and `transport` with its passwords alone."""

_ROW_KINDS: Final = ("jsonFields", "mappings")


@dataclass(frozen=True, slots=True)
class StoredFeed:
    """A feed as the service has it: what is stored plainly, and `secrets` as they were sealed, by attribute, `hash` among them."""

    number: int
    provider: int
    definition: FeedDefinition
    secrets: Mapping[str, JsonValue]

    @property
    def location(self) -> str:
        """Return where it is fetched from, with credentials; empty for one that is pushed to."""
        return str(self.secrets.get("resourceLocation") or self.definition.attributes.get("resourceLocation") or "")

    def build(self, changes: Mapping[str, object] | None = None) -> Feed:
        """Return the feed that a run needs, with `changes` (API names, `fields` among them) that are only tried.

        Raises `ConfigError` when it cannot work.
        """
        stored = FeedDefinition(
            self.definition.name,
            {name: value for name, value in self.definition.attributes.items() if name not in SEALED},
            self.definition.fields,
        )
        secrets = {name: value for name, value in self.secrets.items() if name not in ("hash", "transport")}
        inner = cast("Mapping[str, JsonValue]", self.secrets.get("transport") or {})
        sealed = {**secrets, **{f"transport.{name}": value for name, value in inner.items()}}
        tried = dict(changes or {})
        rows = cast("Sequence[Mapping[str, object]]", tried.pop("fields", ()))
        return build_feed(stored.name, {**sealed, **tried}, rows, stored=stored)


def split_secrets(feed: Feed) -> dict[str, JsonValue]:
    """Return what of a feed is to be sealed, by attribute."""
    chosen = feed.model_dump(mode="json", by_alias=True, exclude_none=True)
    secrets: dict[str, JsonValue] = {name: chosen[name] for name in SEALED if chosen.get(name)}
    inner = feed.transport.model_dump(mode="json", by_alias=True, include=TRANSPORT_SECRETS, exclude_none=True)
    return {**secrets, "transport": inner} if inner else secrets


async def read_stored_feed(reader: Writer, keys: KeyRing, number: int) -> StoredFeed:
    """Return a feed by its id. Raises `NotFound` when there is none, `ConfigError` when its secrets cannot be opened."""
    rows = await reader.query("SELECT name, dropship_provider_id, settings, sealed FROM main.inventory_feeds WHERE id = ?", number)
    if not rows:
        raise NotFound(f"there is no inventory feed {number}")
    name, provider, settings, sealed = rows[0]
    attributes: dict[str, JsonValue] = orjson.loads(str(settings))
    for kind in _ROW_KINDS:
        listed = "SELECT settings FROM main.inventory_feed_rows WHERE feed_id = ? AND kind = ? ORDER BY position"
        if found := await reader.query(listed, number, kind):
            attributes[kind] = [orjson.loads(str(row[0])) for row in found]
    mapped = "SELECT name, purpose, enabled, settings FROM main.inventory_feed_fields WHERE feed_id = ? ORDER BY position"
    fields = tuple(
        {"name": column, "purpose": purpose, "enabled": bool(enabled), **orjson.loads(str(rest))}
        for column, purpose, enabled, rest in await reader.query(mapped, number)
    )
    definition = FeedDefinition(str(name), attributes, cast("tuple[Mapping[str, JsonValue], ...]", fields))
    return StoredFeed(number, int(str(provider)), definition, keys.open(sealed) if isinstance(sealed, bytes) else {})
