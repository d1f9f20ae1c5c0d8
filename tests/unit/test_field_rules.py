"""Mapping rows compiled and applied: every attribute of a row that is in force, and what a bad record does to its batch."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from engine.batch import Batch
from engine.errors import ConfigError, RefuseRun, RejectRecord
from engine.mapping.rules import Mapped
from tests.unit.rules_parts import SKU, apply, compiled, presets, read_cells, values

QTY: dict[str, object] = {"name": "qty", "purpose": "inventoryQuantity"}
PRICE: dict[str, object] = {"name": "price", "purpose": "retailPrice"}


def test_strip_takes_texts_out_of_a_cell() -> None:
    """Every listed text goes, wherever it stands, and what is left is trimmed."""
    assert read_cells({**QTY, "strip": ["Stk.", "ca."]}, "ca. 12 Stk.", "Stk.") == [12, None]
    assert read_cells({"name": "n", "purpose": "name", "strip": "NEW,SALE"}, "NEW Lamp SALE") == ["Lamp"]


def test_prefix_goes_before_a_text_but_not_before_nothing() -> None:
    """A blank cell stays blank: a prefix alone is no value."""
    assert read_cells({"name": "ean", "purpose": "barcode", "prefix": "EAN-"}, "4006381333931", "") == ["EAN-4006381333931", None]


def test_seperator_splits_lists() -> None:
    """Images and tags become JSON lists; tags split by commas when nothing is said, images do not."""
    assert read_cells({"name": "t", "purpose": "tags", "seperator": "|"}, "a|b, c", "") == ['["a","b, c"]', None]
    assert read_cells({"name": "t", "purpose": "tags"}, "a, b") == ['["a","b"]']
    assert read_cells({"name": "i", "purpose": "images", "seperator": ";"}, "u1; u2") == ['["u1","u2"]']
    assert read_cells({"name": "i", "purpose": "images"}, "u1,u2") == ['["u1,u2"]']


def test_slugify_makes_handles() -> None:
    """The text becomes fit for a URL; what has no such letter is blank."""
    assert read_cells({"name": "h", "purpose": "handle", "slugify": True}, "Blaue Lampe", "漢") == ["blaue-lampe", None]


def test_parse_number_finds_the_number_in_a_text() -> None:
    """`parseNumber` is for figures among words; a text without one is rejected."""
    found = read_cells({**QTY, "parseNumber": True}, "ca. 12 Stk.", "> 5 da", "keine", "", "<5")
    assert found == [
        12,
        5,
        "!inventoryQuantity holds no number",
        None,
        "!inventoryQuantity holds an upper bound only; map such texts with a lookup",
    ]
    assert read_cells({**PRICE, "parseNumber": True}, "nur 12,50 je Stück", decimalNotation="comma") == [12_500_000]


def test_parse_number_takes_nothing_out_of_a_list_or_an_object() -> None:
    """A path to a whole list of JSON gives its text: `[5,7]` is neither 5 nor 5.7, and one of its stocks is not the stock."""
    row = {**QTY, "parseNumber": True}
    texts = ("[5,7]", '["many","3"]', '{"reserved":4,"free":9}', "[[1],[2]]", '[{"qty":4}]')
    reason = "!inventoryQuantity is a list or an object: name the part that is meant, as in stock[0].qty, or all, as in stock[*].qty"
    assert read_cells(row, *texts) == [reason] * len(texts)
    assert read_cells(row, "[12]", "[12] Stk. [2 reserved]", "{5} ca") == [12, 12, 5]


def test_normalize_image_url_cuts_what_varies_without_a_change() -> None:
    """Query strings of image hosts are no change; a URL that is none rejects its record only."""
    row = {"name": "i", "purpose": "images", "normalizeImageUrl": True, "seperator": " "}
    assert read_cells(row, "//x/a.jpg?v=1 //x/b.jpg", "http://[x") == [
        '["https://x/a.jpg","https://x/b.jpg"]',
        "!images holds 'http://[x', which is no URL",
    ]


@pytest.mark.parametrize(
    ("operator", "millionths"), [("addition", 12_000_000), ("subtract", 8_000_000), ("multiply", 20_000_000), ("divide", 5_000_000)]
)
def test_a_price_operator_with_a_value(operator: str, millionths: int) -> None:
    """The price of the cell is reckoned with a fixed value; a blank price stays blank."""
    row = {**PRICE, "priceOperator": operator, "priceOperatorValue": "2"}
    assert read_cells(row, "10", "", "10 EUR", "x") == [millionths, None, millionths, "!retailPrice is not an amount"]


@pytest.mark.parametrize(
    ("operator", "results"),
    [
        ("addition", [12_500_000, 10_000_000, 10_000_000, None]),
        ("subtract", [7_500_000, 10_000_000, 10_000_000, None]),
        ("multiply", [25_000_000, 0, "is blank", None]),
        ("divide", [4_000_000, "is divided by zero", "is blank", None]),
    ],
)
def test_a_price_operator_with_a_field(operator: str, results: list[int | str | None]) -> None:
    """The price is reckoned with another column; nothing is added for a blank, but a price times nothing is not zero."""
    header = ("sku", "price", "with")
    rules = compiled(header, SKU, {**PRICE, "priceOperator": operator, "priceOperatorField": "with"})
    mapped = apply(rules, header, *(("a", *cells) for cells in (("10", "2.5"), ("10", "0"), ("10", " "), ("", "3"))))
    found = dict(zip(mapped.indices, values(mapped, "retailPrice"), strict=True))
    for index, result in enumerate(results):
        if isinstance(result, str):
            assert mapped.flaws[index].reason.endswith(result)
            assert mapped.flaws[index].column == "price"
        else:
            assert found[index] == result


def test_an_unreadable_operand_is_named() -> None:
    """The reason says with which column and which text the price could not be reckoned."""
    header = ("sku", "price", "deposit")
    rules = compiled(header, SKU, {**PRICE, "priceOperator": "addition", "priceOperatorField": "deposit"})
    flaw = apply(rules, header, ("a", "10", "free")).flaws[0]
    assert flaw.reason == "retailPrice cannot be reckoned with 'deposit' = 'free': is not an amount"


def test_a_price_operator_whose_column_is_gone_refuses_the_run() -> None:
    """A price that would silently lack its surcharge is never applied."""
    with pytest.raises(RefuseRun, match="column 'deposit', by which retailPrice is reckoned, is gone"):
        compiled(("sku", "price"), SKU, {**PRICE, "priceOperator": "addition", "priceOperatorField": "deposit"})


@pytest.mark.parametrize("row", [{"name": "qty", "purpose": "inventoryQuantityBoolean"}, {**QTY, "inventoryQuantityBoolean": True}])
def test_yes_and_no_are_a_stock(row: dict[str, object]) -> None:
    """Yes is one piece, or the default that the row names; no is zero; blank is skipped and anything else rejected."""
    words = ("Y", "auf Lager", "no", "0", "12", "", "perhaps")
    reject = "!inventoryQuantity is neither yes nor no"
    assert read_cells(row, *words) == [1, 1, 0, 0, 1, None, reject]
    assert read_cells({**row, "inventoryQuantityDefault": 25}, *words) == [25, 25, 0, 0, 25, None, reject]
    assert read_cells({**row, "inventoryQuantityDefault": 0}, "Y") == [0]


def test_a_default_stands_in_for_blank_only() -> None:
    """Zero and unreadable texts are not replaced."""
    assert read_cells({**QTY, "default": "3"}, "", " ", "0", "x")[:3] == [3, 3, 0]
    assert str(read_cells({**QTY, "default": "3"}, "x")[0]).startswith("!inventoryQuantity is not a number")


def test_a_lookup_turns_texts_into_values() -> None:
    """Whole cells, first as written, then in any case; a text that is not in the table goes on to the reader."""
    row = {**QTY, "lookup": {"in stock": 5, ">100": 100, "sold out": "0", "": "1", "ask": ""}}
    assert read_cells(row, "In Stock", ">100", "SOLD OUT", "", "7", "ask", "Low")[:6] == [5, 100, 0, 1, 7, None]
    assert read_cells({**QTY, "lookup": '{"Low": 2}'}, "low") == [2]
    assert read_cells({**PRICE, "lookup": {"tba": Decimal("9.95")}}, "TBA") == [9_950_000]


@pytest.mark.parametrize("notation", ["decimal", "comma"])
def test_a_number_of_a_lookup_means_the_same_in_any_notation(notation: str) -> None:
    """A number that a person configured is no text of the source: 1.234 is never a thousand."""
    assert read_cells({**PRICE, "lookup": {"tba": Decimal("1.234"), "big": 1234}}, "tba", "big", decimalNotation=notation) == [
        1_234_000,
        1_234_000_000,
    ]


def test_a_blank_is_skipped_or_clears() -> None:
    """Both are None in the row; the batch says which columns clear, and every source of a column must agree."""
    header = ("sku", "n", "d", "q1", "q2")
    rules = compiled(
        header,
        SKU,
        {"name": "n", "purpose": "name", "blank": "clear"},
        {"name": "d", "purpose": "description"},
        {"name": "q1", "purpose": "inventoryQuantity", "blank": "clear"},
        {"name": "q2", "purpose": "inventoryQuantity"},
    )
    items = apply(rules, header, ("a", "", "", "", "")).items
    assert items.clears == {"name"}
    assert items.rows == [("a", None, None, None)]
    assert items.columns == ("vendorSku", "name", "description", "inventoryQuantity")


@pytest.mark.parametrize(("how", "results"), [("sum", [7, 5, 2, None, -1]), ("first", [5, 5, 2, None, -3])])
def test_several_columns_of_stock_are_summed_or_the_first_counts(how: str, results: list[int | None]) -> None:
    """A blank warehouse says nothing; only where all are blank the stock is."""
    header = ("sku", "q1", "q2")
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity", "locations": how} for name in ("q1", "q2")))
    mapped = apply(rules, header, *(("a", *cells) for cells in (("5", "2"), ("5", ""), ("", "2"), ("", ""), ("-3", "2"))))
    assert values(mapped, "inventoryQuantity") == results


def test_fractions_of_several_warehouses_are_added_exactly() -> None:
    """Goods by the metre: 0.1 and 0.2 are 0.3, and what is whole together is an integer."""
    header = ("sku", "q1", "q2")
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in ("q1", "q2")))
    found = values(
        apply(rules, header, ("a", "0.1", "0.2"), ("b", "1,5", "0.5"), ("c", "2.5", ""), ("d", "3", "0.25")), "inventoryQuantity"
    )
    assert found == [0.3, 2, 2.5, 3.25]
    assert [type(value) for value in found] == [float, int, float, float]


def test_one_unreadable_warehouse_rejects_the_record() -> None:
    """What the others hold is not the stock; the flaw names the column at fault."""
    header = ("sku", "q1", "q2")
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in ("q1", "q2")))
    flaw = apply(rules, header, ("a", "5", "N/A")).flaws[0]
    assert (flaw.column, flaw.value) == ("q2", "N/A")


def test_a_sum_that_no_store_can_hold_is_a_reject() -> None:
    """Two readable figures may still be too much together."""
    header = ("sku", "q1", "q2")
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in ("q1", "q2")))
    mapped = apply(rules, header, ("a", str(2**63 - 1), "1"), ("b", "1", "1"))
    assert mapped.flaws[0].reason == "inventoryQuantity is too big a number"
    assert values(mapped, "inventoryQuantity") == [2]


def test_a_column_mapped_to_stock_twice_refuses_the_run() -> None:
    """The same warehouse would count double."""
    with pytest.raises(RefuseRun, match="twice and would count double"):
        compiled(("sku", "qty"), SKU, QTY, QTY)


def test_plugin_rules_run_in_the_order_of_the_row() -> None:
    """A row names rules; their rejects are the record's, and an unknown one is the operator's to cure."""

    def refuse(text: str) -> str:
        raise RejectRecord(f"is odd: {text}")

    rules = {"shout": str.upper, "twice": lambda text: text * 2, "refuse": refuse}
    assert read_cells({"name": "n", "purpose": "name", "rules": ["shout", "twice"]}, "ab", rules=rules) == ["ABAB"]
    assert read_cells({"name": "n", "purpose": "name", "rules": "refuse"}, "x", "", rules=rules) == ["!name is odd: x", None]
    with pytest.raises(ConfigError, match="no plugin registered the rule 'mend'; installed: refuse, shout, twice"):
        read_cells({"name": "n", "purpose": "name", "rules": ["mend"]}, "x", rules=rules)


def test_options_and_meta_fields_are_joined() -> None:
    """Each column of options is one entry at its position; blank ones are left out."""
    header = ("sku", "Color", "size", "wash")
    rules = compiled(
        header,
        SKU,
        {"name": "Color", "purpose": "option"},
        {"name": "size", "purpose": "option", "optionName": "Size"},
        {"name": "wash", "purpose": "metaFields"},
    )
    mapped = apply(rules, header, ("a", "red", "L", "30°"), ("b", "", "M", ""), ("c", "", "", ""))
    assert [json.loads(str(value)) if value else None for value in values(mapped, "options")] == [
        [{"name": "Color", "value": "red", "position": 1}, {"name": "Size", "value": "L", "position": 2}],
        [{"name": "Size", "value": "M", "position": 2}],
        None,
    ]
    assert values(mapped, "metaFields") == ['{"wash":"30°"}', None, None]


def test_weights_and_flags_have_their_own_readers() -> None:
    """`weight` is in the feed's unit, `grams` in grams, `requiresShipping` a yes or no."""
    assert read_cells({"name": "w", "purpose": "weight"}, "1.5", "", weightUnit="kg") == [1500, None]
    assert read_cells({"name": "w", "purpose": "grams"}, "1.5", weightUnit="kg") == [2]
    assert read_cells({"name": "s", "purpose": "requiresShipping"}, "yes", "no", "x") == [1, 0, "!requiresShipping is neither yes nor no"]


