"""What every mapper must do, one function a rule. Run each check of `CHECKS` over a `MapperCase` of your own.

::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_mapper(check):
        check(MapperCase(create_mapper, sample, records=3, foreign=(b"<!doctype html>...",)))

A check raises `AssertionError` that says what was seen instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from operator import itemgetter
from typing import Final, TypeAlias

from engine.batch import Batch, Flaw, KnownRecords, RawRecords, Records
from engine.contracts import DocumentFacts, Mapper, MapperFactory, MapperSettings, Prover, ScreenedMapper, Walked
from engine.errors import RefuseRun

_ALL: Final = 1 << 62
_SINGLE: Final = 100
"""Records of a piece that are parsed one by one."""


@dataclass(frozen=True, slots=True)
class MapperCase:
    """A mapper with a sample it reads.

    `sample` is a whole document with `records` records in it (flaws count), best with everything awkward in it that the format
    allows. `foreign` are documents of other kinds. Each of `chunk_sizes` is tried in turn; make them bigger for a sample of more
    than a few kilobytes, and have one that is big enough for the mapper to cut it into several pieces. Set `grouping` when
    `parse` keeps records back until it has seen the next, so that it is no pure function.
    """

    create: MapperFactory
    sample: bytes
    records: int
    foreign: tuple[bytes, ...]
    settings: MapperSettings = field(default_factory=MapperSettings)
    facts: DocumentFacts = field(default_factory=lambda: DocumentFacts("sample"))
    grouping: bool = False
    chunk_sizes: tuple[int, ...] = (1, 2, 3, 7, 64, 4096)

    @property
    def chunk_size(self) -> int:
        """Return one size for checks to which the cut does not matter."""
        return self.chunk_sizes[len(self.chunk_sizes) // 2]


MapperCheck: TypeAlias = Callable[[MapperCase], None]

_Placed: TypeAlias = list[tuple[int, "tuple[str, ...] | Flaw"]]
"""Records in their order, each with how many lines lie before it."""
_Content: TypeAlias = tuple[tuple[str, ...], list[tuple[int, tuple[str, ...]]], list[Flaw]]


def reads_the_same_however_it_is_cut(case: MapperCase) -> None:
    """How the bytes were cut into chunks never changes columns, rows, lines or flaws."""
    whole = _content(_run(case, _ALL)[1])
    for size in case.chunk_sizes:
        _require(_content(_run(case, size)[1]) == whole, f"other content for chunks of {size} bytes than for the whole document")


def covers_every_record_once(case: MapperCase) -> None:
    """The batches of all pieces together hold each record of the document once, as a row or as a flaw."""
    for size in (*case.chunk_sizes, _ALL):
        read = sum(len(batch.rows) + len(batch.flaws) for batch in _run(case, size)[1])
        _require(read == case.records, f"{read} records of {case.records} for chunks of {size} bytes")


def splits_in_order_without_overlap(case: MapperCase) -> None:
    """Pieces come in the order of the document: offsets and lines never go back, and no piece begins inside the one before."""
    for size in (*case.chunk_sizes, _ALL):
        pieces = _run(case, size)[0]
        for before, after in pairwise(pieces):
            _require(after.offset >= before.offset, f"a piece at byte {after.offset} after one at byte {before.offset}")
            _require(after.line >= before.line, f"a piece at line {after.line} after one at line {before.line}")
            _require(bool(before.data) <= (after.offset > before.offset), f"two pieces at byte {after.offset}")


def marks_the_last_piece_and_no_other(case: MapperCase) -> None:
    """`finish` gives at least one piece, and `final` is set on the last one only."""
    for size in (case.chunk_sizes[0], _ALL):
        finals = [piece.final for piece in _run(case, size)[0]]
        _require(
            finals[-1:] == [True] and not any(finals[:-1]), f"`final` on {finals.count(True)} of {len(finals)} pieces, or not on the last"
        )


def parses_the_same_piece_the_same(case: MapperCase) -> None:
    """`parse` is a pure function of the piece, unless the mapper groups records."""
    if case.grouping:
        return
    mapper = _make(case)
    for piece in _pieces(mapper, case.sample, case.chunk_size):
        first, second = mapper.parse(piece), mapper.parse(piece)
        _require(_content([first]) == _content([second]), f"other rows for the piece at line {piece.line} the second time")


def tells_records_apart(case: MapperCase) -> None:
    """The parts of a piece tile it, each is one row or one flaw, and joined they are parsed to what the piece is parsed to.

    Only for mappers that a screen may be given to, and pieces that they split; the final one is judged as a whole.
    """
    mapper = _make(case)
    if not isinstance(mapper, ScreenedMapper) or not mapper.screen(_KnowsNothing()):
        return
    for number, piece in enumerate(_pieces(mapper, case.sample, case.chunk_size), 1):
        records = None if piece.final else mapper.split(piece)
        batch = mapper.parse(piece)
        if records is not None:
            # What ends the last record may be the beginning of the next one, which is in the next piece.
            _require(
                records.body == b"".join(records.parts) and records.body.removesuffix(records.ending) in piece.data,
                f"parts that do not tile the piece at line {piece.line}",
            )
            again = mapper.parse(mapper.join(records.parts, records.reading, -number))
            _require(_placed(again, 1) == _placed(batch, piece.line), f"other rows for the piece at line {piece.line} when it is joined")
            _parse_singly(mapper, records, _placed(batch, piece.line))


def _parse_singly(mapper: ScreenedMapper, records: Records, wanted: _Placed) -> None:
    _require(len(records.parts) == len(wanted), f"{len(records.parts)} parts of a piece that has {len(wanted)} records")
    for index, part in enumerate(records.parts[:_SINGLE]):
        line, record = wanted[index]
        alone = _placed(mapper.parse(mapper.join([part], records.reading, -1_000_000 - index)), 1)
        # Blanks before a record are part of it, so that it may begin in a later line of its own piece.
        _require([found for _, found in alone] == [record], f"{alone} for the record {part!r} alone")
        _require(line == (index if records.lines is None else records.lines[index]), f"another line for the record {part!r}")


def shares_nothing_between_documents(case: MapperCase) -> None:
    """Two mappers of one factory, fed in turns, read as if each were alone."""
    alone = _content(_run(case, case.chunk_size)[1])
    mappers = (_make(case), _make(case))
    batches: tuple[list[Batch], list[Batch]] = ([], [])
    for pieces in zip(*(_pieces(mapper, case.sample, case.chunk_size) for mapper in mappers), strict=True):
        for mapper, piece, into in zip(mappers, pieces, batches, strict=True):
            into.append(mapper.parse(piece))
    _require(_content(batches[0]) == alone == _content(batches[1]), "other rows when another document was read in between")


def keeps_its_columns(case: MapperCase) -> None:
    """Every batch has the mapper's columns, and every row has one text cell for each."""
    mapper = _make(case)
    for batch in map(mapper.parse, _pieces(mapper, case.sample, case.chunk_size)):
        _require(batch.columns == mapper.columns, f"a batch with the columns {batch.columns} of a mapper with {mapper.columns}")
        for row in batch.rows:
            _require(len(row) == len(batch.columns), f"a row of {len(row)} cells under {len(batch.columns)} columns")
            _require(all(isinstance(cell, str) for cell in row), "a cell that is no text")


