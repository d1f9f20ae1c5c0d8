"""Mapping rows compiled against the columns of one document: whole columns of text in, whole items out.

Rules run column by column, not record by record: a column of a thousand cells is one `map` over a dictionary of the texts met
before, which is several times faster than a thousand calls, and the slow, careful readers run once for each distinct text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, TypeAlias, cast

from xxhash import xxh3_64_intdigest

from engine.batch import SEVERAL, Batch, Flaw, ItemBatch, Value, ValuesByColumn, clip, turn
from engine.errors import RefuseRun
from engine.feed import Feed
from engine.mapping.derive.steps import plan_steps
from engine.mapping.derive.table import KEY, Step, Table
from engine.mapping.digest import digest_rows
from engine.mapping.fields import ESSENTIAL, GONE, TARGETS, Column, MappingRow, Rule, compile_column
from engine.mapping.numbers import NumberReader
from engine.mapping.readers import Bad, Read
from engine.run import Problem

_Cells: TypeAlias = "list[Sequence[str]]"
_VALUE_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Mapped:
    """A batch after its rules: valid items with their indices in the batch, and the flaws the rules found, by index.

    `spoiled` holds the keys of rejected records, each with the index of the one that may count; `keyless` of them are of
    nobody knows which item.
    """

    items: ItemBatch
    indices: Sequence[int]
    flaws: Mapping[int, Flaw]
    spoiled: Mapping[str, int] = field(default_factory=dict)
    keyless: int = 0


@dataclass(frozen=True, slots=True)
class Trace:
    """What one row gave for one attribute: from the columns at `sources`, `value`, or nothing and the `fault` of column `blamed`."""

    attribute: str
    sources: tuple[int, ...]
    value: Value
    fault: str | None
    blamed: int


def _spoiled_key(key: Read) -> str | None:
    return key if isinstance(key, str) else None


def _spoiled_folded_key(key: Read) -> str | None:
    return key.casefold() if isinstance(key, str) else None


@dataclass(slots=True)
class Rules:
    """A feed's rules for documents with these columns. Keeps memos, so it serves one thread at a time.

    `key` is None where the steps make the key. `names` are the attributes of the items, those of `columns` and those that the
    steps make; `blamed` are attributes whose values the steps may make unusable. `spoil` gives the key of a record that is
    rejected; with `first_counts` the first such record of a key is told, else the last.
    """

    columns: tuple[Column, ...]
    key: Column | None
    require: Mapping[str, str]
    problems: tuple[Problem, ...]
    clears: frozenset[str]
    names: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    blamed: frozenset[str] = frozenset()
    spoil: Callable[[Read], str | None] = _spoiled_key
    first_counts: bool = False
    _seed: int = field(init=False)

    def __post_init__(self) -> None:
        # Whether blank clears is part of what a row means: a feed that begins to clear has to write the same cells again.
        meaning = [f"{name}\1" if name in self.clears else name for name in self.names]
        self._seed = xxh3_64_intdigest("\0".join(meaning).encode())

    def apply(self, batch: Batch) -> Mapped:
        """Map parsed rows to items; a record with an unreadable or missing value becomes a flaw."""
        if not batch.rows:
            return Mapped(ItemBatch(self.names, [], [], [], [], [], self.clears), (), {})
        cells: _Cells = turn(batch.rows)
        keys = self.key.read(cells) if self.key is not None else []
        values = [keys if self.key is not None and column.sources is self.key.sources else column.read(cells) for column in self.columns]
        found: list[tuple[Column, list[Read]]] = [] if self.key is None else [(self.key, keys)]
        every = keys
        gone = _given_up(self.columns, values)
        flaws = self._find_flaws(batch, cells, [*found, *zip(self.columns, values, strict=True)], gone)
        indices: Sequence[int] = range(len(batch.rows))
        if flaws:
            indices = [index for index in indices if index not in flaws]
            keys, values = _picked(keys, indices) if keys else keys, [_picked(column, indices) for column in values]
        if self.steps:
            table = Table(len(indices), {KEY: keys, **dict(zip((column.attribute for column in self.columns), values, strict=True))})
            indices = self._derive(batch, cells, table, indices, flaws, gone)
            keys, values = table.columns[KEY], [table.columns[name] for name in self.names]
        items = self._assemble(keys, values, [batch.lines[index] for index in indices] if flaws else list(batch.lines))
        if not flaws:
            return Mapped(items, indices, flaws)
        rejected = [index for index, flaw in flaws.items() if flaw.fate == "rejected"]
        spoiled = [self.spoil(every[index]) if every else None for index in rejected]
        told = sorted(zip(spoiled, rejected, strict=True), key=itemgetter(1), reverse=self.first_counts)
        return Mapped(items, indices, flaws, {key: index for key, index in told if key}, len(rejected) - sum(map(bool, spoiled)))

    def _derive(
        self, batch: Batch, cells: _Cells, table: Table, indices: Sequence[int], flaws: dict[int, Flaw], gone: Collection[int]
    ) -> Sequence[int]:
        """Run the steps over readable items, take out what they find fault with, and return the indices of what is left."""
        for step in self.steps:
            step(table)
        faults: dict[int, Flaw] = {}
        for place, reason in table.skips.items():
            faults[place] = Flaw(batch.lines[indices[place]], reason, "", fate="skipped")
        for name in self.blamed:
            column = next((column for column in self.columns if column.attribute == name), None)
            if gone and name != KEY:
                table.columns[name] = [None if indices[at] in gone else value for at, value in enumerate(table.columns[name])]
            for place, value in enumerate(table.columns[name]):
                fault = value.reason if isinstance(value, Bad) else self.require.get(name) if value is None else None
                if fault is not None and place not in faults and (name == KEY or indices[place] not in gone):
                    faults[place] = self._flaw(batch, cells, column, indices[place], f"{name} {fault}")
        if not faults:
            return indices
        flaws.update((indices[place], flaw) for place, flaw in faults.items())
        left = [place for place in range(table.rows) if place not in faults]
        table.columns = {name: _picked(column, left) for name, column in table.columns.items()}
        return [indices[place] for place in left]

    def trace(self, row: Sequence[str]) -> list[Trace]:
        """Read one row again, attribute by attribute, with every fault and not only the first; for previews."""
        cells: list[Sequence[str]] = [(cell,) for cell in row]
        traces = []
        for column in (*([self.key] if self.key is not None else []), *self.columns):
            (value,) = column.read(cells)
            fault = value.reason if isinstance(value, Bad) else self.require.get(column.attribute) if value is None else None
            sources = tuple(source.index for source in column.sources)
            traces.append(Trace(column.attribute, sources, None if isinstance(value, Bad) else value, fault, column.blame(cells, 0)))
        return traces

    def _assemble(self, keys: list[Read], values: list[list[Read]], lines: list[int]) -> ItemBatch:
        # A column holds values alone when the flaws are out of it.
        rows = ValuesByColumn(cast("list[list[Value]]", values)) if values else [()] * len(keys)
        return ItemBatch(self.names, cast("list[str]", keys), rows, digest_rows(rows, self._seed), lines, [], self.clears)

    def _find_flaws(self, batch: Batch, cells: _Cells, read: list[tuple[Column, list[Read]]], gone: Collection[int]) -> dict[int, Flaw]:
        flaws: dict[int, Flaw] = {}
        for column, found in read:
            name = column.attribute
            spared = gone if name not in (KEY, GONE) else ()
            if column.may_be_bad:
                for index, value in enumerate(found):
                    if type(value) is Bad and index not in flaws and index not in spared:
                        flaws[index] = self._flaw(batch, cells, column, index, f"{name} {value.reason}")
            if name in self.require and None in found:
                for index, value in enumerate(found):
                    if value is None and index not in flaws and index not in spared:
                        flaws[index] = self._flaw(batch, cells, column, index, f"{name} {self.require[name]}")
        return flaws

    @staticmethod
    def _flaw(batch: Batch, cells: _Cells, column: Column | None, index: int, reason: str) -> Flaw:
        if column is None:
            return Flaw(batch.lines[index], reason, "")
        source = column.blame(cells, index)
        value = clip(cells[source][index].replace(SEVERAL, " | "), _VALUE_SHOWN)
        return Flaw(batch.lines[index], reason, "", column=batch.columns[source], value=value)


def _given_up(columns: Sequence[Column], values: list[list[Read]]) -> Collection[int]:
    """Return the records that say that their items are gone: of those nothing but the key is needed.

    What cannot be read in their other cells becomes blank in `values`: it is no fault of theirs.
    """
    told = next((found for column, found in zip(columns, values, strict=True) if column.attribute == GONE), ())
    gone = {index for index, value in enumerate(told) if value == "removed"}
    if gone:
        for place, column in enumerate(columns):
            if column.may_be_bad and column.attribute != GONE:
                found = values[place]
                values[place] = [None if type(value) is Bad and index in gone else value for index, value in enumerate(found)]
    return gone


def _picked(column: list[Read], indices: Sequence[int]) -> list[Read]:
    return [column[index] for index in indices]


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
    for row in with_subfields(rows):
        index = next((index for index in map(locate, row.names) if index is not None), None)
        if index is not None:
            _refuse_twice(row, index, found.get(row.target, ()))
            found.setdefault(row.target, []).append((row, index))
        elif row.declared and row.target in {*ESSENTIAL, GONE}:
            raise RefuseRun(
                f"the column {row.names[0]!r}, mapped to {row.row.purpose}, is not in the source: "
                f"correct the mapping, or ask the supplier where it went; {_list_columns(columns)}"
            )
        elif row.declared:
            message = f"the column {row.names[0]!r}, mapped to {row.row.purpose}, is not in the source; {_list_columns(columns)}"
            problems.append(Problem("column-missing", message, column=row.names[0]))
    _give_up_offered_key(feed, found)
    _refuse_incomplete(feed, rows, found, columns)
    compiled = {
        target: compile_column(target, sources, feed, locate=locate, rules=rules, numbers=numbers) for target, sources in found.items()
    }
    return _arrange(feed, compiled, problems)


def with_subfields(rows: Sequence[MappingRow]) -> list[MappingRow]:
    """Return the rows, each followed by the one that reads a part of its cells, where it has such a part."""
    return [each for row in rows for each in (row, row.subfield) if each is not None]


def _give_up_offered_key(feed: Feed, found: dict[str, list[tuple[MappingRow, int]]]) -> None:
    """Let keys be made of the options where a preset alone offers a column for them; a person's own row is kept."""
    if feed.external_id_strategy == "options" and not any(row.declared for row, _ in found.get(KEY, ())):
        found.pop(KEY, None)