def test_the_sku_falls_back_to_the_key_and_the_key_to_the_sku() -> None:
    """A feed that knows one identifier uses it as both; one that knows two keeps them apart."""
    by_sku = apply(compiled(("sku",), SKU), ("sku",), ("00123",)).items
    by_id = apply(compiled(("id",), {"name": "id", "purpose": "externalId"}), ("id",), ("00123",)).items
    both = apply(compiled(("sku", "id"), SKU, {"name": "id", "purpose": "externalId"}), ("sku", "id"), ("S", "7")).items
    assert (by_sku.keys, by_sku.columns, by_sku.rows) == (["00123"], ("vendorSku",), [("00123",)])
    assert (by_id.keys, by_id.columns, by_id.rows) == (["00123"], ("vendorSku",), [("00123",)])
    assert (both.keys, both.rows) == (["7"], [("S",)])


@pytest.mark.parametrize(("mark", "keys"), [(None, ["a|1", "a|"]), ("", ["a1", "a"]), ("/", ["a/1", "a/"])])
def test_a_composite_key_joins_its_columns(mark: str | None, keys: list[str]) -> None:
    """A blank later part leaves its place; a blank first part would make one key of different goods and is rejected."""
    header = ("style", "size", "sku")
    first = {"name": "style", "purpose": "externalId"} | ({} if mark is None else {"seperator": mark})
    rules = compiled(header, first, {"name": "size", "purpose": "externalId"}, SKU)
    mapped = apply(rules, header, ("a", "1", "s"), ("a", "", "s"), ("", "1", "s"), ("", " ", "s"))
    assert mapped.items.keys == keys
    assert "blank first part" in mapped.flaws[2].reason
    assert mapped.flaws[3].reason == "externalId is blank: nothing identifies the item"


