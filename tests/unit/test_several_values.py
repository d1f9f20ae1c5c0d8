"""Several values in one cell, as a path of XML or JSON gives them: what they come to is decided by what the column is for."""

from __future__ import annotations

import json

import pytest

from engine.batch import SEVERAL, Batch
from tests.unit.rules_parts import SKU, apply, compiled, read_cells, values

QTY: dict[str, object] = {"name": "qty", "purpose": "inventoryQuantity"}
PRICE: dict[str, object] = {"name": "price", "purpose": "retailPrice"}
DIFFER = "has several values that differ: choose one in the mapping, as with"


def several(*texts: str) -> str:
    """Return a cell of several values."""
    return SEVERAL.join(texts)


@pytest.mark.parametrize(
    ("how", "results"),
    [
        ("sum", [7, 5, None, 0.3, -1, 100]),
        ("first", [5, 5, None, 0.1, -3, 90]),
        ("single", [f"!inventoryQuantity {DIFFER} qty[1]", 5, None, *[f"!inventoryQuantity {DIFFER} qty[1]"] * 3]),
    ],
)
def test_stock_of_several_locations(how: str, results: list[object]) -> None:
    """Summed exactly, or the first that is known, or one; a blank one says nothing, and where all are blank the stock is."""
    cells = (several("5", "2"), several("", "5", " "), several("", ""), several("0.1", "0.2"), several("-3", "2"), several(">90", "10-50"))
    assert read_cells({**QTY, "locations": how}, *cells) == results


def test_locations_that_agree_are_a_single_one() -> None:
    """Where one is meant, the same figure twice is one figure."""
    assert read_cells({**QTY, "locations": "single"}, several("5", "5.0", "")) == [5]


def test_each_value_is_read_by_the_rules_of_the_row() -> None:
    """Strip, look-up, yes and no, the number inside a text: for every value by itself."""
    assert read_cells({**QTY, "strip": ["Stk."]}, several("5 Stk.", "2 Stk.")) == [7]
    assert read_cells({**QTY, "lookup": {"low": 1, "ask": ""}}, several("Low", "4", "ask")) == [5]
    assert read_cells({**QTY, "parseNumber": True}, several("ca. 5", "2 left")) == [7]
    assert read_cells({**QTY, "inventoryQuantityBoolean": True, "inventoryQuantityDefault": 3}, several("yes", "no", "Y")) == [6]
    assert read_cells({"name": "t", "purpose": "tags", "rules": ["shout"]}, several("a,b", "c"), rules={"shout": str.upper}) == [
        '["A","B","C"]'
    ]


def test_a_default_stands_in_for_a_cell_without_values_only() -> None:
    """A blank value beside one that is known is not two locations."""
    assert read_cells({**QTY, "default": "3"}, several("5", ""), several("", " "), "") == [5, 3, 3]


def test_one_unreadable_value_rejects_the_record() -> None:
    """What the others hold is not the stock; the flaw shows the values with a mark between them."""
    header = ("sku", "qty")
    flaw = apply(compiled(header, SKU, QTY), header, ("a", several("5", "few"))).flaws[0]
    assert (flaw.column, flaw.value) == ("qty", "5 | few")
    assert flaw.reason.startswith("inventoryQuantity is not a number")


@pytest.mark.parametrize("purpose", ["retailPrice", "compareAtPrice", "costPrice"])
def test_a_price_is_one(purpose: str) -> None:
    """Two that differ reject the record with the cure; equal ones, however they are written, are one."""
    row = {"name": "g:price", "purpose": purpose}
    found = read_cells(row, several("5", "4"), several("5", "5.00"), several("", "5"), several("", ""), "6")
    assert found == [f"!{purpose} {DIFFER} g:price[1]", 5_000_000, 5_000_000, None, 6_000_000]
    assert read_cells({**row, "name": "prices[*].amount"}, several("5", "4")) == [f"!{purpose} {DIFFER} prices[0].amount"]


def test_a_price_with_rules_is_one_too() -> None:
    """The values are compared after the rules, and so is what a price is reckoned with."""
    row = {**PRICE, "strip": ["EUR"]}
    assert read_cells(row, several("5 EUR", "5"), several("5", "6")) == [5_000_000, f"!retailPrice {DIFFER} price[1]"]
    header = ("sku", "price", "tax")
    rules = compiled(header, SKU, {**PRICE, "priceOperator": "multiply", "priceOperatorField": "tax"})
    mapped = apply(rules, header, ("a", "10", several("1.2", "1.20")), ("b", "10", several("1.2", "1.3")), ("c", "10", several("", "2")))
    assert values(mapped, "retailPrice") == [12_000_000, 20_000_000]
    assert "with 'tax' = '1.2 | 1.3': has several values that differ" in mapped.flaws[1].reason


@pytest.mark.parametrize("rules", [{}, {"strip": ["#"]}])
def test_a_key_is_one(rules: dict[str, object]) -> None:
    """Whichever of two keys were taken, the other item would get its stock."""
    header = ("id", "sku")
    made = compiled(header, {"name": "id", "purpose": "externalId", **rules}, {"name": "sku", "purpose": "sku", **rules})
    mapped = apply(made, header, (several("1", "2"), "a"), (several("1", "1"), "a"), ("3", several("a", "b")), ("4", several("", "a")))
    assert mapped.items.keys == ["1", "4"]
    assert mapped.flaws[0].reason == f"externalId {DIFFER} id[1]"
    assert mapped.flaws[2].reason == f"vendorSku {DIFFER} sku[1]"


