"""Items as JSON Schema has them, made of the one list of attributes: as they are sent, and as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.schema import ATTRIBUTES, CHOICES, Attribute, Kind
from sinks.sqlite.single.checks import PUSHABLE

_TIME: Final = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Final = {"type": ["string", "null"], "format": "date-time"}
_ID: Final = {"type": "integer", "minimum": 1}
_LISTS: Final = ("images", "options", "tags")


def _sent(attribute: Attribute) -> dict[str, Any]:
    """Return what may be sent: null is the attribute's default, money and quantities may be texts that are numbers."""
    kinds: dict[Kind, dict[str, Any]] = {
        Kind.TEXT: {"type": ["string", "null"]},
        Kind.INTEGER: {"type": ["integer", "null"]},
        Kind.QUANTITY: {"type": ["number", "string", "null"]},
        Kind.MONEY: {"type": ["number", "string", "null"]},
        Kind.FLAG: {"type": ["boolean", "null"]},
        Kind.JSON: {"type": ["array", "null"] if attribute.name in _LISTS else ["object", "array", "null"]},
    }
    choices = CHOICES.get(attribute.name)
    return {**kinds[attribute.kind], **({"enum": [*choices, None]} if choices and attribute.name != "status" else {})}


def _shown(attribute: Attribute) -> dict[str, Any]:
    kinds: dict[Kind, dict[str, Any]] = {
        Kind.TEXT: {"type": ["string", "null"]},
        Kind.INTEGER: {"type": ["integer", "null"]},
        Kind.QUANTITY: {"type": ["number", "null"]},
        Kind.MONEY: {"type": ["number", "null"]},
        Kind.FLAG: {"type": "boolean"},
        Kind.JSON: {"type": "array"} if attribute.name in _LISTS else {},
    }
    return kinds[attribute.kind]


SENT_ITEM: Final[Mapping[str, Any]] = {
    "title": "PushedItem",
    "type": "object",
    "required": ["externalId"],
    "additionalProperties": False,
    "properties": {
        "externalId": {"type": "string", "minLength": 1},
        **{name: _sent(each) for name, each in ATTRIBUTES.items() if name in PUSHABLE and name not in ("externalId", "status")},
        "status": {"type": "string", "enum": ["removed"]},
        "sequence": {"type": ["integer", "null"], "minimum": 0},
        "occurredAt": _TIME_OR_NULL,
    },
}
"""An item as a push sends it."""

SHOWN_ITEM: Final[Mapping[str, Any]] = {
    "title": "InventoryFeedVariant",
    "type": "object",
    "required": ["id", "inventoryFeedId", "availableQuantity", "createdAt", "updatedAt", *ATTRIBUTES],
    "properties": {
        "id": _ID,
        "inventoryFeedId": _ID,
        **{name: _shown(each) for name, each in ATTRIBUTES.items()},
        "availableQuantity": {"type": ["number", "null"]},
        "hash": {"type": ["string", "null"]},
        "lastFetchedAt": _TIME_OR_NULL,
        "inventoryUpdatedAt": _TIME_OR_NULL,
        "createdAt": _TIME,
        "updatedAt": _TIME,
    },
}
"""An item as every call shows it."""

BATCH: Final[Mapping[str, Any]] = {
    "title": "Batch",
    "type": "object",
    "required": ["id", "inventoryFeedId", "origin", "status", "items", "results", "problem", "finishedAt", "createdAt", "updatedAt"],
    "properties": {
        "id": _ID,
        "inventoryFeedId": _ID,
        "origin": {"type": "string", "enum": ["api", "inbound"]},
        "status": {"type": "string", "enum": ["pending", "complete", "error"]},
        "items": {"type": ["integer", "null"]},
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "outcome", "inventoryFeedVariantId", "externalId", "problem"],
                "properties": {
                    "index": {"type": "integer", "minimum": 0},
                    "outcome": {"type": "string", "enum": ["created", "updated", "unchanged", "stale", "invalid", "limited"]},
                    "inventoryFeedVariantId": {"type": ["integer", "null"]},
                    "externalId": {"type": ["string", "null"]},
                    "problem": {"type": ["object", "null"]},
                },
            },
        },
        "problem": {"type": ["object", "null"]},
        "finishedAt": _TIME_OR_NULL,
        "createdAt": _TIME,
        "updatedAt": _TIME,
    },
}
"""A batch and what became of its items, in their order."""

ACCEPTED: Final[Mapping[str, Any]] = {
    "title": "BatchAccepted",
    "type": "object",
    "required": ["batchId"],
    "properties": {"batchId": _ID},
}
"""The answer to a batch that is on disk, and will be applied."""
