"""Which variants an item fits, setting by setting."""

from __future__ import annotations

import pytest

from engine.contracts import FeedDefinition
from sinks.sqlite.catalogue.barcodes import read_gtin
from sinks.sqlite.catalogue.matching import Item, Matching, Shelf, Variant, option_key, options_agree, sku_key

EAN, UPC = "4006381333931", "012345678905"
MEDIUM, LARGE = '[{"name":"Size","value":"M","position":1}]', '[{"name":"Size","value":"L","position":1}]'


def shelf(*variants: Variant) -> Shelf:
    """Return variants as they are found by what items know of them."""
    by_sku: dict[str, list[Variant]] = {}
    by_gtin: dict[str, list[Variant]] = {}
    for variant in variants:
        if variant.sku is not None:
            by_sku.setdefault(sku_key(variant.sku), []).append(variant)
        if variant.gtin is not None:
            by_gtin.setdefault(variant.gtin, []).append(variant)
    return Shelf(by_sku, by_gtin)


SHELF = shelf(
    Variant(1, "A-1"),
    Variant(2, "a-1"),
    Variant(3, "S-9", read_gtin(EAN)),
    Variant(4, None, read_gtin(UPC)),
    Variant(5, "TEE", None, MEDIUM),
    Variant(6, "TEE", None, LARGE),
    Variant(7, "X", read_gtin("40170725")),
    Variant(8, "Y", read_gtin("40170725")),
    Variant(9, "BARE"),
)
BARCODE = {"automaticallyConnectByBarcode": True}
OPTIONS = {"automaticallyConnectOptionValues": True}


@pytest.mark.parametrize(
    ("settings", "item", "found"),
    [
        ({}, Item("A-1"), (1,)),
        ({}, Item(" A-1\t"), (1,)),
        ({}, Item("A-1 x"), ()),
        ({}, Item("bare"), ()),
        ({}, Item(None), ()),
        ({}, Item("  "), ()),
        ({"caseInsensitiveSkus": True}, Item("bare"), (9,)),
        ({"caseInsensitiveSkus": True}, Item("A-1"), (1, 2)),
        ({}, Item("acme-S-9", "S-9"), (3,)),
        ({}, Item("S-9", "acme-S-9"), (3,)),
        ({}, Item("A-1", "S-9"), (1, 3)),
        ({"automaticallyConnectPrefix": "prefixOnly"}, Item("acme-S-9", "S-9"), ()),
        ({"automaticallyConnectPrefix": "prefixOnly"}, Item("S-9", "A-1"), (3,)),
        ({}, Item("TEE", options=MEDIUM), (5, 6)),
        (OPTIONS, Item("TEE", options='[{"name":"Größe","value":" m "}]'), (5,)),
        (OPTIONS, Item("TEE", options=LARGE), (6,)),
        (OPTIONS, Item("TEE"), ()),
        (OPTIONS, Item("BARE", options=LARGE), ()),
        (OPTIONS, Item("BARE"), (9,)),
        ({}, Item("?", barcode=EAN), ()),
        (BARCODE, Item("?", barcode=EAN), (3,)),
        (BARCODE, Item("?", barcode="4006381333932"), ()),
        (BARCODE, Item("?", barcode="12345678905"), (4,)),
        (BARCODE, Item("?", barcode="0" + EAN), (3,)),
        (BARCODE, Item("?", barcode="40170725"), (7, 8)),
        (BARCODE, Item("X", barcode="40170725"), (7,)),
        (BARCODE, Item("S-9", barcode=EAN), (3,)),
        (BARCODE, Item("A-1", barcode=EAN), (1, 3)),
        (BARCODE, Item("A-1", barcode="no number"), (1,)),
        ({**BARCODE, "automaticallyConnect": False}, Item("A-1", barcode=EAN), (3,)),
        ({"automaticallyConnect": False}, Item("A-1", barcode=EAN), ()),
    ],
)
def test_an_item_fits(settings: dict[str, bool | str], item: Item, found: tuple[int, ...]) -> None:
    """An item fits the variants that the settings of its feed say, and several where it is not clear which."""
    assert Matching.of(FeedDefinition("f", settings)).match(item, SHELF) == found


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("[]", "[]", True),
        ("[]", '[{"name":"Title","value":"Default Title"}]', True),
        ("[]", MEDIUM, False),
        (MEDIUM, '[{"name":"SIZE","value":"m"}]', True),
        (MEDIUM, '["M"]', True),
        ('[{"name":"a","value":"1"},{"name":"b","value":"2"}]', '[{"name":"b","value":"2"},{"name":"a","value":"1"}]', True),
        ('[{"name":"a","value":"1"},{"name":"b","value":"2"}]', '[{"name":"a","value":"2"},{"name":"b","value":"1"}]', False),
        ('[{"name":"a","value":"1"},{"name":"b","value":"2"}]', '[{"name":"x","value":"2"},{"name":"y","value":"1"}]', True),
    ],
)
def test_options_agree(one: str, other: str, agree: bool) -> None:
    """Options agree by name where both have the same names, else by their values; no options is what a shop's placeholder means."""
    assert options_agree(one, other) is options_agree(other, one) is agree


def test_option_key_knows_no_order() -> None:
    """Two lists have one key where they say the same, in whatever order, case and blanks."""
    one = option_key('[{"name":"Size","value":"M","position":1},{"name":"Color","value":"red"}]')
    assert one == option_key('[{"name":"color","value":" Red"},{"name":"size","value":"m"}]')
    assert one != option_key('[{"name":"size","value":"m"}]')


def test_nothing_to_connect_by_is_idle() -> None:
    """A feed connects by itself unless it connects neither by SKU nor by barcode."""
    assert Matching.of(FeedDefinition("f", {"automaticallyConnect": False})).idle
    assert not Matching.of(FeedDefinition("f")).idle
    assert not Matching.of(FeedDefinition("f", {"automaticallyConnect": False, **BARCODE})).idle
