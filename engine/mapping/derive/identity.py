"""Keys and SKUs: `externalIdStrategy`, `caseInsensitiveSkus`, `prefixSku`.

A key is made of what the source says, before any rewriting and without any prefix, so that it stays the same when a feed's
settings change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from engine.mapping.derive.table import KEY, Plan, Table
from engine.mapping.readers import Bad

if TYPE_CHECKING:
    from engine.mapping.readers import Read

_MARK: Final = "|"
_FURTHEST: Final = 64
"""The last position of an option that a key counts with; beyond it the order of the list is the order."""


def make_keys(plan: Plan) -> None:
    """Make the key of the group and the values of the options (`externalIdStrategy=options`), where no column gives one."""
    if KEY not in plan.mapped:
        plan.add(_make_keys, KEY)
        plan.blamed.add(KEY)


def _make_keys(table: Table) -> None:
    pairs = zip(table.texts("externalGroupId"), table.texts("options"), strict=True)
    table.columns[KEY] = [_key(group, options) for group, options in pairs]


def _key(group: str | None, options: str | None) -> Read:
    if group is None:
        return None
    values = [] if options is None else _ordered(orjson.loads(options))
    if values is None:
        return Bad("cannot be made of the options: they are not all objects with a value")
    # Marked, so that different parts never make the same key: `a|b` beside `c` is not `a` beside `b|c`.
    return _MARK.join(part.replace("\\", "\\\\").replace(_MARK, f"\\{_MARK}") for part in (group, *values))


def _ordered(options: Sequence[Any]) -> list[str] | None:
    """Return the values of options at their positions; a position that has none stays blank and keeps its place."""
    if not all(isinstance(option, dict) and option.get("value") is not None for option in options):
        return None
    values = [str(option["value"]) for option in options]
    places = [option.get("position") for option in options]
    if not all(type(place) is int and 1 <= place <= _FURTHEST for place in places) or len(set(places)) != len(places):
        return values
    found = [""] * max(places, default=0)
    for place, value in zip(places, values, strict=True):
        found[place - 1] = value
    return found


def fold_keys(plan: Plan) -> None:
    """Let keys that are SKUs differ in more than the case of their letters (`caseInsensitiveSkus`).

    The SKU itself keeps the supplier's spelling; who compares SKUs later folds both sides.
    """
    if plan.feed.case_insensitive_skus and plan.sku_is_key:
        plan.add(_fold_keys)


def _fold_keys(table: Table) -> None:
    table.columns[KEY] = [key if key is None else key.casefold() for key in table.texts(KEY)]


def prefix_skus(plan: Plan) -> None:
    """Put the feed's prefix before each SKU (`prefixSku`); `originalSku` keeps what the source said, and so does the key."""
    feed = plan.feed
    if not feed.prefix_sku or "vendorSku" not in plan.mapped:
        return
    prefix = f"{feed.sku_prefix}{feed.prefix_seperator or ''}"

    def step(table: Table) -> None:
        skus = table.columns["originalSku"] = table.columns["vendorSku"]
        table.columns["vendorSku"] = [sku if sku is None else f"{prefix}{sku}" for sku in skus]

    plan.add(step, "originalSku")
