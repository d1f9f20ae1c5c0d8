"""The XML mapper: bytes of one document to rows of text, by XPath."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from engine.batch import ApartRecords, Batch, JsonValue, RawRecords, Records, clip
from engine.contracts import DocumentFacts, MapperSettings, MapperSpec
from engine.errors import InternalError, RefuseRun
from mappers.markup.ancestry import Ancestry
from mappers.markup.cutter import Cutter, CutterSizes
from mappers.markup.encoding import Encoding
from mappers.markup.guess import guess_record_path
from mappers.markup.names import Names, unknown_prefixes
from mappers.markup.piece import unpack
from mappers.markup.plan import Pairs
from mappers.markup.presets import PRESETS
from mappers.markup.prolog import position_in, read_prolog
from mappers.markup.reader import Reader
from mappers.markup.screen.passing import Passing
from mappers.markup.screen.readings import Readings
from mappers.markup.settings import XmlOptions, read_options
from mappers.markup.streaming import RecordPath, record_path
from mappers.passing.stretches import Stretches

if TYPE_CHECKING:
    from engine.contracts import Screen
    from mappers.markup.prolog import Prolog

SAMPLE_BYTES: Final = 256 * 1024
"""How much of a document is looked at before it is read: its encoding, its prolog and, where it is not set, its records' path."""

_SMALL: Final = 4096