def test_parts_that_hold_the_mark_make_no_key() -> None:
    """`x-1` + `2` and `x` + `1-2` would be one key: a part that holds the mark is rejected, with the cure."""
    header = ("style", "size")
    rules = compiled(header, {"name": "style", "purpose": "externalId", "seperator": "-"}, {"name": "size", "purpose": "externalId"})
    mapped = apply(rules, header, ("x-1", "2"), ("x", "1"))
    assert mapped.items.keys == ["x-1"]
    assert "set another seperator" in mapped.flaws[0].reason


def test_a_composite_key_with_a_damaged_part_is_rejected() -> None:
    """One destroyed part destroys the key, and the flaw names its column."""
    header = ("style", "size")
    rules = compiled(header, *({"name": name, "purpose": "externalId"} for name in header))
    flaw = apply(rules, header, ("a", "1.5E+10")).flaws[0]
    assert (flaw.column, flaw.value) == ("size", "1.5E+10")


def test_a_blank_key_is_a_reject() -> None:
    """An item that nothing identifies is no item."""
    flaw = apply(compiled(("sku",), SKU), ("sku",), (" \u00a0",)).flaws[0]
    assert flaw.reason == "externalId is blank: nothing identifies the item"
    assert (flaw.line, flaw.column) == (2, "sku")


