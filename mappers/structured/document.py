"""One JSON document: the way to its list, the list in pieces, and what is said around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from engine.batch import ApartRecords, Batch, RawRecords, Records
from engine.errors import RefuseRun
from mappers.passing.stretches import Stretches
from mappers.structured.bodies import Body, Sizes
from mappers.structured.cursor import BrokenJson, Cursor, Place, refuse_broken
from mappers.structured.cutter import ListCutter, Piece
from mappers.structured.outline import Outline
from mappers.structured.reading import Reading, read_values, uncollected
from mappers.structured.records import Found, find_records
from mappers.structured.screen.layout import Layout, learn_layout
from mappers.structured.screen.listed import ListedElements
from mappers.structured.settings import DEFAULT_ROOT, JsonOptions
from mappers.structured.stream import JsonStream
from mappers.structured.values import Json

if TYPE_CHECKING:
    from engine.contracts import Screen

_KEYS_SHOWN: Final = 20
_HIGH: Final = bytes(range(0x80, 0x100))


class DocumentBody(Body):
    """One JSON document, of which only what stands around its list is held.

    `line` is the number of a record, for a document without line ends has one line only. What the document says beside its list
    is judged at its end: also one that ends with an error, or breaks off there, is `RefuseRun`, though rows of it were given.
    """

    layout = "document"
    numbered = True

    def __init__(self, stream: JsonStream, options: JsonOptions, name: str, sizes: Sizes) -> None:
        super().__init__(stream, options, name, sizes)
        self._buffer = bytearray()
        self._looked = 0
        self._head = ""
        self._cutter: ListCutter | None = None
        self._tail = bytearray()
        self._line = 1
        self._outline: Outline | None = None
        self._next_page: str | None = None
        self._kept: tuple[int, Reading] | None = None
        self._screen: Screen | None = None
        self._layout: Layout | None = None
        self._apart: ApartRecords | None = None

    def feed(self, data: bytes) -> Iterator[RawRecords]:
        self._take(self._stream.hold(data))
        return self._pieces(final=False)

    def finish(self) -> Iterator[RawRecords]:
        self._take(self._stream.hold(b"", final=True))
        yield from self._pieces(final=True)
        offset = self._stream.offset
        if self._cutter is None:
            data, self._buffer = bytes(self._buffer), bytearray()
            text, _ = self._stream.charset.decode(data)
            yield from self._single(text)
            offset += len(data)
        else:
            self._judge(self._cutter)
            offset = self._cutter.offset
        yield RawRecords(b"", offset, self._line, final=True)

    def screen(self, screen: Screen) -> None:
        self._screen = screen

    def split(self, raw: RawRecords) -> Records | None:
        """Return the elements of a piece that were told apart when it was cut, each of which is one record."""
        return raw.records if isinstance(raw, ApartRecords) else None

    def join(self, parts: Sequence[bytes], offset: int) -> RawRecords:
        apart, kept = self._apart, self._kept
        read = kept[1] if apart is not None and kept is not None and kept[0] == apart.offset else None
        if read is not None and apart is not None and apart.records is not None and apart.records.parts == parts:
            # All of the last piece, as where nothing is known yet: what was read of it need not be read again.
            self._kept = (offset, replace(read, lines=range(1, len(parts) + 1)))
            return RawRecords(apart.data, offset, 1)
        return RawRecords(self._layout.join(parts) if self._layout is not None else b"", offset, 1)

    def _begin_screening(self, screen: Screen, cutter: ListCutter, elements: bytes) -> None:
        """Ask a screen, as soon as what an element means depends on no other one."""
        if not self.columns.settled:
            return
        self._layout = layout = learn_layout(elements, self._quick, self._stream)
        if layout is not None:
            # The numbers of a file with a screen that knows something are worth the looks.
            stretches = Stretches(screen, tail=self._sizes.held_back, longest=self._sizes.piece) if screen.knows else None
            cutter.screen(ListedElements(layout, stretches, self._quick, self._stream, self._describe_reading))

    def _describe_reading(self) -> bytes:
        return repr((self._layout, self._stream.charset.encoding, self.columns.reading)).encode("utf-8", "backslashreplace")

    def _block(self, piece: Piece) -> RawRecords | None:
        """Return a lone block whose elements are one record each; None where they may be more, or where it is none.

        Most of its records are known, so no more is read of them than what may refuse the document.
        """
        records, values, ways = piece.records, piece.values, self._options.nesting.ways
        if records is None or values is None or not records.block or set(map(type, values)) != {dict}:
            return None
        objects = cast("Sequence[dict[str, Json]]", values)
        if ways and any(ways[0][0] in each for each in objects):
            return None
        self.columns.learn(objects, (), nested=False)
        return ApartRecords(piece.data, piece.offset, self._line, records=records)

    def _raw(self, piece: Piece, reading: Reading) -> RawRecords:
        records = piece.records
        if records is None or reading.sources is not None or reading.nested or reading.count != len(records.parts):
            return RawRecords(piece.data, piece.offset, self._line)
        self._apart = ApartRecords(piece.data, piece.offset, self._line, records=records)
        return self._apart

    def parse(self, raw: RawRecords) -> Batch:
        if not raw.data:
            return Batch(self.columns.names, [], [])
        return super().parse(raw)

    def warnings(self) -> list[str]:
        if self._next_page is None or self._options.paged:
            return super().warnings()
        part = f"the document names a next page ({self._next_page!r}), so it may be a part of the feed only"
        return [*super().warnings(), f"{part}: set pagination, or ask the supplier"]

    @property
    def root(self) -> str | None:
        return self._outline.root if self._outline is not None else None

    @property
    def buffered_bytes(self) -> int:
        held = self._cutter.buffered_bytes if self._cutter is not None else 0
        return self._stream.held_bytes + len(self._buffer) + held + len(self._head) + len(self._tail)

    def _take(self, data: bytes) -> None:
        if self._cutter is None:
            self._buffer += data
        elif not self._cutter.ended:
            self._cutter.add(data)
        else:
            self._add_tail(self._cutter.rest() + data)

    def _pieces(self, *, final: bool) -> Iterator[RawRecords]:
        if self._cutter is None and not self._look(final=final):
            return
        cutter = self._cutter
        if cutter is None:
            return
        for piece in cutter.pieces(final=final):
            if piece.known is not None:
                yield RawRecords(b"", piece.offset, self._line, known=piece.known)
                self._line += piece.known.records
                continue
            if (block := self._block(piece)) is not None:
                yield block
                self._line += len(piece.values or ())
                continue
            with uncollected():
                reading = self._read(piece)
                self._learn(reading)
            raw = self._raw(piece, reading)
            self._kept = (piece.offset, reading)
            self._line += reading.count
            yield raw
            if self._screen is not None and self._layout is None:
                self._begin_screening(self._screen, cutter, piece.data)
        if cutter.ended:
            self._add_tail(cutter.rest())

    def _look(self, *, final: bool) -> bool:
        """Look for the list in what is held, each time in twice as much."""
        while self._looked < len(self._buffer):
            size = min(max(2 * self._looked, self._sizes.sample), self._sizes.page)
            if size > len(self._buffer) and not final:
                return False
            self._looked = min(size, len(self._buffer))
            # A character that is cut in two does not decode.
            data = bytes(self._buffer[: self._looked]).rstrip(_HIGH)
            if self._find(data):
                return True
            if self._looked == self._sizes.page and len(self._buffer) > self._sizes.page:
                raise self._too_long()
        return False

    def _find(self, data: bytes) -> bool:
        text, _ = self._stream.charset.decode(data)
        self._outline = Outline(text, self._decoder, self._options, self._name)
        at = self._outline.find_list()
        if at is None:
            return False
        self._head = text[:at]
        head = self._stream.encode(self._head)
        self._cutter = ListCutter(
            self._stream,
            self._quick,
            self._decoder,
            name=self._name,
            place=Place().behind(self._head),
            offset=self._stream.offset + len(head),
            piece_bytes=self._sizes.piece,
            element_bytes=self._sizes.record,
        )
        self._cutter.add(bytes(self._buffer[len(head) :]))
        self._buffer.clear()
        return True

    def _too_long(self) -> RefuseRun:
        keys = self._outline.keys if self._outline is not None else {}
        # The last one is where the walk came to the end of what is held: the biggest.
        lists = [key for key, is_list in keys.items() if is_list]
        shown = ", ".join(map(repr, list(keys)[:_KEYS_SHOWN]))
        return RefuseRun(
            f"{self._name}: no list begins under {self._options.root or DEFAULT_ROOT!r} within {self._sizes.page:,} bytes; it has "
            f"{shown or 'no key'}: {f'set jsonRoot={lists[-1]}' if lists else 'set jsonRoot to the names on the way to the list'}; "
            f"nothing was applied"
        )

    def _add_tail(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > self._sizes.page:
            raise RefuseRun(
                f"{self._name}: more than {self._sizes.page:,} bytes stand behind the list of items, which would have to be held whole: "
                f"have the supplier leave them out; nothing was applied"
            )

    def _judge(self, cutter: ListCutter) -> None:
        """Walk over the document as if its list were empty."""
        tail = bytes(self._tail)
        text, _ = self._stream.charset.decode(tail)
        head = f"{self._head}]"
        outline = Outline(head + text, self._decoder, self._options, self._name)
        try:
            outline.walk()
        except BrokenJson as fault:
            raise refuse_broken(BrokenJson(str(fault), fault.position - len(head)), text, cutter.place, self._name) from None
        self._outline, self._next_page = outline, outline.next_page

    def _single(self, text: str) -> Iterator[RawRecords]:
        """Yield the one item that a document without a list is. Refuses one that is none."""
        self._outline = outline = Outline(text, self._decoder, self._options, self._name)
        try:
            span = outline.walk()
        except BrokenJson as fault:
            raise refuse_broken(fault, text, Place(), self._name) from None
        self._next_page = outline.next_page
        if span is None:
            return
        offset = self._stream.offset + len(self._stream.encode(text[: span.start]))
        raw = RawRecords(self._stream.encode(text[span.start : span.end]), offset, self._line)
        reading = self._reading(raw)
        self._learn(reading)
        self._kept = (offset, reading)
        self._line += reading.count
        yield raw

    def _reading(self, raw: RawRecords) -> Reading:
        # Taken, not only read: what the piece before was made of need not be held while the next one is cut.
        kept, self._kept = self._kept, None
        return kept[1] if kept is not None and kept[0] == raw.offset else super()._reading(raw)

    def _read(self, piece: Piece) -> Reading:
        """Read a piece out of what was parsed when it was cut."""
        if piece.values is not None:
            reading = self._from_values(piece.data, piece.values, self._line)
            if reading is not None:
                return reading
        text, valid = self._stream.charset.decode(piece.data)
        if piece.walked is None:
            return self._as_reading([*self._elements(text, self._line)], text, valid=valid)
        return self._as_reading(self._found(piece, text), text, valid=valid)

    def _found(self, piece: Piece, text: str) -> Sequence[Found]:
        elements: list[Found] = []
        line = self._line
        for start, end, value in piece.walked or ():
            elements.append(find_records(text, start, end, line, value, self._options.nesting))
            line += len(elements[-1].records)
        return elements

    def _from_values(self, data: bytes, values: Sequence[Json], line: int) -> Reading | None:
        return read_values(data, values, [line], self._options.nesting, numbered=True)

    def _read_quickly(self, raw: RawRecords) -> Reading | None:
        values = self._quick.elements(self._stream.as_utf8(raw.data))
        return self._from_values(raw.data, values, raw.line) if values is not None else None

    def _elements(self, text: str, line: int) -> Iterator[Found]:
        cursor = Cursor(text, self._decoder)
        while cursor.skip_comma():
            start = cursor.at
            value = cursor.value()
            found = find_records(text, start, cursor.at, line, value, self._options.nesting)
            yield found
            line += len(found.records)
