"""The two layouts of JSON behind one face: a document around its list, and lines. Both are read as they come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import Batch, RawRecords, Records, clip
from engine.errors import InternalError
from mappers.splitter import PIECE_BYTES
from mappers.stream import SAMPLE_BYTES
from mappers.structured.fields.columns import Columns
from mappers.structured.reading import BatchMaker, QuickReader, Reading, read_exactly, uncollected
from mappers.structured.records import Found, excerpt_of
from mappers.structured.settings import JsonOptions
from mappers.structured.stream import JsonStream
from mappers.structured.values import make_decoder
from mappers.tabular.screened import HELD_BACK

if TYPE_CHECKING:
    from engine.contracts import Screen

LINE_BYTES: Final = 8 * 1024 * 1024
"""The longest line of JSON Lines: a product with some ten thousand variants."""
RECORD_BYTES: Final = 16 * 1024 * 1024
"""The biggest element of a list: a product with some twenty thousand variants."""
PAGE_BYTES: Final = 64 * 1024 * 1024
"""How much is held whole of what stands around a list: before it, behind it, or a document that has none."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The bounds of a mapper, in bytes; tests make them small."""

    sample: int = SAMPLE_BYTES
    piece: int = PIECE_BYTES
    line: int = LINE_BYTES
    record: int = RECORD_BYTES
    page: int = PAGE_BYTES
    held_back: int = HELD_BACK


class Body(ABC):
    """A document whose layout is known. `numbered` says that every record has a number of its own."""

    layout: str
    numbered: bool

    def __init__(self, stream: JsonStream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        self._stream = stream
        self._options = options
        self._name = name
        self._sizes = sizes
        self._decoder = make_decoder(comma=options.comma)
        self._quick = QuickReader(comma=options.comma)
        self.columns = Columns(options.names, inherited=options.inherited, offered=options.offered, document=name)
        self._batches = BatchMaker(self.columns, options.nesting)
        self._variants = False
        self._recent: tuple[int | None, dict[int, tuple[Found, int]]] = (None, {})

    @abstractmethod
    def feed(self, data: bytes) -> Iterable[RawRecords]:
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
        """Read the elements of a piece exactly."""

    @abstractmethod
    def _read_quickly(self, raw: RawRecords) -> Reading | None:
        """Read a piece quickly, None where something in it needs the exact reader."""

    def parse(self, raw: RawRecords) -> Batch:
        """Read a piece."""
        with uncollected():
            batch = self._batches.make(self._reading(raw)) or self._batches.make(self._read_exactly(raw))
        if batch is None:
            raise InternalError("records that were read exactly were asked to be read so")
        return batch

    def screen(self, screen: Screen) -> None:
        """Ask a screen, where records can be told apart before they are parsed."""
        del screen

    def split(self, raw: RawRecords) -> Records | None:
        """Return the records of a piece, None where they cannot be told apart."""
        del raw
        return None

    def join(self, parts: Sequence[bytes], offset: int) -> RawRecords:
        """Make a piece of single records that were split."""
        return RawRecords(b"".join(parts), offset, 1)

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
        return excerpt_of(found, index, self._options.nesting) if self.numbered else clip(found.text)

    def warnings(self) -> list[str]:
        """Return what a person should look at."""
        return self._stream.warnings()

    @property
    def structure(self) -> tuple[str, str]:
        """Return nested or flat, and why."""
        nesting = self._options.nesting
        if not nesting.ways:
            return "flat", "set by the feed"
        if not nesting.optional:
            return "nested", "set by jsonRoot"
        return ("nested", "records hold a list of variants") if self._variants else ("flat", "no record holds a list of variants")

    def _reading(self, raw: RawRecords) -> Reading:
        return self._read_quickly(raw) or self._read_exactly(raw)

    def _read_exactly(self, raw: RawRecords) -> Reading:
        text, valid = self._stream.charset.decode(raw.data)
        return self._as_reading([*self._elements(text, raw.line)], text, valid=valid)

    def _as_reading(self, elements: Sequence[Found], text: str, *, valid: bool) -> Reading:
        encoding = self._stream.charset.encoding
        return read_exactly(elements, self._options.nesting, numbered=self.numbered, text=text, encoding=encoding, valid=valid)

    def _learn(self, reading: Reading) -> None:
        """Learn the names of a piece's records, before the first row of it."""
        ways = self._options.nesting.ways
        self._variants = self._variants or reading.nested
        self.columns.learn(reading.own, reading.products, nested=reading.nested, skip=ways[-1] if ways else ())