def counts_lines_upwards(case: MapperCase) -> None:
    """Every row has the line it began at, counted from 1; rows and flaws each stand in the order of the document."""
    batches = _run(case, case.chunk_size)[1]
    for batch in batches:
        _require(len(batch.lines) == len(batch.rows), f"{len(batch.lines)} lines for {len(batch.rows)} rows")
    for lines in ([line for batch in batches for line in batch.lines], [flaw.line for batch in batches for flaw in batch.flaws]):
        _require(lines == sorted(lines), "lines that go back")
        _require(all(line >= 1 for line in lines), "a line before the first")


def finds_its_columns_by_name(case: MapperCase) -> None:
    """`locate` gives each distinct column's own index and None for a name that is none."""
    mapper, _, _ = _open(case)
    columns = mapper.columns
    for index, name in enumerate(columns):
        folded = [other.strip().lower() for other in columns]
        if folded.count(name.strip().lower()) == 1 and not name.strip().isdigit():
            _require(mapper.locate(name) == index, f"{mapper.locate(name)} for the column {name!r}, which is number {index}")
    _require(mapper.locate("no such column anywhere") is None, "an index for a column that is none")


def tells_what_is_missing(case: MapperCase) -> None:
    """At the end of the document `missing` names columns of the mapper in which no row has anything, and nothing else."""
    mapper, _, batches = _open(case)
    for name in mapper.missing:
        _require(name in mapper.columns, f"{name!r} as missing, which is none of its columns {mapper.columns}")
        index = mapper.columns.index(name)
        filled = [line for batch in batches for line, row in zip(batch.lines, batch.rows, strict=True) if row[index].strip()]
        _require(not filled, f"{name!r} as missing, though the record at line {filled[:1]} has it")


