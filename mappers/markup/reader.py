"""Pieces to batches: by the parser, and for stretches of regular records by a template that the parser's own rows vouch for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import Batch, Flaw, RawRecords, clip
from engine.errors import RefuseRun
from mappers.markup.encoding import Encoding, Undecodable
from mappers.markup.expression import Expression, NameTest, simple_path
from mappers.markup.names import Declarations, Names, declarations_in
from mappers.markup.piece import Piece, make_parser, unpack, unreadable
from mappers.markup.plan import Cells, Field, Pairs, Plan
from mappers.markup.prolog import position_in
from mappers.markup.template.regular import Regular

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml import etree

    from mappers.markup.streaming import RecordPath
    from mappers.markup.template.pattern import Target

_PLANS_KEPT: Final = 32
_BLOCK: Final = 32 * 1024
TAG_BYTES: Final = 64 * 1024
_TAG: Final = re.compile(rb"<[^\s/>\"'<=!?&]++(?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+")


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A piece as a tree, with its records and the line and place of each in `text` (UTF-8, its line ends LF)."""

    text: bytes
    plan: Plan
    records: list[etree._Element]
    lines: list[int]
    starts: list[int]


class Reader:
    """Read the pieces of one document.

    `seen` holds the columns that some record had something in, `records` counts what was parsed. `way` is for tests: `template`
    reads as fast as it can, `walk` leaves the template out, `xpath` evaluates every field.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        record: RecordPath,
        encoding: Encoding,
        *,
        name: str,
        pinned: Mapping[str, str],
        offered: Mapping[str, str],
        way: str = "template",
        held: bool = False,
    ) -> None:
        self.columns = tuple(each.label for each in fields)
        self.seen: set[int] = set()
        self.records = 0
        self.declarations: set[tuple[str, str]] = set()
        self._fields = fields
        self._record = record
        self._encoding = encoding
        self._name = name
        self._pinned = pinned
        self._offered = offered
        self._way = way
        self._parser: etree.XMLParser | None = None
        self._plans: dict[Declarations, Plan] = {}
        self._recent: tuple[int | None, dict[int, list[str]]] = (None, {})
        regular = way == "template" and not held and record.bare and not record.nesting and all(map(_is_regular, fields))
        self._regular = Regular() if regular else None

    @property
    def regular(self) -> bool:
        """Tell whether the last piece was read by its template."""
        return self._regular is not None and self._regular.hit

    def parse(self, raw: RawRecords) -> Batch:
        """Parse a piece. Raises `RefuseRun` with the place in the document where it is not well-formed."""
        if not raw.data:
            return Batch(self.columns, [], [])
        piece = unpack(raw.data)
        batch = self._parse_regular(piece, raw) if self._regular is not None and self._regular.ready else None
        batch = batch or self._parse_tree(piece, raw)
        self.records += len(batch.rows) + len(batch.flaws)
        return batch

    def check_asides(self, asides: bytes) -> None:
        """Raise `RefuseRun` for comments and processing instructions before the root that are not well-formed."""
        if asides:
            note = Piece(b"", asides, b"<root/>", 1)
            try:
                self._tree(note, RawRecords(b"", 0, 1), self._text(note, RawRecords(b"", 0, 1)))
            except RefuseRun as fault:
                raise RefuseRun(f"{fault} (counted in what stands before the root element)") from None

    def holds(self, context: bytes, name: bytes, closing: bytes) -> bool:
        """Tell whether an element of a name is a record behind this context, where nothing else declares a namespace."""
        probe, nowhere = Piece(context, b"<%b></%b>" % (name, name), closing, 1), RawRecords(b"", 0, 1)
        try:
            text = self._text(probe, nowhere)
            records = self._plan(text).select(self._tree(probe, nowhere, text))
        except RefuseRun:
            return False
        return len(records) == 1 and not len(records[0])

    def check(self, raw: RawRecords) -> None:
        """Raise `RefuseRun` for a piece that ends too early, with what is wrong with it."""
        piece = unpack(raw.data)
        self._tree(piece, raw, self._text(piece, raw), whole=False)

    def excerpt(self, raw: RawRecords, line: int, nth: int = 0) -> str:
        """Return the text of the record that began at a line, of several rows that did so the one that is meant."""
        if not raw.data:
            return ""
        if self._recent[0] != raw.offset:
            piece = unpack(raw.data)
            self._recent = (raw.offset, self._texts(self._parsed(piece, raw), piece))
        there = self._recent[1].get(line, ())
        return there[nth] if nth < len(there) else ""

    @staticmethod
    def _texts(parsed: _Parsed, body: Piece) -> dict[int, list[str]]:
        """Return the texts of a piece's rows by the lines they began at."""
        ends = [*parsed.starts[1:], len(parsed.text) - len(body.closing)]
        found: dict[int, list[str]] = {}
        for record, at, start, end in zip(parsed.records, parsed.lines, parsed.starts, ends, strict=True):
            if _is_readable(parsed.plan, record):
                found.setdefault(at, []).append(_record_text(parsed.text[start:end], _written(record)))
        return found

    def _text(self, piece: Piece, raw: RawRecords) -> bytes:
        """Return a piece as UTF-8 with line ends of LF, which is how XML 1.0 (2.11) has them read."""
        data = b"".join((piece.context, piece.body, piece.closing))
        if not self._encoding.is_utf8:
            try:
                data = self._encoding.text(data).encode()
            except Undecodable as fault:
                line, column = position_in(piece.body[: max(0, fault.position - len(piece.context))], raw.line, piece.column)
                raise RefuseRun(
                    f"{self._name}, line {line}, column {column}: {fault} does not decode as {self._encoding.charset.encoding}: "
                    "set encoding to the one the feed is written in; nothing was applied"
                ) from None
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data

    def _tree(self, piece: Piece, raw: RawRecords, text: bytes, *, whole: bool = True) -> etree._Element:
        from lxml import etree

        self._parser = self._parser or make_parser()
        self._refuse_giant_tag(text, raw)
        try:
            return etree.fromstring(text, self._parser)
        except etree.XMLSyntaxError as fault:
            raise unreadable(fault, _normal(piece), name=self._name, line=raw.line, whole=whole) from None

    def _refuse_giant_tag(self, text: bytes, raw: RawRecords) -> None:
        """Refuse a start tag that would make thousands of attributes; a tag that long leaves a whole block without any other."""
        for at in range(0, len(text) - _BLOCK, _BLOCK):
            if text.find(b"<", at, at + _BLOCK) < 0:
                tag = _TAG.match(text, text.rfind(b"<", 0, at)) if text.rfind(b"<", 0, at) >= 0 else None
                if tag is not None and len(tag[0]) > TAG_BYTES:
                    raise RefuseRun(
                        f"{self._name}: a start tag of more than {TAG_BYTES:,} bytes behind line {raw.line}; nothing was applied"
                    )

    def _plan(self, text: bytes) -> Plan:
        declarations = declarations_in(text)
        plan = self._plans.get(declarations)
        if plan is None:
            if len(self._plans) >= _PLANS_KEPT:
                self._plans.clear()
            self.declarations |= declarations
            names = Names(declarations, self._pinned, self._offered)
            plan = self._plans[declarations] = Plan(self._record, self._fields, names, walking=self._way != "xpath")
        return plan

    def _parsed(self, piece: Piece, raw: RawRecords) -> _Parsed:
        text = self._text(piece, raw)
        root = self._tree(piece, raw, text)
        plan = self._plan(text)
        records = plan.select(root)
        starts = _starts(text, root, records) if records else []
        first = len(_normal_bytes(self._as_utf8(piece.context)))
        lines, line, before = [], raw.line, first
        for start in starts:
            line += text.count(b"\n", before, start)
            lines.append(line)
            before = start
        return _Parsed(text, plan, records, lines, starts)

    def _as_utf8(self, data: bytes) -> bytes:
        return data if self._encoding.is_utf8 else self._encoding.text(data).encode()

    def _parse_tree(self, piece: Piece, raw: RawRecords) -> Batch:
        from lxml import etree

        parsed = self._parsed(piece, raw)
        rows: list[tuple[str, ...]] = []
        lines: list[int] = []
        flaws: list[Flaw] = []
        read: list[Cells] = []
        records: list[etree._Element] = []
        for record, line in zip(parsed.records, parsed.lines, strict=True):
            try:
                cells = parsed.plan.cells(record)
            except etree.XPathError as fault:
                flaws.append(
                    Flaw(line, f"a field cannot be evaluated: {fault}", clip(etree.tostring(record, encoding="unicode", with_tail=False)))
                )
                continue
            rows.append(parsed.plan.row(cells))
            lines.append(line)
            read.append(cells)
            records.append(record)
        self._note_seen(parsed.plan, records, read)
        if self._regular is not None and self._regular.wanted and rows and not flaws:
            self._learn(self._regular, piece, parsed)
        return Batch(self.columns, rows, lines, tuple(flaws))

    def _note_seen(self, plan: Plan, records: Sequence[etree._Element], cells: Sequence[Cells]) -> None:
        self.seen.update(column for column in range(len(self.columns)) if column not in self.seen and plan.met(column, records, cells))

    def _learn(self, regular: Regular, piece: Piece, parsed: _Parsed) -> None:
        names = {_written(record) for record in parsed.records}
        end = len(parsed.text) - len(_normal_bytes(self._as_utf8(piece.closing)))
        written = any(parsed.plan.names.tags(name) is None for field in self._fields for choice in field.choices for name in _names(choice))
        if len(names) == 1 and not written:
            ending = f"</{names.pop()}>".encode()
            texts = [parsed.text[start:stop] for start, stop in zip(parsed.starts, [*parsed.starts[1:], end], strict=True)]
            regular.learn(
                [text[: text.rfind(ending) + len(ending)].decode() for text in texts],
                [_targets(field, parsed.plan.names) for field in self._fields],
                parsed.records[0],
            )

    def _parse_regular(self, piece: Piece, raw: RawRecords) -> Batch | None:
        regular = self._regular
        if regular is None:
            return None
        try:
            context, body, closing = map(self._encoding.text, (piece.context, piece.body, piece.closing))
        except Undecodable:
            return None
        stretch = regular.stretch(piece.body, _normal_text(body))
        if stretch is None:
            return None
        head, records, tail = stretch
        # The first record is read by the parser, with all that stands around the others: it proves that records stand here, what
        # their names mean, and what the cells are that come from outside of them.
        around = (f"{_normal_text(context)}{head}", f"{tail}{closing}")
        parsed = self._try_record(records[: regular.first_end(records)], around)
        if parsed is None or not regular.fits(parsed.records[0]):
            return None

        def parse(record: str) -> tuple[str, ...] | None:
            odd = self._try_record(record, around)
            return None if odd is None else odd.plan.row(self._noted(odd))

        rows = regular.read(records, parsed.plan.row(self._noted(parsed)), parse)
        if rows is None:
            return None
        lines = regular.lines(records, raw.line + head.count("\n"), len(rows))
        if len(lines) != len(rows):
            return None
        self.seen |= regular.present
        self.seen.update(column for column in range(len(self.columns)) if column not in self.seen and any(rows.columns[column]))
        return Batch(self.columns, rows, lines)

    def _noted(self, parsed: _Parsed) -> Cells:
        cells = parsed.plan.cells(parsed.records[0])
        self._note_seen(parsed.plan, parsed.records, [cells])
        return cells

    def _try_record(self, record: str, around: tuple[str, str]) -> _Parsed | None:
        """Parse a lone record in its place; None when it is not well-formed, none, or several."""
        from lxml import etree

        text = f"{around[0]}{record}{around[1]}".encode()
        self._parser = self._parser or make_parser()
        try:
            root = etree.fromstring(text, self._parser)
        except etree.XMLSyntaxError:
            return None
        plan = self._plan(text)
        records = plan.select(root)
        return _Parsed(text, plan, records, [], []) if len(records) == 1 else None


