"""Cells to stored values: keys, texts, images, lists, options (quirks 12 and 19)."""

from __future__ import annotations

import pytest

from engine.errors import RejectRecord
from engine.mapping import readers
from engine.mapping.convert import prepare, read_key, slug, trim, trim_text
from engine.mapping.lists import clean_image_url, split_list
from engine.mapping.readers import Bad, FreeText, Identifiers, Memo
from tests.unit.rules_parts import apply, compiled, read_cells


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("00123", "00123"),
        ("1105.1", "1105.1"),
        ("  A-1 ", "A-1"),
        ("\u00a0A-1\u202f", "A-1"),
        ("A\u00a01", "A 1"),
        ("A\u202f1", "A 1"),
        ("'00123", "00123"),
        ("'=A1", "=A1"),
        ("'ABC", "'ABC"),
        ("1e5", "1e5"),
        ("12E4", "12E4"),
        ("E+12", "E+12"),
        ("A1.23E+12", "A1.23E+12"),
        ("NA", "NA"),
        ("null", "null"),
        ("N/A", "N/A"),
        ("0", "0"),
        ("false", "false"),
        ("", None),
        (" \u00a0 ", None),
    ],
)
def test_a_key_is_text_and_nothing_else(cell: str, key: str | None) -> None:
    """Leading zeros and points stay, white space of every kind and a formula guard go, words that look like nothing are keys."""
    assert read_key(cell) == key
    assert Identifiers().column([cell]) == [key]


@pytest.mark.parametrize("cell", ["1.23E+12", "1,23E+12", "1.23e+12", "4E+5", "-1.5E+10", "+1E+100", " 1.23E+12\u00a0", "'1.23E+12"])
def test_a_key_that_a_spreadsheet_destroyed_is_rejected(cell: str) -> None:
    """Scientific notation in any spelling is refused as an identifier, and the reason says how to cure the export."""
    with pytest.raises(RejectRecord, match="export it as text"):
        read_key(cell)
    column = Identifiers()
    assert [type(value) for value in column.column(["A", cell, "B"])] == [str, Bad, str]
    assert column.met_bad


@pytest.mark.parametrize("rule", [{"prefix": "X-"}, {"strip": ["."]}, {"parseNumber": True}, {"slugify": True}, {"default": "D"}])
@pytest.mark.parametrize("purpose", ["barcode", "externalId", "sku"])
def test_no_rule_hides_a_destroyed_key(purpose: str, rule: dict[str, object]) -> None:
    """Damage is looked for before the rules: behind a prefix a thousand articles would share one good-looking key."""
    header = ("id", "key")
    rules = compiled(
        header, {"name": "key", "purpose": "sku" if purpose != "sku" else "externalId"}, {"name": "id", "purpose": purpose, **rule}
    )
    mapped = apply(rules, header, ("1.23E+12", "k"))
    assert "scientific notation" in mapped.flaws[0].reason


def test_a_lookup_may_cure_a_destroyed_key() -> None:
    """A person who knows what `1.23E+12` was may say so."""
    assert read_cells({"name": "ean", "purpose": "barcode", "lookup": {"1.23E+12": "1230000000005"}}, "1.23E+12") == ["1230000000005"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [(" a ", "a"), ("'=SUM", "=SUM"), ("'-x", "-x"), ("'@x", "@x"), ("'+x", "+x"), ("'68 Mustang", "'68 Mustang"), ("'", "'")],
)
def test_free_text_keeps_its_apostrophes(cell: str, text: str) -> None:
    """Before a formula sign an apostrophe is a guard; before anything else it belongs to the text, rules or no rules."""
    assert trim_text(cell) == text
    assert FreeText().column([cell]) == [text]
    assert read_cells({"name": "title", "purpose": "name"}, cell) == [text]
    assert read_cells({"name": "title", "purpose": "name", "strip": ["\t"]}, cell) == [text]


@pytest.mark.parametrize(("cell", "text"), [("'5", "5"), ("'-5", "-5"), ("'=A1", "=A1"), ("'A", "'A"), ("''5", "''5")])
def test_a_formula_guard_goes_before_signs_and_digits(cell: str, text: str) -> None:
    """In columns of numbers and keys the guard also goes before a digit."""
    assert trim(cell) == text


@pytest.mark.parametrize("cell", ["NA", "null", "N/A", "0", "false", "None", "nan", "<b>bold</b> &amp; more", "-"])
def test_words_that_look_like_nothing_are_texts(cell: str) -> None:
    """In a column of text they are stored as they stand, and so is HTML."""
    assert read_cells({"name": "title", "purpose": "name"}, cell) == [cell]
    assert read_cells({"name": "title", "purpose": "name", "default": "x"}, cell) == [cell]


