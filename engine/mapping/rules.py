"""Mapping rows compiled against the columns of one document: whole columns of text in, whole items out.

Rules run column by column, not record by record: a column of a thousand cells is one `map` over a dictionary of the texts met
before, which is several times faster than a thousand calls, and the slow, careful readers run once for each distinct text.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from xxhash import xxh3_64_intdigest

from engine.batch import Batch, Flaw, ItemBatch, Value, clip
from engine.errors import RefuseRun
from engine.feed import Feed
from engine.mapping.convert import Bad, Read
from engine.mapping.fields import ESSENTIAL, TARGETS, Column, MappingRow, Rule, compile_column
from engine.mapping.numbers import NumberReader
from engine.run import Problem

_DIGEST_OFFSET: Final = 2**63
_VALUE_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Mapped:
    """A batch after its rules: valid items with their indices in the batch, and the flaws the rules found, by index."""

    items: ItemBatch
    indices: Sequence[int]
    flaws: Mapping[int, Flaw]


@dataclass(frozen=True, slots=True)
class Trace:
    """What one row gave for one attribute: from the columns at `sources`, `value`, or nothing and the `fault` of column `blamed`."""

    attribute: str
    sources: tuple[int, ...]
    value: Value
    fault: str | None
    blamed: int


@dataclass(slots=True)
class Rules:
    """A feed's rules for documents with these columns. Keeps memos, so it serves one thread at a time."""

    columns: tuple[Column, ...]
    key: Column
    require: Mapping[str, str]
    problems: tuple[Problem, ...]
    clears: frozenset[str]
    names: tuple[str, ...] = field(init=False)
    _seed: int = field(init=False)

    def __post_init__(self) -> None:
        self.names = tuple(column.attribute for column in self.columns)
        # Whether blank clears is part of what a row means: a feed that begins to clear has to write the same cells again.
        meaning = [f"{name}\1" if name in self.clears else name for name in self.names]
        self._seed = xxh3_64_intdigest("\0".join(meaning).encode())

    def apply(self, batch: Batch) -> Mapped:
        """Map parsed rows to items; a record with an unreadable or missing value becomes a flaw."""
        if not batch.rows:
            return Mapped(ItemBatch(self.names, [], [], [], [], [], self.clears), (), {})
        cells: list[Sequence[str]] = list(zip(*batch.rows, strict=True))
        keys = self.key.read(cells)
        values = [keys if column.sources is self.key.sources else column.read(cells) for column in self.columns]
        flaws = self._find_flaws(batch, cells, keys, values)
        indices: Sequence[int] = range(len(batch.rows))
        if flaws:
            indices = [index for index in indices if index not in flaws]
            keys = [keys[index] for index in indices]
            values = [[column[index] for index in indices] for column in values]
        return Mapped(self._assemble(keys, values, [batch.lines[index] for index in indices]), indices, flaws)

    def trace(self, row: Sequence[str]) -> list[Trace]:
        """Read one row again, attribute by attribute, with every fault and not only the first; for previews."""
        cells: list[Sequence[str]] = [(cell,) for cell in row]
        traces = []
        for column in (self.key, *self.columns):
            (value,) = column.read(cells)
            fault = value.reason if isinstance(value, Bad) else self.require.get(column.attribute) if value is None else None
            sources = tuple(source.index for source in column.sources)
            traces.append(Trace(column.attribute, sources, None if isinstance(value, Bad) else value, fault, column.blame(cells, 0)))
        return traces

    def _assemble(self, keys: list[Read], values: list[list[Read]], lines: list[int]) -> ItemBatch:
        rows: list[tuple[Value, ...]] = list(zip(*values, strict=True)) if keys else []
        # marshal version 2 writes equal rows as equal bytes (later versions mark interned and shared objects) and is the
        # fastest way to bytes; a change of its format would cost one comparison by value, never a wrong answer.
        digests = [xxh3_64_intdigest(marshal.dumps(row, 2), self._seed) - _DIGEST_OFFSET for row in rows]
        return ItemBatch(self.names, cast("list[str]", keys), rows, digests, lines, [], self.clears)

    def _find_flaws(self, batch: Batch, cells: list[Sequence[str]], keys: list[Read], values: list[list[Read]]) -> dict[int, Flaw]:
        flaws: dict[int, Flaw] = {}
        for column, found in ((self.key, keys), *zip(self.columns, values, strict=True)):
            if column.may_be_bad:
                for index, value in enumerate(found):
                    if type(value) is Bad and index not in flaws:
                        flaws[index] = self._flaw(batch, cells, column, index, value.reason)
            if column.attribute in self.require and None in found:
                for index, value in enumerate(found):
                    if value is None and index not in flaws:
                        flaws[index] = self._flaw(batch, cells, column, index, self.require[column.attribute])
        return flaws

    @staticmethod
    def _flaw(batch: Batch, cells: list[Sequence[str]], column: Column, index: int, reason: str) -> Flaw:
        source = column.blame(cells, index)
        return Flaw(
            line=batch.lines[index],
            reason=f"{column.attribute} {reason}",
            raw="",
            column=batch.columns[source],
            value=clip(cells[source][index], _VALUE_SHOWN),
        )


