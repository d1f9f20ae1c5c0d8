"""The CSV mapper: bytes of one document to rows of text, whatever dialect they are written in."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from engine.batch import Batch, JsonValue, PassedRecords, RawRecords, Records, clip
from engine.contracts import DocumentFacts, MapperSettings, MapperSpec, Prover, Screen, Walked
from engine.errors import InternalError, RefuseRun
from mappers.charset import settle
from mappers.checks import Inspector, refuse_failed
from mappers.header import locate_column, refuse_ambiguous, refuse_moved
from mappers.opening import Opening, open_document, undecodable
from mappers.options import CsvOptions, read_options
from mappers.reader import RECORD_BYTES, Sources, find_record, read_table
from mappers.splitter import PIECE_BYTES
from mappers.tabular.columns import read_columns
from mappers.tabular.grouping import ShopifyGrouping
from mappers.tabular.pinned import read_pinned
from mappers.tabular.presets import PRESETS
from mappers.tabular.screened import ENDING, HELD_BACK, NOTHING_KNOWN

SAMPLE_BYTES: Final = 256 * 1024
"""How much of a document is looked at to detect its dialect."""

_LONGEST_PAUSE: Final = 31
# Turns; a quarter of the work is wasted in one of 32 pieces at most.


class CsvMapper:
    """Read one CSV document; see `engine.contracts.Mapper`.

    The first `sample_bytes` are held until the dialect is known (more only while they hold no whole record). Raises
    `ConfigError` when made with settings that cannot work, and `RefuseRun` for content that is no CSV, for a header without
    records, for a record over `record_bytes` and for a quote that is never closed (RFC 4180 is the model, laxly read).
    """

    def __init__(
        self,
        settings: MapperSettings,
        facts: DocumentFacts,
        *,
        sample_bytes: int = SAMPLE_BYTES,
        piece_bytes: int = PIECE_BYTES,
        record_bytes: int = RECORD_BYTES,
        held_back: int = HELD_BACK,
    ) -> None:
        self._options = replace(read_options(settings), pinned=read_pinned(settings.pinned))
        self._facts = facts
        self._sample_bytes = sample_bytes
        self._piece_bytes = piece_bytes
        self._record_bytes = record_bytes
        self._held_back = held_back
        self._screen: Screen | None = None
        self._head = bytearray()
        self._body: _Body | None = None

    def feed(self, chunk: bytes) -> list[RawRecords]:
        if self._body is not None:
            return self._body.feed(chunk)
        self._head += chunk
        while len(self._head) >= self._sample_bytes:
            if self._begin(bytes(self._head[: self._sample_bytes]), complete=False):
                return self._feed_head()
            self._sample_bytes *= 2
        return []

    def finish(self) -> list[RawRecords]:
        if self._body is not None:
            return self._body.finish()
        self._begin(bytes(self._head), complete=True)
        return [*self._feed_head(), *self._begun.finish()]

    def parse(self, raw: RawRecords) -> Batch:
        return self._begun.parse(raw)

    def screen(self, screen: Screen) -> bool:
        # Rows that are grouped have a part in each other; blocks end with a line feed.
        if self._options.grouped or self._options.line_ending == "cr":
            return False
        self._screen = screen
        return True

    def split(self, raw: RawRecords) -> Records | None:
        return self._begun.split(raw.data)

    def split_together(self, pieces: Sequence[bytes]) -> Records | None:
        return self._begun.split(b"".join(pieces))

    def join(self, parts: Sequence[bytes], reading: bytes, offset: int) -> RawRecords:
        return RawRecords(b"".join(parts), offset, 1)

    def locate(self, name: str) -> int | None:
        return self._begun.locate(name)

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        return self._begun.excerpt(raw, line)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._body.columns if self._body is not None else ()

    @property
    def missing(self) -> frozenset[str]:
        return frozenset()

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        return self._body.dialect if self._body is not None else {"format": "csv"}

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes are held until more of the document arrives."""
        return len(self._head) + (self._body.buffered_bytes if self._body is not None else 0)

    @property
    def _begun(self) -> _Body:
        if self._body is None:
            raise InternalError("records of a CSV document were parsed before any was cut out of it")
        return self._body

    def _begin(self, sample: bytes, *, complete: bool) -> bool:
        opening = open_document(sample, self._options, self._facts, complete=complete, record_bytes=self._record_bytes)
        if opening is not None:
            self._body = _Body(opening, self._facts, self._options, self._piece_bytes, self._record_bytes)
            if self._screen is not None:
                self._body.screen(self._screen, self._held_back)
        return opening is not None

    def _feed_head(self) -> list[RawRecords]:
        head, self._head = bytes(self._head), bytearray()
        return self._begun.feed_first(head)


