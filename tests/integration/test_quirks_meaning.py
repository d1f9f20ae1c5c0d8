"""Quirks 12 and 19: what identifies an item, and texts that look like something else. Figures are `test_quirks_figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.run import Counts
from tests.integration.quirk_feeds import Kept, Quirk, check, check_refused, each

KEYED: Final = {"sku": "sku", "inventoryQuantity": "stock"}
DAMAGED: Final = "is a number in scientific notation: a spreadsheet destroyed the identifier; export it as text"
NAMELESS: Final = "externalId is blank: nothing identifies the item"
NO_NUMBER: Final = "inventoryQuantity is not a number; map such texts with a lookup"


def _composite(*columns: str, **rules: str) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = [{"purpose": "externalId", "name": column, **rules} for column in columns]
    return [*parts, {"purpose": "sku", "name": "sku"}, {"purpose": "inventoryQuantity", "name": "stock"}]


@each(
    Quirk(
        "q12-leading-zeros",
        "a key is text: zeros before and behind it tell items apart",
        b"sku;stock\n00123;1\n123;2\n1105.1;3\n1105.10;4\n1e5;5\n0x1F;6\n",
        {"00123": 1, "123": 2, "1105.1": 3, "1105.10": 4, "1e5": 5, "0x1F": 6},
        fields=KEYED,
    ),
    Quirk(
        "q12-spreadsheet-damage",
        "a number in scientific notation may have been any of a thousand keys",
        b"sku;stock\n1.23E+12;1\n1,23E+12;2\n1.23e+12;3\n123E+10;4\nok;5\n",
        {"ok": 5},
        (
            Kept(1, 2, DAMAGED, "1.23E+12;1", "sku", "1.23E+12"),
            Kept(2, 3, DAMAGED, "1,23E+12;2", "sku", "1,23E+12"),
            Kept(3, 4, DAMAGED, "1.23e+12;3", "sku", "1.23e+12"),
            Kept(4, 5, DAMAGED, "123E+10;4", "sku", "123E+10"),
        ),
        fields=KEYED,
    ),
    Quirk(
        "q12-spreadsheet-damage-behind-a-prefix",
        "the damage is seen before a prefix could hide it",
        b"sku;stock\n1.23E+12;1\nok;5\n",
        {"P-ok": 5},
        (Kept(1, 2, DAMAGED, "1.23E+12;1", "sku", "1.23E+12"),),
        fields=[{"purpose": "sku", "name": "sku", "prefix": "P-"}, {"purpose": "inventoryQuantity", "name": "stock"}],
    ),
    Quirk(
        "q12-spreadsheet-damage-in-a-barcode",
        "every identifier is looked at, not the key alone",
        b"sku;stock;ean\na;1;4.00638E+12\nb;2;0012345678905\n",
        {"b": {"inventoryQuantity": 2, "barcode": "0012345678905"}},
        (Kept(1, 2, f"barcode {DAMAGED}", "a;1;4.00638E+12", "ean", "4.00638E+12"),),
        fields={**KEYED, "barcode": "ean"},
    ),
    Quirk(
        "q12-case",
        "keys that differ in case are two keys",
        b"sku;stock\nAb;1\nAB;2\nab;3\n",
        {"Ab": 1, "AB": 2, "ab": 3},
        fields=KEYED,
    ),
    Quirk(
        "q12-spaces",
        "blanks around a key are no part of it, blanks inside are",
        b"sku;stock\n  A 1 ;1\nA 1;2\nA  1;3\nA1;4\n",
        {"A 1": 2, "A  1": 3, "A1": 4},
        fields=KEYED,
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q12-nbsp",
        "a blank of another kind is a blank, a character without width is none",
        "sku;stock\n\u00a0B\u00a01\u00a0;1\nB 1;2\nC\u200b1;3\nC1;4\n".encode(),
        {"B 1": 2, "C1": 4},
        fields=KEYED,
        duplicate=2,
    ),
    Quirk(
        "q12-composite",
        "several columns make one key; a part that holds the joint is ambiguous",
        b"style;size;sku;stock\nT;S;T-S;1\nT;M;T-M;2\n1;23;x;3\n12;3;y;4\nA|B;C;z;5\n1.2E+12;L;u;6\n",
        {"T|S": {"inventoryQuantity": 1, "vendorSku": "T-S"}, "T|M": 2, "1|23": 3, "12|3": 4},
        (
            Kept(5, 6, "has a part that holds '|', which joins the parts of the key; set another seperator", "A|B;C;z;5", "style", "A|B"),
            Kept(6, 7, DAMAGED, "1.2E+12;L;u;6", "style", "1.2E+12"),
        ),
        fields=_composite("style", "size"),
    ),
    Quirk(
        "q12-composite-joint-set",
        "the joint can be one that the parts do not hold",
        b"style;size;sku;stock\nT;S;T-S;1\nA|B;C;z;5\n",
        {"T/S": 1, "A|B/C": 5},
        fields=_composite("style", "size", seperator="/"),
    ),
    Quirk(
        "q12-one-sku-for-all-sizes",
        "with the size in the key every size is an item of its own",
        b"sku;size;stock\nT;S;1\nT;M;2\nT;L;0\n",
        {key: {"vendorSku": "T", "inventoryQuantity": stock} for key, stock in (("T|S", 1), ("T|M", 2), ("T|L", 0))},
        fields=_composite("sku", "size"),
    ),
    Quirk(
        "q12-one-sku-for-all-sizes-by-sku",
        "keyed by the SKU alone the last size wins, and the run says so",
        b"sku;size;stock\nT;S;1\nT;M;2\nT;L;3\n",
        {"T": 3},
        fields=KEYED,
        duplicate=2,
        noted=("duplicate",),
    ),
    Quirk(
        "q12-same-id-twice",
        "two products of one id: the whole of the last one, nothing of the first",
        b"id;sku;name;stock\n7;A;Anvil;1\n8;C;Clamp;5\n7;B;Bolt;2\n",
        {"7": {"vendorSku": "B", "name": "Bolt", "inventoryQuantity": 2}, "8": {"vendorSku": "C", "inventoryQuantity": 5}},
        fields=[*_composite("id"), {"purpose": "name", "name": "name"}],
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q12-blank-keys",
        "what is blank to the eye identifies nothing",
        'sku;stock\n;1\n  ;2\n\u00a0;3\n\u200b;4\n"";5\nok;6\n'.encode(),
        {"ok": 6},
        (
            Kept(1, 2, NAMELESS, ";1", "sku", ""),
            Kept(2, 3, NAMELESS, "  ;2", "sku", "  "),
            Kept(3, 4, NAMELESS, "\u00a0;3", "sku", "\u00a0"),
            Kept(4, 5, NAMELESS, "\u200b;4", "sku", "\u200b"),
            Kept(5, 6, NAMELESS, '"";5', "sku", ""),
        ),
        fields=KEYED,
    ),
    Quirk(
        "q12-blank-composite-key",
        "a key of blank parts is blank",
        b"style;size;sku;stock\n;;x;4\nT;M;T-M;2\n",
        {"T|M": 2},
        (Kept(1, 2, NAMELESS, ";;x;4", "style", ""),),
        fields=_composite("style", "size"),
    ),
    Quirk(
        "q12-blank-sku-beside-an-id",
        "an item needs a SKU, unless the feed is exempt",
        b"id;sku;stock\n1;;5\n2;b;6\n",
        {"2": 6},
        (Kept(1, 2, "vendorSku is blank; map another column or set skuExempt=true", "1;;5", "sku", ""),),
        fields=_composite("id"),
    ),
    Quirk(
        "q12-case-insensitive",
        "where the feed says so, SKUs that differ in case alone are one item, and the SKU keeps its spelling",
        b"sku;stock\nAb-1;1\nAB-1;2\n\xc3\xa4-1;3\n",
        {"ab-1": {"inventoryQuantity": 2, "vendorSku": "AB-1"}, "\u00e4-1": {"inventoryQuantity": 3, "vendorSku": "\u00e4-1"}},
        fields=KEYED,
        settings={"caseInsensitiveSkus": True},
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q12-case-insensitive-tomorrow",
        "an item whose SKU comes in another case is the same item",
        b"sku;stock\nAB-1;1\n",
        {"ab-1": {"inventoryQuantity": 1, "vendorSku": "AB-1"}},
        before=b"sku;stock\nab-1;1\n",
        counts=Counts(updated=1),
        fields=KEYED,
        settings={"caseInsensitiveSkus": True},
    ),
    Quirk(
        "q12-one-sku-for-all-sizes-by-options",
        "the group and the option values make a key where no column does",
        b"style;sku;colour;size;stock\n7;s;red;L;1\n7;s;red;M;2\n7;s;;L;3\n8;t;;;4\n;t;red;L;5\n",
        {"7|red|L": 1, "7|red|M": 2, "7||L": 3, "8": 4},
        (Kept(5, 6, NAMELESS, ";t;red;L;5"),),
        fields=[
            *_composite("style")[1:],
            {"purpose": "externalGroupId", "name": "style"},
            {"purpose": "option", "name": "colour"},
            {"purpose": "option", "name": "size"},
        ],
        settings={"externalIdStrategy": "options"},
    ),
    Quirk(
        "q12-repeats-refused-or-first",
        "the first record of a key counts where the feed says so",
        b"sku;stock\na;1\na;2\nb;3\n",
        {"a": 1, "b": 3},
        fields=KEYED,
        settings={"duplicateKeys": "first"},
        duplicate=1,
        noted=("duplicate",),
    ),
    Quirk(
        "q12-blank-sku-exempt",
        "an exempt feed has items without a SKU",
        b"id;sku;stock\n1;;5\n2;b;6\n",
        {"1": {"inventoryQuantity": 5, "vendorSku": None}, "2": 6},
        fields=_composite("id"),
        settings={"skuExempt": True},
    ),
)
async def test_a_key_is_text_and_identifies_one_item(quirk: Quirk, tmp_path: Path) -> None:
    """No key is a number, none is invented, none is merged with another but by what cannot be seen."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q12-every-key-damaged",
        "a feed that went through a spreadsheet",
        b"sku;stock;name\n1.23E+12;1;A\n1.24E+12;2;B\n",
        kept=(Kept(1, 2, DAMAGED, "1.23E+12;1;A", "sku", "1.23E+12"), Kept(2, 3, DAMAGED, "1.24E+12;2;B", "sku", "1.24E+12")),
        refused=("no valid record among 2 read", "nothing was applied", "export it as text (2 times)"),
    ),
    Quirk(
        "q12-key-twice",
        "the feed must not repeat a key, and does",
        b"sku;stock;name\na;1;A\nb;2;B\na;1;A\n",
        refused=("the key 'a' stands in record 1 (line 2) and in record 3 (line 4)", "set duplicateKeys to last, first or sum"),
        settings={"duplicateKeys": "error"},
    ),
    Quirk(
        "q12-key-column-gone",
        "the column that identifies the items is not there",
        b"article;stock;name\nold-1;1;A\n",
        refused=("the column 'sku', mapped to sku, is not in the source", "correct the mapping", "'article'"),
    ),
)
async def test_a_feed_without_keys_changes_nothing(quirk: Quirk, tmp_path: Path) -> None:
    """Where nothing identifies the items the last good state stays."""
    await check_refused(quirk, tmp_path)


