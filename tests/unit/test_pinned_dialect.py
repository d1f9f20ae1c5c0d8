"""Quirk 9: how a document was read is kept for the next one, where its bytes agree, and never against them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.batch import JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers.charset import find_charset, settle
from mappers.csv import CsvMapper

NAMED = (("sku",), ("stock",))
NUMBERED = (("1",), ("2",))
PINNED = "pinned to the feed (run before)"

Fields = tuple[tuple[str, ...], ...]


def read(
    text: str | bytes, pinned: Mapping[str, JsonValue], *, fields: Fields = NAMED, **attributes: JsonValue
) -> tuple[CsvMapper, list[list[str]]]:
    """Read a whole document as a run after one that ended with the dialect `pinned`."""
    mapper = CsvMapper(MapperSettings(fields, attributes, pinned), DocumentFacts("t.csv"))
    data = text.encode() if isinstance(text, str) else text
    pieces = [*mapper.feed(data), *mapper.finish()]
    return mapper, [list(row) for piece in pieces for row in mapper.parse(piece).rows]


def dialect_of(text: str | bytes, fields: Fields = NAMED, **attributes: JsonValue) -> Mapping[str, JsonValue]:
    """Return how a first document is read."""
    return read(text, {}, fields=fields, **attributes)[0].dialect


def reason(mapper: CsvMapper, of: str) -> object:
    """Return why the mapper decided as it did."""
    reasons = mapper.dialect["reasons"]
    assert isinstance(reasons, dict)
    return reasons[of]


def test_the_same_header_pins_delimiter_and_header() -> None:
    """A short document, whose texts hold more of another delimiter than of its own, is not guessed anew."""
    pinned = dialect_of("code|text|amount\n1|a|5\n2|b|6\n", NUMBERED)
    document = "code|text|amount\nA;1;2|b;c;d|sold out\n"
    mapper, rows = read(document, pinned, fields=NUMBERED)
    assert (rows, mapper.columns) == ([["A;1;2", "b;c;d", "sold out"]], ("code", "text", "amount"))
    assert (reason(mapper, "delimiter"), reason(mapper, "headerRow")) == (PINNED, PINNED)


def test_a_preamble_may_come_and_go() -> None:
    """The header is known by its names, wherever it stands."""
    pinned = dialect_of("Prices of Monday;;\ncode;text;amount\n1;a;5\n2;b;6\n", NUMBERED)
    assert pinned["headerRow"] == 2
    for before in ("", "Prices of Tuesday;;\nACME;;\n\n"):
        mapper, rows = read(f"{before}code;text;amount\nA;sold;out\n", pinned, fields=NUMBERED)
        assert (mapper.columns, rows) == (("code", "text", "amount"), [["A", "sold", "out"]])


@pytest.mark.parametrize(
    ("today", "delimiter", "rows"),
    [
        ('sku,stock\nA,"5;0"\n', ",", [["A", "5;0"]]),
        ("sku;stock;name\nA;5;x\n", ";", [["A", "5", "x"]]),
        ("stock;sku\n5;A\n", ";", [["5", "A"]]),
        ("sku\tstock;name\nA\t5\n", "\t", [["A", "5"]]),
    ],
    ids=["another delimiter", "a new column", "another order", "another delimiter that leaves one name"],
)
def test_another_header_is_read_as_for_the_first_time(today: str, delimiter: str, rows: list[list[str]]) -> None:
    """What was pinned gives way to what the document shows."""
    mapper, found = read(today, dialect_of("sku;stock\nA;5\nB;6\n"))
    assert (mapper.dialect["delimiter"], found) == (delimiter, rows)
    assert reason(mapper, "delimiter") != PINNED


def test_what_the_feed_sets_is_never_pinned() -> None:
    """A person's word stands above what was found before."""
    pinned = dialect_of("sku;stock\nA;5\nB;6\n")
    mapper, rows = read("sku;stock\nA;5\n", pinned, fields=(("sku;stock",),), delimiter="|")
    assert (rows, reason(mapper, "delimiter")) == ([["A;5"]], "set by the feed")


