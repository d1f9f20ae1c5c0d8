"""What the guard judges a run on where the items are held in memory, before the run and after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import fsum

from engine.batch import Value
from engine.contracts import FeedDefinition
from engine.figures import PRICES, Figures, pieces
from engine.guard import price_factor

Held = Mapping[str, Value]


def measure(before: Mapping[str, Held], after: Mapping[str, Held], met: Collection[str], feed: FeedDefinition) -> Figures:
    """Return what a run does that makes `after` of `before`, both by key, and has `met` these keys, those of rejected records included."""
    standing = {key: item for key, item in before.items() if item.get("status") != "removed"}
    in_stock = [key for key, item in standing.items() if _stock(item)]
    absent = [] if feed.missing_policy == "keep" else [key for key in standing if key not in met]
    missing = [key for key in absent if not standing[key].get("missingRuns")]
    pairs = [(standing[key], after[key]) for key in met if key in standing and key in after and after[key].get("status") != "removed"]
    followed = [name for name in PRICES if name not in feed.settled]
    retail = [(old, new) for old, new in pairs if "retailPrice" in followed and _amount(old, "retailPrice") > 0]
    return Figures(
        known=len(standing),
        missing=len(missing),
        missing_in_stock=sum(_stock(standing[key]) > 0 for key in missing),
        in_stock=len(in_stock),
        emptied=sum(not _stock(after.get(key, {})) for key in in_stock),
        stock_before=pieces(fsum(map(_stock, standing.values()))),
        stock_after=pieces(fsum(map(_stock, after.values()))),
        compared=sum(any(_priced(old, new, name) for name in followed) for old, new in pairs),
        price_moved=sum(_moved(old, new, followed, price_factor(feed)) for old, new in pairs),
        priced=len(retail),
        price_zeroed=sum(_amount(new, "retailPrice") <= 0 for _, new in retail),
    )


def _stock(item: Held) -> float:
    return 0 if item.get("status") == "removed" else max(_amount(item, "inventoryQuantity"), 0)


def _amount(item: Held, name: str) -> float:
    value = item.get(name)
    return value if isinstance(value, int | float) else 0


def _priced(old: Held, new: Held, name: str) -> bool:
    return _amount(old, name) > 0 and _amount(new, name) > 0


def _moved(old: Held, new: Held, followed: Sequence[str], factor: tuple[int, int]) -> bool:
    most, least = factor
    sides = [sorted((_amount(old, name), _amount(new, name))) for name in followed if _priced(old, new, name)]
    return any(high * least > low * most for low, high in sides)
