"""A made-up supplier's catalogue as CSV: any number of items, always the same ones, a few of which change with each version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

COLUMNS: Final = ("sku", "name", "brand", "category", "ean", "price", "cost", "stock", "grams", "tags", "group")

_BLOCK_ITEMS: Final = 1_000
_BRANDS: Final = ("Alder & Sons", "Blåvand", "Corvid Works", "Dunmore", "Eastlight", "Fjällbo", "Granite Road", "Harrow Mill")
_CATEGORIES: Final = (
    "Clothing > Jackets and vests",
    "Clothing > Shirts",
    "Garden > Tools and accessories",
    "Household > Kitchen knives",
    "Household > Storage",
    "Tools > Drills and bits",
    "Tools > Screws and bolts",
)
_LOOKS: Final = ("Light", "Heavy", "Classic", "Compact", "Folding", "Insulated", "Professional")
_THINGS: Final = ("rain jacket", "kitchen knife", 'hex bolt 1/4" zinc', "storage box with lid", "cordless drill", "garden rake, short")
_COLOURS: Final = ("dark blue", "anthracite", "moss green", "signal red", "off-white", "sand")
_TAGS: Final = ("new", "sale", "outdoor", "spare part", "bulky", "bestseller", "eco friendly", "discontinued soon")


def _quoted(text: str) -> str:
    """Write a cell as RFC 4180 says: in quotes where it holds a comma or a quote."""
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _opened(text: str) -> tuple[str, str]:
    # A name ends in the item's number; whether the cell is quoted is settled here, once for all items of that name.
    cell = _quoted(text)
    return (cell[:-1], '"') if cell != text else (cell, "")


_NAMES: Final = tuple(_opened(f"{look} {thing}, {colour}, model") for look, thing, colour in product(_LOOKS, _THINGS, _COLOURS)) + tuple(
    _opened(f"{look} {colour} {thing} model") for look, thing, colour in product(_LOOKS, _THINGS, _COLOURS)
)
_TAG_LISTS: Final = tuple(_quoted(", ".join(tags)) for tags in product(_TAGS, repeat=3) if len(set(tags)) == 3)
_WEIGHED: Final = tuple(
    sum(int(digit) * weight for digit, weight in zip(f"{group:04}", (1, 3, 1, 3), strict=True)) for group in range(10_000)
)


def as_ean(body: int) -> str:
    """Return the 13 digits of an EAN from its first twelve: the last one makes the weighted sum a multiple of ten."""
    # Four digits at a time from a table: digit by digit would take longer than the rest of the row.
    weighed = _WEIGHED[body // 100_000_000] + _WEIGHED[body // 10_000 % 10_000] + _WEIGHED[body % 10_000]
    return f"{body:012}{-weighed % 10}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`items` items; with each new version one in `change_every` has another stock or another price, and nothing else changes."""

    items: int = 20_000
    change_every: int = 100
    seed: int = 1

    def changed(self, version: int) -> range:
        """Return the indices of the items that differ from the version before; none do in version 0."""
        return range(version % self.change_every, self.items if version else 0, self.change_every)

    def lines(self, version: int = 0) -> Iterator[str]:
        """Yield the lines of the catalogue, header first, each with its line end."""
        yield ",".join(COLUMNS) + "\n"
        every, salt = self.change_every, self.seed * 1_000_003
        for index in range(self.items):
            revision = (version - (index - 1) % every - 1) // every + 1
            # A multiplication by the golden ratio scatters the bits: as good as random here, and the same on every machine.
            noise = ((index + salt) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF) >> 16
            of_stock = index // every % 2 == 0
            stock = (noise % 211 + (revision * 7 if of_stock else 0)) % 300
            cost = 99 + (noise >> 8) % 24_900
            price = 2 * cost + (0 if of_stock else revision * 10)
            name, end = _NAMES[(noise >> 12) % len(_NAMES)]
            yield (
                f"KW-{index:07},{name} {index % 10_000}{end},{_BRANDS[(noise >> 20) % 8]},{_CATEGORIES[(noise >> 24) % 7]},"
                f"{as_ean(400_000_000_000 + index)},{price // 100}.{price % 100:02},{cost // 100}.{cost % 100:02},"
                f"{stock},{20 + (noise >> 30) % 5_000},{_TAG_LISTS[(noise >> 36) % 336]},GROUP-{index // 5:06}\n"
            )

    def blocks(self, version: int = 0) -> Iterator[bytes]:
        """Yield the catalogue as UTF-8, about 180 kB at a time."""
        lines = self.lines(version)
        while block := "".join(islice(lines, _BLOCK_ITEMS)):
            yield block.encode()
