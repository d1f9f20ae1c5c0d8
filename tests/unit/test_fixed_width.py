"""Quirk 8: text in columns of fixed width, whose places are set or seen, and what is left alone because they are not certain."""

from __future__ import annotations

import pytest

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError, RefuseRun
from engine.feed import build_feed
from engine.settings.widths import column_spans, read_widths, write_spans
from mappers.csv import CsvMapper

NAMED = (("sku",), ("qty",), ("name",))
NUMBERED = (("1",), ("3",))
LIST = """\
SKU       NAME                          QTY   PRICE
A1        Hammer                          5   12.00
A2        Long handle                    12    3.50
B10       Saw                             0  100.00
"""


def read(
    text: str, *, fields: tuple[tuple[str, ...], ...] = NAMED, encoding: str = "utf-8", sample: int = 1 << 18, **attributes: JsonValue
) -> tuple[CsvMapper, list[list[str]], list[Batch]]:
    """Read a whole document; return the mapper, its rows with blanks stripped as the rules do, and the batches."""
    mapper = CsvMapper(MapperSettings(fields, attributes), DocumentFacts("t.txt"), sample_bytes=sample, piece_bytes=sample)
    pieces = [*mapper.feed(text.encode(encoding)), *mapper.finish()]
    batches = [mapper.parse(piece) for piece in pieces]
    return mapper, [[cell.strip() for cell in row] for batch in batches for row in batch.rows], batches


def told(batches: list[Batch]) -> list[tuple[int, str, str]]:
    """Return line, fate and reason of every flaw."""
    return [(flaw.line, flaw.fate, flaw.reason) for batch in batches for flaw in batch.flaws]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("10,30,8", ((0, 10), (10, 40), (40, 48))),
        ([10, 30, 8], ((0, 10), (10, 40), (40, 48))),
        ("[10, 30, 8]", ((0, 10), (10, 40), (40, 48))),
        ('["1-10", "41-"]', ((0, 10), (40, None))),
        ("1-10,11-40,41-48", ((0, 10), (10, 40), (40, 48))),
        (" 1-10 , 15-40,41- ", ((0, 10), (14, 40), (40, None))),
    ],
)
def test_widths_and_positions_are_read(given: object, meant: object) -> None:
    """Widths stand beside each other, positions count from 1 and may leave gaps; what is read comes back the same."""
    text = read_widths(given)
    assert isinstance(text, str)
    spans = column_spans(text)
    assert spans == meant == column_spans(write_spans(spans))
    assert build_feed("t", {"columnWidths": given}).column_widths == text


@pytest.mark.parametrize("nothing", ["", "null", None, []])
def test_no_widths_are_none(nothing: object) -> None:
    """An empty value detects again, as for every other setting of the format."""
    assert build_feed("t", {"columnWidths": nothing}).column_widths is None


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("10,x", "'x' is neither a width nor positions"),
        ("10,0", "column 2 has no width"),
        ("10,-3", "'-3' is neither"),
        ("0-9,10-20", "'0-9' begins at 0"),
        ("1-10,10-20", "'10-20' begins at 0, ends before it begins, or runs into the column before it"),
        ("9-3", "'9-3' begins"),
        ("1-,5-9", "'1-' has no end but is not the last column"),
        ("10,11-20", "widths and positions are mixed"),
        (7, "valid string"),
    ],
)
def test_widths_that_cannot_be_are_refused(given: object, fault: str) -> None:
    """The fault names the part and shows both ways to write it."""
    with pytest.raises(ConfigError, match=fault):
        build_feed("t", {"columnWidths": given})


@pytest.mark.parametrize("other", [{"delimiter": ";"}, {"quote": "'"}])
def test_widths_exclude_delimiters_and_quotes(other: dict[str, JsonValue]) -> None:
    """A feed cannot be told both, by its settings or by a program."""
    with pytest.raises(ConfigError, match="neither delimiter nor quote"):
        build_feed("t", {"columnWidths": "10,30", **other})
    with pytest.raises(ConfigError, match="columnWidths is for text without delimiters and quotes"):
        CsvMapper(MapperSettings(attributes={"columnWidths": "10,30", **other}), DocumentFacts("t"))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
def test_set_columns_count_characters(encoding: str) -> None:
    """A letter of two bytes is one character, and a quote, a comma and a tab are text."""
    text = 'Größe;1   ß"x,y\t      5\r\nA2        Nut          12\r\n'
    mapper, rows, _ = read(text, fields=NUMBERED, encoding=encoding, columnWidths="10,12,4", csvHasHeader=False)
    assert rows == [["Größe;1", 'ß"x,y', "5"], ["A2", "Nut", "12"]]
    assert (mapper.dialect["delimiter"], mapper.dialect["quote"], mapper.dialect["columnWidths"]) == (None, None, "1-10,11-22,23-26")


def test_set_columns_need_no_blank_between_them() -> None:
    """Full columns stand side by side; what no column covers is left out."""
    _, rows, _ = read(
        "0000112345XXHammer00005\n0000212346XXSaw   00010\n", fields=NUMBERED, columnWidths="1-10,13-18,19-23", csvHasHeader=False
    )
    assert rows == [["0000112345", "Hammer", "00005"], ["0000212346", "Saw", "00010"]]


def test_a_short_line_of_a_padded_source_is_rejected_unless_a_column_ends_there() -> None:
    """Where other lines are filled with blanks a line that ends inside a column is a broken one; at a border the rest is blank."""
    text = "A1        Hammer    5    \nB1        Saw       10   \nC1        Sa\nD1        \nE1        Nut       \n"
    _, rows, batches = read(text, fields=NUMBERED, columnWidths="10,10,5", csvHasHeader=False)
    assert rows == [["A1", "Hammer", "5"], ["B1", "Saw", "10"], ["D1", "", ""], ["E1", "Nut", ""]]
    assert told(batches) == [
        (
            3,
            "rejected",
            "the line ends inside a column, at character 12, while others are filled with blanks; check the setting columnWidths",
        )
    ]
    assert batches[0].flaws[0].raw == "C1        Sa"