def _refuse_twice(row: MappingRow, index: int, others: Collection[tuple[MappingRow, int]]) -> None:
    if row.row.purpose == "sku" and others:
        raise RefuseRun(
            f"sku is mapped to {next(iter(others))[0].names[0]!r} and to {row.names[0]!r}: a key is never one column or another"
        )
    # Not every purpose minds, but stock would be counted double.
    if row.target == "inventoryQuantity" and any(index == other for _, other in others):
        raise RefuseRun(f"the column {row.names[0]!r} is mapped to {row.row.purpose} twice and would count double; remove one mapping row")


def _refuse_incomplete(feed: Feed, rows: Sequence[MappingRow], found: Mapping[str, object], columns: Sequence[str]) -> None:
    if feed.external_id_strategy == "options" and KEY not in found:
        _refuse_without_options(feed, found, columns)
    elif KEY not in found and "vendorSku" not in found:
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


def _refuse_without_options(feed: Feed, found: Mapping[str, object], columns: Sequence[str]) -> None:
    missing = [name for name in ("externalGroupId", "options") if name not in found]
    if missing:
        raise RefuseRun(
            f"externalIdStrategy=options makes keys of externalGroupId and options, but no column is mapped to {missing[0]}; "
            f"{_list_columns(columns)}"
        )
    if "vendorSku" not in found and not feed.sku_exempt:
        raise RefuseRun(f"no column is mapped to sku; name it with --field sku=COLUMN, or set skuExempt=true; {_list_columns(columns)}")