WORDS: Final = ("NA", "null", "N/A", "0", "false", "None", "nan", "#N/A", "-")
TEXTS: Final = "sku;stock;name\n" + "".join(f"k{number};{number};{word}\n" for number, word in enumerate(WORDS))
KEYS: Final = "sku;stock;name\n" + "".join(f"{word};{number};x\n" for number, word in enumerate(WORDS))


@each(
    Quirk(
        "q19-words-as-names",
        "they are the supplier's texts, and overwrite what was there; only blank leaves it",
        f"{TEXTS}blank;9;\n".encode(),
        {
            **{f"k{number}": {"name": word, "inventoryQuantity": number} for number, word in enumerate(WORDS)},
            "blank": {"name": "old", "inventoryQuantity": 9},
        },
        before=b"sku;stock;name\nk0;0;old\nblank;9;old\n",
        counts=Counts(created=len(WORDS) - 1, updated=1, unchanged=1),
        settings={"syncName": True},
    ),
    Quirk(
        "q19-words-as-keys",
        "a key may be any text that is not blank",
        KEYS.encode(),
        {word: {"vendorSku": word, "inventoryQuantity": number} for number, word in enumerate(WORDS)},
    ),
    Quirk(
        "q19-words-as-stock",
        "a word is no number and keeps the stored stock; 0 is zero",
        b"sku;stock;name\na;NA;A\nb;null;B\nc;N/A;C\nd;0;D\ne;false;E\n",
        {"a": 1, "b": 1, "c": 1, "d": 0, "e": 1},
        (
            Kept(1, 2, NO_NUMBER, "a;NA;A", "stock", "NA"),
            Kept(2, 3, NO_NUMBER, "b;null;B", "stock", "null"),
            Kept(3, 4, NO_NUMBER, "c;N/A;C", "stock", "N/A"),
            Kept(5, 6, NO_NUMBER, "e;false;E", "stock", "false"),
        ),
        before=b"sku;stock;name\na;1;A\nb;1;B\nc;1;C\nd;1;D\ne;1;E\n",
        counts=Counts(updated=1),
    ),
    Quirk(
        "q19-words-as-stock-looked-up",
        "what a word means can be said, word by word; an empty meaning is blank",
        b"sku;stock\na;NA\nb;null\nc;n/a\nd;0\ne;false\n",
        {"a": 0, "b": 1, "c": 1, "d": 0, "e": 0},
        fields=[
            {"purpose": "sku", "name": "sku"},
            {"purpose": "inventoryQuantity", "name": "stock", "lookup": {"N/A": "", "null": "", "NA": 0, "false": 0}},
        ],
        before=b"sku;stock\na;1\nb;1\nc;1\nd;1\ne;1\n",
        counts=Counts(updated=3, unchanged=2),
    ),
    Quirk(
        "q19-words-as-prices",
        "a word is no price and keeps the stored one; 0 is zero",
        b"sku;stock;price\na;1;NA\nb;1;null\nc;1;0\nd;1;false\n",
        {"a": {"retailPrice": 9}, "b": {"retailPrice": 9}, "c": {"retailPrice": 0}, "d": {"retailPrice": 9}},
        (
            Kept(1, 2, "retailPrice is not an amount", "a;1;NA", "price", "NA"),
            Kept(2, 3, "retailPrice is not an amount", "b;1;null", "price", "null"),
            Kept(4, 5, "retailPrice is not an amount", "d;1;false", "price", "false"),
        ),
        fields={**KEYED, "retailPrice": "price"},
        before=b"sku;stock;price\na;1;9\nb;1;9\nc;1;9\nd;1;9\n",
        counts=Counts(updated=1),
        settings={"syncPricing": True},
    ),
    Quirk(
        "q19-formula-guard",
        "the apostrophe before a formula sign or a figure is a spreadsheet's, any other is the text's",
        b"sku;stock;name\n'00123;'5;'=HYPERLINK(1)\n'+49;6;'68 Mustang\n'abc;7;rock'n'roll\n",
        {
            "00123": {"inventoryQuantity": 5, "name": "=HYPERLINK(1)"},
            "+49": {"inventoryQuantity": 6, "name": "'68 Mustang"},
            "'abc": {"inventoryQuantity": 7, "name": "rock'n'roll"},
        },
    ),
    Quirk(
        "q19-formula-around-a-key",
        "a text written as a formula, so that a spreadsheet leaves its zeros alone, is that text",
        b'sku;stock;name\n="00123";="7";="Bolt\n"=""00124""";8;="x"&"y"\n',
        {"00123": 7, "00124": {"inventoryQuantity": 8, "name": '="x"&"y"'}},
    ),
    Quirk(
        "q19-formula-guard-on-a-price",
        "a guarded price is a price",
        b"sku;stock;price\na;1;'12.50\n",
        {"a": {"inventoryQuantity": 1, "retailPrice": 12.5}},
        fields={**KEYED, "retailPrice": "price"},
    ),
    Quirk(
        "q19-html",
        "markup in a text is the supplier's, entities with it; around a figure it is no number",
        b'sku;stock;name\na;1;<b>Bolt</b>\nb;<b>5</b>;x\nc;2;"<p class=""x"">5;\n6 &amp; 7</p>"\n<i>d</i>;3;y\n',
        {
            "a": {"name": "<b>Bolt</b>"},
            "c": {"inventoryQuantity": 2, "name": '<p class="x">5;\n6 &amp; 7</p>'},
            "<i>d</i>": 3,
        },
        (Kept(2, 3, NO_NUMBER, "b;<b>5</b>;x", "stock", "<b>5</b>"),),
    ),
    Quirk(
        "q19-html-entities-unquoted",
        "the semicolon of an entity is a delimiter where nothing is quoted",
        b"sku;stock;name\na;1;A&amp;B\nb;2;Bolt\nc;&gt;100;Clamp\n",
        {"b": 2},
        (
            Kept(1, 2, "4 fields where the header has 3; check the settings delimiter and quote", "a;1;A&amp;B"),
            Kept(3, 4, "4 fields where the header has 3", "c;&gt;100;Clamp"),
        ),
    ),
)
async def test_a_text_means_what_it_says(quirk: Quirk, tmp_path: Path) -> None:
    """Words of other programs are texts where texts are wanted, and rejects, never zero, where figures are."""
    await check(quirk, tmp_path)
