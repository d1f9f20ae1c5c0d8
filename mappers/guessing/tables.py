"""CSV: the dialect is what the mapper detects; here its rows become columns that can be judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.csv import make_csv_mapper
from mappers.guessing.columns import Column
from mappers.guessing.guess import Guess, Setting, conclude
from mappers.guessing.shown import show_columns
from mappers.options import normal

if TYPE_CHECKING:
    from mappers.csv import CsvMapper

ROWS: Final = 20_000
_SHOPIFY: Final = frozenset({"handle", "variant price", "variant inventory qty", "option1 name"})
_DETECTED: Final = ("delimiter", "quote", "encoding", "headerRow", "columnWidths")


def guess_table(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> Guess:
    """Guess a CSV document. Raises what the mapper raises for one that it cannot read."""
    mapper = make_csv_mapper(MapperSettings((), attributes), facts)
    rows = _rows(mapper, data, complete=complete)
    if not rows:
        raise RefuseRun(f"{facts.name} holds no record in its first {len(data):,} bytes")
    settings, notes = _describe(mapper.dialect, attributes)
    columns = _columns(mapper, rows)
    if {normal(column) for column in mapper.columns} >= _SHOPIFY and attributes.get("mapping") != "custom":
        return replace(_guess_shopify(mapper.columns, rows, settings, notes), columns=show_columns(columns))
    settings.append(Setting("mapping", "custom", "the mapping rows below are the whole mapping"))
    return conclude(f"CSV of {len(columns)} columns", settings, columns, notes=notes)


def table_columns(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> list[Column]:
    """Return the columns of a CSV document. Raises what the mapper raises for one that it cannot read."""
    mapper = make_csv_mapper(MapperSettings((), attributes), facts)
    return _columns(mapper, _rows(mapper, data, complete=complete))


def _columns(mapper: CsvMapper, rows: Sequence[Sequence[str]]) -> list[Column]:
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(mapper.columns)
    return [Column(name, column, values) for name, column, values in zip(_names(mapper.columns), mapper.columns, cells, strict=True)]


def _rows(mapper: CsvMapper, data: bytes, *, complete: bool) -> list[Sequence[str]]:
    pieces = [*mapper.feed(data), *(mapper.finish() if complete else ())]
    batches: Iterable[Batch] = map(mapper.parse, pieces)
    return [row for batch in batches for row in batch.rows][:ROWS]


def _names(columns: Sequence[str]) -> list[str]:
    """Return how a mapping row names each column: by its header, or by its number where the header is blank or not alone."""
    # A second column of a name is called `name (2)`, and neither of the two can be meant by name.
    bases = Counter(_base(column, columns) for column in columns)
    return [column if column and bases[_base(column, columns)] == 1 else str(number) for number, column in enumerate(columns, 1)]


def _base(column: str, columns: Sequence[str]) -> str:
    stem, bracket, rest = column.rpartition(" (")
    return stem if bracket and rest[:-1].isdecimal() and rest.endswith(")") and stem in columns else column


def _describe(dialect: Mapping[str, JsonValue], attributes: Mapping[str, JsonValue]) -> tuple[list[Setting], list[str]]:
    reasons = dialect.get("reasons")
    why = reasons if isinstance(reasons, dict) else {}
    settings = [Setting("resourceType", "ftpCsv", "the content is delimited text")]
    guessed = isinstance(dialect.get("warnings"), list)
    for name in _DETECTED:
        value, reason = dialect.get(name), str(why.get(name, "detected"))
        if value is None and name == "headerRow":
            settings.append(Setting("csvHasHeader", False, reason))
        elif value is not None:
            # What is detected anew in every document is left open: a supplier who changes it is read all the same.
            sure = attributes.get(name) is not None or (name == "encoding" and guessed)
            settings.append(Setting(name, value, f"detected: {reason}", sure=sure))
    warnings = dialect.get("warnings")
    return settings, [str(warning) for warning in warnings] if isinstance(warnings, list) else []


def _guess_shopify(columns: Sequence[str], rows: Sequence[Sequence[str]], settings: list[Setting], notes: list[str]) -> Guess:
    settings.append(Setting("mapping", "shopify", "the headers are those of a Shopify product export"))
    at = {normal(column): index for index, column in enumerate(columns)}
    price, sku = at["variant price"], at.get("variant sku")
    variants = [row for row in rows if row[price].strip()]
    skus = [row[sku].strip() for row in variants if row[sku].strip()] if sku is not None else []
    if len(skus) < len(variants):
        reason = f"{len(variants) - len(skus)} of {len(variants)} variants have no SKU and would be rejected without it"
        settings.append(Setting("skuExempt", True, f"{reason}; the preset then tells variants apart by handle and options"))
    if len(set(skus)) < len(skus):
        notes.append(f"{len(skus)} SKUs are only {len(set(skus))} different ones: the preset tells variants apart by Variant ID or options")
    stocked = sum(bool(row[at["variant inventory qty"]].strip()) for row in variants)
    if stocked < len(variants):
        notes.append(f"{len(variants) - stocked} of {len(variants)} variants have no Variant Inventory Qty; blank changes nothing")
    return Guess(f"Shopify product export of {len(columns)} columns", len(variants), tuple(settings), (), tuple(notes))
