"""The first look at a CSV document: from a sample to everything needed to read the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from engine.batch import JsonValue
from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from engine.settings.widths import write_spans
from mappers.charset import Charset, find_charset
from mappers.checks import BROKEN, broken_reason
from mappers.content import refuse_foreign
from mappers.dialect import Layout, find_layout
from mappers.header import Header, find_header, refuse_other_width
from mappers.options import CsvOptions
from mappers.reader import Grammar, count_lines
from mappers.splitter import Splitter
from mappers.tabular.records import RecordCutter

_LINE_ENDS: Final = {True: re.compile(rb"\r\n?|\n"), False: re.compile(rb"\n")}


@dataclass(frozen=True, slots=True)
class Opening:
    """How a document is read. Its records begin `skip` bytes behind the byte order mark (of UTF-8, if transcoded), at `line`."""

    charset: Charset
    grammar: Grammar
    header: Header
    skip: int
    line: int
    dialect: dict[str, JsonValue]
    reasons: dict[str, JsonValue] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pinned_encoding: str | None = None
    assumed: tuple[str, ...] = ()

    def splitter(self, name: str, piece_bytes: int, record_bytes: int) -> Splitter:
        """Return the splitter for the bytes from the first data record on."""
        offset = self.skip + (0 if self.charset.transcoded else self.charset.bom)
        return _splitter(self.grammar, self.charset, name, offset, self.line, piece_bytes, record_bytes)

    def cutter(self, charset: Charset) -> RecordCutter:
        """Return what cuts pieces into records; `charset` is the document's as it stands."""
        return RecordCutter(_delimiter_in(charset, self.grammar), self.grammar.quote.encode("ascii"))


def open_document(head: bytes, options: CsvOptions, facts: DocumentFacts, *, complete: bool, record_bytes: int) -> Opening | None:
    """Detect encoding, dialect and header from the first bytes; None when they hold too few whole records to tell.

    `complete` says that `head` is the whole document. Raises `RefuseRun` for content of another kind.
    """
    pinned = options.pinned.encoding if options.pinned is not None else None
    charset = find_charset(head, complete=complete, option=options.encoding, declared=facts.charset, pinned=pinned)
    sample = _as_bytes(head, charset, facts.name, complete=complete)
    refuse_foreign(sample, wanted="csv", name=facts.name)
    text, _ = charset.decode(sample if complete or charset.transcoded else _without_cut_character(sample, charset))
    layout = find_layout(text, options, complete=complete, name=facts.name)
    rows = layout.table.rows
    if not rows or (not complete and layout.table.lines[-1] < (options.header_row or 1)):
        if complete or len(head) >= record_bytes:
            _refuse_endless(sample, charset, layout, facts.name, record_bytes)
        return None
    header = find_header(layout.table, options, name=facts.name)
    refuse_other_width(layout.table, header, options, name=facts.name)
    _refuse_broken_header(header, charset, facts.name)
    warnings = layout.warnings
    if header.doubtful and not any(options.names):
        warnings += (f"line {header.line} was taken for the header, but may be a record: set csvHasHeader to make sure",)
    line = header.line + _lines_of(header, layout.grammar)
    skip = _offset_of(sample, line, layout.grammar)
    if skip == len(sample):
        _check_quotes(sample, charset, layout, facts.name, record_bytes)
    return Opening(charset, layout.grammar, header, skip, line, *_describe(charset, layout, header), warnings, pinned, layout.assumed)


def _as_bytes(head: bytes, charset: Charset, name: str, *, complete: bool) -> bytes:
    sample = head[charset.bom :]
    if not charset.transcoded:
        return sample
    # Foreign content that a wrong setting would turn into letters is told apart before it is decoded.
    if not charset.bom and not charset.encoding.startswith("utf-"):
        refuse_foreign(sample, wanted="csv", name=name)
    try:
        return charset.transcoder().decode(sample, complete).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as fault:
        raise undecodable(fault, charset, name) from None


