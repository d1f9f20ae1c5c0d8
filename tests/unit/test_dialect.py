"""Quirk 8: how a document separates its fields, which row is the header, and why the mapper thinks so."""

from __future__ import annotations

import pytest

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError, RefuseRun
from mappers.csv import CsvMapper

INVENTORY = (("sku", "artikel"), ("stock", "qty"))


def read(
    text: str, *, fields: tuple[tuple[str, ...], ...] = INVENTORY, **attributes: JsonValue
) -> tuple[CsvMapper, list[list[str]], Batch]:
    """Read a whole small document; return the mapper, all rows and the last batch."""
    mapper = CsvMapper(MapperSettings(fields, attributes), DocumentFacts("t.csv"))
    batches = [mapper.parse(piece) for piece in [*mapper.feed(text.encode()), *mapper.finish()]]
    return mapper, [list(row) for batch in batches for row in batch.rows], batches[-1]


def reason(mapper: CsvMapper, of: str) -> str:
    """Return why the mapper decided as it did."""
    reasons = mapper.dialect["reasons"]
    assert isinstance(reasons, dict)
    return str(reasons[of])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "~", "^", "||", ";;", "::", "~|~", "\t|\t"])
@pytest.mark.parametrize("fields", [INVENTORY, ()])
def test_the_delimiter_is_found(delimiter: str, fields: tuple[tuple[str, ...], ...]) -> None:
    """With and without mapped names; decimal commas and texts with other delimiters do not mislead."""
    table = [
        ["SKU", "Name", "Price", "Stock"],
        ["1", "Nut, small; steel", "1,50", "3"],
        ["2", "Bolt", "2,75", "0"],
        ["3", "Pin", "0,10", ""],
    ]
    mapper, rows, _ = read("\n".join(delimiter.join(f'"{cell}"' if "," in cell else cell for cell in row) for row in table), fields=fields)
    assert mapper.dialect["delimiter"] == delimiter
    assert rows == table[1:]


def test_a_decimal_comma_is_no_delimiter() -> None:
    """A comma in every price cuts as evenly as a delimiter, but not in the header."""
    mapper, rows, _ = read("artikel;preis;alt\n1;1,50;2,50\n2;3,50;4,50\n3;8,00;9,00\n", fields=())
    assert (mapper.dialect["delimiter"], rows[0]) == (";", ["1", "1,50", "2,50"])
    assert reason(mapper, "delimiter") == "cuts 4 of 4 sampled records into 3 fields"


def test_one_column_is_legal() -> None:
    """A list of keys has no delimiter, and a comma in a later one is no second field."""
    mapper, rows, _ = read("sku\nA-1\nB, 2\nC-3\n")
    assert (mapper.dialect["delimiter"], rows) == (None, [["A-1"], ["B, 2"], ["C-3"]])


@pytest.mark.parametrize(("given", "meant"), [("\\t", "\t"), ("tab", "\t"), ("||", "||"), ("semicolon", ";")])
def test_a_delimiter_may_be_set_by_name(given: str, meant: str) -> None:
    """People cannot type a tab into most forms."""
    mapper, rows, _ = read(f"sku{meant}stock\n1{meant}2\n", delimiter=given)
    assert (mapper.dialect["delimiter"], rows, reason(mapper, "delimiter")) == (meant, [["1", "2"]], "set by the feed")


def test_a_field_that_is_a_quote_alone_is_enclosed() -> None:
    """A doubled quote within quotes counts as one field, so that apostrophes beside a delimiter are not taken for the quote."""
    text = "0000,;',0',0.00\n0001,;',0',0.00\n0002,;',0',0.00\n0010,0,\"\"\"\",0.00\n"
    mapper, rows, _ = read(text, fields=(), csvHasHeader=False)
    assert (mapper.dialect["quote"], rows[-1]) == ('"', ["0010", "0", '"', "0.00"])
    assert reason(mapper, "quote") == "1 fields are enclosed in it"


def test_single_quotes_are_found_when_they_enclose_fields() -> None:
    """A file that quotes with apostrophes reads without them."""
    mapper, rows, _ = read("'sku','name'\n'1','a, b'\n'2','it''s'\n")
    assert (mapper.dialect["quote"], rows) == ("'", [["1", "a, b"], ["2", "it's"]])


def test_apostrophes_in_text_are_no_quotes() -> None:
    """A guard apostrophe or a foot mark stays in the text."""
    _, rows, _ = read("sku,name\n'00123,6' ladder\n1,x\n")
    assert rows[0] == ["'00123", "6' ladder"]


