"""The columns of a document, and the rows that its records make."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Final, cast

from engine.batch import RowsByColumn
from engine.errors import RefuseRun
from mappers.options import normal
from mappers.structured.fields.names import Names, Object, Shown
from mappers.structured.fields.paths import BadPath, Locator, Path, behind_product, compile_path, dig, is_plain, one_value
from mappers.structured.values import Json, Number, UnreadableCell, Unusable, cell_of

SHOWN_RECORDS: Final = 100
SHOWN_COLUMNS: Final = 200
_SHOWN_DEPTH: Final = 6

_NONE: Final = type(None)
_PLAIN: Final = frozenset({str, int, Number})
_NULLABLE: Final = _PLAIN | {_NONE}
_TEXT: Final = frozenset({str})
_NOTHING: Final = frozenset({_NONE})
_NO_TABLE: Final[Mapping[str, tuple[Sequence[Json], frozenset[type]]]] = {}
_BLANK: Final[tuple[Json, ...]] = (None, "", [], {})


@dataclass(slots=True)
class Column:
    """One column: the path of a plain name in a record and in its product, or a compiled path of either.

    `whole` is the compiled path with `product.` for what it may be too: a key of the record's own.
    """

    name: str
    mapped: bool
    own: Path | None = None
    product: Path | None = None
    locator: Locator | None = None
    whole: Locator | None = None
    of_product: bool = False
    met: bool = True

    def values(self, own: Sequence[Object], products: Sequence[Object | None]) -> list[Json]:
        """Return its value in every record. Raises `UnreadableCell` for a path that cannot be followed."""
        if self.locator is not None:
            return list(map(self._located, own, products))
        mine = _dig_all(own, self.own) if self.own is not None else None
        if self.product is None:
            return [None] * len(own) if mine is None else mine
        if mine is not None:
            return [
                value if value or value not in _BLANK else other
                for value, other in zip(mine, _dig_all(products, self.product), strict=True)
            ]
        if self.mapped:
            # An item without variants is a product itself.
            products = [record if product is None else product for record, product in zip(own, products, strict=True)]
        return _dig_all(products, self.product)

    def _located(self, own: Object, product: Object | None) -> Json:
        found: list[Json] = []
        if self.whole is not None:
            found = self.whole.find(own)
        if self.locator is not None and not found:
            found = self.locator.find(product if self.of_product and product is not None else own)
        self.met = self.met or bool(found)
        return one_value(found)


class Columns:
    """The columns of a document, fixed with its first records.

    Every mapped name and path is one, though no record may have had it so far: its cells are blank until one has. What nobody
    mapped is a column only if one of the first records has it. `offered` are names that a document may do without: one that
    the first records do not have is no column, and `RefuseRun` if it comes later.
    """

    def __init__(self, mapped: Sequence[str], *, inherited: Collection[str], offered: Collection[str] = (), document: str = "") -> None:
        self._document = document
        self._mapped = tuple(mapped)
        self._offered = frozenset(offered)
        self._names = Names([name for name in self._mapped if is_plain(name)], inherited=inherited, document=document)
        self._columns: list[Column] = []
        self._places: dict[str, int] = {}
        self._keys: tuple[str, ...] = ()
        self._fixed = False
        self.names: tuple[str, ...] = ()

    @property
    def fixed(self) -> bool:
        """Tell whether the columns are known."""
        return self._fixed

    @property
    def settled(self) -> bool:
        """Tell whether the columns are known, and in which spelling the document writes each mapped name.

        What a record means then depends on no other one.
        """
        return self._fixed and all(
            self._names.spelled(name) is not None for name in self._mapped if is_plain(name) and name in self._places
        )

    @property
    def reading(self) -> tuple[object, ...]:
        """Return all that decides which values of a record its cells are."""
        return self.names, [(column.own, column.product) for column in self._columns], sorted(self._places.items())

    @property
    def missing(self) -> frozenset[str]:
        """Return the mapped columns that no record had so far."""
        return frozenset(column.name for column in self._columns if column.mapped and not column.met)

    def learn(self, own: Sequence[Object], products: Sequence[Object | None], *, nested: bool, skip: Path = ()) -> None:
        """Look for the mapped names in some records; the first ones fix the columns.

        `nested`: some of them have a product, which has its variants at `skip`.

        Raises `RefuseRun` for a name that means two keys, and for one that comes too late.
        """
        fresh = self._names.meet(own, _distinct(products) if nested else ())
        if not self.fixed and own:
            self._fix(own, products, skip)
        elif fresh:
            self._resolve()

    def locate(self, name: str) -> int | None:
        """Return the index of a column by its name: exactly, else whatever its case. Raises `RefuseRun` when it means several."""
        wanted = name.strip()
        if wanted in self._places or wanted in self._mapped:
            return self._places.get(wanted)
        if wanted in self.names:
            return self.names.index(wanted)
        meant = [index for index, column in enumerate(self.names) if normal(column) == normal(wanted)]
        if len(meant) > 1:
            raise RefuseRun(
                f"{self._document}: {wanted!r} may mean {' or '.join(repr(self.names[index]) for index in meant)}: "
                "map it as the source writes it; nothing was applied"
            )
        return meant[0] if meant else None

    def row(self, own: Object, product: Object | None) -> list[str]:
        """Return the cells of a record. Raises `UnreadableCell` with the column's index for a value that makes none."""
        row = []
        for index, column in enumerate(self._columns):
            try:
                row.append(self._cell(column.values([own], [product])[0], index))
            except UnreadableCell as fault:
                raise UnreadableCell(fault.reason, index) from None
        return row

    def rows(
        self,
        own: Sequence[Object],
        products: Sequence[Object | None],
        table: Mapping[str, tuple[Sequence[Json], frozenset[type]]] = _NO_TABLE,
    ) -> Sequence[Sequence[str]]:
        """Return the cells of many records, column by column. Raises `UnreadableCell` when one of them makes none.

        `table` has the values of the records by key, with their kinds, where all of them have the same keys.
        """
        if not self._columns or not own:
            return [()] * len(own)
        if self._keys and table.keys() >= set(self._keys):
            return RowsByColumn([self._texts(*table[key], index) for index, key in enumerate(self._keys)])
        columns: Sequence[Sequence[Json]] | None = self._plain_columns(own) if self._keys else None
        if columns is None:
            columns = [column.values(own, products) for column in self._columns]
        return RowsByColumn([self._texts(column, frozenset(map(type, column)), index) for index, column in enumerate(columns)])

    def may_hold_several(self, index: int) -> bool:
        """Tell whether the cells of a column may hold several texts."""
        return self._columns[index].locator is not None

    def _plain_columns(self, own: Sequence[Object]) -> list[Sequence[Json]] | None:
        """Return the columns of records that all have every key; None where one has not."""
        try:
            return list(zip(*map(itemgetter(*self._keys), own), strict=True))
        except KeyError:
            return None

    def _texts(self, values: Sequence[Json], kinds: frozenset[type], index: int) -> Sequence[str]:
        # By the kinds of a whole column, for a decision a cell would double the time.
        if kinds == _TEXT:
            return cast("Sequence[str]", values)
        if kinds <= _PLAIN:
            return list(map(str, values))
        if kinds == _NOTHING:
            return [""] * len(values)
        if kinds <= _NULLABLE:
            return ["" if value is None else str(value) for value in values]
        return self._written(values, index)

    def _written(self, values: Sequence[Json], index: int) -> list[str]:
        texts: list[str] = []
        before: Json = ""
        text = ""
        try:
            for value in values:
                # What variants take from their product comes once for each of them.
                if value is not before:
                    before, text = value, cell_of(value)
                texts.append(text)
        except UnreadableCell:
            return [self._cell(value, index) for value in values]
        return texts

    def _cell(self, value: Json, index: int) -> str:
        try:
            return cell_of(value)
        except UnreadableCell as fault:
            if self._columns[index].mapped:
                raise UnreadableCell(fault.reason, index) from None
            # Nobody asked for it, so it is no reason to reject the record.
            return value.shown if isinstance(value, Unusable) else ""

    def _fix(self, own: Sequence[Object], products: Sequence[Object | None], skip: Path) -> None:
        shown = Shown(self._names, columns=SHOWN_COLUMNS, depth=_SHOWN_DEPTH)
        for record, product in islice(zip(own, products, strict=True), SHOWN_RECORDS):
            shown.visit(record, "own")
            if product is not None:
                shown.visit(product, "product", skip=skip)
        for title in {**shown.paths["own"], **shown.paths["product"]}:
            self._columns.append(Column(title, False, shown.paths["own"].get(title), shown.paths["product"].get(title)))
        titles = {column.name: index for index, column in enumerate(self._columns)}
        for name in self._mapped:
            spelled = self._names.spelled(name) if is_plain(name) else None
            if spelled is None and name in self._offered:
                continue
            title = name if spelled is None else spelled
            if spelled is None or spelled not in titles:
                titles[title] = len(self._columns)
                self._columns.append(_unmet(title))
            self._places[name] = titles[title]
            self._columns[self._places[name]].mapped = True
        self._resolve()
        self._fixed, self.names = True, tuple(column.name for column in self._columns)

    def _resolve(self) -> None:
        for name in self._mapped:
            if not is_plain(name) or self._names.spelled(name) is None:
                continue
            if name not in self._places:
                raise RefuseRun(
                    f"{self._document}: the key {name!r} first comes behind records without it, so it is no column: have the supplier send "
                    "it, or null, from the first item on, or set mapping=custom and name every key with --field; nothing was applied"
                )
            column = self._columns[self._places[name]]
            column.own, column.product, column.met = self._names.path(name, "own"), self._names.path(name, "product"), True
        simple = all(column.own is not None and len(column.own) == 1 and column.product is None for column in self._columns)
        # A getter of one key gives no tuples; such a document is none that needs speed.
        self._keys = tuple(column.own[0] for column in self._columns if column.own) if simple and len(self._columns) > 1 else ()


def knows_record(names: Sequence[str], record: Object) -> bool:
    """Tell whether an object has any mapped name."""
    plain = Names([name for name in names if is_plain(name)], inherited=(), document="the document")
    return plain.meet([record]) or any(compile_path(name).find(record) for name in names if not is_plain(name))


def _distinct(products: Sequence[Object | None]) -> list[Object]:
    """Return each product once; those of one product follow each other."""
    found: list[Object] = []
    for product in products:
        if product is not None and (not found or product is not found[-1]):
            found.append(product)
    return found


def _unmet(name: str) -> Column:
    if is_plain(name):
        return Column(name, True, met=False)
    rest = behind_product(name)
    if rest is None:
        return Column(name, True, locator=compile_path(name), met=False)
    try:
        whole = compile_path(name)
    except BadPath:
        whole = None
    return Column(name, True, locator=compile_path(rest), whole=whole, of_product=True, met=False)


def _dig_all(records: Sequence[Object | None], path: Path) -> list[Json]:
    if len(path) == 1:
        key = path[0]
        try:
            return list(map(itemgetter(key), cast("Sequence[Object]", records)))
        except (KeyError, TypeError):
            return [None if record is None else record.get(key) for record in records]
    return [dig(record, path) for record in records]