def test_a_record_that_was_taken_for_a_header_hides_no_others() -> None:
    """Where full rows stand before it, the row with the names of before is one of them, and not what comes after a preamble."""
    pinned = dialect_of("alpha;beta\ngamma;delta\n", NUMBERED)
    assert pinned["columns"] == ["alpha", "beta"]
    mapper, rows = read("gamma;delta\nepsilon;zeta\nalpha;beta\n", pinned, fields=NUMBERED)
    assert (mapper.dialect["headerRow"], rows) == (1, [["epsilon", "zeta"], ["alpha", "beta"]])


def test_a_header_without_proof_is_warned_of() -> None:
    """Where columns are counted and no row holds a figure, the first one may as well be a record."""
    warnings = dialect_of("alpha;beta\ngamma;delta\n", NUMBERED)["warnings"]
    assert warnings == ["line 1 was taken for the header, but may be a record: set csvHasHeader to make sure"]
    assert "warnings" not in dialect_of("alpha;beta\ngamma;5\n", NUMBERED)
    assert "warnings" not in dialect_of("alpha;beta\ngamma;delta\n", NUMBERED, csvHasHeader=True)


@pytest.mark.parametrize("record", ["A1;sold out;Nut", "A1;5;Nut, Bolt, Pin, and more"])
def test_a_source_without_header_keeps_its_first_record(record: str) -> None:
    """One record alone, without a figure even, is no header where there never was one."""
    pinned = dialect_of("A1;5;Nut\nB2;6;Bolt\n", NUMBERED)
    mapper, rows = read(record, pinned, fields=NUMBERED)
    assert (rows, mapper.dialect["headerRow"]) == ([record.split(";")], None)
    assert reason(mapper, "headerRow") == PINNED


@pytest.mark.parametrize(
    ("today", "fields", "rows"),
    [
        ("A1,5,Nut; big; red\nA2,6,Bolt\n", NUMBERED, [["A1", "5", "Nut; big; red"], ["A2", "6", "Bolt"]]),
        ("sku;stock;name\nA1;out;Nut\n", (("sku", "1"), ("stock", "2")), [["A1", "out", "Nut"]]),
    ],
    ids=["another delimiter", "a header with mapped names"],
)
def test_a_source_without_header_is_not_held_to_it(today: str, fields: Fields, rows: list[list[str]]) -> None:
    """Records that its delimiter cuts unevenly, and a row of mapped names, are another dialect."""
    assert read(today, dialect_of("A1;5;Nut\nB2;6;Bolt\n", NUMBERED), fields=fields)[1] == rows


def test_a_header_that_appears_is_seen() -> None:
    """Names above several columns of figures are a header, though there was none before."""
    pinned = dialect_of("A;5;1,50\nB;6;2,50\n", NUMBERED)
    mapper, rows = read("artikel;menge;preis\nA;5;1,50\nB;7;2,50\n", pinned, fields=NUMBERED)
    assert (mapper.dialect["headerRow"], rows[0]) == (1, ["A", "5", "1,50"])


@pytest.mark.parametrize("today", ["A;1;5;x\nB;2;6;y\n", "A;5\nB;6\n"])
def test_records_without_header_of_another_width_are_refused(today: str) -> None:
    """Which column is the new one nobody can tell, and a wrong one would make stock of something else."""
    pinned = dialect_of("A;5;x\nB;6;y\n", NUMBERED)
    with pytest.raises(RefuseRun, match=r"no header, where those of the last complete run had 3.*--refetch"):
        read(today, pinned, fields=NUMBERED)
    assert read(today, {}, fields=NUMBERED)[1] == [line.split(";") for line in today.splitlines()]


def test_a_header_that_goes_with_another_width_is_refused() -> None:
    """Columns that were counted under a header are counted without one only if they are as many."""
    pinned = dialect_of("artikel;menge;name\nA;5;x\nB;6;y\n", NUMBERED)
    assert read("A;5;x\nB;7;y\n", pinned, fields=NUMBERED)[1] == [["A", "5", "x"], ["B", "7", "y"]]
    with pytest.raises(RefuseRun, match="4 fields and no header"):
        read("A;9;5;x\nB;9;7;y\n", pinned, fields=NUMBERED)


