"""What lists of providers, feeds and mapping rows may be asked for, and what their pages are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.feed import COMPUTED, Feed, FieldRow, JsonField, Rewrite
from engine.settings.transport import Parameter
from sinks.sqlite.definitions import ROW_KINDS
from sinks.sqlite.service.listing import Column, Kind, Listed
from sinks.sqlite.service.resources.feeds import COLUMNS, FIELDS

if TYPE_CHECKING:
    from engine.settings.resource import Resource

_ONLY_SHOWN: Final = frozenset(
    {"authenticationToken", "authenticationSecret", "proxyUrl", "webhookEndpoint", "parseWebhookEndpoint", "value"}
)
_KINDS: Final[Mapping[str, Kind]] = {"boolean": "flag", "integer": "integer", "number": "number", "string": "text"}


def _columns(model: type[Resource], settings: str) -> dict[str, Column]:
    """Return the attributes of a model as they lie in a JSON text of settings, which holds what differs from the defaults."""
    properties: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    return {name: _column(name, schema, settings) for name, schema in properties.items()}


def _column(name: str, schema: Mapping[str, Any], settings: str) -> Column:
    types = [each.get("type") for each in schema.get("anyOf", (schema,)) if each.get("type") != "null"]
    kind: Kind = _KINDS.get(str(types[0]), "json") if types else "json"
    if kind == "json" or name in _ONLY_SHOWN:
        return Column("NULL", "json")
    value = f"json_extract({settings}, '$.{name}')"
    default = schema.get("default")
    if default is not None:
        value = f"coalesce({value}, {_literal(default)})"
    # A decimal is stored as its text.
    return Column(f"CAST({value} AS REAL)" if kind == "number" and "string" in types else value, kind)


def _literal(default: object) -> str:
    if isinstance(default, bool):
        return str(int(default))
    return str(default) if isinstance(default, int | float) else "'" + str(default).replace("'", "''") + "'"


def _shown_only(names: Iterable[str]) -> dict[str, Column]:
    return dict.fromkeys(names, Column("NULL", "json"))


_FETCHED: Final = (
    "(SELECT max(r.finished_at) FROM main.data_imports AS r WHERE r.feed_id = f.id AND r.status = 'complete' AND r.kind = 'sync')"
)

FEEDS: Final = Listed(
    "main.inventory_feeds AS f",
    {
        **_shown_only(sorted(COMPUTED)),
        **_columns(Feed, "f.settings"),
        "id": Column("f.id", "integer"),
        "name": Column("f.name"),
        "dropshipProviderId": Column("f.dropship_provider_id", "integer"),
        "enabled": Column("f.enabled", "flag"),
        "isValid": Column("(f.validation_message IS NULL)", "flag"),
        "validationMessage": Column("f.validation_message"),
        "lastFetchedAt": Column(_FETCHED, "time"),
        "nextFetchAt": Column("nullif(f.next_fetch_at, 0)", "time"),
        "failures": Column("f.failures", "integer"),
        "pausedAt": Column("f.paused_at", "time"),
        "pauseReason": Column("f.pause_reason"),
        "createdAt": Column("f.created_at", "time"),
        "updatedAt": Column("f.updated_at", "time"),
    },
    key="f.id",
    parts={name: Column(name) for name in COLUMNS},
)

PROVIDERS: Final = Listed(
    "main.dropship_providers AS p",
    {
        "id": Column("p.id", "integer"),
        "name": Column("p.name"),
        "externalId": Column("p.external_id"),
        "status": Column("p.status"),
        "websiteUrl": Column("p.website_url"),
        "timezone": Column("p.timezone"),
        "adminNotes": Column("p.admin_notes"),
        "createdAt": Column("p.created_at", "time"),
        "updatedAt": Column("p.updated_at", "time"),
    },
    key="p.id",
)


def _rows(table: str, model: type[Resource], **own: Column) -> Listed:
    columns = {
        "id": Column("r.id", "integer"),
        "inventoryFeedId": Column("r.feed_id", "integer"),
        **_columns(model, "r.settings"),
        **own,
        "createdAt": Column("r.created_at", "time"),
        "updatedAt": Column("r.updated_at", "time"),
    }
    head = {"id": columns["id"], "inventoryFeedId": columns["inventoryFeedId"]}
    tail = {"settings": Column("r.settings", "json"), "createdAt": columns["createdAt"], "updatedAt": columns["updatedAt"]}
    return Listed(f"{table} AS r", columns, key="r.id", parts={**head, **own, **tail})


_OF_FIELDS: Final = {"name": Column("r.name"), "purpose": Column("r.purpose"), "enabled": Column("r.enabled", "flag")}

_MODELS: Final[Mapping[str, type[Resource]]] = {"jsonFields": JsonField, "mappings": Rewrite, "parameters": Parameter}

ROWS: Final[Mapping[str, Listed]] = {
    FIELDS: _rows("main.inventory_feed_fields", FieldRow, **_OF_FIELDS),
    **{kind: _rows("main.inventory_feed_rows", _MODELS[kind]) for kind in ROW_KINDS},
}
