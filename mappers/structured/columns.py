"""Which columns the records of a document make, and each record's row of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from engine.errors import RefuseRun
from mappers.checks import BROKEN
from mappers.options import normal
from mappers.structured.presets import INHERITED
from mappers.structured.values import Json, Number, UnreadableCell, Unusable, cell_of, describe

Path: TypeAlias = tuple[str, ...]

VARIANTS: Final = "variants"
PRODUCT: Final = "product."
"""Stands before the name of a product's own key where a variant does not inherit it."""

SHOWN_RECORDS: Final = 100
SHOWN_COLUMNS: Final = 200
_SHOWN_DEPTH: Final = 6
"""What nobody mapped is a column only so that people see it: of the first records, and never so many that rows grow without end."""

_SEEN_KEYS: Final = 10_000
"""Distinct keys that are remembered as looked at; records that use their keys as data have them without end."""

_NO_KEY: Final = cast("str", None)
"""Stands for no key of the record's own; no JSON object has it."""


class Entry(NamedTuple):
    """A record: an item's own object, and the product that it is a variant of."""

    own: dict[str, Json]
    product: dict[str, Json] | None = None


class Misfit(NamedTuple):
    """A record that is no item; `skipped` when it does not claim to be one."""

    reason: str
    skipped: bool = False


def expand(value: Json, *, nested: bool) -> Sequence[Entry | Misfit]:
    """Return the records that an element of the list stands for: itself, or when it has variants, each of them."""
    if not isinstance(value, dict):
        return (Misfit(f"{describe(value)} stands where an object should"),)
    variants = value.get(VARIANTS) if nested else None
    if variants is None:
        return (Entry(value),)
    if not isinstance(variants, list):
        return (
            Misfit(
                f"{VARIANTS} {variants.reason}" if isinstance(variants, Unusable) else f"{VARIANTS} is {describe(variants)}, not a list"
            ),
        )
    if not variants:
        return (Misfit("a product without variants", skipped=True),)
    return [Entry(own, value) if isinstance(own, dict) else Misfit(f"{describe(own)} stands where a variant should") for own in variants]


