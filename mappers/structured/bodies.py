"""The two layouts of JSON behind one face: a document read whole at its end, and lines read as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.batch import Batch, RawRecords, clip
from engine.errors import InternalError, RefuseRun
from mappers.splitter import PIECE_BYTES
from mappers.structured.columns import Columns, Entry, Misfit, Shape
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.lines import LINE_BYTES, LineReader, LineSplitter, broken_line
from mappers.structured.records import Found, RecordReader, excerpt_of, find_records
from mappers.structured.settings import JsonOptions
from mappers.structured.stream import SAMPLE_BYTES, Stream
from mappers.structured.values import make_decoder
from mappers.structured.whole import WholeDocument

PAGE_BYTES: Final = 64 * 1024 * 1024
"""The biggest document that is held whole, and how much of JSON Lines is held until every mapped name has been met."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The bounds of a mapper, in bytes; tests make them small."""

    sample: int = SAMPLE_BYTES
    piece: int = PIECE_BYTES
    line: int = LINE_BYTES
    page: int = PAGE_BYTES


class Body(ABC):
    """A document whose layout is known. `numbered` says that every record has a number of its own."""

    layout: str
    numbered: bool

    def __init__(self, stream: Stream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        self._stream = stream
        self._options = options
        self._name = name
        self._sizes = sizes
        self._shape = Shape(options.names)
        self._reader: RecordReader | None = None
        self._decoder = make_decoder(comma=options.comma)
        self._variants = False
        self._recent: tuple[int, dict[int, tuple[Found, int]]] = (-1, {})
        self.columns: Columns | None = None

    @abstractmethod
    def feed(self, data: bytes) -> list[RawRecords]:
        """Take the next bytes, decoded by the stream, and return the pieces they complete."""

    @abstractmethod
    def finish(self) -> Iterator[RawRecords]:
        """Yield the rest of the document, the final piece last."""

    @property
    @abstractmethod
    def root(self) -> str | None:
        """Return where the records stand."""

    @property
    @abstractmethod
    def buffered_bytes(self) -> int:
        """Return how many bytes are held until more of the document arrives."""

    @abstractmethod
    def _elements(self, text: str, line: int) -> Iterator[Found]:
        """Read the elements of a piece."""

    def parse(self, raw: RawRecords) -> Batch:
        """Read a piece."""
        if self._reader is None:
            raise InternalError("records of a JSON document were parsed before any was cut out of it")
        text, valid = self._stream.charset.decode(raw.data)
        return self._reader.read(self._elements(text, raw.line), text, encoding=self._stream.charset.encoding, valid=valid)

    def excerpt(self, raw: RawRecords, line: int) -> str:
        """Return the text of a record. Keeps the piece, for rejects mostly come several out of one."""
        if self._recent[0] != raw.offset:
            text, _ = self._stream.charset.decode(raw.data)
            places: dict[int, tuple[Found, int]] = {}
            for found in self._elements(text, raw.line):
                for index in range(len(found.records) if self.numbered else 1):
                    places[found.line + index] = (found, index)
            self._recent = (raw.offset, places)
        if line not in self._recent[1]:
            return ""
        found, index = self._recent[1][line]
        return excerpt_of(found, index) if self.numbered else clip(found.text)

    def warnings(self) -> list[str]:
        """Return what a person should look at."""
        return self._stream.warnings()

    @property
    def structure(self) -> tuple[str, str]:
        """Return nested or flat, and why."""
        if not self._options.nested:
            return "flat", "set by the feed"
        return ("nested", "records hold a list of variants") if self._variants else ("flat", "no record holds a list of variants")

    def _learn(self, found: Found) -> int:
        """Learn the columns of an element; return how many records it stands for."""
        for record in found.records:
            if not isinstance(record, Misfit):
                self._variants = self._variants or record.product is not None
                self._shape.meet(record)
        return len(found.records)

    def _fix(self) -> None:
        self.columns = self._shape.fix(name=self._name)
        self._reader = RecordReader(self.columns, numbered=self.numbered)


class DocumentBody(Body):
    """One JSON document. It is walked when its end is there: only then is its list known to be closed, and every key to be met.

    `line` is the number of a record, for a document without line ends has one line only. Raises `RefuseRun` when the document is
    over `Sizes.page`, and what `WholeDocument` raises.
    """

    layout = "document"
    numbered = True

    def __init__(self, stream: Stream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        super().__init__(stream, options, name, sizes)
        self._buffer = bytearray()
        self._root: str | None = None
        self._next_page: str | None = None

    def feed(self, data: bytes) -> list[RawRecords]:
        self._buffer += data
        if len(self._buffer) > self._sizes.page:
            raise RefuseRun(
                f"{self._name} is one JSON document of more than {self._sizes.page:,} bytes, which would have to be held whole: have the "
                f"supplier send JSON Lines (one item a line), or fetch it in pages (pagination); nothing was applied"
            )
        return []

    def finish(self) -> Iterator[RawRecords]:
        data, self._buffer = bytes(self._buffer), bytearray()
        self._stream.settle(data)
        text, _ = self._stream.charset.decode(data)
        del data
        document = WholeDocument(text, self._decoder, self._options, self._name)
        groups: list[tuple[int, int, int]] = []
        line = 1
        for start, end, value in document.elements():
            if not groups or groups[-1][1] - groups[-1][0] >= self._sizes.piece:
                groups.append((start, end, line))
            groups[-1] = (groups[-1][0], end, groups[-1][2])
            line += self._learn(find_records(text, start, end, line, value, nested=self._options.nested))
        self._root = document.root
        self._next_page = document.next_page
        self._fix()
        return self._pieces(text, groups, line)

    def _pieces(self, text: str, groups: list[tuple[int, int, int]], last: int) -> Iterator[RawRecords]:
        at, offset = 0, self._stream.offset
        for start, end, line in groups:
            offset += len(self._stream.encode(text[at:start]))
            data = self._stream.encode(text[start:end])
            yield RawRecords(data, offset, line)
            offset += len(data)
            at = end
        yield RawRecords(b"", offset, last, final=True)

    def _elements(self, text: str, line: int) -> Iterator[Found]:
        cursor = Cursor(text, self._decoder)
        while cursor.skip_comma():
            start = cursor.at
            value = cursor.value()
            found = find_records(text, start, cursor.at, line, value, nested=self._options.nested)
            yield found
            line += len(found.records)

    def warnings(self) -> list[str]:
        if self._next_page is None or self._options.paged:
            return super().warnings()
        part = f"the document names a next page ({self._next_page!r}), so it may be a part of the feed only"
        return [*super().warnings(), f"{part}: set pagination, or ask the supplier"]

    @property
    def root(self) -> str | None:
        return self._root

    @property
    def buffered_bytes(self) -> int:
        return len(self._buffer)


class LinesBody(Body):
    """JSON Lines, read as they come once every mapped name was met; `line` is the line.

    Until then up to `Sizes.page` bytes are held: columns are fixed with the first rows, and a key of stock must not be taken for
    gone because the first items have none. A mapped name that first comes later is `RefuseRun`: its values would be lost.
    """

    layout = "lines"
    numbered = False

    def __init__(self, stream: Stream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        super().__init__(stream, options, name, sizes)
        if options.root is not None:
            raise RefuseRun(f"{name} is JSON Lines, in which jsonRoot={options.root} leads nowhere: unset it; nothing was applied")
        self._splitter = LineSplitter(name=name, offset=stream.offset, piece_bytes=sizes.piece, line_bytes=sizes.line)
        self._lines = LineReader(self._decoder, nested=options.nested)
        self._held: list[RawRecords] = []
        self._held_bytes = 0

    def feed(self, data: bytes) -> list[RawRecords]:
        return [ready for piece in self._splitter.feed(data) for ready in self._release(piece)]

    def finish(self) -> Iterator[RawRecords]:
        piece, torn = self._splitter.finish()
        ready = self._release(piece)
        if torn:
            self._refuse_torn(piece)
        return iter(ready)

    def parse(self, raw: RawRecords) -> Batch:
        if self._shape.open:
            text, _ = self._stream.charset.decode(raw.data)
            self._refuse_late(self._elements(text, raw.line))
        return super().parse(raw)

    def _release(self, piece: RawRecords) -> list[RawRecords]:
        self._stream.settle(piece.data)
        if self.columns is not None:
            return [piece]
        text, _ = self._stream.charset.decode(piece.data)
        for found in self._elements(text, piece.line):
            self._learn(found)
        self._held.append(piece)
        self._held_bytes += len(piece.data)
        if not (self._shape.complete or piece.final or self._held_bytes >= self._sizes.page):
            return []
        self._fix()
        ready, self._held = self._held, []
        return ready

    def _refuse_torn(self, piece: RawRecords) -> None:
        text, _ = self._stream.charset.decode(piece.data)
        last = text[text.rfind("\n") + 1 :]
        try:
            self._lines.value(last.strip(" \t\r") or "null")
        except BrokenJson as fault:
            line = piece.line + piece.data.count(b"\n")
            raise RefuseRun(
                f"{self._name} ends inside line {line} ({broken_line(fault)}): it is cut short; fetch it again, or ask the supplier "
                f"whether the export ran through; nothing was applied"
            ) from None

    def _refuse_late(self, elements: Iterable[Found]) -> None:
        for found in elements:
            for record in found.records:
                if isinstance(record, Entry) and (late := self._shape.late(record)):
                    raise RefuseRun(
                        f"{self._name}, line {found.line}: the mapped key {late!r} first comes here, behind {self._held_bytes:,} bytes "
                        f"without it, so it is no column: have the supplier send it, or null, from the first item on; nothing was applied"
                    )

    def _elements(self, text: str, line: int) -> Iterator[Found]:
        for number, record in enumerate(text.split("\n"), line):
            if stripped := record.strip(" \t\r"):
                yield self._lines.read(stripped, number)

    @property
    def root(self) -> str:
        return "each line"

    @property
    def buffered_bytes(self) -> int:
        return self._splitter.buffered_bytes + (self._held_bytes if self._held else 0)