class _Body:
    """A document whose dialect is known."""

    def __init__(self, opening: Opening, facts: DocumentFacts, options: CsvOptions, piece_bytes: int, record_bytes: int) -> None:
        header, grouped = opening.header, options.grouped
        self._pinned = options.pinned
        self._facts = facts
        self._opening = opening
        self._charset = opening.charset
        self._decoder: codecs.IncrementalDecoder | None = self._charset.transcoder() if self._charset.transcoded else None
        self._splitter = opening.splitter(facts.name, piece_bytes, record_bytes)
        self._grouping = ShopifyGrouping(header.columns, name=facts.name) if grouped else None
        # A shop may well sell something whose handle is "total"; its own export has no totals row.
        self._inspector = Inspector(header.columns, header.cells, opening.grammar, totals=not grouped)
        self._empty = True
        self._by_line = _Backoff()
        self._recent: list[RawRecords] = []
        self._read_again: dict[int, Sources] = {}
        self.columns = self._grouping.columns if self._grouping else header.columns
        self._reading = self._describe_reading()
        self._cutter = opening.cutter(self._charset)

    @property
    def dialect(self) -> dict[str, JsonValue]:
        reasons = {**self._opening.reasons, "encoding": self._charset.reason}
        dialect = {**self._opening.dialect, "encoding": self._charset.encoding, "reasons": reasons}
        if assumed := [*self._opening.assumed, *(["encoding"] if self._charset.assumed else [])]:
            dialect["assumed"] = assumed
        warnings = [*self._opening.warnings]
        if self._charset.guessed:
            guess = f"the encoding was guessed as {self._charset.encoding}; keys beyond ASCII depend on it: set encoding to make sure"
            warnings.append(guess)
        return {**dialect, "warnings": warnings} if warnings else dialect

    @property
    def buffered_bytes(self) -> int:
        return self._splitter.buffered_bytes

    def locate(self, name: str) -> int | None:
        cells = self._opening.header.cells
        refuse_ambiguous(cells or (), name, self._facts.name)
        if cells is not None and self._pinned is not None:
            refuse_moved(self._opening.header.columns, name, self._pinned, self._facts.name)
        return locate_column(self.columns, name)

    def feed_first(self, head: bytes) -> list[RawRecords]:
        return self._cut(self._decoded(head[self._charset.bom :])[self._opening.skip :])

    def feed(self, chunk: bytes) -> list[RawRecords]:
        return self._cut(self._decoded(chunk))

    def finish(self) -> list[RawRecords]:
        pieces = self._cut(self._decoded(b"", final=True)) if self._decoder else []
        pieces += self._settled(self._splitter.finish())
        if self._empty:
            raise RefuseRun(
                f"{self._facts.name} holds a header and no record (line {self._opening.header.line}: "
                f"{clip(', '.join(self._opening.header.columns), 200)}): an empty export changes nothing; ask the supplier, or check "
                f"the setting csvHasHeader"
            )
        return pieces

    def _decoded(self, data: bytes, *, final: bool = False) -> bytes:
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data, final).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise undecodable(fault, self._charset, self._facts.name) from None

    def screen(self, screen: Screen, held_back: int) -> None:
        """Have the splitter ask a screen."""

        def search(buffer: bytearray, start: int, end: int, prover: Prover) -> Walked:
            asks = screen.knows and not self._unsettles(buffer, start, end)
            return screen.walk(buffer, start, end, ENDING, self._reading, prover) if asks else NOTHING_KNOWN

        self._splitter.search(search, held_back)

    def _unsettles(self, buffer: bytearray, start: int, end: int) -> bool:
        """Tell whether the encoding may be chosen by these bytes: then by the same ones as without a screen, all of them."""
        return self._charset.assumed and not buffer[start:end].isascii()

    def split(self, data: bytes) -> Records | None:
        """Return the records of a piece, as `engine.contracts.ScreenedMapper` has it."""
        parts = self._cutter.cut(data)
        return Records(data, parts.records, parts.lines, self._reading, ENDING) if parts is not None else None

    def _describe_reading(self) -> bytes:
        # Whether the encoding is assumed or known is left out: while it is assumed there is nothing but ASCII to be read.
        header, charset = self._opening.header, self._charset
        return repr((self._opening.grammar, charset.encoding, header.columns, header.cells)).encode("utf-8", "backslashreplace")

    def _cut(self, data: bytes) -> list[RawRecords]:
        return self._settled(self._splitter.pieces(data))

    def _settled(self, pieces: Iterable[RawRecords]) -> list[RawRecords]:
        taken = []
        for piece in pieces:
            self._empty = self._empty and not isinstance(piece, PassedRecords) and not piece.data.strip()
            if self._charset.assumed and not piece.data.isascii():
                # Here and not in `parse`, which need not see every piece.
                self._charset = settle(piece.data, self._charset, self._facts.charset, self._opening.pinned_encoding)
                self._reading = self._describe_reading()
                self._cutter = self._opening.cutter(self._charset)
            taken.append(piece)
        return taken

    def parse(self, raw: RawRecords) -> Batch:
        text, valid = self._charset.decode(raw.data)
        if valid and not raw.final and self._grouping is None and (plain := self._parse_plain(text, raw.line)) is not None:
            return plain
        table = read_table(text, self._opening.grammar, raw.line)
        whole = raw.line == self._opening.line
        batch = self._inspector.inspect(table, text, raw.line, encoding=self._charset.encoding, valid=valid, final=raw.final, whole=whole)
        if raw.final:
            refuse_failed(batch, self._facts.name)
        return batch if self._grouping is None else self._group(self._grouping, raw, batch)

    def _parse_plain(self, text: str, line: int) -> Batch | None:
        """Read records that are all of one line and full width; None where one of them is not, or may be no item's."""
        if self._by_line.waits() or "\0" in text:
            return None
        cells = read_columns(text, self._opening.grammar, len(self._opening.header.columns))
        batch = None if cells is None else self._inspector.pass_columns(cells, line)
        self._by_line.note(failed=batch is None)
        return batch

    def _group(self, grouping: ShopifyGrouping, raw: RawRecords, batch: Batch) -> Batch:
        # Rows that are given up now may stand in an earlier piece, which an excerpt of them needs.
        first = grouping.first_held_line
        held = [piece for piece in self._recent if first is not None and _end_line(piece) > first]
        self._recent = [*held, raw]
        return grouping.group(batch, final=raw.final)

    def excerpt(self, raw: RawRecords, line: int) -> str:
        for piece in (raw, *self._recent):
            sources = self._sources(piece)
            index = find_record(sources.table, line)
            if index is not None:
                return clip(sources.record(index))
        return ""

    def _sources(self, piece: RawRecords) -> Sources:
        # Kept for the pieces that rejects come from now: reading a piece again for each reject would cost its square.
        if piece.offset not in self._read_again:
            self._read_again = {other.offset: self._read_again[other.offset] for other in self._recent if other.offset in self._read_again}
            text, _ = self._charset.decode(piece.data)
            table = read_table(text, self._opening.grammar, piece.line)
            self._read_again[piece.offset] = Sources(text, self._opening.grammar, table, piece.line)
        return self._read_again[piece.offset]


@dataclass(slots=True)
class _Backoff:
    """Spares a document what keeps failing on it: after failures in a row it is tried ever more rarely."""

    _pause: int = 0
    _left: int = 0

    def waits(self) -> bool:
        """Tell whether this turn is passed over."""
        self._left -= 1
        return self._left >= 0

    def note(self, *, failed: bool) -> None:
        """Take down how a try went."""
        self._pause = min(2 * self._pause + 1, _LONGEST_PAUSE) if failed else 0
        self._left = self._pause


def _end_line(piece: RawRecords) -> int:
    return piece.line + piece.data.count(b"\n") + piece.data.count(b"\r")


def make_csv_mapper(settings: MapperSettings, facts: DocumentFacts) -> CsvMapper:
    """Make a mapper for one document with the sizes of production."""
    return CsvMapper(settings, facts)


SPEC: Final = MapperSpec("csv", make_csv_mapper, PRESETS)