def test_in_a_column_of_stock_the_four_nothings_differ() -> None:
    """`N/A` is unparsable and rejects, blank is skipped, zero is zero, and what is absent is no column."""
    found = read_cells({"name": "qty", "purpose": "inventoryQuantity"}, "N/A", "", " \u00a0", "0", "00", "'7")
    assert found == ["!inventoryQuantity is not a number; map such texts with a lookup, or set parseNumber", None, None, 0, 0, 7]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("//cdn.example/a.jpg?v=3", "https://cdn.example/a.jpg"),
        ("http://x.example/a b.jpg#top", "http://x.example/a%20b.jpg"),
        ("https://x.example/a%20b.jpg", "https://x.example/a%20b.jpg"),
        ("https://x.example/ä.jpg", "https://x.example/%C3%A4.jpg"),
        ("images/a.jpg", "images/a.jpg"),
    ],
)
def test_an_image_url_is_normalised(url: str, clean: str) -> None:
    """Scheme added, blanks encoded once, query and fragment cut; twice is the same as once."""
    assert clean_image_url(url) == clean
    assert clean_image_url(clean) == clean


def test_a_broken_image_url_is_a_reject() -> None:
    """A URL that cannot be taken apart rejects its record; it does not end the run."""
    with pytest.raises(RejectRecord, match="which is no URL"):
        clean_image_url("http://[::1/a.jpg")


@pytest.mark.parametrize(
    ("text", "path"), [("Größe XL!", "grosse-xl"), ("  a -- b  ", "a-b"), ("Crème Brûlée", "creme-brulee"), ("漢字", ""), ("", "")]
)
def test_a_slug_is_fit_for_a_url(text: str, path: str) -> None:
    """Lower-case letters of ASCII, digits and single hyphens."""
    assert slug(text) == path


@pytest.mark.parametrize(
    ("text", "mark", "parts"),
    [("a, b,,c ", ",", ["a", "b", "c"]), ("a,b", None, ["a,b"]), ("", ",", []), (" | ", "|", []), ("a||b", "||", ["a", "b"])],
)
def test_a_list_is_split_by_its_separator(text: str, mark: str | None, parts: list[str]) -> None:
    """Parts are trimmed, empty ones dropped; without a separator the cell is one text."""
    assert split_list(text, mark) == parts


def test_a_row_without_text_rules_costs_nothing() -> None:
    """No rule, no function."""
    assert prepare() is None
    assert prepare(prefix="") is None


def test_text_rules_run_in_one_order() -> None:
    """Strip, then plugin rules, then slugify, then prefix; an emptied text gets no prefix."""
    apply = prepare(strip=["SKU:", "#"], rules=[str.upper], slugify=True, prefix="P/")
    assert apply is not None
    assert apply("SKU: #a b") == "P/a-b"
    assert apply("SKU:#") == ""


def test_a_memo_remembers_values_and_faults_but_no_long_texts() -> None:
    """Each distinct text is converted once, unless it is longer than is worth the memory."""
    asked: list[str] = []

    def convert_text(text: str) -> int:
        asked.append(text)
        if not text.isdecimal():
            raise RejectRecord("no")
        return int(text)

    memo = Memo(convert_text)
    assert memo.column(["1", "1", "2"]) == [1, 1, 2]
    clean = memo.met_bad
    long = "x" * (readers.MEMO_TEXT + 1)
    reads = memo.column(["x", "x", long, long])
    assert [type(read) for read in reads] == [Bad] * 4
    assert (clean, memo.met_bad) == (False, True)
    assert asked == ["1", "2", "x", long, long]


def test_a_full_memo_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of a column is bounded whatever a supplier sends."""
    monkeypatch.setattr(readers, "MEMO_ENTRIES", 3)
    memo = Memo(int)
    assert memo.column([str(number) for number in range(10)]) == list(range(10))
    assert len(memo) <= 3


@pytest.mark.parametrize("cell", ["{}", "[", "5", "[" * 300 + "]" * 300, "[NaN]", "red"])
def test_a_cell_of_options_must_be_a_json_list(cell: str) -> None:
    """Anything else is a reject, however deep it is nested."""
    assert read_cells({"name": "o", "purpose": "options"}, cell) == ["!options is not a JSON list of options"]


def test_a_cell_of_options_is_stored_compact() -> None:
    """Blanks that mean nothing are no change."""
    assert read_cells({"name": "o", "purpose": "options"}, '[ {"name": "Size", "value": "L"} ]') == ['[{"name":"Size","value":"L"}]']


@pytest.mark.parametrize("text", ["a;5;Anvil\nb", "a\r\nb"])
def test_an_identifier_with_a_line_end_is_refused(text: str) -> None:
    """No shelf label has two lines: a quote has swallowed another record."""
    with pytest.raises(RejectRecord, match="line end"):
        read_key(text)