def test_trailing_delimiters_are_no_other_width() -> None:
    """A delimiter more on every record moves nothing."""
    pinned = dialect_of("A;5;x\nB;6;y\n", NUMBERED)
    assert read("A;5;x;\nB;6;y;\n", pinned, fields=NUMBERED)[1] == [["A", "5", "x", ""], ["B", "6", "y", ""]]


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        ("artikel;ean;menge;name", True),
        ("artikel;name;menge", True),
        ("artikel;ean;bestand;name", True),
        ("artikel", True),
        ("artikel;bestand;name", False),
        ("ARTIKEL; Menge ;name", False),
        ("artikel;menge;name;ean", False),
        ("artikel;menge;neu", False),
    ],
)
def test_a_numbered_column_that_moved_is_refused(header: str, refused: bool) -> None:
    """A column that is mapped by its number has to be the one it was; renamed in its place it still is."""
    pinned = dialect_of("artikel;menge;name\nA;5;x\nB;6;y\n", NUMBERED)
    width = header.count(";") + 1
    mapper, _ = read(f"{header}\n" + ";".join("A5x1"[:width]) + "\n", pinned, fields=(("artikel",), ("2",)))
    assert mapper.locate("artikel") == 0
    if not refused:
        assert mapper.locate("2") == 1
        return
    with pytest.raises(RefuseRun, match=r"column 2 of 3 was 'menge' in the last complete run and is .* map the column by its name"):
        mapper.locate("2")


def test_a_later_document_is_not_held_against_the_columns_of_the_first() -> None:
    """Several documents of a run may differ; what is pinned of columns is the first one's, and is not given to the others."""
    pinned = {name: value for name, value in dialect_of("A;5;x\nB;6;y\n", NUMBERED).items() if name != "columns"}
    assert read("A;1;5;x\nB;2;6;y\n", pinned, fields=NUMBERED)[1][0] == ["A", "1", "5", "x"]


@pytest.mark.parametrize(
    ("today", "quote", "cell"),
    [("sku;stock\nA;6' ladder\n", "'", "6' ladder"), ("sku;stock\nA;'68\n", '"', "'68"), ('sku;stock\nA;"x;y"\n', '"', "x;y")],
    ids=["none needed", "an apostrophe opens a text", "another quote"],
)
def test_a_quote_is_kept_while_nothing_speaks_against_it(today: str, quote: str, cell: str) -> None:
    """Few fields need a quote; one that is opened and never closed is an apostrophe."""
    pinned = dialect_of("'sku';'stock'\n'A';'x;y'\n'B';'z'\n")
    assert pinned["quote"] == "'"
    mapper, rows = read(today, pinned)
    assert (mapper.dialect["quote"], rows[0][1]) == (quote, cell)


@pytest.mark.parametrize(
    ("share", "before", "now"), [(10, "minimal", "all"), (7, "all", "all"), (7, "minimal", "minimal"), (2, "all", "minimal")]
)
def test_quoting_is_told_and_does_not_waver(share: int, before: str, now: str) -> None:
    """Whether every field is quoted is part of a dialect; where most are, it is what it was."""
    pinned = {**dialect_of('"sku";"stock"\n"a";"5"\n'), "quoting": before}
    body = "".join(f'"a{number}";"5"\n' if number < share else f"a{number};5\n" for number in range(10))
    mapper, _ = read(f'"sku";"stock"\n{body}' if share > 2 else f"sku;stock\n{body}", pinned)
    assert mapper.dialect["quoting"] == now


@pytest.mark.parametrize(
    "pinned",
    [
        {"format": "json", "columns": ["sku"]},
        {"format": "csv"},
        {"format": "csv", "delimiter": '"', "columns": ["sku", "stock"], "headerRow": 1},
        {"format": "csv", "delimiter": "\n", "columns": ["sku", "stock"], "headerRow": 1},
        {
            "format": "csv",
            "delimiter": 7,
            "columns": ["a", None],
            "quote": [],
            "encoding": "klingon",
            "columnWidths": "x",
            "headerRow": "a",
        },
    ],
)
def test_what_cannot_be_is_not_followed(pinned: dict[str, JsonValue]) -> None:
    """A dialect of another mapper, of another version, or broken, leaves the document to the guess."""
    assert read("sku;stock\nA;5\n", pinned)[1] == [["A", "5"]]


