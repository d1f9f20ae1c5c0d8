"""Shopify's product export: one product is several rows, of which only the first carries the product's own fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from engine.batch import Batch, Flaw, clip
from engine.errors import RefuseRun
from mappers.header import locate_column

OPTIONS: Final = "Options"
VARIANT_ID: Final = "Variant ID"
GROUP_ROWS: Final = 10_000
"""Rows one handle may have; Shopify itself allows 2,048 variants and 250 images."""

_PARENT: Final = (
    "Title", "Body (HTML)", "Vendor", "Product Category", "Type", "Tags", "Published", "Gift Card", "SEO Title", "SEO Description",
    "Status", "Option1 Name", "Option2 Name", "Option3 Name",
)  # fmt: skip
_VARIANT: Final = ("Option1 Value", "Variant SKU", "Variant Price")


class ShopifyGrouping:
    """Give every variant row what its product's rows say, and drop rows that only carry an image.

    Rows of one handle are held until the handle changes. Variant fields are never filled from another row: a blank quantity
    stays blank. Raises `RefuseRun` for columns that cannot be such an export and for a handle on more than `GROUP_ROWS` rows.
    """

    def __init__(self, columns: Sequence[str], *, name: str) -> None:
        self._name = name
        self._added = [column for column in (OPTIONS, VARIANT_ID) if column not in columns]
        self.columns = (*columns, *self._added)
        self._at = {column: locate_column(self.columns, column) for column in (*_PARENT, *_VARIANT, "Handle", "Image Src")}
        self._handle = self._handle_column()
        self._parents = [index for column in _PARENT if (index := self._at[column]) is not None]
        self._options_at, self._id_at = self.columns.index(OPTIONS), self.columns.index(VARIANT_ID)
        self._options = [
            (locate_column(self.columns, f"Option{number} Name"), locate_column(self.columns, f"Option{number} Value"), number)
            for number in (1, 2, 3)
        ]
        self._rows: list[list[str]] = []
        self._lines: list[int] = []

    def _handle_column(self) -> int:
        handle = self._at["Handle"]
        if handle is None or all(self._at[column] is None for column in _VARIANT):
            raise RefuseRun(
                f"{self._name} is no Shopify product export: it needs the column Handle and at least one of {', '.join(_VARIANT)}; "
                f"choose another mapping; nothing was applied"
            )
        return handle

    @property
    def first_held_line(self) -> int | None:
        """Return the line of the first row that is held back, None when none is."""
        return self._lines[0] if self._lines else None

    def group(self, batch: Batch, *, final: bool) -> Batch:
        """Take a batch of single rows; return the rows of the handles that are complete with it, all of them when `final`."""
        rows: list[list[str]] = []
        lines: list[int] = []
        flaws = list(batch.flaws)
        for row, line in zip(batch.rows, batch.lines, strict=True):
            handle = row[self._handle].strip()
            if not handle:
                flaws.append(Flaw(line, "the Handle is blank, so the row belongs to no product: fill it in", _joined(row), "Handle", ""))
                continue
            if self._rows and self._rows[0][self._handle].strip() != handle:
                self._release(rows, lines, flaws)
            self._hold(row, line)
        if final:
            self._release(rows, lines, flaws)
        return Batch(self.columns, rows, lines, tuple(sorted(flaws, key=lambda flaw: flaw.line)))

    def _hold(self, row: Sequence[str], line: int) -> None:
        if len(self._rows) >= GROUP_ROWS:
            raise RefuseRun(
                f"{self._name}, line {line}: the handle {clip(row[self._handle], 100)!r} stands on more than {GROUP_ROWS:,} rows in "
                f"a row, so the column Handle names no product: choose another mapping; nothing was applied"
            )
        self._rows.append([*row, *("" for _ in self._added)])
        self._lines.append(line)

    def _release(self, rows: list[list[str]], lines: list[int], flaws: list[Flaw]) -> None:
        shared = self._shared()
        for row, line in zip(self._rows, self._lines, strict=True):
            if self._is_variant(row):
                self._complete(row, shared)
                rows.append(row)
                lines.append(line)
            else:
                reason = f"image row of handle {clip(row[self._handle], 100)!r}: it holds no variant"
                flaws.append(Flaw(line, reason, _joined(row), fate="skipped"))
        self._rows, self._lines = [], []

    def _is_variant(self, row: Sequence[str]) -> bool:
        return any(index is not None and row[index].strip() for index in map(self._at.__getitem__, _VARIANT))

    def _shared(self) -> dict[int, str]:
        """Return what the group's rows say of the product: the first text of each of its fields, and all images."""
        shared = {index: next((row[index] for row in self._rows if row[index].strip()), "") for index in self._parents}
        image = self._at["Image Src"]
        if image is not None:
            shared[image] = "\n".join(dict.fromkeys(row[image].strip() for row in self._rows if row[image].strip()))
        return shared

    def _complete(self, row: list[str], shared: dict[int, str]) -> None:
        for index, text in shared.items():
            if index == self._at["Image Src"] or not row[index].strip():
                row[index] = text
        options = self._options_of(row)
        if not row[self._options_at].strip():
            row[self._options_at] = orjson.dumps(options).decode()
        if not row[self._id_at].strip():
            sku = self._at["Variant SKU"]
            values = [str(option["value"]) for option in options]
            own = row[sku].strip() if sku is not None else ""
            row[self._id_at] = own or "/".join((row[self._handle].strip(), *values))

    def _options_of(self, row: Sequence[str]) -> list[dict[str, str | int]]:
        options: list[dict[str, str | int]] = []
        for name_at, value_at, number in self._options:
            value = row[value_at].strip() if value_at is not None else ""
            if value:
                name = row[name_at].strip() if name_at is not None else ""
                options.append({"name": name or f"Option{number}", "value": value, "position": number})
        if len(options) == 1 and (options[0]["name"], options[0]["value"]) == ("Title", "Default Title"):
            return []
        return options


def _joined(row: Sequence[str]) -> str:
    return clip(",".join(row).rstrip(","))
