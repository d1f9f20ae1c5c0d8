"""The purpose `removed`: what a column must say for an item to be gone, and what else of its record then counts."""

from __future__ import annotations

from tests.unit.rules_parts import SKU, apply, compiled, read_cells, values

GONE: dict[str, object] = {"name": "gone", "purpose": "removed"}
KEY: dict[str, object] = {"name": "id", "purpose": "externalId"}
QTY: dict[str, object] = {"name": "qty", "purpose": "inventoryQuantity"}
PRICE: dict[str, object] = {"name": "price", "purpose": "retailPrice"}


def test_yes_and_no_and_what_is_to_be_done_say_whether_an_item_is_gone() -> None:
    """Blank says nothing, and words of stock are refused: that none is left does not mean that the item is gone."""
    assert read_cells(GONE, "yes", "TRUE", "1", "ja", "delete", "Deleted", " removed ", "D", "discontinued") == ["removed"] * 9
    assert read_cells(GONE, "no", "false", "0", "nein", "update", "U", "insert", "new", "active", "", " ") == [None] * 11
    found = read_cells(GONE, "out of stock", "available", "7", "perhaps")
    assert [str(text).partition(":")[0] for text in found] == ["!status does not say whether the item is gone"] * 4
    assert read_cells({**GONE, "lookup": {"X": "yes", "-": ""}}, "x", "-") == ["removed", None]


def test_of_several_columns_or_values_one_is_enough() -> None:
    """An item is gone where any of them says so."""
    header = ("sku", "gone", "deleted")
    found = apply(compiled(header, SKU, GONE, {**GONE, "name": "deleted"}), header, ("a", "no", "yes"), ("b", "no", "no"), ("c", "yes", ""))
    assert values(found, "status") == ["removed", None, "removed"]
    assert read_cells(GONE, "no\0yes", "no\0no") == ["removed", None]


def test_a_record_of_an_item_that_is_gone_needs_nothing_but_its_key() -> None:
    """No SKU, no price that can be read and no stock; any other record is rejected for them, and so is one without a key."""
    header = ("id", "sku", "gone", "qty", "price")
    rules = compiled(header, KEY, SKU, GONE, QTY, PRICE)
    records = (("a", "", "yes", "n/a", "on request"), ("b", "", "no", "1", "2"), ("c", "c", "no", "n/a", "2"), ("", "d", "yes", "1", "2"))
    found = apply(rules, header, *records)
    assert found.items.keys == ["a"]
    assert [values(found, name)[0] for name in ("vendorSku", "inventoryQuantity", "retailPrice", "status")] == [None, None, None, "removed"]
    assert (sorted(found.flaws), found.spoiled) == ([1, 2, 3], {"b": 1, "c": 2})


def test_steps_find_no_fault_with_what_is_gone() -> None:
    """A price that cannot be reckoned rejects a record, unless its item is gone anyway."""
    header = ("sku", "gone", "price")
    rules = compiled(header, SKU, GONE, PRICE, retailPriceChange="-5", retailPriceChangeType="fixed")
    found = apply(rules, header, ("a", "yes", "2"), ("b", "", "2"), ("c", "", "7"))
    assert (found.items.keys, list(found.flaws)) == (["a", "c"], [1])


def test_the_first_rejected_record_of_a_key_is_told_where_the_first_counts() -> None:
    """Else the last one is: a sink compares it with the row that would count."""
    header = ("sku", "qty")
    records = (("a", "many"), ("a", "1"), ("a", "few"))
    assert apply(compiled(header, SKU, QTY), header, *records).spoiled == {"a": 2}
    assert apply(compiled(header, SKU, QTY, duplicateKeys="first"), header, *records).spoiled == {"a": 0}