def test_a_short_line_of_a_source_that_trims_is_a_row() -> None:
    """Where no line ends in blanks they are left out, and a line may end anywhere."""
    _, rows, batches = read(
        "A1        Hammer    5\nB1        Saw       10\nC1        Sa\n", fields=NUMBERED, columnWidths="10,10,5", csvHasHeader=False
    )
    assert (rows, told(batches)) == ([["A1", "Hammer", "5"], ["B1", "Saw", "10"], ["C1", "Sa", ""]], [])


def test_text_behind_the_last_column_is_rejected() -> None:
    """A longer line has another layout; nothing of it is read."""
    _, rows, batches = read(
        "A1        Hammer    5    \nB1        Saw       10   x\n", fields=NUMBERED, columnWidths="10,10,5", csvHasHeader=False
    )
    assert rows == [["A1", "Hammer", "5"]]
    assert told(batches) == [(2, "rejected", "the line has 26 characters where the columns end at 25; check the setting columnWidths")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("before", ["", "Stock list of ACME Ltd.   page 1\n\n"])
def test_aligned_columns_with_names_are_found(encoding: str, before: str) -> None:
    """A blank that not all lines share parts no columns; the guess is said, with the places to set."""
    mapper, rows, _ = read(before + LIST.replace("Hammer", "Hämmer"), encoding=encoding)
    assert rows == [["A1", "Hämmer", "5", "12.00"], ["A2", "Long handle", "12", "3.50"], ["B10", "Saw", "0", "100.00"]]
    assert (mapper.columns, mapper.dialect["columnWidths"]) == (("SKU", "NAME", "QTY", "PRICE"), "1-3,11-21,41-43,46-")
    warnings = mapper.dialect["warnings"]
    assert isinstance(warnings, list)
    assert "set columnWidths to make sure" in str(warnings[0])


def test_a_figure_longer_than_all_before_is_rejected_not_cut() -> None:
    """What was blank in the sample has to stay blank: else a stock of 12 345 would be one of 345."""
    late = "B11       Saw                        12 345  100.00\nC1000     Nut                           10  100.00\n"
    _, rows, batches = read(LIST + late, sample=210)
    assert [row[0] for row in rows] == ["A1", "A2", "B10"]
    assert told(batches) == [
        (5, "rejected", "'12' stands between two columns (characters 22 to 40); check the setting columnWidths"),
        (6, "rejected", "'00' stands between two columns (characters 4 to 10); check the setting columnWidths"),
    ]


@pytest.mark.parametrize("rule", ["-", "="])
def test_a_line_of_dashes_draws_the_columns(rule: str) -> None:
    """As database clients print them: the columns are as wide as the dashes, which are no record, and neither is the count."""
    head = f"sku        qty         name      \n{rule * 10} {rule * 11} {rule * 10}\n"
    text = f"{head}A1                   5 Anvil     \nB2                   0 Bolt      \n\n(2 rows affected)\n"
    mapper, rows, batches = read(text)
    assert rows == [["A1", "5", "Anvil"], ["B2", "0", "Bolt"]]
    assert mapper.dialect["columnWidths"] == "1-10,12-22,24-"
    assert told(batches) == [(2, "skipped", "ruled line"), (6, "skipped", "note at the end")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (LIST.replace("Long handle           ", "Long handle for garden"), "1-3,11-21,23-25,27-32,41-43,46-"),
        ("NR    QTY  \nAB 12    5\nAB 13    6\nAB 14   12\n", "1-2,4-5,7-"),
        ("SKU    QTY   PRICE\nA100 N   5    1.00\nA101 N   6    1.00\nA102 N   7    1.00\n", "1-4,6-6,8-10,14-"),
        (
            LIST.replace("B10       Saw                             0", "B10       Saw                        12 345"),
            "1-3,11-21,38-39,41-43,46-",
        ),
        (LIST.replace("SKU ", "NO. ").replace("NAME", "TEXT"), "1-3,11-21,41-43,46-"),
        ("".join(LIST.splitlines(keepends=True)[1:]), "1-3,11-21,42-43,46-"),
    ],
    ids=[
        "words under each other",
        "a blank in every key",
        "a mark behind every key",
        "thousands",
        "mapped names that are not there",
        "no header",
    ],
)
def test_columns_that_are_not_certain_are_refused(text: str, seen: str) -> None:
    """A key that loses its end would be another item, so the feed is left to the person, who is told what was seen."""
    with pytest.raises(RefuseRun, match=r"fixed-width columns.*set columnWidths \(") as refusal:
        read(text, fields=(("sku", "nr"), ("qty",), ("name",)))
    assert f"{seen} would be" in str(refusal.value)


def test_a_key_of_two_words_is_one_column_where_its_name_spans_them() -> None:
    """The header is a line like the others: a blank that it fills is none that all lines share."""
    _, rows, _ = read("SKU   QTY\nAB 12    5\nAB 13    6\nAB 14   12\n")
    assert rows == [["AB 12", "5"], ["AB 13", "6"], ["AB 14", "12"]]


def test_words_parted_by_single_blanks_are_no_columns() -> None:
    """A blank may be the delimiter of a file whose words happen to stand under each other."""
    mapper, _, _ = read("sku qty\na 5\nb 6\nc 7\n")
    assert mapper.columns == ("sku qty",)
