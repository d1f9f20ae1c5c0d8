"""Any bytes, however they arrive, are cut only where a naive reader, one character at a time, ends a record."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.batch import RawRecords
from engine.errors import RefuseRun
from mappers.reader import Grammar, read_table
from mappers.splitter import Splitter
from mappers.tabular.columns import read_columns

DELIMITERS = (",", ";", "||", "~|~", "::", "")


class NaiveReader:
    """Read CSV one character at a time, as the rules are written, with no thought of speed."""

    def __init__(self, text: str, grammar: Grammar) -> None:
        self.text, self.grammar = text, grammar
        self.at, self.line = 0, 1
        self.rows: list[list[str]] = []
        self.lines: list[int] = []
        self.ends = {0}
        self.unclosed = False

    def read(self) -> NaiveReader:
        while self.at < len(self.text):
            start = self.line
            row = self._record()
            if row:
                self.rows.append(row)
                self.lines.append(start)
            self.ends.add(self.at)
        return self

    def _record(self) -> list[str]:
        if size := self._line_end():
            self._take(size)
            return []
        row = [self._field()]
        while self.grammar.delimiter and self.text.startswith(self.grammar.delimiter, self.at):
            self._take(len(self.grammar.delimiter))
            row.append(self._field())
        self._take(self._line_end())
        return row

    def _field(self) -> str:
        cell = ""
        if self.grammar.quote and self.text.startswith(self.grammar.quote, self.at):
            cell = self._quoted()
        while self.at < len(self.text) and not self._line_end() and not self._delimiter():
            cell += self._take(1)
        return cell

    def _quoted(self) -> str:
        quote, cell = self.grammar.quote, ""
        self._take(1)
        while self.at < len(self.text):
            if self.text.startswith(quote * 2, self.at):
                cell += self._take(2)[0]
            elif self.text.startswith(quote, self.at):
                self._take(1)
                return cell
            else:
                cell += self._take(self._line_end() or 1)
        self.unclosed = True
        return cell

    def _delimiter(self) -> bool:
        return bool(self.grammar.delimiter) and self.text.startswith(self.grammar.delimiter, self.at)

    def _line_end(self) -> int:
        if self.text.startswith("\r\n", self.at):
            return 2
        return int(self.text[self.at : self.at + 1] in (("\n", "\r") if self.grammar.cr_ends else ("\n",)))

    def _take(self, size: int) -> str:
        taken = self.text[self.at : self.at + size]
        if size and self._line_end() == size:
            self.line += 1
        self.at += size
        return taken


def split(data: bytes, grammar: Grammar, sizes: list[int], piece_bytes: int) -> list[RawRecords]:
    """Cut data that arrives in chunks of the given sizes, in turn."""
    splitter = Splitter(grammar.delimiter.encode(), grammar.quote.encode(), cr_ends=grammar.cr_ends, piece_bytes=piece_bytes)
    pieces: list[RawRecords] = []
    at = turn = 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces += splitter.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces + splitter.finish()


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, Grammar]:
    """Draw text in which every third token is a trap for its grammar."""
    grammar = Grammar(draw(st.sampled_from(DELIMITERS)), draw(st.sampled_from(['"', "'", ""])), draw(st.booleans()))
    tokens = ["a", "b\u2028", "\r", "\n", "\r\n", '"', '""', "'", ",", ";", "|", "~", ":"]
    tokens += [part for part in (grammar.delimiter, grammar.quote, f"{grammar.quote}{grammar.delimiter}{grammar.quote}") if part]
    return "".join(draw(st.lists(st.sampled_from(tokens), max_size=60))), grammar


@given(documents(), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 40))
def test_pieces_read_as_a_naive_reader_reads_the_whole(document: tuple[str, Grammar], sizes: list[int], piece_bytes: int) -> None:
    """Pieces end at record ends, lose no byte, know their place, and read together as the document reads."""
    text, grammar = document
    naive = NaiveReader(text, grammar).read()
    data = text.encode()
    if naive.unclosed:
        with pytest.raises(RefuseRun, match="quote"):
            split(data, grammar, sizes, piece_bytes)
        return
    pieces = split(data, grammar, sizes, piece_bytes)
    assert b"".join(piece.data for piece in pieces) == data
    assert [piece.final for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    rows: list[list[str]] = []
    lines: list[int] = []
    for piece in pieces:
        assert len(data[: piece.offset].decode()) in naive.ends
        table = read_table(piece.data.decode(), grammar, piece.line)
        rows += table.rows
        lines += table.lines
    assert (rows, lines) == (naive.rows, naive.lines)


@given(documents(), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 40))
def test_cuts_depend_on_the_bytes_alone(document: tuple[str, Grammar], sizes: list[int], piece_bytes: int) -> None:
    """Other chunks, same pieces."""
    text, grammar = document
    if NaiveReader(text, grammar).read().unclosed:
        return
    data = text.encode()
    assert split(data, grammar, sizes, piece_bytes) == split(data, grammar, [len(data) or 1], piece_bytes)


@given(st.text(alphabet="ab,\r\n\u2028\x85\x0b", max_size=60), st.booleans())
def test_the_fast_path_reads_as_the_csv_module_does(text: str, cr_ends: bool) -> None:
    """Text without quotes reads the same by plain splits and by csv.reader (a quoted last record forces the latter)."""
    fast = read_table(text + "\n", Grammar(",", '"', cr_ends))
    slow = read_table(text + '\n"q"\n', Grammar(",", '"', cr_ends))
    assert (fast.rows, list(fast.lines)) == (slow.rows[:-1], list(slow.lines)[:-1])


@example(('a\nc,"x\nd",e\n', Grammar(",")), 8, (0, 0))
@example(('a\nc,"x\n12345678901",e\n', Grammar(",")), 16, (0, 8))
@given(documents(), st.integers(1, 40), st.sampled_from([(3, 32 * 1024), (1, 8), (0, 8), (0, 0)]))
def test_a_piece_ends_at_the_last_record_end_of_its_window(
    document: tuple[str, Grammar], piece_bytes: int, bounds: tuple[int, int]
) -> None:
    """By whichever way it is found: one match, another look from the start, or field by field near the end."""
    text, grammar = document
    naive = NaiveReader(text, grammar).read()
    data = text.encode()
    if naive.unclosed:
        return
    # The end of the document is the end of a record that no line end closes, but a window does not show it.
    closed = text.endswith(("\n", "\r") if grammar.cr_ends else "\n")
    ends = [len(text[:end].encode()) for end in naive.ends if closed or end < len(text)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mappers.splitter._TRIES", bounds[0])
        patch.setattr("mappers.splitter._TAIL_BYTES", bounds[1])
        pieces = split(data, grammar, [7], piece_bytes)
    for piece in pieces[:-1]:
        window = piece_bytes
        while (last := _last_end(ends, data, piece.offset + window, grammar)) == piece.offset:
            window *= 2
        assert piece.offset + len(piece.data) == last


def _last_end(ends: list[int], data: bytes, window: int, grammar: Grammar) -> int:
    # Half a CRLF is no end.
    settled = window - 1 if grammar.cr_ends and data[window - 1 : window] == b"\r" else window
    return max(end for end in ends if end <= settled)


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, Grammar, int]:
    """Draw records that are mostly of one line and one width, with a trap now and then."""
    grammar = Grammar(draw(st.sampled_from([",", "||", "~|~"])), draw(st.sampled_from(['"', ""])), draw(st.booleans()))
    width = draw(st.integers(1, 4))
    plain = st.sampled_from(["", "a", "7", " b", "|", "\x1f", "é"])
    quoted = st.sampled_from(['""', '"a"', '"a,b"', '"6"" pipe"', '"||"', '"\x1e"'])
    trap = st.sampled_from(['5" pipe', '"a"b', '"a\nb"', '"a\r\nb"', "\r", '"', "a,b", "\0", ""])
    cells = st.one_of(plain, plain, quoted, quoted, trap) if draw(st.booleans()) else plain | quoted
    row = st.lists(cells, min_size=width, max_size=width).map(grammar.delimiter.join)
    ending = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = ending.join(draw(st.lists(row, min_size=1, max_size=6))) + draw(st.sampled_from(["", ending, ending, 2 * ending]))
    return text, grammar, width


@given(tables())
def test_records_read_as_one_are_those_read_one_by_one(table: tuple[str, Grammar, int]) -> None:
    """Either the columns are given up, or they hold the cells of every record, each of one line."""
    text, grammar, width = table
    columns = read_columns(text, grammar, width)
    if columns is None:
        return
    found = read_table(text, grammar, 5)
    assert [list(row) for row in zip(*columns, strict=True)] == found.rows
    assert found.lines == range(5, 5 + len(found.rows))
    assert not grammar.quote or "\n" not in "".join(map("".join, columns))


def test_records_of_one_line_and_one_width_are_read_as_one() -> None:
    """With quotes, doubled quotes and other line ends in them; what stands in the text is never taken for the mark."""
    comma, bars = Grammar(","), Grammar("||")
    assert read_columns('a,"b ""c"", d"\r\n"x",\x1f\r\n', comma, 2) == [["a", "x"], ['b "c", d', "\x1f"]]
    assert read_columns("a|b||c\nd||\n", bars, 2) == [["a|b", "d"], ["c", ""]]
    for text in ('a,"b\nc"\nd,e\n', "a,b\n\nc,d\n", "a,b\nc\n", "a,b,c\nd\n", "\na,b\n", ""):
        assert read_columns(text, comma, 2) is None
    assert read_columns("a\n\nb\n", comma, 1) is None
    assert read_columns("a||b|\nc||d\n", bars, 2) is None
    assert read_columns("a,b\rc,d\n", Grammar(",", cr_ends=False), 2) is None