def _arrange(feed: Feed, compiled: dict[str, Column], problems: list[Problem]) -> Rules:
    made = feed.external_id_strategy == "options" and KEY not in compiled
    key = None if made else compiled.pop(KEY, None) or compiled["vendorSku"]
    if key is not None:
        # A feed that knows only one identifier uses it as both: the key is the SKU, the SKU is the key.
        compiled.setdefault("vendorSku", key.renamed("vendorSku"))
    sku_is_key = key is not None and [source.index for source in key.sources] == [source.index for source in compiled["vendorSku"].sources]
    plan = plan_steps(feed, {*compiled, *([KEY] if key is not None else [])}, sku_is_key=sku_is_key)
    require = {KEY: "is blank: nothing identifies the item"}
    if not feed.sku_exempt:
        require["vendorSku"] = "is blank; map another column or set skuExempt=true"
    if feed.require_barcode:
        require["barcode"] = "is blank, and the feed has requireBarcode set"
    ordered = tuple(compiled[target] for target in TARGETS if target in compiled)
    clears = frozenset(column.attribute for column in ordered if column.clears)
    return Rules(
        columns=ordered,
        key=None if key is None else key.renamed(KEY),
        require=require,
        problems=(*problems, *plan.problems),
        clears=clears,
        names=tuple(name for name in TARGETS if name in plan.mapped and name != KEY),
        steps=tuple(plan.steps),
        blamed=frozenset(plan.blamed),
        spoil=_spoiling(feed, sku_is_key=sku_is_key),
        first_counts=feed.duplicate_keys == "first",
    )


def _spoiling(feed: Feed, *, sku_is_key: bool) -> Callable[[Read], str | None]:
    return _spoiled_folded_key if feed.case_insensitive_skus and sku_is_key else _spoiled_key


def _list_columns(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(clip(column, 60)) for column in columns[:30])
    return f"the source has {shown}{', …' if len(columns) > 30 else ''}"