def compile_rules(
    feed: Feed,
    rows: Sequence[MappingRow],
    *,
    locate: Callable[[str], int | None],
    columns: Sequence[str],
    rules: Mapping[str, Rule],
    numbers: NumberReader,
) -> Rules:
    """Bind a feed's mapping rows to the columns of a document.

    Raises `RefuseRun` when the key, or a column that stock or price depends on, is gone from the source: what a missing
    warehouse would have said cannot be known. Other missing columns are absent, and a problem says so.
    """
    found: dict[str, list[tuple[MappingRow, int]]] = {}
    problems: list[Problem] = []
    for row in rows:
        index = next((index for index in map(locate, row.names) if index is not None), None)
        if index is not None:
            _refuse_twice(row, index, found.get(row.target, ()))
            found.setdefault(row.target, []).append((row, index))
        elif row.declared and row.target in ESSENTIAL:
            raise RefuseRun(
                f"the column {row.names[0]!r}, mapped to {row.row.purpose}, is not in the source: "
                f"correct the mapping, or ask the supplier where it went; {_list_columns(columns)}"
            )
        elif row.declared:
            message = f"the column {row.names[0]!r}, mapped to {row.row.purpose}, is not in the source; {_list_columns(columns)}"
            problems.append(Problem("column-missing", message, column=row.names[0]))
    _refuse_incomplete(feed, rows, found, columns)
    compiled = {
        target: compile_column(target, sources, feed, locate=locate, rules=rules, numbers=numbers) for target, sources in found.items()
    }
    return _arrange(feed, compiled, tuple(problems))


def _refuse_twice(row: MappingRow, index: int, others: Collection[tuple[MappingRow, int]]) -> None:
    if row.row.purpose == "sku" and others:
        raise RefuseRun(
            f"sku is mapped to {next(iter(others))[0].names[0]!r} and to {row.names[0]!r}: a key is never one column or another"
        )
    # Not every purpose minds, but stock would be counted double.
    if row.target == "inventoryQuantity" and any(index == other for _, other in others):
        raise RefuseRun(f"the column {row.names[0]!r} is mapped to {row.row.purpose} twice and would count double; remove one mapping row")


def _refuse_incomplete(feed: Feed, rows: Sequence[MappingRow], found: Mapping[str, object], columns: Sequence[str]) -> None:
    if "externalId" not in found and "vendorSku" not in found:
        raise RefuseRun(f"no column is mapped to externalId or sku; name it with --field sku=COLUMN; {_list_columns(columns)}")
    if feed.require_barcode and "barcode" not in found:
        raise RefuseRun(
            f"requireBarcode is set, but no column is mapped to barcode; name it with --field barcode=COLUMN; {_list_columns(columns)}"
        )
    wanted = [row for row in rows if row.target == "inventoryQuantity" and not row.declared]
    if wanted and "inventoryQuantity" not in found:
        raise RefuseRun(
            f"no column of stock found (looked for {', '.join(wanted[0].names[:6])} and the like); "
            f"name it with --field inventoryQuantity=COLUMN, or set mapping=custom if the feed has none; {_list_columns(columns)}"
        )


def _arrange(feed: Feed, compiled: dict[str, Column], problems: tuple[Problem, ...]) -> Rules:
    key = compiled.pop("externalId", None) or compiled["vendorSku"]
    # A feed that knows only one identifier uses it as both: the key is the SKU, the SKU is the key.
    compiled.setdefault("vendorSku", key.renamed("vendorSku"))
    require = {"externalId": "is blank: nothing identifies the item"}
    if not feed.sku_exempt:
        require["vendorSku"] = "is blank; map another column or set skuExempt=true"
    if feed.require_barcode:
        require["barcode"] = "is blank, and the feed has requireBarcode set"
    ordered = tuple(compiled[target] for target in TARGETS if target in compiled)
    clears = frozenset(column.attribute for column in ordered if column.clears)
    return Rules(ordered, key.renamed("externalId"), require, problems, clears)


def _list_columns(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(clip(column, 60)) for column in columns[:30])
    return f"the source has {shown}{', …' if len(columns) > 30 else ''}"
