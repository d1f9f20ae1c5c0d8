"""What flows between the stages: raw records, parsed batches, mapped items, rejects. Data only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, overload

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | dict[str, JsonValue] | None"

Value: TypeAlias = str | int | float | None
"""A mapped value as it is stored, see `engine.schema.Kind`: text, an integer, money scaled to an integer, JSON text, or None.

A float occurs only as the fraction of a piece, never as money.
"""

SEVERAL: Final = "\0"
"""Stands between the values of a cell that has several, as a path that leads to several elements gives. No text of a source
holds it, for NUL in a text is a reject. What several values come to is the rules' business."""

RAW_TEXT_LIMIT: Final = 2_000
"""Characters of a rejected record that are kept; enough to find it, too few to fill a disk."""


@dataclass(frozen=True, slots=True)
class KnownRecords:
    """A stretch of a document that the last complete run has read: whole records, every one of them an item as it is stored.

    It is `blocks` blocks, of which the first is number `block` in the screen's set. `first` is the place of the first of its `records`
    there, and `lines` is how many lines it takes.
    """

    first: int
    records: int
    lines: int
    block: int
    blocks: int = 1


@dataclass(frozen=True, slots=True)
class RawRecords:
    """Whole records as the source wrote them, cut out of the byte stream but not yet looked into.

    `offset` is the byte offset and `line` the 1-based line of the first record in the document. `data` never ends inside a
    record. `final` marks the last piece of a document (its `data` may be empty): a mapper that holds records back while
    parsing gives them up there. Where `known` is set there is no data: a screen knows the records that stand there, and they are not
    parsed.
    """

    data: bytes
    offset: int
    line: int
    final: bool = False
    known: KnownRecords | None = None


@dataclass(frozen=True, slots=True)
class PassedRecords(RawRecords):
    """A piece out of which the stretches were taken that a screen knows: its `data` are the others, one behind the other.

    `stretches` says how both lie in the document, six signed 64-bit integers each, in the machine's order: bytes, lines, and of what
    is known what `KnownRecords` has as `first`, `records`, `block` and `blocks`. Of what is not known `first` and `block` are -1,
    `records` is 0, and `blocks` is 1 where it is one block as the screen cuts it, else 0. Some are known.
    """

    stretches: bytes = b""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a piece one by one: `parts` tile `body`, each is one record with what ends it, whatever is in it.

    `lines[i]` is how many lines lie before part i in the body, None where each part is one line. `reading` says all that has a part in
    what the parts mean, beside their bytes. A stretch of records ends behind `ending`. Where the screen itself has cut the body it is one
    `block`.
    """

    body: bytes
    parts: Sequence[bytes]
    lines: Sequence[int] | None
    reading: bytes
    ending: bytes
    block: bool = False


@dataclass(frozen=True, slots=True)
class ApartRecords(RawRecords):
    """A piece whose records were told apart when it was cut."""

    records: Records | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """A record that was read but cannot be used. `fate` is `rejected` for a fault and `skipped` for what is no item at all."""

    line: int
    reason: str
    raw: str
    column: str | None = None
    value: str | None = None
    fate: Literal["rejected", "skipped"] = "rejected"


class RowsByColumn(Sequence[Sequence[str]]):
    """Rows whose cells are held by column, as the rules take them. `columns` are one or more, of one length.

    For mappers that get at columns with less work than at rows; a row is made when somebody asks for it.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence[Sequence[str]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> Sequence[str]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[str]]: ...
    def __getitem__(self, index: int | slice) -> Sequence[str] | Sequence[Sequence[str]]:
        if isinstance(index, slice):
            return RowsByColumn([column[index] for column in self.columns])
        return [column[index] for column in self.columns]

    def __iter__(self) -> Iterator[Sequence[str]]:
        return map(list, zip(*self.columns, strict=True))