@pytest.mark.parametrize("none", ["", "none"])
def test_quoting_may_be_switched_off(none: str) -> None:
    """Then a quote is a character like any other, also at a field's start."""
    mapper, rows, _ = read('sku,name\n1,"inch\n2,b"\n', quote=none)
    assert (mapper.dialect["quote"], rows) == (None, [["1", '"inch'], ["2", 'b"']])


@pytest.mark.parametrize(("ending", "name"), [("\n", "lf"), ("\r\n", "crlf"), ("\r", "cr")])
def test_the_line_ending_is_found(ending: str, name: str) -> None:
    """All three are read and named; a line end inside quotes is no evidence."""
    mapper, rows, batch = read(ending.join(["sku,name", '1,"a\nb"', "2,c", ""]))
    assert (mapper.dialect["lineEnding"], rows, list(batch.lines)) == (name, [["1", "a\nb"], ["2", "c"]], [2, 4])


def test_line_endings_may_be_mixed() -> None:
    """Lines are counted as an editor counts them."""
    mapper, rows, batch = read("sku,qty\r\n1,1\n2,2\r3,3\r\n\r\n4,4")
    assert mapper.dialect["lineEnding"] == "mixed"
    assert ([row[0] for row in rows], list(batch.lines)) == (["1", "2", "3", "4"], [2, 3, 4, 6])


def test_a_bare_cr_is_text_where_lines_end_in_lf() -> None:
    """The setting lineEnding=lf cures a CR inside a name."""
    _, rows, batch = read('sku,name\r\n1,a\rb\r\n2,"c\rd"\n', lineEnding="lf")
    assert (rows, list(batch.lines)) == ([["1", "a\rb"], ["2", "c\rd"]], [2, 3])


def test_the_header_is_the_row_with_the_mapped_names() -> None:
    """Rows before it are a preamble and no records; lines count from the top of the file."""
    text = "Price list;;\nvalid from;01.02.2026;\n\n ARTIKEL ;Bezeichnung; stock\u00a0\n1;Nut;5\n"
    mapper, rows, batch = read(text)
    assert (mapper.dialect["headerRow"], mapper.columns, rows, list(batch.lines)) == (
        4,
        ("ARTIKEL", "Bezeichnung", "stock"),
        [["1", "Nut", "5"]],
        [5],
    )
    assert reason(mapper, "headerRow") == "holds the names of 2 of 2 mapped fields; 2 rows before it are a preamble"


def test_a_preamble_is_passed_over_without_names_too() -> None:
    """The first full row of distinct names is the header."""
    mapper, rows, _ = read("Our stock\nas of today\ncode,text,amount\n1,Nut,5\n2,Bolt,6\n3,Pin,7\n", fields=())
    assert (mapper.columns, len(rows)) == (("code", "text", "amount"), 3)


def test_no_header_is_noticed() -> None:
    """Figures where the later rows have figures, and no mapped name: columns are counted."""
    mapper, rows, batch = read("1001,Nut,5\n1002,Bolt,6\n1003,Pin,7\n", fields=(("1",), ("3",)))
    assert (mapper.columns, len(rows), list(batch.lines)) == (("1", "2", "3"), 3, [1, 2, 3])
    assert mapper.dialect["headerRow"] is None
    assert reason(mapper, "headerRow").startswith("no header: the first full row holds figures")


@pytest.mark.parametrize(("has_header", "count"), [(True, 2), (False, 3)])
def test_the_feed_may_say_whether_there_is_a_header(has_header: bool, count: int) -> None:
    """Its word counts more than the looks of the first row."""
    mapper, rows, _ = read("10,20\n30,40\n50,60\n", csvHasHeader=has_header)
    assert (len(rows), mapper.columns) == (count, ("10", "20") if has_header else ("1", "2"))


def test_the_header_row_may_be_set() -> None:
    """By its line, counted from 1."""
    mapper, rows, _ = read("a,b\nc,d\nx,y\n1,2\n", headerRow=3)
    assert (mapper.columns, rows) == (("x", "y"), [["1", "2"]])
    with pytest.raises(RefuseRun, match="no record starts at line 9"):
        read("a,b\n1,2\n", headerRow=9)


def test_header_names_are_made_unique() -> None:
    """A name that stood before gets a number, so that every column can be mapped."""
    mapper, _, _ = read("sku,size,size, size ,size (2)\n1,a,b,c,d\n")
    assert mapper.columns == ("sku", "size", "size (2)", "size (3)", "size (2) (2)")


@pytest.mark.parametrize(
    ("name", "index"),
    [("sku", 1), ("SKU", 0), ("stock", 2), (" STOCK\u00a0", 2), ("3", 3), ("4", 3), ("2", 1), ("0", None), ("5", None), ("price", None)],
)
def test_a_column_is_located_by_name_or_number(name: str, index: int | None) -> None:
    """Exactly first, then whatever the case; a number counts from 1 unless a header has that name."""
    mapper, _, _ = read("SKU,sku,Stock\u00a0,3\nA,b,1,x\n")
    assert mapper.locate(name) == index


