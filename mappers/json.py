"""The JSON mapper: bytes of one document to rows of text, whether it is a list, an object around one, or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Final

from engine.batch import Batch, JsonValue, RawRecords, Records
from engine.contracts import DocumentFacts, MapperSettings, MapperSpec, Screen
from engine.errors import InternalError
from mappers.structured.bodies import Body, Sizes
from mappers.structured.document import DocumentBody
from mappers.structured.fields.presets import PRESETS
from mappers.structured.lines import LinesBody, is_lines
from mappers.structured.settings import read_options
from mappers.structured.stream import JsonStream


class JsonMapper:
    """Read one JSON document (RFC 8259) or JSON Lines; see `engine.contracts.Mapper`.

    A column is a key of an item, or the way to an inner one with dots between the names. A cell is the text of a value:
    numbers keep their digits, null is blank, lists and objects are JSON. Every mapped path is a column, blank where a record has
    nothing there. Raises `ConfigError` when made with settings that cannot work; `RefuseRun` for content that is no JSON or breaks
    off, for an answer that says it failed, for a document without the list, and for an element too big to be held. An empty list is
    no record, and no fault: it may be the last of several pages.
    """

    def __init__(self, settings: MapperSettings, facts: DocumentFacts, *, sizes: Sizes | None = None) -> None:
        self._options = read_options(settings)
        self._facts = facts
        self._sizes = sizes or Sizes()
        # Bytes are held in the first until they tell their encoding, and decoded in the second until they tell their layout.
        self._head, self._decoded = bytearray(), bytearray()
        self._stream: JsonStream | None = None
        self._body: Body | None = None
        self._screen: Screen | None = None
        self._line_ended = False
        self._searched = 0

    def feed(self, chunk: bytes) -> Iterable[RawRecords]:
        if self._stream is None:
            self._head += chunk
            if len(self._head) < self._sizes.sample:
                return []
            self._stream = JsonStream(
                bytes(self._head[: self._sizes.sample]), self._options.encoding, self._facts, complete=False, window=self._sizes.sample
            )
            chunk, self._head = bytes(self._head), bytearray()
        return self._take(self._stream, self._stream.decode(chunk))

    def finish(self) -> Iterable[RawRecords]:
        head, self._head = bytes(self._head), bytearray()
        stream = self._stream = self._stream or JsonStream(head, self._options.encoding, self._facts, complete=True)
        pieces = self._take(stream, stream.decode(head, final=True), complete=True)
        return chain(pieces, self._begun.finish())

    def parse(self, raw: RawRecords) -> Batch:
        return self._begun.parse(raw)

    def screen(self, screen: Screen) -> bool:
        nesting = self._options.nesting
        if self._options.paged or (nesting.ways and not nesting.optional):
            return False
        self._screen = screen
        return True

    def split(self, raw: RawRecords) -> Records | None:
        return self._begun.split(raw)

    def join(self, parts: Sequence[bytes], reading: bytes, offset: int) -> RawRecords:
        return self._begun.join(parts, offset)

    def locate(self, name: str) -> int | None:
        return self._begun.columns.locate(name)

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        return self._begun.excerpt(raw, line)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._body.columns.names if self._body is not None else ()

    @property
    def missing(self) -> frozenset[str]:
        return self._body.columns.missing if self._body is not None else frozenset()

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        body, stream = self._body, self._stream
        if body is None or stream is None:
            return {"format": "json"}
        structure, why = body.structure
        reasons: dict[str, JsonValue] = {"layout": _LAYOUTS[body.layout], "structure": why, "encoding": stream.charset.reason}
        dialect: dict[str, JsonValue] = {
            "format": "json",
            "layout": body.layout,
            "root": body.root,
            "structure": structure,
            "encoding": stream.charset.encoding,
            "columns": list(self.columns),
            "reasons": reasons,
        }
        warnings = body.warnings()
        return {**dialect, "warnings": warnings} if warnings else dialect

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes are held until more of the document arrives."""
        return len(self._head) + len(self._decoded) + (self._body.buffered_bytes if self._body is not None else 0)

    @property
    def _begun(self) -> Body:
        if self._body is None:
            raise InternalError("records of a JSON document were parsed before any was cut out of it")
        return self._body

    def _take(self, stream: JsonStream, data: bytes, *, complete: bool = False) -> Iterable[RawRecords]:
        if self._body is not None:
            return self._body.feed(data)
        self._decoded += data
        lines = self._is_lines(complete=complete)
        if lines is None:
            return []
        kind = LinesBody if lines else DocumentBody
        self._body = kind(stream, self._options, self._facts.name, self._sizes)
        if self._screen is not None:
            self._body.screen(self._screen)
        data, self._decoded = bytes(self._decoded), bytearray()
        return self._body.feed(data)

    def _is_lines(self, *, complete: bool) -> bool | None:
        """Tell the layout from the first line, and from no more than a line may have; None when that is not there yet."""
        held = len(self._decoded)
        # Looked for in the new bytes alone: the first line of many a document is all of it.
        self._line_ended = self._line_ended or self._decoded.find(b"\n", self._searched) >= 0
        self._searched = held
        if not (complete or self._line_ended or held > self._sizes.line or bytes(self._decoded[:64]).lstrip()[:1] == b"["):
            return None
        lines = is_lines(self._decoded[: self._sizes.line + 1], complete=complete and held <= self._sizes.line)
        return False if lines is None and held > self._sizes.line else lines


_LAYOUTS: Final = {
    "document": "one JSON value",
    "lines": "the first line is a whole object, and another one follows",
}


def make_json_mapper(settings: MapperSettings, facts: DocumentFacts) -> JsonMapper:
    """Make a mapper for one document with the sizes of production."""
    return JsonMapper(settings, facts)


SPEC: Final = MapperSpec("json", make_json_mapper, PRESETS)