def _is_regular(field: Field) -> bool:
    simple = [None if isinstance(choice, Pairs) else simple_path(choice) for choice in field.choices]
    return all(each is not None and not (each.up and len(simple) > 1) for each in simple)


def _names(choice: Expression | Pairs) -> tuple[NameTest, ...]:
    return () if isinstance(choice, Pairs) else choice.names


def _targets(field: Field, names: Names) -> list[Target] | None:
    """Return where a column's value may stand in a record, None for one that stands outside. All fields are simple paths."""
    from mappers.markup.template.pattern import Target

    targets: list[Target] = []
    for choice in field.choices:
        simple = None if isinstance(choice, Pairs) else simple_path(choice)
        if simple is None or simple.up:
            return None
        tags = tuple(names.tags(name) or frozenset() for name in simple.tags)
        # The template has no attributes with a prefix.
        attribute = None if simple.attribute is None else simple.attribute.local if not simple.attribute.prefix else ":"
        targets.append(Target(tags, attribute, simple.tail == "text"))
    return targets


def _written(element: etree._Element) -> str:
    local = str(element.tag).rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _starts(text: bytes, root: etree._Element, records: Sequence[etree._Element]) -> list[int]:
    """Return where each record begins in the text: the tags of those names stand in it as their elements stand in the tree."""
    names = {_written(record) for record in records}
    pattern = re.compile(
        rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(?:" + b"|".join(re.escape(name.encode()) for name in names) + rb")(?=[\s/>])",
        re.DOTALL,
    )
    places = [match.start() for match in pattern.finditer(text) if match[0][1:2] not in (b"!", b"?")]
    if len(places) == len(records):
        return places
    chosen = set(records)
    locals_ = {f"{{*}}{name.rpartition(':')[2]}" for name in names}
    elements = [element for element in root.iter(*locals_) if _written(element) in names]
    return [place for element, place in zip(elements, places, strict=True) if element in chosen]


def _is_readable(plan: Plan, record: etree._Element) -> bool:
    """Tell whether a record makes a row."""
    from lxml import etree

    try:
        plan.cells(record)
    except etree.XPathError:
        return False
    return True


def _record_text(text: bytes, name: str) -> str:
    ending = f"</{name}>".encode()
    end = text.rfind(ending)
    if end >= 0:
        return clip(text[: end + len(ending)].decode("utf-8", "replace"))
    return clip(text[: text.find(b">") + 1].decode("utf-8", "replace"))


def _normal_bytes(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def _normal_text(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _normal(piece: Piece) -> Piece:
    return Piece(_normal_bytes(piece.context), piece.body, piece.closing, piece.column)