def undecodable(fault: UnicodeDecodeError, charset: Charset, name: str) -> RefuseRun:
    """Return the refusal of bytes that not even a lenient decoder takes."""
    return RefuseRun(
        f"{name} does not decode as {charset.encoding} ({charset.reason}): {fault.reason}; it is cut short or written otherwise: "
        f"fetch it again, or set encoding; nothing was applied"
    )


def _without_cut_character(sample: bytes, charset: Charset) -> bytes:
    # A UTF-8 character has at most four bytes, so the sample can end with three of one.
    if charset.encoding == "utf-8":
        for back in range(1, min(4, len(sample)) + 1):
            if sample[-back] >= 0xC0:
                return sample[:-back]
            if sample[-back] < 0x80:
                break
    return sample


def _refuse_broken_header(header: Header, charset: Charset, name: str) -> None:
    for number, cell in enumerate(header.cells or (), 1):
        if found := BROKEN.search(cell):
            raise RefuseRun(
                f"{name}, line {header.line}: the name of column {number} cannot be read: {broken_reason(found[0], charset.encoding)}; "
                "nothing was applied"
            )


def _lines_of(header: Header, grammar: Grammar) -> int:
    if header.cells is None:
        return 0
    return 1 + sum(count_lines(cell) if grammar.cr_ends else cell.count("\n") for cell in header.cells)


def _offset_of(sample: bytes, line: int, grammar: Grammar) -> int:
    """Return where a line starts, the sample's end when it has no such line."""
    if line == 1:
        return 0
    for number, end in enumerate(_LINE_ENDS[grammar.cr_ends].finditer(sample), 2):
        if number == line:
            return end.end()
    return len(sample)


def _splitter(grammar: Grammar, charset: Charset, name: str, offset: int, line: int, piece_bytes: int, record_bytes: int) -> Splitter:
    return Splitter(
        _delimiter_in(charset, grammar),
        grammar.quote.encode("ascii"),
        cr_ends=grammar.cr_ends,
        name=name,
        offset=offset,
        line=line,
        piece_bytes=piece_bytes,
        record_bytes=record_bytes,
    )


def _delimiter_in(charset: Charset, grammar: Grammar) -> bytes:
    try:
        return grammar.delimiter.encode("utf-8" if charset.transcoded else charset.encoding)
    except UnicodeEncodeError:
        # What the encoding cannot write cannot stand in the document: it has one column.
        return b""


def _check_quotes(sample: bytes, charset: Charset, layout: Layout, name: str, record_bytes: int) -> None:
    splitter = _splitter(layout.grammar, charset, name, 0, 1, record_bytes, record_bytes)
    splitter.feed(sample)
    splitter.finish()


def _refuse_endless(sample: bytes, charset: Charset, layout: Layout, name: str, record_bytes: int) -> None:
    _check_quotes(sample, charset, layout, name, record_bytes)
    raise RefuseRun(
        f"{name}: no header and no whole record in the first {len(sample):,} bytes; check the settings headerRow, quote and lineEnding; "
        f"nothing was applied"
    )


def _describe(charset: Charset, layout: Layout, header: Header) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    reasons: dict[str, JsonValue] = {**layout.reasons, "encoding": charset.reason, "headerRow": header.reason}
    dialect: dict[str, JsonValue] = {
        "format": "csv",
        "delimiter": layout.grammar.delimiter or None,
        "quote": layout.grammar.quote or None,
        "encoding": charset.encoding,
        "lineEnding": layout.line_ending,
        "headerRow": header.line if header.cells is not None else None,
        "columns": list(header.columns),
    }
    if layout.grammar.fixed is not None:
        dialect["columnWidths"] = write_spans(layout.grammar.fixed.spans)
    if layout.grammar.quote:
        dialect["quoting"] = layout.quoting
    return dialect, reasons