def test_fixed_columns_are_kept_while_every_line_fits() -> None:
    """One record is enough to read on, and one figure that is longer has the columns found anew."""
    head = "SKU       NAME            STOCK\n"
    pinned = dialect_of(f"{head}A1        Hammer              5\nA2        Handle             12\nB10       Saw                 0\n")
    mapper, rows = read(f"{head}A3        Nut                 7\n", pinned)
    assert (rows, reason(mapper, "columnWidths")) == ([["A3 ", "Nut   ", "    7"]], PINNED)
    longer = f"{head}A3000     Nut                 7\nA3001     Bolt           123456\n"
    assert [[cell.strip() for cell in row] for row in read(longer, pinned)[1]] == [["A3000", "Nut", "7"], ["A3001", "Bolt", "123456"]]
    assert read("SKU;STOCK\nA3;7\n", pinned)[1] == [["A3", "7"]]


GERMAN = "sku;stock;name\nKÖ-1;5;Größe für Männer\nb;0;Straßenschuh\n"
CZECH = "sku;stock;name\nŽ-1;5;Žluťoučký kůň příliš šroub\n"
RUSSIAN = "sku;stock;name\nЖ-1;5;Молоток\nb;0;Гвозди и шурупы\n"
POLISH = "sku;stock;name\nŁ-1;5;Łódź żółw\nb;0;źródło ściereczka świąteczna\n"


@pytest.mark.parametrize(
    ("text", "written", "pinned", "found"),
    [
        ("sku;stock\nЖ-1;5\n", "cp1251", "cp1251", "cp1251"),
        ("sku;stock\nŁ-1;5\n", "cp1250", "cp1250", "cp1250"),
        ("sku;stock\nŹ-1;5\n", "iso8859-2", "iso8859-2", "iso8859-2"),
        (GERMAN, "cp1252", "cp1252", "cp1252"),
        (GERMAN, "utf-8", "cp1252", "utf-8"),
        (GERMAN, "utf-16", "cp1252", "utf-16-le"),
        (GERMAN, "cp1252", "utf-8", "cp1252"),
        (GERMAN, "cp1252", "utf-16-le", "cp1252"),
        (GERMAN, "cp1252", "gbk", "cp1252"),
        (GERMAN, "cp1252", "cp1251", "cp1252"),
        (RUSSIAN, "cp1251", "cp1252", "cp1251"),
        (CZECH, "cp1250", "cp1251", "cp1250"),
        (CZECH, "cp1250", "cp1252", "cp1250"),
        (POLISH, "iso8859-2", "cp1250", "iso8859-2"),
        (POLISH, "cp1250", "iso8859-2", "cp1250"),
    ],
)
def test_an_encoding_is_kept_where_the_letters_make_sense_in_it(text: str, written: str, pinned: str, found: str) -> None:
    """One letter is enough to read on, and words that the encoding would misspell are enough to leave it."""
    charset = find_charset(text.encode(written), pinned=pinned)
    assert charset.encoding == found
    assert charset.guessed == (found not in ("utf-8", "utf-16-le"))
    assert (PINNED in charset.reason) == (found == pinned)


def test_a_document_of_plain_ascii_keeps_the_encoding() -> None:
    """It says nothing of the encoding, so nothing has changed; what comes later in it decides."""
    head = find_charset(b"sku;stock\na;5\n", pinned="cp1250", declared="utf-8")
    assert (head.encoding, head.assumed, PINNED in head.reason) == ("cp1250", True, True)
    assert settle("Ł-1;5\n".encode("cp1250"), head, None, "cp1250").encoding == "cp1250"
    assert settle("Ł-1;5\n".encode(), head, None, "cp1250").encoding == "utf-8"
    assert find_charset(b"sku;stock\na;5\n", pinned="utf-16-le").encoding == "utf-8"
    assert find_charset(b"sku;stock\na;5\n", pinned="cp1250", option="cp1252").encoding == "cp1252"