def test_a_blank_sku_is_a_reject_unless_the_feed_is_exempt() -> None:
    """`skuExempt` lets items without a SKU in, by their key."""
    header, rows = ("id", "sku"), ({"name": "id", "purpose": "externalId"}, SKU)
    assert "skuExempt=true" in apply(compiled(header, *rows), header, ("7", "")).flaws[0].reason
    assert apply(compiled(header, *rows, skuExempt=True), header, ("7", "")).items.rows == [(None,)]


def test_require_barcode_lets_only_items_with_one_in() -> None:
    """A blank barcode rejects the record, a feed without a column of barcodes is refused as a whole."""
    header, row = ("sku", "ean"), {"name": "ean", "purpose": "barcode"}
    mapped = apply(compiled(header, SKU, row, requireBarcode=True), header, ("a", ""), ("b", "40"))
    assert mapped.flaws[0].reason == "barcode is blank, and the feed has requireBarcode set"
    assert mapped.items.keys == ["b"]
    with pytest.raises(RefuseRun, match="requireBarcode is set, but no column is mapped to barcode"):
        compiled(("sku",), SKU, requireBarcode=True)
    with pytest.raises(RefuseRun, match="requireBarcode"):
        compiled(("sku",), SKU, row, requireBarcode=True)


@pytest.mark.parametrize("purpose", ["externalId", "sku", "inventoryQuantity", "inventoryQuantityBoolean"])
def test_a_missing_column_of_identity_or_stock_refuses_the_run(purpose: str) -> None:
    """What it would have said cannot be known; the message names it, its purpose and the columns there are."""
    with pytest.raises(RefuseRun) as caught:
        compiled(
            ("id", "Größe"), {"name": "id", "purpose": "externalId" if purpose == "sku" else "sku"}, {"name": "gone", "purpose": purpose}
        )
    message = str(caught.value)
    assert "'gone'" in message
    assert purpose in message
    assert "the source has 'id', 'Größe'" in message


