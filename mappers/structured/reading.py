"""From the bytes of whole elements to records: at the speed of C where nothing is lost by it, else exactly."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Final, cast

from engine.batch import SEVERAL, Batch, Flaw, clip
from mappers.checks import BROKEN, broken_reason
from mappers.structured.records import Entry, Found, Misfit, Nesting, Spread, excerpt_of, spread
from mappers.structured.values import DEPTH_LIMIT, Json, Number, UnreadableCell, unmistakable

if TYPE_CHECKING:
    from mappers.structured.fields.columns import Columns

_ESCAPED: Final = re.compile(r"\\u(?:[dD][89a-fA-F]|0000)")
_MINUS_ZERO: Final = re.compile(rb"-0(?=[\s,\]}]|$)")
_BLANKS: Final = b" \t\r\n"
_BEFORE_NUMBER: Final = _BLANKS + b",:["
_CONTAINERS: Final = frozenset({dict, list})
_VALUE_SHOWN: Final = 200


@contextmanager
def uncollected() -> Iterator[None]:
    """Hold off the search for garbage in cycles while thousands of values are made of which none is in one.

    It would look through them again and again, which costs a quarter of the time. Whoever found it on sets it on again, so that it
    is off no longer than one piece takes, whatever other threads do.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class QuickReader:
    """Read values by a parser in C that knows nothing of duplicate keys, and prove that it lost nothing.

    A fraction comes as its text, an integer as one of any size; so `-0` is the only number that could lose a character.
    """

    def __init__(self, *, comma: bool) -> None:
        # Here, not above: what reads no JSON does without it.
        from msgspec import DecodeError
        from msgspec.json import Decoder

        self._fault = DecodeError
        self._decode: Callable[[bytes], Json] = Decoder(float_hook=unmistakable if comma else Number).decode

    def elements(self, data: bytes | None) -> list[Json] | None:
        """Return the values of elements with commas between them, None where this reader cannot.

        Values mean that `data` begins and ends between elements: what did not would be no list of whole values.
        """
        found = self.lines([b"[%b]" % data]) if data is not None else None
        return cast("list[Json]", found[0]) if found else None

    def lines(self, lines: Sequence[bytes]) -> list[Json] | None:
        """Return the value of each line, None where this reader cannot."""
        try:
            return list(map(self._decode, lines))
        except (self._fault, UnicodeDecodeError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Table:
    """Objects that all have the same keys, by key: their values, and the kinds of these. Others have none of it."""

    columns: Mapping[str, tuple[Sequence[Json], frozenset[type]]] = field(default_factory=dict)


NO_TABLE: Final = Table()


def tabulate(objects: Sequence[dict[str, Json]]) -> Table:
    """Return objects by key, an empty table where their keys differ."""
    keys = tuple(objects[0]) if objects else ()
    if len(keys) < 2 or set(map(len, objects)) != {len(keys)}:
        return NO_TABLE
    try:
        columns = list(zip(*map(itemgetter(*keys), objects), strict=True))
    except KeyError:
        return NO_TABLE
    return Table({key: (column, frozenset(map(type, column))) for key, column in zip(keys, columns, strict=True)})


def is_exact(data: bytes, values: Sequence[Json], table: Table = NO_TABLE) -> bool:
    """Tell whether values that were read quickly are surely all that their bytes say. `table` is theirs, if they have one.

    No key stands twice when no more keys are written than were read. At most as many are written as there are colons, but those
    of addresses, behind which no value can stand; or as there are quotes with a colon behind them.
    """
    if any(data[found.start() - 1 : found.start()] in _BEFORE_NUMBER for found in _MINUS_ZERO.finditer(data)):
        return False
    if b"\\" in data and b"\\u0000" in data:
        return False
    if table.columns:
        inner = [value for column, kinds in table.columns.values() if kinds & _CONTAINERS for value in column if type(value) in _CONTAINERS]
        keys = _count_keys(inner, DEPTH_LIMIT - 1)
        keys = keys if keys is None else keys + len(values) * len(table.columns)
    else:
        keys = _count_keys(values)
    if keys is None:
        return False
    colons = data.count(b":")
    return colons == keys or colons - data.count(b"://") == keys or _count_written(data) == keys


def _count_written(data: bytes) -> int:
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return data.translate(None, _BLANKS).count(b'":')


def _count_keys(values: Sequence[Json], levels: int = DEPTH_LIMIT) -> int | None:
    """Return how many keys the values have at any depth, None when they are nested too deep to be taken."""
    keys = 0
    level = list(values)
    if not level:
        return 0
    for _ in range(levels):
        # By type, not by isinstance, for every value of a piece comes by here.
        objects = [value for value in level if type(value) is dict]
        keys += sum(map(len, objects))
        inner = [value for record in objects for value in record.values() if type(value) in _CONTAINERS]
        if len(objects) != len(level):
            inner += [value for entries in level if type(entries) is list for value in entries if type(value) in _CONTAINERS]
        if not inner:
            return keys
        level = inner
    return None


@dataclass(slots=True)
class Reading:
    """The records of a piece. `lines` are those of its records, `flaws` what is none; `nested`: some have a product.

    `sources` are where the records stand; None where they were read quickly, and nothing is wrong with any of them.
    """

    own: Sequence[dict[str, Json]] = ()
    products: Sequence[dict[str, Json] | None] = ()
    lines: Sequence[int] = ()
    nested: bool = False
    flaws: list[Flaw] = field(default_factory=list)
    sources: list[tuple[Found, int]] | None = None
    broken: str | None = None
    """The encoding, when some text cannot be right: bytes of it did not decode, or stand for half a character."""
    table: Table = NO_TABLE

    @property
    def count(self) -> int:
        """Return the number of records, flaws included."""
        return len(self.own) + len(self.flaws)


def read_quickly(spread: Spread, lines: Sequence[int], table: Table = NO_TABLE, *, numbered: bool) -> Reading:
    """Return a reading of elements in which nothing is amiss.

    `lines` are the elements', or when `numbered` the first record's on. `table` is the elements'.
    """
    own, products, owners = spread
    if numbered:
        lines = range(lines[0], lines[0] + len(own))
    elif owners is not None:
        lines = [lines[owner] for owner in owners]
    return Reading(own, products, lines, owners is not None, table=table if owners is None else NO_TABLE)


def read_values(data: bytes, values: Sequence[Json], lines: Sequence[int], nesting: Nesting, *, numbered: bool) -> Reading | None:
    """Return a reading of values that were read quickly out of some bytes; None where these have to be read exactly."""
    if set(map(type, values)) != {dict}:
        return None
    table = tabulate(cast("Sequence[dict[str, Json]]", values))
    if not is_exact(data, values, table):
        return None
    records = spread(values, nesting)
    return read_quickly(records, lines, table, numbered=numbered) if records is not None else None


def read_exactly(elements: Sequence[Found], nesting: Nesting, *, numbered: bool, text: str, encoding: str, valid: bool) -> Reading:
    """Return a reading of elements, whatever is amiss in them."""
    own: list[dict[str, Json]] = []
    products: list[dict[str, Json] | None] = []
    lines: list[int] = []
    flaws: list[Flaw] = []
    sources: list[tuple[Found, int]] = []
    for found in elements:
        for index, record in enumerate(found.records):
            line = found.line + index if numbered else found.line
            if isinstance(record, Misfit):
                raw = excerpt_of(found, index, nesting)
                flaws.append(Flaw(line, record.reason, raw, fate="skipped" if record.skipped else "rejected"))
                continue
            own.append(record.own)
            products.append(record.product)
            lines.append(line)
            sources.append((found, index))
    broken = encoding if not valid or "\0" in text or _ESCAPED.search(text) else None
    return Reading(own, products, lines, any(product is not None for product in products), flaws, sources, broken)


class BatchMaker:
    """Make batches of readings."""

    def __init__(self, columns: Columns, nesting: Nesting) -> None:
        self._columns = columns
        self._nesting = nesting

    def make(self, reading: Reading) -> Batch | None:
        """Return the rows and flaws of a reading, None where one that was read quickly has to be read exactly."""
        names = self._columns.names
        if reading.broken is None:
            try:
                cells = self._columns.rows(reading.own, reading.products, reading.table.columns)
                return Batch(names, cells, reading.lines, tuple(reading.flaws))
            except UnreadableCell:
                if reading.sources is None:
                    return None
        rows: list[Sequence[str]] = []
        lines: list[int] = []
        flaws = list(reading.flaws)
        for own, product, line, source in zip(reading.own, reading.products, reading.lines, reading.sources or (), strict=True):
            row = self._row(Entry(own, product), line, source, reading.broken)
            if isinstance(row, Flaw):
                flaws.append(row)
            else:
                rows.append(row)
                lines.append(line)
        return Batch(names, rows, lines, tuple(sorted(flaws, key=lambda flaw: flaw.line)))

    def _row(self, record: Entry, line: int, source: tuple[Found, int], encoding: str | None) -> Sequence[str] | Flaw:
        names = self._columns.names
        try:
            row = self._columns.row(record.own, record.product)
        except UnreadableCell as fault:
            return Flaw(line, f"{names[fault.column]!r} {fault.reason}", excerpt_of(*source, self._nesting), names[fault.column])
        if encoding is None:
            return row
        for index, (name, cell) in enumerate(zip(names, row, strict=True)):
            plain = cell.replace(SEVERAL, "") if self._columns.may_hold_several(index) else cell
            if match := BROKEN.search(plain):
                reason = broken_reason(match[0], encoding)
                return Flaw(line, reason, excerpt_of(*source, self._nesting), name, clip(plain, _VALUE_SHOWN))
        return row