class XmlMapper:
    """Read one XML document (XML 1.0); see `engine.contracts.Mapper`.

    A column is a mapping row's XPath 1.0 expression, a cell the string-value of the node it leads to, several with `SEVERAL`
    between them. Raises `ConfigError` when made with expressions that are none or cannot be followed in a stream; `RefuseRun` for
    what is no XML, is not well-formed, ends too early, or wants to be more than it is (external and exploding entities). A
    document without a record is no fault: it may be one of several.
    """

    def __init__(
        self,
        settings: MapperSettings,
        facts: DocumentFacts,
        *,
        sample_bytes: int = SAMPLE_BYTES,
        sizes: CutterSizes | None = None,
        way: str = "template",
    ) -> None:
        self._options = read_options(settings)
        self._facts = facts
        self._sample_bytes = self._window = sample_bytes
        self._sizes = sizes or CutterSizes()
        self._way = way
        self._head = bytearray()
        self._body: _Body | None = None
        self._screen: Screen | None = None

    def feed(self, chunk: bytes) -> Iterator[RawRecords]:
        if self._body is not None:
            return self._body.feed(chunk)
        self._head += chunk
        if len(self._head) >= self._sample_bytes:
            if self._begin(complete=False):
                return self._feed_head()
            self._sample_bytes *= 2
        return iter(())

    def finish(self) -> Iterator[RawRecords]:
        if self._body is None:
            self._begin(complete=True)
            yield from self._feed_head()
        yield from self._begun.finish()

    def parse(self, raw: RawRecords) -> Batch:
        return self._begun.reader.parse(raw)

    def screen(self, screen: Screen) -> bool:
        # A field that looks at other children of an ancestor, and a path that chooses among elements by what is in them: there a
        # record is not what its bytes say, or none.
        record = self._options.record
        if self._options.looks or (record is not None and (not record.bare or record.nesting)):
            return False
        self._screen = screen
        return True

    def split(self, raw: RawRecords) -> Records | None:
        return self._begun.split(raw)

    def join(self, parts: Sequence[bytes], reading: bytes, offset: int) -> RawRecords:
        return self._begun.readings.join(parts, reading, offset)

    def locate(self, name: str) -> int | None:
        return self._options.locate(name)

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        return self._begun.reader.excerpt(raw, line, nth)

    @property
    def columns(self) -> tuple[str, ...]:
        return self._body.reader.columns if self._body is not None else ()

    @property
    def missing(self) -> frozenset[str]:
        return self._body.missing if self._body is not None else frozenset()

    @property
    def dialect(self) -> Mapping[str, JsonValue]:
        return self._body.dialect if self._body is not None else {"format": "xml"}

    @property
    def regular(self) -> bool:
        """Tell whether the records parsed last were read without a parser."""
        return self._body is not None and self._body.reader.regular

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes are held until more of the document arrives."""
        return len(self._head) + (self._body.buffered_bytes if self._body is not None else 0)

    @property
    def _begun(self) -> _Body:
        if self._body is None:
            raise InternalError("records of an XML document were parsed before any was cut out of it")
        return self._body

    def _begin(self, *, complete: bool) -> bool:
        head = bytes(self._head)
        encoding = Encoding(head, self._options.encoding, self._facts, complete=complete, window=self._window)
        prolog = read_prolog(encoding.sample, complete=complete, name=self._facts.name)
        if prolog is not None:
            self._body = _Body(self._options, self._facts, encoding, prolog, self._sizes, self._way, self._screen)
        return prolog is not None

    def _feed_head(self) -> Iterator[RawRecords]:
        head, self._head = bytes(self._head), bytearray()
        return self._begun.feed(head)


class _Body:
    """A document whose root has begun."""

    def __init__(
        self,
        options: XmlOptions,
        facts: DocumentFacts,
        encoding: Encoding,
        prolog: Prolog,
        sizes: CutterSizes,
        way: str,
        screen: Screen | None,
    ) -> None:
        self._options = options
        self._name = facts.name
        self._encoding = encoding
        self._skip = self._skipped = prolog.length
        self._ended = False
        self._record = options.record or self._guess(encoding.sample[prolog.length :])
        line, column = position_in(encoding.sample[: prolog.length])
        ancestry = Ancestry(self._record.ways, options.looks, encoding.charset.encoding if not encoding.charset.transcoded else "utf-8")
        # How far entities may grow is measured by the piece they stand in, so records that use them do not stand by themselves.
        self._screened = screen is not None and not prolog.doctype
        self.readings = Readings(self._said_of_records(), lambda: encoding.charset.encoding, self._holds)
        passing: Passing | None = None
        if screen is not None and self._screened and screen.knows:
            passing = Passing(Stretches(screen, tail=sizes.tail, longest=sizes.piece), self.readings)
        self.cutter = Cutter(
            ancestry,
            prolog.doctype,
            name=facts.name,
            offset=encoding.offset + prolog.length,
            line=line,
            column=column,
            sizes=sizes,
            screened=self._screened,
            passing=passing,
        )
        self.reader = Reader(
            options.fields,
            self._record,
            encoding,
            name=facts.name,
            pinned=options.pinned,
            offered=options.offered,
            way=way,
            held=bool(options.looks or prolog.doctype),
        )
        self.reader.check_asides(prolog.asides)

    def _guess(self, sample: bytes) -> RecordPath:
        found = guess_record_path(sample, "utf-8" if self._encoding.charset.transcoded else self._encoding.charset.encoding)
        if found is None:
            raise RefuseRun(
                f"{self._name}: no element repeats that has children or attributes, so nothing looks like a record: "
                "set xmlPath to the path of the repeating element, as in /shop/item; nothing was applied"
            )
        return record_path(found)

    def feed(self, chunk: bytes) -> Iterator[RawRecords]:
        return self._split(self._encoding.hold(self._encoding.decode(chunk)))

    def finish(self) -> Iterator[RawRecords]:
        yield from self._split(self._encoding.hold(self._encoding.decode(b"", final=True), final=True))
        piece, complete = self.cutter.finish()
        if not complete:
            self.reader.check(piece)
            raise RefuseRun(f"{self._name} ends before its root element does: it is cut short; fetch it again; nothing was applied")
        self._ended = True
        yield piece

    def _split(self, data: bytes) -> Iterator[RawRecords]:
        if self._skip:
            data, self._skip = data[self._skip :], max(0, self._skip - len(data))
        return self.cutter.feed(data)

    @property
    def buffered_bytes(self) -> int:
        return self._encoding.held_bytes + self.cutter.buffered_bytes

    def split(self, raw: RawRecords) -> Records | None:
        if isinstance(raw, ApartRecords):
            return raw.records
        return self.readings.split(unpack(raw.data)) if self._screened and raw.data and not raw.final else None

    def _said_of_records(self) -> str:
        return repr((self._record.text, self._options.fields, self._options.pinned, self._options.offered))

    def _holds(self, context: bytes, name: bytes, closing: bytes) -> bool:
        return self.reader.holds(context, name, closing)

    @property
    def missing(self) -> frozenset[str]:
        if not self._ended:
            return frozenset()
        return frozenset(label for index, label in enumerate(self.reader.columns) if index not in self.reader.seen)

    @property
    def dialect(self) -> dict[str, JsonValue]:
        charset = self._encoding.charset
        reason = self._options.record_reason if self._options.record is not None else "the first element that repeats"
        dialect: dict[str, JsonValue] = {"format": "xml", "encoding": charset.encoding, "xmlPath": self._record.text}
        if self.reader.declarations:
            dialect["xmlNamespaces"] = dict(sorted(self.reader.declarations))
        dialect["reasons"] = {"encoding": charset.reason, "xmlPath": reason}
        warnings = self._warnings()
        return {**dialect, "warnings": warnings} if warnings else dialect

    def _warnings(self) -> list[JsonValue]:
        warnings: list[JsonValue] = []
        if self._options.record is None:
            warnings.append(f"xmlPath was guessed as {self._record.text}, the first element that repeats: set it to make sure")
        if (
            self._ended
            and not self.reader.records
            and not self.cutter.known
            and (said := _said(self._encoding.lenient(self._encoding.sample[self._skipped :])))
        ):
            warnings.append(f"no record stands at {self._record.text}; the document says {said!r}")
        names = Names(frozenset(self.reader.declarations), self._options.pinned, self._options.offered)
        known = sorted({prefix for prefix, _ in self.reader.declarations if prefix})
        expressions = [choice for each in self._options.fields for choice in each.choices if not isinstance(choice, Pairs)]
        for prefix, text in unknown_prefixes(expressions, names).items():
            declared = f"it declares {', '.join(known)}" if known else "it declares none"
            warnings.append(f"the prefix {prefix}: of {text!r} is not declared in the document: {declared}; see xmlNamespaces")
        return warnings


def _said(markup: str) -> str:
    """Return the texts of a small document, which instead of a feed is mostly the supplier's word on what went wrong."""
    return clip(" ".join(re.sub(r"<!--.*?-->|<[^>]*>", " ", markup, flags=re.DOTALL).split()), 200) if len(markup) <= _SMALL else ""


def make_xml_mapper(settings: MapperSettings, facts: DocumentFacts) -> XmlMapper:
    """Make a mapper for one document with the sizes of production."""
    return XmlMapper(settings, facts)


SPEC: Final = MapperSpec("xpath", make_xml_mapper, PRESETS)