def test_one_missing_warehouse_of_two_refuses_the_run() -> None:
    """The sum of the others is not the stock."""
    with pytest.raises(RefuseRun, match="'q2'"):
        compiled(("sku", "q1"), SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in ("q1", "q2")))


def test_another_missing_column_is_absent_and_a_problem() -> None:
    """The attribute is not among the items' columns, so that stored values stay untouched."""
    rules = compiled(("sku",), SKU, {"name": "title", "purpose": "name"})
    assert rules.names == ("vendorSku",)
    assert [(problem.code, problem.column) for problem in rules.problems] == [("column-missing", "title")]
    assert "'title', mapped to name, is not in the source" in rules.problems[0].message


def test_a_disabled_row_is_no_row() -> None:
    """Its column may be missing, and its purpose is not mapped."""
    assert compiled(("sku",), SKU, {**QTY, "enabled": False}).names == ("vendorSku",)


def test_a_feed_without_an_identifier_is_refused() -> None:
    """Nothing is imported under no key; the message says how to name one."""
    with pytest.raises(RefuseRun, match="--field sku=COLUMN"):
        compiled(("title",), {"name": "title", "purpose": "name"})


def test_a_preset_takes_the_first_name_that_the_source_has() -> None:
    """What a preset offers is optional, but not identity and stock; a person's row replaces its purpose."""
    offered = presets(("sku", ("variant sku", "sku")), ("inventoryQuantity", ("stock", "qty")), ("name", ("title",)))
    rules = compiled(("sku", "qty", "mine"), offered=offered)
    assert rules.names == ("vendorSku", "inventoryQuantity")
    assert rules.problems == ()
    mine = compiled(("sku", "qty", "mine"), {"name": "mine", "purpose": "inventoryQuantity"}, offered=offered, mapping="inventory")
    assert values(apply(mine, ("sku", "qty", "mine"), ("a", "1", "2")), "inventoryQuantity") == [2]
    with pytest.raises(RefuseRun, match="no column of stock found"):
        compiled(("sku",), offered=offered)


