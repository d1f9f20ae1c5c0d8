"""Which variants of the catalogue an item fits, by the settings of its feed. Pure: knows no database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import orjson

from engine.contracts import FeedDefinition
from sinks.sqlite.catalogue.barcodes import read_gtin

_NO_OPTION: Final = ("title", "default title")
"""What a shop system writes for a product that has no options."""


# Tuples, because one of each is made for every item of a first load, and a frozen dataclass takes three times as long to make.
class Item(NamedTuple):
    """What matching looks at of an item; `options` is JSON text."""

    vendor_sku: str | None
    original_sku: str | None = None
    barcode: str | None = None
    options: str = "[]"


class Variant(NamedTuple):
    """What matching looks at of a variant; `sku` is trimmed, `gtin` has 14 digits, `options` is JSON text."""

    id: int
    sku: str | None
    gtin: str | None = None
    options: str = "[]"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Variants by `sku_key` and by GTIN: those that may matter for the items at hand."""

    by_sku: Mapping[str, Sequence[Variant]]
    by_gtin: Mapping[str, Sequence[Variant]]


@dataclass(frozen=True, slots=True)
class Matching:
    """How a feed's items find their variants (API, section 3, connect)."""

    by_sku: bool = True
    by_barcode: bool = False
    folds: bool = False
    prefixed_only: bool = False
    by_options: bool = False

    @classmethod
    def of(cls, definition: FeedDefinition) -> Matching:
        """Return how the items of a feed are matched."""
        settings = definition.attributes
        return cls(
            bool(settings.get("automaticallyConnect", True)),
            bool(settings.get("automaticallyConnectByBarcode", False)),
            bool(settings.get("caseInsensitiveSkus", False)),
            settings.get("automaticallyConnectPrefix") == "prefixOnly",
            bool(settings.get("automaticallyConnectOptionValues")),
        )

    @property
    def idle(self) -> bool:
        """Return whether nothing is connected by itself."""
        return not (self.by_sku or self.by_barcode)

    def dump(self) -> str:
        """Return the settings as JSON text: under others the same items and variants may match otherwise."""
        return orjson.dumps(asdict(self)).decode()

    def skus(self, item: Item) -> tuple[str, ...]:
        """Return the SKUs under which an item may be in the catalogue, trimmed: its own, and what it was before the feed's prefix."""
        if not self.by_sku:
            return ()
        own = item.vendor_sku.strip() if item.vendor_sku else ""
        before = item.original_sku.strip() if item.original_sku and not self.prefixed_only else ""
        if not before or before == own:
            return (own,) if own else ()
        return (own, before) if own else (before,)

    def gtin(self, item: Item) -> str | None:
        """Return the number by which an item may be in the catalogue, None where barcodes do not count or it has no valid one."""
        return read_gtin(item.barcode) if self.by_barcode else None

    def match(self, item: Item, shelf: Shelf) -> tuple[int, ...]:
        """Return the ids of the variants an item fits: none, the one it is, or several, which is an ambiguity.

        SKUs go before barcodes; where both say something, only what both say counts, and where they contradict each other, all
        they say is returned.
        """
        return self.choose(item, self.skus(item), self.gtin(item), shelf)

    def choose(self, item: Item, skus: tuple[str, ...], gtin: str | None, shelf: Shelf) -> tuple[int, ...]:
        """Return what `match` does, for an item whose SKUs and number are known."""
        found = self._match_skus(item, skus, shelf)
        scanned = tuple(sorted(variant.id for variant in shelf.by_gtin.get(gtin, ()))) if gtin else ()
        if not found or not scanned:
            return found or scanned
        return tuple(number for number in found if number in scanned) or tuple(sorted({*found, *scanned}))

    def _match_skus(self, item: Item, skus: tuple[str, ...], shelf: Shelf) -> tuple[int, ...]:
        found = [
            variant.id
            for sku in skus
            for variant in shelf.by_sku.get(sku.casefold(), ())
            if (self.folds or variant.sku == sku) and (not self.by_options or options_agree(item.options, variant.options))
        ]
        return tuple(found) if len(found) < 2 else tuple(sorted(set(found)))


def sku_key(sku: str) -> str:
    """Return what SKUs that differ in case or in blanks around them have in common."""
    return sku.strip().casefold()


def options_agree(one: str, other: str) -> bool:
    """Tell whether two lists of options, JSON text, have the same values, case and blanks aside.

    Where both name their options alike, name by name; suppliers and shops seldom do, and then the values alone count.
    """
    first, second = list(_folded(one)), list(_folded(other))
    if sorted(name for name, _ in first) == sorted(name for name, _ in second):
        return sorted(first) == sorted(second)
    return sorted(value for _, value in first) == sorted(value for _, value in second)


def option_key(options: str) -> str:
    """Return what lists of options that say the same have in common, whatever their order."""
    return orjson.dumps(sorted(_folded(options))).decode()


def _folded(options: str) -> Iterator[tuple[str, str]]:
    listed: list[Any] = orjson.loads(options)
    for option in listed:
        pair = option if isinstance(option, dict) else {"value": option}
        folded = tuple(str(pair.get(part) or "").strip().casefold() for part in ("name", "value"))
        if folded[1] and folded != _NO_OPTION:
            yield folded[0], folded[1]
