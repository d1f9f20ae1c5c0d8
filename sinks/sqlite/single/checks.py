"""What a call says of one item, read and held against what is stored: all its faults at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from engine.batch import Value
from engine.mapping.attributes import EDITABLE, default_value, read_attributes
from engine.quantity import GONE
from engine.schema import ATTRIBUTES
from sinks.sqlite import clock
from sinks.sqlite.single.rows import StoredItem

PUSHABLE: Final = frozenset(("externalId", "status", *EDITABLE))
"""What a pushed item may say. Of `status` only that it is gone; all else of it follows."""

_AHEAD: Final = timedelta(hours=1)
"""How far the sender's clock may be ahead: an event of next year would keep out all that comes until then."""

_OVERRIDE, _MANUAL, _QUANTITY = "inventoryQuantityOverride", "manualInventoryQuantity", "inventoryQuantity"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands among its sender's, as far as it says: a number that grows, a moment in microseconds."""

    sequence: int | None = None
    occurred_at: int | None = None

    def __bool__(self) -> bool:
        return self.sequence is not None or self.occurred_at is not None

    def before(self, stored: StoredItem) -> bool:
        """Return whether the call is older than the last one that was stored; the sequence counts first."""
        for mine, last in ((self.sequence, stored.sequence), (self.occurred_at, stored.occurred_at)):
            if mine is not None and last is not None and mine != last:
                return mine < last
        return False

    def news(self, stored: StoredItem | None) -> dict[str, Value]:
        """Return what of it is to be stored, by columns: where it is later than what is there, so that neither ever goes back."""
        last = (None, None) if stored is None else (stored.sequence, stored.occurred_at)
        said = (("sequence", self.sequence, last[0]), ("occurred_at", self.occurred_at, last[1]))
        return {name: mine for name, mine, before in said if mine is not None and (before is None or mine > before)}


def read_push(sent: Mapping[str, object], faults: dict[str, str], *, now: int) -> tuple[dict[str, Value], Place]:
    """Return the values of a pushed item and its place; `externalId` is among them unless it is at fault."""
    place = Place(_read_sequence(sent.get("sequence"), faults), _read_occurred_at(sent.get("occurredAt"), faults, now=now))
    placed = "sequence" in sent or "occurredAt" in sent
    said = {name: value for name, value in sent.items() if name not in ("sequence", "occurredAt")} if placed else sent
    values = read_attributes(said, PUSHABLE, faults)
    if values.get("externalId") is None:
        faults.setdefault("externalId", "is mandatory and not blank")
    if "status" in sent and "status" not in faults:
        _read_gone(values, faults)
    return values, place


def _read_gone(values: dict[str, Value], faults: dict[str, str]) -> None:
    quantity = values.get(_QUANTITY)
    if values["status"] != GONE:
        faults["status"] = f"can only be set to {GONE}; what else it is follows from the item"
    elif isinstance(quantity, int | float) and quantity > 0:
        faults["status"] = f"is {GONE}, but {_QUANTITY} is {quantity}"
    else:
        values[_QUANTITY] = 0


def check_required(values: Mapping[str, Value], stored: StoredItem | None, settings: Mapping[str, Any], faults: dict[str, str]) -> None:
    """Add what the feed demands and the item would lack; what an item never had, because its feed did not ask, it may go without."""
    demands = {"vendorSku": not settings.get("skuExempt"), "barcode": bool(settings.get("requireBarcode"))}
    for name, demanded in demands.items():
        lacks = values.get(name) is None and (stored is None or name in values)
        if demanded and lacks and name not in faults:
            cure = "unless the feed has skuExempt" if name == "vendorSku" else "because the feed has requireBarcode"
            faults[name] = f"is mandatory, {cure}"


def settle_override(values: dict[str, Value], stored: StoredItem | None, faults: dict[str, str]) -> None:
    """Add the fault of an override without its figure, or the reverse. With `none` the figure goes.

    It must not come back by itself with the next override, by when nobody remembers it.
    """
    if faults.keys() & {_OVERRIDE, _MANUAL} or not values.keys() & {_OVERRIDE, _MANUAL}:
        return
    held = {name: default_value(ATTRIBUTES[name]) for name in (_OVERRIDE, _MANUAL)} if stored is None else stored.values
    override, manual = values.get(_OVERRIDE, held[_OVERRIDE]), values.get(_MANUAL, held[_MANUAL])
    if override != "none" and manual is None:
        faults[_OVERRIDE if _OVERRIDE in values else _MANUAL] = (
            f"is {override}, which needs a {_MANUAL}"
            if (_OVERRIDE in values)
            else f"is taken away while {_OVERRIDE} is {override}: set that to none"
        )
    elif override == "none" and values.get(_MANUAL) is not None:
        faults[_MANUAL] = f"has no effect while {_OVERRIDE} is none: set that to manual or maximum too"
    elif override == "none":
        values[_MANUAL] = None


def _read_sequence(value: object, faults: dict[str, str]) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        faults["sequence"] = "is no whole number from 0 of at most 63 bits"
        return None
    return value


def _read_occurred_at(value: object, faults: dict[str, str], *, now: int) -> int | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is None or moment.tzinfo is None:
            faults["occurredAt"] = "is no time with its zone, as RFC 3339 writes them: 2026-07-19T08:30:00Z"
            return None
        at = clock.microseconds(moment)
    except (ValueError, OverflowError):
        faults["occurredAt"] = "is no time as RFC 3339 writes them: 2026-07-19T08:30:00Z"
        return None
    if at > now + _AHEAD // timedelta(microseconds=1):
        faults["occurredAt"] = "lies in the future: set the sender's clock"
        return None
    return at