@pytest.mark.parametrize(
    ("header", "name"),
    [("SKU,sku,Stock", "Sku"), ("sku,stock,Stock", "STOCK"), ("sku,stock,stock", "stock"), ("sku,stock, stock ", "stock")],
)
def test_a_name_that_may_mean_two_columns_is_refused(header: str, name: str) -> None:
    """The wrong one would be somebody else's stock; the message names the columns and the cure."""
    mapper, _, _ = read(f"{header}\nA,1,2\n", fields=())
    with pytest.raises(RefuseRun, match=r"2 columns are called .*by its number"):
        mapper.locate(name)


def test_a_trailing_delimiter_adds_no_field() -> None:
    """Whether the header has it (an unnamed column) or only the rows have it (nothing)."""
    mapper, rows, _ = read("sku;stock;\n1;5;\n2;6;\n")
    assert (mapper.columns, rows) == (("sku", "stock", ""), [["1", "5", ""], ["2", "6", ""]])
    mapper, rows, batch = read("sku;stock\n1;5;\n2;6;\n3;7;\n")
    assert (mapper.columns, rows, batch.flaws) == (("sku", "stock"), [["1", "5"], ["2", "6"], ["3", "7"]], ())


def test_faulty_settings_are_named_all_at_once() -> None:
    """One call tells everything that has to change."""
    attributes: dict[str, JsonValue] = {
        "delimiter": "\n", "quote": "ab", "csvHasHeader": "yes", "headerRow": 0, "encoding": "klingon", "lineEnding": "crcr",
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        CsvMapper(MapperSettings(attributes=attributes), DocumentFacts("t.csv"))
    assert [problem.split(" is ")[0] for problem in sorted(error.value.problems)] == sorted(attributes)


def test_the_dialect_may_change_from_one_day_to_the_next() -> None:
    """Quirk 9: everything quoted, a decimal comma, a new column: both days read, and the dialects differ."""
    first, before, _ = read("artikel;lager\r\n00336;8\r\n00337;0\r\n")
    second, after, _ = read('"artikel";"lager";"notiz";\r\n"00336";"8,00";"a\r\nb";\r\n"00337";"0,00";;\r\n')
    assert ([row[0] for row in before], [row[0] for row in after]) == (["00336", "00337"], ["00336", "00337"])
    assert first.dialect != second.dialect
    assert after[0] == ["00336", "8,00", "a\r\nb", ""]


def test_blank_columns_are_no_double_delimiter() -> None:
    """Where every second column is blank the rows are full of pairs, but the header has single delimiters: those it is."""
    mapper, rows, _ = read("sku;note;qty;x;price\n" + "A1;;5;;9.99\n" * 50)
    assert mapper.dialect["delimiter"] == ";"
    assert rows[0] == ["A1", "", "5", "", "9.99"]


@pytest.mark.parametrize("line", ["sep={}", '"sep={}"', "SEP={}"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "#"])
def test_a_first_line_may_tell_the_delimiter(line: str, mark: str) -> None:
    """Spreadsheets write it for each other; it is neither header nor record."""
    body = f"{line.format(mark)}\r\n1{mark}5\r\n2{mark}6\r\n"
    mapper, rows, batch = read(body, fields=(("1",), ("2",)))
    assert (mapper.dialect["delimiter"], mapper.dialect["headerRow"], rows) == (mark, None, [["1", "5"], ["2", "6"]])
    assert list(batch.lines) == [2, 3]
    assert reason(mapper, "delimiter") == "the first line says so (sep=), which is no record"
    mapper, rows, _ = read(body.replace("\r\n1", f"\r\nsku{mark}stock\r\n1", 1))
    assert (mapper.columns, rows) == (("sku", "stock"), [["1", "5"], ["2", "6"]])


def test_a_blank_behind_the_delimiter_does_not_hide_a_quote() -> None:
    """What people write by hand: the quote encloses the field all the same."""
    mapper, rows, batch = read('sku, name, stock\n"1", "Nut, big", "5"\n"2", "Bolt", "6"\n')
    assert (mapper.dialect["delimiter"], batch.flaws) == (", ", ())
    assert rows == [["1", "Nut, big", "5"], ["2", "Bolt", "6"]]
    mapper, rows, _ = read('sku,name,stock\n1,"x, ""y"", z",5\n2,a, 7\n')
    assert (mapper.dialect["delimiter"], rows[0]) == (",", ["1", 'x, "y", z', "5"])
