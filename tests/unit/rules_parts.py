"""Rules compiled against a header, as a test needs them: mapping rows in, items and flaws out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.batch import Batch, Value
from engine.contracts import FeedDefinition
from engine.feed import Feed, build_feed
from engine.flow.transform import preset_rows
from engine.mapping.fields import MappingRow, Rule
from engine.mapping.numbers import NumberReader
from engine.mapping.rules import Mapped, Rules, compile_rules

SKU: Mapping[str, object] = {"name": "sku", "purpose": "sku"}


def mapped_feed(*rows: Mapping[str, object], stored: FeedDefinition | None = None, **changes: object) -> Feed:
    """Build a feed with these mapping rows and settings."""
    return build_feed("shop", changes, rows, stored=stored)


def presets(*pairs: tuple[str, tuple[str, ...]]) -> list[MappingRow]:
    """Make rows as a preset offers them."""
    return [MappingRow(mapped_feed({"name": names[0], "purpose": purpose}).fields[0], names, declared=False) for purpose, names in pairs]


def compiled(
    header: Sequence[str],
    *rows: Mapping[str, object],
    rules: Mapping[str, Rule] | None = None,
    offered: Sequence[MappingRow] = (),
    **changes: object,
) -> Rules:
    """Compile mapping rows against a header whose names are matched exactly."""
    feed = build_feed("shop", changes, rows)
    places = {name: index for index, name in enumerate(header)}
    numbers = NumberReader(feed.decimal_notation, feed.currency)
    mapping = preset_rows(feed, lambda _: offered)
    return compile_rules(feed, mapping, locate=places.get, columns=tuple(header), rules=rules or {}, numbers=numbers)


def apply(rules: Rules, header: Sequence[str], *cells: Sequence[str]) -> Mapped:
    """Apply rules to rows of cells that begin at lines 2, 3, ..."""
    return rules.apply(Batch(tuple(header), cells, range(2, 2 + len(cells))))


def read_cells(row: Mapping[str, object], *cells: str, rules: Mapping[str, Rule] | None = None, **changes: object) -> list[Value | str]:
    """Read cells of one column mapped as `row` beside a SKU; a reject shows as its reason after an exclamation mark."""
    header = ("sku", str(row["name"]))
    made = compiled(header, SKU, row, rules=rules, offered=(), **changes)
    mapped = apply(made, header, *((f"k{number}", cell) for number, cell in enumerate(cells)))
    target = next(name for name in made.names if name != "vendorSku")
    found = dict(zip(mapped.indices, values(mapped, target), strict=True))
    return [found[index] if index in found else f"!{mapped.flaws[index].reason}" for index in range(len(cells))]


def values(mapped: Mapped, attribute: str) -> list[Value]:
    """Return one attribute of all items."""
    place = mapped.items.columns.index(attribute)
    return [row[place] for row in mapped.items.rows]