def tells_how_it_reads(case: MapperCase) -> None:
    """Once rows exist, `dialect` names at least the format."""
    mapper, _, _ = _open(case)
    _require("format" in mapper.dialect, f"a dialect without a format: {dict(mapper.dialect)}")


def shows_a_record_as_written(case: MapperCase) -> None:
    """`excerpt` gives some text for the first and the last record of a piece, and for each flaw."""
    if case.grouping:
        return
    mapper, pieces, batches = _open(case)
    for piece, batch in zip(pieces, batches, strict=True):
        for line in (*batch.lines[:1], *batch.lines[-1:], *(flaw.line for flaw in batch.flaws)):
            _require(bool(mapper.excerpt(piece, line)), f"no excerpt of the record at line {line}")


def refuses_foreign_content(case: MapperCase) -> None:
    """Content of another kind, and none at all, is `RefuseRun`: it is never read as rows."""
    for foreign in (b"", *case.foreign):
        try:
            mapper = _make(case)
            batches = [mapper.parse(piece) for piece in _pieces(mapper, foreign, _ALL)]
        except RefuseRun:
            continue
        raise AssertionError(f"the mapper read {sum(len(batch.rows) for batch in batches)} rows out of {foreign[:60]!r}")


CHECKS: Final[tuple[MapperCheck, ...]] = (
    reads_the_same_however_it_is_cut,
    covers_every_record_once,
    splits_in_order_without_overlap,
    marks_the_last_piece_and_no_other,
    parses_the_same_piece_the_same,
    tells_records_apart,
    shares_nothing_between_documents,
    keeps_its_columns,
    counts_lines_upwards,
    finds_its_columns_by_name,
    tells_what_is_missing,
    tells_how_it_reads,
    shows_a_record_as_written,
    refuses_foreign_content,
)
"""Every check; a check's id is its function's name."""


def _make(case: MapperCase) -> Mapper:
    return case.create(case.settings, case.facts)


def _pieces(mapper: Mapper, document: bytes, size: int) -> Iterator[RawRecords]:
    for start in range(0, len(document), size):
        yield from mapper.feed(document[start : start + size])
    yield from mapper.finish()


def _open(case: MapperCase) -> tuple[Mapper, list[RawRecords], list[Batch]]:
    mapper = _make(case)
    pieces: list[RawRecords] = []
    batches: list[Batch] = []
    for piece in _pieces(mapper, case.sample, case.chunk_size):
        pieces.append(piece)
        batches.append(mapper.parse(piece))
    return mapper, pieces, batches


def _run(case: MapperCase, size: int) -> tuple[list[RawRecords], list[Batch]]:
    """Read the sample in chunks of `size`, parsing each piece as it comes, as the engine does."""
    mapper = _make(case)
    pairs = [(piece, mapper.parse(piece)) for piece in _pieces(mapper, case.sample, size)]
    return [piece for piece, _ in pairs], [batch for _, batch in pairs]


def _content(batches: Sequence[Batch]) -> _Content:
    rows = [(line, tuple(row)) for batch in batches for line, row in zip(batch.lines, batch.rows, strict=True)]
    return (batches[0].columns if batches else ()), rows, [flaw for batch in batches for flaw in batch.flaws]


def _placed(batch: Batch, first: int) -> _Placed:
    rows: _Placed = [(line - first, tuple(row)) for line, row in zip(batch.lines, batch.rows, strict=True)]
    flaws: _Placed = [(flaw.line - first, replace(flaw, line=0)) for flaw in batch.flaws]
    return sorted([*rows, *flaws], key=itemgetter(0))


class _KnowsNothing:
    """A screen that was never told anything."""

    knows = False

    def cut(self, data: bytes | bytearray, start: int, end: int, ending: bytes) -> int:
        del data, start, end, ending
        return -1

    def find(self, block: bytes, reading: bytes) -> KnownRecords | None:
        del block, reading
        return None

    def walk(self, data: bytearray, start: int, end: int, ending: bytes, reading: bytes, prove: Prover) -> Walked:
        del data, end, ending, reading, prove
        return Walked((), (), start)

    def follow(self, data: bytes | bytearray, start: int, end: int, ending: bytes, reading: bytes) -> tuple[KnownRecords | None, int]:
        del data, start, end, ending, reading
        return None, -1


def _require(fact: bool, seen: str) -> None:
    if not fact:
        raise AssertionError(f"the mapper gave {seen}")
