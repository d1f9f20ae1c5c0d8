"""Quirk 8: delimiters, quotes, headers, preambles, totals, ragged rows; what is one record, and which column is which."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.run import Counts
from tests.integration.quirk_feeds import Items, Kept, Quirk, check, check_refused, each

ROWS: Final = b"sku;stock;name\na;5;Anvil\nb;0;Bolt\nc;12;Clamp\n"
THREE: Final[Items] = {
    "a": {"inventoryQuantity": 5, "name": "Anvil"},
    "b": {"inventoryQuantity": 0, "name": "Bolt"},
    "c": {"inventoryQuantity": 12, "name": "Clamp"},
}
TWO: Final[Items] = {key: THREE[key] for key in ("a", "b")}
BY_NUMBER: Final = {"sku": "1", "inventoryQuantity": "2", "name": "3"}


def _cut(name: str, mark: str, fact: str = "found by how evenly it cuts", **settings: str) -> Quirk:
    body = ROWS.replace(b";", mark.encode())
    return Quirk(f"q8-{name}", fact, body, THREE, settings=settings, dialect={"delimiter": mark})


@each(
    _cut("comma", ","),
    _cut("semicolon", ";"),
    _cut("csv-that-is-tabs", "\t", "the name .csv promises nothing"),
    _cut("pipe", "|"),
    _cut("tilde", "~"),
    _cut("two-pipes", "||", "two characters, no blank columns"),
    _cut("tilde-pipe-tilde", "~|~", "three characters"),
    _cut("set", "#", "what is never guessed can be set", delimiter="#"),
    Quirk(
        "q8-commas-in-text",
        "the delimiter is the one that cuts evenly, not the one met most",
        b"sku;stock;name\na;5;Anvil, big, black, 5 kg\nb;0;Bolt, 1,5 mm, 2,5 mm\n",
        {"a": {"name": "Anvil, big, black, 5 kg"}, "b": {"name": "Bolt, 1,5 mm, 2,5 mm"}},
        dialect={"delimiter": ";"},
    ),
)
async def test_fields_are_cut_at_the_delimiter(quirk: Quirk, tmp_path: Path) -> None:
    """Whatever one or several characters stand between the fields, key, stock and name are the supplier's."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q8-inch-mark",
        "a quote inside unquoted text is text",
        b'sku;stock;name\na;5;1/4" bolt\nb;0;5" and 6" pipe\nc;7;plain\n',
        {"a": {"name": '1/4" bolt'}, "b": {"inventoryQuantity": 0, "name": '5" and 6" pipe'}, "c": {"inventoryQuantity": 7}},
    ),
    Quirk(
        "q8-inch-mark-and-comma",
        "an unquoted delimiter is one, whatever inch marks stand around it",
        b'sku,stock,name\na,5,1/4" bolt\nb,0,19" rack, black\nc,7,"say ""hi"", twice"\n',
        {"a": {"name": '1/4" bolt'}, "c": {"inventoryQuantity": 7, "name": 'say "hi", twice'}},
        (Kept(2, 3, "4 fields where the header has 3; check the settings delimiter and quote", 'b,0,19" rack, black'),),
    ),
    Quirk(
        "q8-newline-in-quotes",
        "a record may span lines, and the lines after it are still counted right",
        b'sku;stock;name\r\na;5;"two\r\nlines"\r\nb;0;"three\n\nlines"\r\nc;x;"and\n1"\r\nd;4;Drill\r\n',
        {"a": {"name": "two\r\nlines"}, "b": {"inventoryQuantity": 0, "name": "three\n\nlines"}, "d": 4},
        (Kept(3, 7, "is not a number", 'c;x;"and\n1"', "stock", "x"),),
    ),
    Quirk(
        "q8-everything-quoted",
        "quotes are no part of a value, delimiters in them are",
        b'"sku";"stock";"name"\n"a";"5";"An;vil"\n"b";"0";""\n',
        {"a": {"inventoryQuantity": 5, "name": "An;vil"}, "b": {"inventoryQuantity": 0, "name": None}},
    ),
    Quirk(
        "q8-single-quotes",
        "where all fields stand in single quotes, these are the quotes",
        b"'sku';'stock';'name'\n'a';'5';'An;vil'\n'b';'6';'Bolt'\n",
        {"a": {"inventoryQuantity": 5, "name": "An;vil"}, "b": 6},
        dialect={"quote": "'"},
    ),
    Quirk(
        "q8-swallowed-records",
        "a quote closed by the next one, records later, rejects what may be several records; of items that nobody can see none is for sale",
        b'sku;stock;name\nold-1;5;"half\nold-2;3;Bolt" 5\nc;7;Clamp\n',
        {"old-1": 0, "old-2": 0, "c": 7},
        (Kept(1, 2, "a quote in it does not end its field", 'old-1;5;"half\nold-2;3;Bolt" 5'),),
        before=b"sku;stock;name\nold-1;9;A\nold-2;9;B\n",
        counts=Counts(created=1, removed=2),
    ),
    Quirk(
        "q8-swallowed-stock",
        "a stock cell that swallowed the next record is no number",
        b'sku;stock;name\nold-1;"5;Anvil\nold-2;0";Bolt\nc;7;Clamp\n',
        {"old-1": 9, "old-2": 0, "c": 7},
        (Kept(1, 2, "is not a number", 'old-1;"5;Anvil\nold-2;0";Bolt', "stock", "5;Anvil\nold-2;0"),),
        before=b"sku;stock;name\nold-1;9;A\nold-2;9;B\n",
        counts=Counts(created=1, removed=1),
    ),
)
async def test_a_quote_encloses_a_field_only_where_it_opens_one(quirk: Quirk, tmp_path: Path) -> None:
    """Inch marks are text, quoted line ends are text, and where records may have run together nothing is guessed."""
    await check(quirk, tmp_path)