def test_items_have_their_attributes_in_the_order_of_the_schema() -> None:
    """The order of the mapping rows changes neither columns nor digests."""
    rows = (SKU, QTY, PRICE)
    header = ("sku", "qty", "price")
    one, two = (apply(compiled(header, *order), header, ("a", "1", "2")).items for order in (rows, rows[::-1]))
    assert one == two
    assert one.columns == ("vendorSku", "inventoryQuantity", "retailPrice")


def shaky() -> Mapped:
    """Map a batch whose every other record is bad in another way."""
    header = ("sku", "qty", "price")
    cells = [("a", "1", "1"), ("", "2", "2"), ("c", "3", "3"), ("d", "N/A", "4"), ("e", "5", "5"), ("f", "x", "x"), ("g", "7", "")]
    return compiled(header, SKU, QTY, PRICE).apply(Batch(header, cells, [10, 20, 30, 40, 50, 60, 70]))


def test_a_bad_record_never_disturbs_its_neighbours() -> None:
    """The good ones around it keep key, values and line, in their order."""
    mapped = shaky()
    assert mapped.items.keys == ["a", "c", "e", "g"]
    assert mapped.items.rows == [("a", 1, 1_000_000), ("c", 3, 3_000_000), ("e", 5, 5_000_000), ("g", 7, None)]
    assert mapped.items.lines == [10, 30, 50, 70]
    assert list(mapped.indices) == [0, 2, 4, 6]


def test_a_bad_record_is_one_flaw_with_its_address() -> None:
    """Line, column, value and reason of the first fault; a record with two faults is one flaw."""
    found = {index: (flaw.line, flaw.column, flaw.value, flaw.reason.split()[0]) for index, flaw in shaky().flaws.items()}
    assert found == {1: (20, "sku", "", "externalId"), 3: (40, "qty", "N/A", "inventoryQuantity"), 5: (60, "qty", "x", "inventoryQuantity")}


def test_a_batch_of_bad_records_only_yields_no_item() -> None:
    """Every list of the items is empty, none is missing."""
    header = ("sku", "qty")
    mapped = apply(compiled(header, SKU, QTY), header, ("a", "x"), ("", "1"))
    assert len(mapped.items) == 0
    assert (mapped.items.rows, mapped.items.digests, mapped.items.lines) == ([], [], [])
    assert sorted(mapped.flaws) == [0, 1]


def test_an_empty_batch_maps_to_an_empty_batch() -> None:
    """A piece of a document may hold no record at all."""
    mapped = compiled(("sku",), SKU).apply(Batch(("sku",), [], []))
    assert (len(mapped.items), mapped.flaws) == (0, {})


def test_a_shown_value_is_cut() -> None:
    """A flaw quotes a cell, but not a book."""
    header = ("sku", "qty")
    value = apply(compiled(header, SKU, QTY), header, ("a", "x" * 5000)).flaws[0].value
    assert value is not None
    assert len(value) == 200


def test_a_disabled_row_takes_its_purpose_off_the_preset() -> None:
    """Who disables a column does not want the preset to find it again."""
    offered = presets(("sku", ("sku",)), ("inventoryQuantity", ("stock",)))
    rules = compiled(
        ("sku", "stock"), {"name": "stock", "purpose": "inventoryQuantity", "enabled": False}, offered=offered, mapping="inventory"
    )
    assert "inventoryQuantity" not in rules.names


def test_a_key_is_one_column() -> None:
    """Two columns for the SKU would give a record with a blank SKU another column's text as its key."""
    with pytest.raises(RefuseRun, match="sku is mapped to 'sku' and to 'price'"):
        compiled(("sku", "price"), SKU, {"name": "price", "purpose": "sku"})