class Shape:
    """The columns of a document as its records tell them, until they are fixed.

    A mapped name is a column from the record on that has it, wherever it stands in the document; `missing` are the mapped
    names that no record had so far.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = frozenset(names)
        self._wanted = frozenset(map(normal, names))
        self._missing = set(names)
        self._own: dict[str, Path] = {}
        self._product: dict[str, Path] = {}
        self._several: set[str] = set()
        self._met = 0
        self._seen: dict[str, dict[str, bool]] = {}
        self._leading = False

    @property
    def complete(self) -> bool:
        """Tell whether every mapped name was met, so that no later record can bring another one."""
        return not self._missing and self._met >= SHOWN_RECORDS

    @property
    def open(self) -> bool:
        """Tell whether a mapped name was not met so far."""
        return bool(self._missing)

    def meet(self, entry: Entry) -> None:
        """Learn the keys of a record."""
        shown = self._met < SHOWN_RECORDS
        self._met += 1
        if not shown and not self._missing:
            return
        for record, into, prefix in ((entry.own, self._own, ""), (entry.product, self._product, PRODUCT)):
            if record is None:
                continue
            if shown:
                self._visit(record, (), into, prefix, shown=True)
            elif fresh := self._fresh(record, prefix):
                self._visit(fresh, (), into, prefix, shown=False)

    def _fresh(self, record: dict[str, Json], prefix: str) -> dict[str, Json]:
        """Return of a record what was not looked at before, or has to be looked into again."""
        seen = self._seen.setdefault(prefix, {})
        if record.keys() <= seen.keys() and not self._leading:
            return {}
        fresh = {key: value for key, value in record.items() if seen.get(key, True)}
        if len(seen) < _SEEN_KEYS:
            for key in fresh:
                seen[key] = self._leads_on(prefix + key) or self._leads_on(key)
                self._leading = self._leading or seen[key]
        return fresh

    def knows(self, entry: Entry) -> bool:
        """Tell whether a record has any mapped name."""
        seen = Shape(tuple(self._exact))
        seen.meet(entry)
        return any(normal(name) in self._wanted for name in seen.names)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple({**self._own, **self._product})

    def fix(self, *, name: str) -> Columns:
        """Return the columns that were met."""
        mapped = frozenset(index for index, column in enumerate(self.names) if normal(column) in self._wanted)
        both = {column for column in self._own if column in self._product and column.startswith(PRODUCT)}
        return Columns(self.names, dict(self._own), dict(self._product), mapped, frozenset(self._several | both), name)

    def late(self, entry: Entry) -> str | None:
        """Return a mapped name that this record is the first to have, None when there is none."""
        if not self._missing:
            return None
        before = set(self._missing)
        self.meet(entry)
        return min(before - self._missing, default=None)

    def _visit(self, record: dict[str, Json], above: Path, into: dict[str, Path], prefix: str, shown: bool) -> None:
        for key, value in record.items():
            path = (*above, key)
            if prefix and not above and key == VARIANTS:
                continue
            name = ".".join(path).strip()
            if prefix and name not in INHERITED:
                name = prefix + name
            wanted = normal(name) in self._wanted
            leaf = not isinstance(value, dict)
            if wanted or (shown and leaf):
                self._note(name, path, into, wanted=wanted)
            if isinstance(value, dict) and value and (self._leads_on(name) or (shown and len(path) < _SHOWN_DEPTH)):
                self._visit(value, path, into, prefix, shown)

    def _leads_on(self, name: str) -> bool:
        start = normal(name) + "."
        return any(wanted.startswith(start) for wanted in self._wanted)

    def _note(self, name: str, path: Path, into: dict[str, Path], *, wanted: bool) -> None:
        known = into.setdefault(name, path) if wanted or (len(into) < SHOWN_COLUMNS and name and not BROKEN.search(name)) else path
        if known != path:
            self._several.add(name)
        if wanted:
            self._missing.discard(name)


class Columns:
    """The fixed columns of a document."""

    def __init__(
        self,
        names: tuple[str, ...],
        own: dict[str, Path],
        product: dict[str, Path],
        mapped: frozenset[int],
        several: frozenset[str],
        document: str,
    ) -> None:
        self.names = names
        self._mapped = mapped
        self._several = several
        self._document = document
        paths = [own.get(name) for name in names]
        self._keys = [path[0] if path is not None and len(path) == 1 else _NO_KEY for path in paths]
        self._deep = [(index, path) for index, path in enumerate(paths) if path is not None and len(path) > 1]
        self._inherited = [(index, product[name]) for index, name in enumerate(names) if name in product]

    def locate(self, name: str) -> int | None:
        """Return the index of a column by its name: exactly, else whatever its case. Raises `RefuseRun` when it means several."""
        wanted = name.strip()
        if wanted in self._several:
            raise RefuseRun(
                f"{self._document}: {wanted!r} stands for two keys at once, one of them with a dot in its name or both called product: "
                "have the supplier rename one; nothing was applied"
            )
        if wanted in self.names:
            return self.names.index(wanted)
        meant = [index for index, column in enumerate(self.names) if normal(column) == normal(wanted)]
        if len(meant) > 1:
            raise RefuseRun(
                f"{self._document}: {wanted!r} may mean {' or '.join(repr(self.names[index]) for index in meant)}: "
                "map it as the source writes it; nothing was applied"
            )
        return meant[0] if meant else None

    def row(self, entry: Entry) -> list[str]:
        """Return the cells of a record. Raises `UnreadableCell` with the column's index for a value that makes none."""
        get = entry.own.get
        values = [get(key) for key in self._keys]
        for index, path in self._deep:
            values[index] = _dig(entry.own, path)
        if entry.product is not None:
            for index, path in self._inherited:
                if values[index] in (None, "", [], {}):
                    values[index] = _dig(entry.product, path)
        # By type, for nearly all cells are texts and numbers, and a call for each would double the time.
        return [
            value if type(value) is str else str(value) if type(value) is Number else "" if value is None else self._cell(value, index)
            for index, value in enumerate(values)
        ]

    def _cell(self, value: Json, index: int) -> str:
        try:
            return cell_of(value)
        except UnreadableCell as fault:
            if index in self._mapped:
                raise UnreadableCell(fault.reason, index) from None
            # Nobody asked for it, so it is no reason to reject the record.
            return value.shown if isinstance(value, Unusable) else ""


def _dig(record: dict[str, Json], path: Path) -> Json:
    value: Json = record
    for key in path:
        if isinstance(value, Unusable):
            return value
        value = value.get(key) if isinstance(value, dict) else None
    return value