@each(
    Quirk("q8-trailing-delimiter", "one on every row and the header", b"sku;stock;name;\na;5;Anvil;\nb;0;Bolt;\n", TWO),
    Quirk("q8-trailing-delimiter-on-rows", "one field too many on every row", b"sku;stock;name\na;5;Anvil;\nb;0;Bolt;\n", TWO),
    Quirk("q8-trailing-delimiter-on-header", "one name too many", b"sku;stock;name;\na;5;Anvil\nb;0;Bolt\n", TWO),
    Quirk(
        "q8-one-field-too-many-that-is-filled",
        "what stands behind the last column makes the row ragged",
        b"sku;stock;name\na;5;Anvil;\nb;0;Bolt;\nc;7;Clamp;x\n",
        TWO,
        (Kept(3, 4, "4 fields where the header has 3", "c;7;Clamp;x"),),
    ),
    Quirk(
        "q8-ragged",
        "rows of another width are rejected, never shifted",
        b"sku;stock;name\na;5;Anvil\nc;7\nd\ne;1;Edge;x\nb;0;Bolt\n",
        TWO,
        (
            Kept(2, 3, "2 fields where the header has 3", "c;7"),
            Kept(3, 4, "1 fields where the header has 3", "d"),
            Kept(4, 5, "4 fields where the header has 3", "e;1;Edge;x"),
        ),
    ),
    Quirk(
        "q8-preamble",
        "notes before the header, which stands on line 4",
        b"Acme Ltd;;\nStock of 2026-03-01;;\n\nsku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        TWO,
        dialect={"headerRow": 4},
    ),
    Quirk(
        "q8-preamble-of-prose",
        "notes that are cut otherwise",
        b"Acme Ltd\nStock list, valid until further notice\n\nsku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        TWO,
        dialect={"headerRow": 4},
    ),
    Quirk(
        "q8-header-row-set",
        "the feed says where the header is",
        b"x;stock;y\n1;2;3\nnotes\nsku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        TWO,
        settings={"headerRow": 4},
        dialect={"headerRow": 4},
    ),
    Quirk(
        "q8-header-repeated-totals-and-notes",
        "what is no item is skipped and kept",
        b"sku;stock;name\na;5;Anvil\n;;\nSKU; Stock ;name\nb;0;Bolt\n\n   \nTotal;5;\nPrices exclude VAT.\n",
        TWO,
        (
            Kept(2, 3, "blank record", ";;", fate="skipped"),
            Kept(3, 4, "header repeated", "SKU; Stock ;name", fate="skipped"),
            Kept(5, 7, "blank record", "   ", fate="skipped"),
            Kept(6, 8, "totals row", "Total;5;", fate="skipped"),
            Kept(7, 9, "note at the end", "Prices exclude VAT.", fate="skipped"),
        ),
    ),
    Quirk(
        "q8-totals-in-german",
        "a totals row is one in the supplier's language too",
        b"sku;stock;name\na;5;Anvil\nb;0;Bolt\nSumme:;5;\n",
        TWO,
        (Kept(3, 4, "totals row", "Summe:;5;", fate="skipped"),),
    ),
    Quirk("q8-no-header", "columns are counted", b"a;5;Anvil\nb;0;Bolt\n", TWO, fields=BY_NUMBER, dialect={"headerRow": None}),
    Quirk(
        "q8-no-header-set",
        "the first line is a record, and its rejects name the column by its number",
        b"x;many;Edge\na;5;Anvil\nb;0;Bolt\n",
        TWO,
        (Kept(1, 1, "is not a number", "x;many;Edge", "2", "many"),),
        fields=BY_NUMBER,
        settings={"csvHasHeader": False},
    ),
    Quirk("q8-header-in-other-case", "names match trimmed, in any case", " SKU ;Stock\u00a0;NAME\na;5;Anvil\nb;0;Bolt\n".encode(), TWO),
    Quirk(
        "q8-duplicate-names",
        "the second column of a name is told apart by its number",
        b"sku;stock;stock;name\na;99;5;Anvil\nb;99;0;Bolt\n",
        TWO,
        fields={"sku": "sku", "inventoryQuantity": "stock (2)", "name": "name"},
        dialect={"columns": ["sku", "stock", "stock (2)", "name"]},
    ),
    Quirk(
        "q8-names-that-differ-in-case",
        "where two names differ only in case, each is meant as it is written",
        b"sku;Stock;STOCK;name\na;99;5;Anvil\nb;99;0;Bolt\n",
        TWO,
        fields={"sku": "sku", "inventoryQuantity": "STOCK", "name": "name"},
    ),
)
async def test_a_record_is_a_full_row_under_the_header(quirk: Quirk, tmp_path: Path) -> None:
    """The header is found, what surrounds the records is left out by name, and no value ever slides into another column."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q8-fixed-width",
        "columns aligned by blanks, one of which has no name",
        b"sku       stock\nold-1     5      Anvil\nold-2     0      Bolt\nc         12     Clamp\n",
        refused=("text in fixed-width columns aligned by blanks (3 columns found)", "set columnWidths (1-5,11-15,18- would be"),
    ),
    Quirk(
        "q8-quote-never-closed",
        "behind it no record can be told from text",
        b'sku;stock;name\nold-1;5;Anvil\nold-2;3;"half\nc;7;Clamp\n',
        refused=('line 3: the quote " opened there is not closed by the end of the document', "have the supplier double or close it"),
    ),
    Quirk(
        "q8-decimal-comma-unquoted",
        "a decimal comma that cuts every row",
        b"sku,stock\nold-1,39,5\nold-2,1,0\n",
        kept=(
            Kept(1, 2, "3 fields where the header has 2; check the settings delimiter and quote", "old-1,39,5"),
            Kept(2, 3, "3 fields where the header has 2", "old-2,1,0"),
        ),
        refused=("no valid record among 2 read (2 rejected, 0 skipped)", "check the settings delimiter and quote"),
        fields={"sku": "sku", "inventoryQuantity": "stock"},
        before=b"sku,stock\nold-1,4\n",
    ),
    Quirk(
        "q8-no-header-where-one-is-mapped",
        "names cannot be found in data",
        b"old-1;5;Anvil\nold-2;3;Bolt\n",
        refused=("the column 'sku', mapped to sku, is not in the source", "correct the mapping", "the source has '1', '2', '3'"),
    ),
    Quirk(
        "q8-stock-column-gone",
        "without the column of stock nothing is known",
        b"sku;bestand;name\nold-1;5;Anvil\n",
        refused=("the column 'stock', mapped to inventoryQuantity, is not in the source", "correct the mapping", "'bestand'"),
    ),
    Quirk(
        "q8-ragged-throughout",
        "more bad rows than the guard allows",
        b"sku;stock;name\n" + b"old-1;5;Anvil\n" * 18 + b"old-2;3\n" * 3,
        refused=("3 of 21 records were rejected, more than guard.maxRejectRatio allows (10%)", "check the settings delimiter and quote"),
    ),
)
async def test_a_feed_of_another_shape_changes_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """Nothing is applied, and the refusal says what was found, where, and the cure."""
    await check_refused(quirk, tmp_path)
