"""A feed as callers see it: every attribute with its default, how it fares, and masks where secrets are."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from engine.errors import ConfigError
from engine.feed import Feed, FieldRow, GuardLimits, JsonField, Rewrite
from engine.settings.transport import Pagination, Parameter, Transport
from engine.source import MASK, mask_location
from feedmill.service.definition.masks import INNER, WHOLE
from sinks.sqlite.clock import rfc3339
from sinks.sqlite.definitions import ROW_KINDS
from sinks.sqlite.service.resources.feeds import FIELDS

if TYPE_CHECKING:
    from engine.settings.resource import Resource
    from feedmill.service.definition.merging import State
    from sinks.sqlite.service.resources.health import Health

ROW_MODELS: Final[Mapping[str, type[Resource]]] = {FIELDS: FieldRow, "jsonFields": JsonField, "mappings": Rewrite, "parameters": Parameter}
_INNER_MODELS: Final[Mapping[str, type[Resource]]] = {"guard": GuardLimits, "transport": Transport, "pagination": Pagination}
_MONEY: Final = ("retailPriceChange", "priceOperatorValue")


def _defaults(model: type[Resource]) -> Mapping[str, object]:
    """Return the attributes of a model in its order; what has no default is always set."""
    fields = model.model_fields.items()
    return {field.alias or name: None if field.is_required() else field.get_default(call_default_factory=True) for name, field in fields}


_DEFAULTS: Final = {
    "id": None,
    "dropshipProviderId": None,
    "name": None,
    **_defaults(Feed),
    **{name: dict(_defaults(model)) for name, model in _INNER_MODELS.items() if name != "pagination"},
}
_OF_ROWS: Final = {kind: _defaults(model) for kind, model in ROW_MODELS.items()}
_OF_INNER: Final = {name: _defaults(model) for name, model in _INNER_MODELS.items()}


def show_feed(state: State, health: Health, *, reveal: bool) -> dict[str, object]:
    """Return a feed as the API shows it; `reveal` shows the secret of its inbound API, and no other."""
    shown: dict[str, object] = dict(_DEFAULTS)
    for name, value in state.row.settings.items():
        shown[name] = _shown(name, value)
    shown |= {kind: [show_row(kind, row) for _, row in state.rows.get(kind, ())] for kind in (FIELDS, *ROW_KINDS)}
    shown |= {"id": state.row.number, "name": state.row.name, "dropshipProviderId": state.row.provider}
    return {**shown, **_show_secrets(state, shown, reveal=reveal), **_show_health(state, health)}


def show_row(kind: str, settings: Mapping[str, Any]) -> dict[str, object]:
    """Return a mapping row with its defaults; the value of a parameter is a secret."""
    shown = {**_OF_ROWS[kind], **{name: _shown(name, value) for name, value in settings.items()}}
    return {**shown, "value": MASK} if kind == "parameters" else shown


def _shown(name: str, value: Any) -> object:
    if name in _OF_INNER and isinstance(value, Mapping):
        return {**_OF_INNER[name], **value}
    return Decimal(str(value)) if name in _MONEY and value is not None else value


def _show_secrets(state: State, shown: Mapping[str, object], *, reveal: bool) -> dict[str, object]:
    secrets = state.secrets
    masked: dict[str, object] = {name: MASK if secrets.get(name) else None for name in WHOLE}
    own = secrets.get("hash")
    masked["hash"] = (own if reveal else MASK) if own else None
    transport: Any = shown["transport"]
    inner: Any = secrets.get("transport") or {}
    masked["transport"] = {**transport, **{name: MASK if inner.get(name) else None for name in INNER}}
    if location := secrets.get("resourceLocation"):
        masked["resourceLocation"] = _mask(str(location), transport["auth"])
    rows: Any = secrets.get("parameters")
    if isinstance(rows, list):
        masked["parameters"] = [show_row("parameters", row) for row in rows]
    return masked


def _mask(location: str, auth: Any) -> str:
    try:
        return mask_location(location, auth=auth)
    except ConfigError:
        return MASK


def _show_health(state: State, health: Health) -> dict[str, object]:
    row = state.row
    return {
        "fetched": health.read or 0,
        "skipped": health.skipped or 0,
        "connected": health.connected,
        "importSeconds": round(health.seconds or 0.0, 3),
        "fetchProblem": health.problem,
        "isValid": row.problem is None,
        "validationMessage": row.problem,
        "lastFetchedAt": rfc3339(health.fetched_at),
        "nextFetchAt": rfc3339(row.next_fetch_at or None),
        "failures": row.failures,
        "pausedAt": rfc3339(row.paused_at),
        "pauseReason": row.pause_reason,
        "createdAt": rfc3339(row.created_at),
        "updatedAt": rfc3339(row.updated_at),
    }
