"""What a run makes of items that are held as dictionaries: the rules of the sink contract, in Python. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from engine.batch import Value
from engine.contracts import FeedDefinition
from engine.run import Counts
from sinks.lines import DEFAULTS, MISSING_RUNS, Item

QUANTITY: Final = "inventoryQuantity"

Row: TypeAlias = tuple[tuple[str, ...], frozenset[str], tuple[Value, ...]]
"""The columns of a row, which of them a blank clears, and its values."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The items after a run, what became of its records, and how many items stood before it and were seen in it."""

    items: dict[str, Item]
    counts: Counts
    known: int
    seen: int


def merge_run(before: Mapping[str, Item], rows: Mapping[str, Row], seen: Collection[str], feed: FeedDefinition) -> Outcome:
    """Return what a complete run leaves: `rows` are those that count, `seen` all keys that were in it.

    Duplicates are not counted here.
    """
    items = {key: _met(item) if key in seen else item for key, item in before.items()}
    counts = Counts()
    for key, row in rows.items():
        counts += _apply(items, key, row, feed)
    standing = [key for key, item in before.items() if not is_removed(item)]
    missing = [key for key in standing if key not in seen]
    if feed.missing_policy != "keep":
        counts += Counts(removed=sum([_miss(items, key, feed) for key in missing]))
    return Outcome(items, counts, len(standing), len(standing) - len(missing))


def says_gone(row: Row) -> bool:
    """Return whether a row says that its item is gone."""
    columns, _, values = row
    return "status" in columns and values[columns.index("status")] == "removed"


def is_removed(item: Item) -> bool:
    """Return whether an item does not stand any more."""
    return item.get("status") == "removed"


def _apply(items: dict[str, Item], key: str, row: Row, feed: FeedDefinition) -> Counts:
    old = items.get(key)
    if says_gone(row):
        if old is None:
            return Counts(skipped=1)
        if is_removed(old):
            return Counts(unchanged=1)
        if feed.removal == "remove":
            del items[key]
        else:
            items[key] = _zeroed(old)
        return Counts(updated=1, removed=1)
    if old is None:
        new = _merge(DEFAULTS, row, frozenset(), keeps_weight=False)
        if feed.creates_above is not None and not _exceeds(new.get(QUANTITY), feed.creates_above):
            return Counts(skipped=1)
        items[key] = new
        return Counts(created=1)
    items[key] = new = _merge(old, row, feed.settled, keeps_weight=not feed.takes_weight_zero)
    if is_removed(old):
        new["status"] = "pending" if old.get("variantId") is None else "connected"
    return Counts(unchanged=1) if new == old else Counts(updated=1)


def _merge(old: Item, row: Row, settled: frozenset[str], *, keeps_weight: bool) -> Item:
    columns, clears, values = row
    new = dict(old)
    for name, value in zip(columns, values, strict=True):
        if name == "status" or (name in settled and new.get(name) != DEFAULTS.get(name)):
            continue
        if name == "grams" and value == 0 and keeps_weight:
            continue
        if value is not None:
            new[name] = value
        elif name in clears:
            new.pop(name, None)
            if name in DEFAULTS:
                new[name] = DEFAULTS[name]
    return new


def _miss(items: dict[str, Item], key: str, feed: FeedDefinition) -> bool:
    """Do with a missing item what the feed wants, and return whether it was taken out of stock."""
    runs = int(items[key].get(MISSING_RUNS) or 0)
    if runs < feed.missing_grace:
        items[key] = {**items[key], MISSING_RUNS: runs + 1}
        return False
    if feed.missing_policy == "remove":
        del items[key]
    else:
        items[key] = _met(_zeroed(items[key]))
    return True


def _zeroed(item: Item) -> Item:
    return {**item, "status": "removed", QUANTITY: 0}


def _met(item: Item) -> Item:
    return {name: value for name, value in item.items() if name != MISSING_RUNS} if MISSING_RUNS in item else item


def _exceeds(quantity: Value, level: int) -> bool:
    return isinstance(quantity, int | float) and quantity > level
