"""JSON Schemas of an item, out of `engine.schema.ATTRIBUTES`: as it is shown, and as a call may send it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from engine.mapping.attributes import EDITABLE
from engine.schema import ATTRIBUTES, CHOICES, Attribute, Kind

_ID: Final = {"type": "integer", "minimum": 1}
TIME: Final = {"type": "string", "format": "date-time"}
NULL: Final = {"type": "null"}
_KINDS: Final[Mapping[Kind, Mapping[str, Any]]] = {
    Kind.TEXT: {"type": "string"},
    Kind.INTEGER: {"type": "integer"},
    Kind.QUANTITY: {"type": "number"},
    Kind.MONEY: {"type": "number"},
    Kind.FLAG: {"type": "boolean"},
}
_TEXTS: Final = {"type": "array", "items": {"type": "string"}}
_OPTION: Final = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "value": {"type": "string"}, "position": {"type": "integer"}},
    "required": ["name", "value"],
    "additionalProperties": False,
}
_LISTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "images": _TEXTS,
    "tags": _TEXTS,
    "options": {"type": "array", "items": _OPTION},
    "metaFields": {"type": "object"},
    "locations": {"type": ["array", "object"]},
    "messages": {"type": "array", "items": {"type": "string"}},
}
_PLACE: Final[Mapping[str, Any]] = {
    "sequence": {"type": ["integer", "null"], "minimum": 0, "description": "Older ones never overwrite newer ones."},
    "occurredAt": {"type": ["string", "null"], "format": "date-time", "description": "Older ones never overwrite newer ones."},
}
"""What a pushed item may say besides its attributes."""


def item_schema() -> dict[str, Any]:
    """Return the schema of an item as it is shown."""
    properties: dict[str, Any] = {"id": _ID, "inventoryFeedId": _ID}
    for name, attribute in ATTRIBUTES.items():
        properties[name] = _shown(attribute)
        if name == "inventoryQuantity":
            properties["availableQuantity"] = {"type": ["integer", "null"], "minimum": 0}
    properties["hash"] = {"type": ["string", "null"]}
    properties |= {name: {"anyOf": [TIME, NULL]} for name in ("lastFetchedAt", "inventoryUpdatedAt")}
    properties |= {"createdAt": TIME, "updatedAt": TIME}
    return {
        "title": "InventoryFeedVariant",
        "description": "An imported item of a supplier.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def pushed_item_schema(title: str, *, more: Mapping[str, Any] | None = None, required: Collection[str] = ()) -> dict[str, Any]:
    """Return the schema of an item as a call sends it: attributes not sent stay as they are, null clears.

    `more` are properties of the call's own. Beyond the schema, the service demands what the feed does.
    """
    properties = {**(more or {}), **{name: _sent(ATTRIBUTES[name]) for name in EDITABLE}}
    properties["status"] = {
        "type": ["string", "null"],
        "enum": ["removed", None],
        "description": "Only that it is gone; what else it is follows.",
    }
    return {
        "title": title,
        "type": "object",
        "properties": {**properties, **_PLACE},
        "required": list(required),
        "additionalProperties": False,
    }


def _shown(attribute: Attribute) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_LISTS[attribute.name] if attribute.kind is Kind.JSON else _KINDS[attribute.kind])
    if attribute.name == "options":
        # What a feed or an earlier program stored is shown as it is.
        schema = {"type": "array"}
    if attribute.name in CHOICES:
        schema["enum"] = list(CHOICES[attribute.name])
    nullable = attribute.default is None and attribute.name != "externalId"
    return _or_null(schema) if nullable else schema


def _sent(attribute: Attribute) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_LISTS[attribute.name] if attribute.kind is Kind.JSON else _KINDS[attribute.kind])
    if attribute.kind in (Kind.MONEY, Kind.QUANTITY):
        schema["type"] = ["number", "string"]
    if attribute.name in CHOICES:
        schema["enum"] = list(CHOICES[attribute.name])
    return _or_null(schema)


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema["type"]
    widened = {**schema, "type": [*(kind if isinstance(kind, list) else [kind]), "null"]}
    return {**widened, "enum": [*schema["enum"], None]} if "enum" in schema else widened


ITEM: Final = item_schema()
"""An item as it is shown."""