class ValuesByColumn(Sequence[tuple[Value, ...]]):
    """Rows of values that are held by column, as rules make them and a bulk insert takes them. `columns` are one or more, of one length.

    A row is made when somebody asks for it. Equal to any sequence of the same rows.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Sequence[list[Value]]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> tuple[Value, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Value, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Value, ...] | Sequence[tuple[Value, ...]]:
        if isinstance(index, slice):
            return ValuesByColumn([column[index] for column in self.columns])
        return tuple([column[index] for column in self.columns])

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return zip(*self.columns, strict=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def turn(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Return rows of one width as columns. Raises `ValueError` when their widths differ."""
    return list(rows.columns if isinstance(rows, RowsByColumn) else zip(*rows, strict=True))


@dataclass(frozen=True, slots=True)
class Batch:
    """Parsed records, still text. `rows[i]` has one cell per column and began at line `lines[i]` of the document.

    A cell is the text as the source wrote it, or several texts with `SEVERAL` between them; what blank means is the rules'
    business. `flaws` are records that could not be
    made into a row; each counts as one record read. A mapper's `columns` stay the same for a whole document.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    lines: Sequence[int]
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Items whose records a screen knew, so that nobody has parsed them: they stand in the source as they are stored.

    `items` are the ids under which the sink knows them, `records` the ordinals of their records, and `places` where these lie in the
    set that the sink remembered. All three are signed 64-bit integers in the machine's order, and in the order of the source.
    """

    items: bytes = b""
    records: bytes = b""
    places: bytes = b""

    def __len__(self) -> int:
        return len(self.items) // 8


NO_ITEMS: Final = Known()


@dataclass(frozen=True, slots=True)
class Blocks:
    """Stretches of consecutive records, each with its fingerprint of 16 bytes. They may come in any order.

    `firsts` are the ordinals of their first records, `records`, `lines` and `sizes` how many of those and how many bytes they have:
    signed 64-bit integers in the machine's order.
    """

    prints: bytes = b""
    firsts: bytes = b""
    records: bytes = b""
    lines: bytes = b""
    sizes: bytes = b""

    def __len__(self) -> int:
        return len(self.firsts) // 8


NO_BLOCKS: Final = Blocks()


@dataclass(frozen=True, slots=True)
class ItemBatch:
    """Mapped, valid items on their way to a sink: parallel lists, one entry an item.

    `columns` are attribute names of `engine.schema`, without `externalId`, which is `keys`. An attribute that the feed does
    not map is not a column: *absent* is untouched. A None in a row is a *blank* cell: it leaves the stored value alone, or
    clears it when the column is in `clears`. `digests` are signed 64-bit content hashes over columns and row: equal digest,
    equal content. `lines` are 1-based positions in the document, `records` ordinals of the run. A column `status` says `removed`
    of items that the source itself says are gone, and None of all others. `spoiled` holds the readable keys of rejected records,
    each with the ordinal of the last such record, or of the first where `duplicateKeys` is `first`: those items are not missing, and
    where a feed adds up the stock of the records of a key, their sums are not known.

    Where the sink keeps a screen, `prints` are the fingerprints of the items' records, 16 bytes each, empty where there are none;
    `known` are the items of the same stretch of the source whose records need not be read, and `blocks` its blocks.
    """

    columns: tuple[str, ...]
    keys: list[str]
    rows: Sequence[tuple[Value, ...]]
    digests: list[int]
    lines: Sequence[int]
    records: Sequence[int]
    clears: frozenset[str] = frozenset()
    spoiled: Mapping[str, int] = field(default_factory=dict)
    prints: bytes = b""
    known: Known = NO_ITEMS
    blocks: Blocks = NO_BLOCKS

    def __len__(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class Reject:
    """A flaw with its full address: what is kept, shown and downloaded."""

    record: int
    line: int
    column: str | None
    value: str | None
    reason: str
    raw: str
    document: str
    fate: Literal["rejected", "skipped"] = "rejected"


def clip(text: str, limit: int = RAW_TEXT_LIMIT) -> str:
    """Cut a text to `limit` characters, marking the cut; None-free and NUL-free so that any store takes it."""
    text = text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"