@pytest.mark.parametrize(
    ("purpose", "first"),
    [("name", "b"), ("description", "b"), ("productType", "b"), ("vendorName", "b"), ("barcode", "b"), ("mpn", "b"), ("handle", "b")],
)
@pytest.mark.parametrize("rules", [{}, {"strip": ["#"]}])
def test_of_any_other_text_the_first_that_is_not_blank_counts(purpose: str, first: str, rules: dict[str, object]) -> None:
    """With rules and without."""
    assert read_cells({"name": "x", "purpose": purpose, **rules}, several("", " b ", "c"), several("", " "), "d") == [first, None, "d"]


def test_weights_and_flags_take_the_first() -> None:
    """As any other value that is neither a key nor a price nor stock."""
    assert read_cells({"name": "w", "purpose": "weight"}, several("", "2", "3"), weightUnit="kg") == [2000]
    assert read_cells({"name": "s", "purpose": "requiresShipping"}, several("no", "yes")) == [0]


def test_lists_take_all_values() -> None:
    """Images and tags, each value split as the row says; options as entries."""
    assert read_cells({"name": "i", "purpose": "images"}, several("u1", "", "u2")) == ['["u1","u2"]']
    assert read_cells({"name": "t", "purpose": "tags"}, several("a, b", "c")) == ['["a","b","c"]']
    options = read_cells({"name": "Size", "purpose": "option"}, several("L", "M"))
    assert [option["value"] for option in json.loads(str(options[0]))] == ["L", "M"]
    whole = read_cells({"name": "o", "purpose": "options"}, several('[{"name":"a","value":"1"}]', '[{"name":"b","value":"2"}]'))
    assert [option["name"] for option in json.loads(str(whole[0]))] == ["a", "b"]


def test_a_meta_field_of_several_values_is_a_list() -> None:
    """No value is lost behind another of the same name."""
    assert read_cells({"name": "wash", "purpose": "metaFields"}, several("30", "40"), "30") == ['{"wash":["30","40"]}', '{"wash":"30"}']
    assert read_cells({"name": "m", "purpose": "metaFields"}, several('{"a":1}', '{"b":2}')) == ['{"a":1,"b":2}']


def test_several_columns_of_several_values_add_up() -> None:
    """A composite key refuses, stock sums over values and columns, and what is reserved sums before it is taken off."""
    header = ("sku", "q1", "q2", "r")
    taken = {"name": "r", "purpose": "inventoryQuantity", "quantityOperator": "subtract"}
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in ("q1", "q2")), taken)
    mapped = apply(rules, header, ("a", several("5", "2"), several("1", ""), several("3", "1")), ("b", "1", "", ""), ("c", "", "", "2"))
    assert values(mapped, "inventoryQuantity") == [4, 1, None]


def test_columns_of_which_one_is_meant_must_agree() -> None:
    """As values of one cell; the cure is another."""
    header = ("sku", "q1", "q2")
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity", "locations": "single"} for name in ("q1", "q2")))
    mapped = apply(rules, header, ("a", "1", "2"), ("b", "3", "3"), ("c", "", "4"))
    assert values(mapped, "inventoryQuantity") == [3, 4]
    assert mapped.flaws[0].reason == "inventoryQuantity has several values that differ: map one of their columns"


def test_meta_fields_of_one_name_in_several_columns_are_a_list() -> None:
    """No member of the object stands twice, also where a column holds whole objects."""
    header = ("sku", "a", "b")
    named = ({"name": name, "purpose": "metaFields", "optionName": "wash"} for name in ("a", "b"))
    whole = ({"name": name, "purpose": "metaFields"} for name in ("a", "b"))
    assert values(apply(compiled(header, SKU, *named), header, ("x", "30", "40")), "metaFields") == ['{"wash":["30","40"]}']
    found = values(apply(compiled(header, SKU, *whole), header, ("x", '{"b":1}', "2"), ("y", "", "")), "metaFields")
    assert found == ['{"b":[1,"2"]}', None]


@pytest.mark.parametrize(("how", "stock"), [("sum", 12), ("first", 7)])
def test_reservations_are_taken_off_what_the_others_come_to(how: str, stock: int) -> None:
    """Wherever they stand among the columns, and whether the others are added up or the first counts."""
    header = ("r", "sku", "q1", "q2")
    taken = {"name": "r", "purpose": "inventoryQuantity", "quantityOperator": "subtract"}
    rules = compiled(header, SKU, taken, *({"name": name, "purpose": "inventoryQuantity", "locations": how} for name in ("q1", "q2")))
    assert values(apply(rules, header, ("3", "a", "10", "5")), "inventoryQuantity") == [stock]


def test_a_clean_column_is_read_as_before() -> None:
    """A single cell with several values does not change how its neighbours are read."""
    header = ("sku", "title", "price")
    rules = compiled(header, SKU, {"name": "title", "purpose": "name"}, PRICE)
    cells = [("a", "'=A", "1.5"), (several("b", "b"), several("x", "y"), several("2", "")), ("c", " z ", "3")]
    mapped = rules.apply(Batch(header, cells, [1, 2, 3]))
    assert mapped.items.keys == ["a", "b", "c"]
    assert values(mapped, "name") == ["=A", "x", "z"]
    assert values(mapped, "retailPrice") == [1_500_000, 2_000_000, 3_000_000]
