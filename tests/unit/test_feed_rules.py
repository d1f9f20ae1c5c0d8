"""What a feed says of its items across their columns: keys, SKUs, vendors, handles, names, tags, rewriting, prices, policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from engine.batch import Value
from engine.errors import RefuseRun
from engine.mapping.rules import Mapped
from tests.unit.rules_parts import SKU, apply, compiled, presets, values

ROWS: Mapping[str, Mapping[str, object]] = {
    "sku": SKU,
    "id": {"name": "id", "purpose": "externalId"},
    "group": {"name": "group", "purpose": "externalGroupId"},
    "color": {"name": "color", "purpose": "option"},
    "size": {"name": "size", "purpose": "option"},
    "options": {"name": "options", "purpose": "options"},
    "title": {"name": "title", "purpose": "name"},
    "brand": {"name": "brand", "purpose": "vendorName"},
    "path": {"name": "path", "purpose": "handle"},
    "tags": {"name": "tags", "purpose": "tags"},
    "meta": {"name": "meta", "purpose": "metaFields"},
    "price": {"name": "price", "purpose": "retailPrice"},
    "cost": {"name": "cost", "purpose": "costPrice"},
    "qty": {"name": "qty", "purpose": "inventoryQuantity"},
}


def mapped(header: str, *records: Sequence[str], **settings: object) -> Mapped:
    """Map records whose columns are named as in `ROWS`."""
    names = tuple(header.split())
    return apply(compiled(names, *(ROWS[name] for name in names), rules=None, offered=(), **settings), names, *records)


def read(attribute: str, header: str, *records: Sequence[str], **settings: object) -> list[Value]:
    """Return one attribute of all items."""
    found = mapped(header, *records, **settings)
    assert not found.flaws
    return values(found, attribute)


def lists(found: list[Value]) -> list[list[str] | None]:
    """Decode JSON lists."""
    return [None if value is None else json.loads(str(value)) for value in found]


# Keys and SKUs.


def test_a_key_of_options_keeps_the_place_of_what_is_blank() -> None:
    """The group, then the values at their positions; different parts never make the same key."""
    records = [
        ("s", "g", "red", "L"), ("s", "g", "", "L"), ("s", "g", "L", ""), ("s", "g", "", ""),
        ("s", "g|red", "L", ""), ("s", "g", "red|L", ""), ("s", "g\\", "|red", "L"),
    ]  # fmt: skip
    keys = mapped("sku group color size", *records, externalIdStrategy="options").items.keys
    assert keys == ["g|red|L", "g||L", "g|L", "g", "g\\|red|L", "g|red\\|L", "g\\\\|\\|red|L"]
    assert len(set(keys)) == len(keys)


def test_a_key_of_options_is_of_a_list_in_its_order_where_positions_say_nothing() -> None:
    """By position where each has one, else as they stand; what is no option makes no key."""
    cells = (
        '[{"name":"b","value":"2","position":2},{"name":"a","value":"1","position":1}]',
        '[{"name":"b","value":2},{"name":"a","value":"1"}]',
        '[{"name":"b","value":"2","position":1},{"name":"a","value":"1","position":1}]',
        '[{"name":"b","value":"2","position":1000000000}]',
        '[{"name":"b"}]',
        '["2"]',
        "[]",
    )
    found = mapped("sku group options", *(("s", "g", cell) for cell in cells), externalIdStrategy="options")
    assert found.items.keys == ["g|1|2", "g|2|1", "g|2|1", "g|2", "g"]
    assert {index: flaw.reason for index, flaw in found.flaws.items()} == dict.fromkeys(
        (4, 5), "externalId cannot be made of the options: they are not all objects with a value"
    )


def test_a_key_of_options_is_of_the_values_of_the_source() -> None:
    """Rewriting them later does not make other items; a blank group makes none."""
    rewrite = [{"field": "optionValue", "matchType": "excludes", "transformType": "capitalize"}]
    found = mapped("sku group color", ("s", "g", "red"), ("s", "", "red"), externalIdStrategy="options", mappings=rewrite)
    assert found.items.keys == ["g|red"]
    assert json.loads(str(values(found, "options")[0]))[0]["value"] == "Red"
    assert found.flaws[1].reason == "externalId is blank: nothing identifies the item"
    assert (found.flaws[1].line, found.items.lines) == (3, [2])


def test_a_row_for_the_key_goes_before_the_options() -> None:
    """A person's row does, a preset's does not; the SKU is what it was."""
    assert mapped("id sku group color", ("7", "s", "g", "red"), externalIdStrategy="options").items.keys == ["7"]
    offered = presets(("externalId", ("sku", "id")), ("sku", ("sku",)), ("externalGroupId", ("group",)), ("inventoryQuantity", ("qty",)))
    header = ("sku", "group", "color", "qty")
    rules = compiled(header, ROWS["color"], offered=offered, mapping="publishing", externalIdStrategy="options")
    items = apply(rules, header, ("s", "g", "red", "1")).items
    assert (items.keys, items.rows[0][:2]) == (["g|red"], ("g", "s"))


@pytest.mark.parametrize(
    ("header", "why"),
    [("sku color", "no column is mapped to externalGroupId"), ("sku group", "mapped to options"), ("group color", "mapped to sku")],
)
def test_a_key_of_options_needs_its_columns(header: str, why: str) -> None:
    """Without them the run is refused, with what is missing and what there is."""
    with pytest.raises(RefuseRun, match=f"{why}.*the source has"):
        mapped(header, externalIdStrategy="options")


def test_a_key_of_options_without_a_sku_is_exempt() -> None:
    """The made key is no SKU: nobody at the supplier's knows it."""
    items = mapped("group color", ("g", "red"), externalIdStrategy="options", skuExempt=True).items
    assert (items.keys, items.columns) == (["g|red"], ("externalGroupId", "options"))
    assert mapped("sku group color", ("", "g", "red"), externalIdStrategy="options", skuExempt=True).items.keys == ["g|red"]
    assert "vendorSku is blank" in mapped("sku group color", ("", "g", "red"), externalIdStrategy="options").flaws[0].reason


def test_case_does_not_tell_skus_apart_where_the_feed_says_so() -> None:
    """The key is folded where it is the SKU, and nowhere else; the SKU keeps its spelling."""
    items = mapped("sku", ("Ab",), ("STRASSE",), ("straße",), caseInsensitiveSkus=True).items
    assert items.keys == ["ab", "strasse", "strasse"]
    assert [row[0] for row in items.rows] == ["Ab", "STRASSE", "straße"]
    assert mapped("id", ("Ab",), caseInsensitiveSkus=True).items.keys == ["ab"]
    assert mapped("id sku", ("Ab", "Cd"), caseInsensitiveSkus=True).items.keys == ["Ab"]
    offered = presets(("externalId", ("sku",)), ("sku", ("sku",)), ("inventoryQuantity", ("qty",)))
    rules = compiled(("sku", "qty"), offered=offered, mapping="inventory", caseInsensitiveSkus=True)
    assert apply(rules, ("sku", "qty"), ("Ab", "1")).items.keys == ["ab"]


def test_a_prefix_goes_before_the_sku_and_not_before_the_key() -> None:
    """`originalSku` and the key are what the source says; a SKU that is exempt stays blank; without `prefixSku` nothing happens."""
    prefix = {"skuPrefix": "AC", "prefixSeperator": "-", "prefixSku": True}
    found = mapped("sku", ("1",), **prefix)
    assert (found.items.keys, found.items.columns, found.items.rows) == (["1"], ("vendorSku", "originalSku"), [("AC-1", "1")])
    assert mapped("id sku", ("7", ""), skuExempt=True, **prefix).items.rows == [(None, None)]
    assert mapped("sku", ("1",), **{**prefix, "prefixSku": False}).items.rows == [("1",)]
    assert "vendorSku is blank" in mapped("id sku", ("7", ""), **prefix).flaws[0].reason


# Vendors, handles and names.


def test_the_vendor_of_the_feed_stands_in_or_above() -> None:
    """For items that name none, also where no column does; or for all."""
    assert read("vendorName", "sku brand", ("a", "B"), ("b", ""), vendorName="V") == ["B", "V"]
    assert read("vendorName", "sku brand", ("a", "B"), ("b", ""), vendorName="V", overrideVendorName=True) == ["V", "V"]
    assert read("vendorName", "sku", ("a",), vendorName="V") == ["V"]


@pytest.mark.parametrize(
    ("strategy", "handles"),
    [
        ("externalGroupId", ["given", "g-1", None, "g-3"]),
        ("externalGroupIdStart", ["given", "g-1-blue-lamp", None, None]),
        ("name", ["given", "blue-lamp", "oak", None]),
    ],
)
def test_a_handle_is_made_where_the_source_gives_none(strategy: str, handles: list[str | None]) -> None:
    """Of the group, of group and name, or of the name; half of what it is made of makes none."""
    records = [("a", "G 0", "X", "given"), ("b", "G 1", "Blue Lamp", ""), ("c", "", "Oak", ""), ("d", "G 3", "", "")]
    settings = {"handleStrategy": strategy, "prefixHandle": True, "handlePrefix": "p"}
    prefixed = [handle and f"p-{handle}" for handle in handles]
    assert read("handle", "sku group title path", *records, **settings) == prefixed
    assert read("handle", "sku group title", *(record[:3] for record in records[1:]), **settings) == prefixed[1:]


def test_no_handle_is_made_unless_asked_for() -> None:
    """By default the group stands for it, and where a part is not mapped there is nothing to make it of."""
    assert "handle" not in mapped("sku group title", ("a", "g", "t")).items.columns
    assert "handle" not in mapped("sku title", ("a", "t"), handleStrategy="externalGroupIdStart").items.columns
    assert "handle" not in mapped("sku title", ("a", "t"), prefixHandle=True).items.columns


def test_the_prefix_of_a_handle_is_the_vendor_where_none_is_given() -> None:
    """Fit for a URL, once, and not before an item without a vendor."""
    records = [("a", "x", "Acme & Co"), ("b", "acme-co-x", "Acme & Co"), ("c", "x", "")]
    assert read("handle", "sku path brand", *records, prefixHandle=True) == ["acme-co-x", "acme-co-x", "x"]
    rules = compiled(("sku", "path"), SKU, ROWS["path"], prefixHandle=True)
    assert [problem.code for problem in rules.problems] == ["column-missing"]
    assert values(apply(rules, ("sku", "path"), ("a", "x")), "handle") == ["x"]


def test_the_vendor_goes_before_the_name_once() -> None:
    """Not before a name that begins with it as a word, nor before none; without a vendor the feed is told so."""
    records = [("a", "Lamp", "Acme"), ("b", "ACME Lamp", "Acme"), ("c", "Acmelamp", "Acme"), ("d", "", "Acme"), ("e", "Lamp", "")]
    assert read("name", "sku title brand", *records, prefixName=True) == ["Acme Lamp", "ACME Lamp", "Acme Acmelamp", None, "Lamp"]
    assert read("name", "sku title brand", ("e", "Lamp", ""), prefixName=True, vendorName="V") == ["V Lamp"]
    rules = compiled(("sku", "title"), SKU, ROWS["title"], prefixName=True)
    assert "names stay as they are" in rules.problems[0].message
    assert mapped("sku", ("a",), prefixName=True, vendorName="V").items.columns == ("vendorSku", "vendorName")


def test_a_handle_made_of_a_name_is_of_the_suppliers() -> None:
    """The prefix of the name is not in it."""
    found = mapped("sku title", ("a", "Lamp"), prefixName=True, vendorName="Acme", handleStrategy="name")
    assert (values(found, "handle"), values(found, "name")) == (["lamp"], ["Acme Lamp"])


# Tags.


@pytest.mark.parametrize(
    ("settings", "tags"),
    [
        ({}, [["a", "b"], None]),
        ({"tags": "b, c"}, [["a", "b", "c"], ["b", "c"]]),
        ({"tags": "c", "overwriteTags": True}, [["c"], ["c"]]),
        ({"tags": "c", "overwriteTags": True, "importTags": True}, [["a", "b"], ["c"]]),
        ({"tags": "c", "importTags": True}, [["a", "b", "c"], ["c"]]),
        ({"stripTags": True, "strippedTags": ["A", "B"], "tags": "c", "overwriteTags": True, "importTags": True}, [["c"], ["c"]]),
        ({"stripTags": True, "strippedTags": "A"}, [["b"], None]),
        ({"strippedTags": "A"}, [["a", "b"], None]),
        ({"transformTags": "uppercase", "tags": "a"}, [["A", "B"], ["A"]]),
    ],
)
def test_tags_of_source_and_feed(settings: dict[str, object], tags: list[list[str] | None]) -> None:
    """Joined, or one in the place of the other; blank is blank unless the feed has tags of its own."""
    assert lists(read("tags", "sku tags", ("x", "a,b"), ("y", ""), **settings)) == tags


def test_tags_of_the_feed_alone_need_no_column() -> None:
    """And without any there is no column."""
    assert lists(read("tags", "sku", ("x",), tags="a,b")) == [["a", "b"]]
    assert "tags" not in mapped("sku", ("x",), transformTags="uppercase").items.columns


@pytest.mark.parametrize(
    ("transform", "spelled"),
    [
        ("unchanged", ["summer_Sale", "OAK wood"]),
        ("uppercase", ["SUMMER_SALE", "OAK WOOD"]),
        ("lowercase", ["summer_sale", "oak wood"]),
        ("humanize", ["Summer sale", "Oak wood"]),
        ("dasherize", ["summer-sale", "oak-wood"]),
    ],
)
def test_every_spelling_of_tags(transform: str, spelled: list[str]) -> None:
    """Tags that come to be the same are one."""
    assert lists(read("tags", "sku tags", ("x", "summer_Sale,OAK wood,OAK wood"), transformTags=transform, tags="OAK wood")) == [spelled]


def test_a_tag_that_nothing_is_left_of_is_none() -> None:
    """A hyphen alone has no words to join."""
    assert lists(read("tags", "sku tags", ("x", "-,oak"), transformTags="dasherize")) == [["oak"]]


def test_tags_are_taken_out_by_either_spelling() -> None:
    """The source's, or the one that people see."""
    for stripped in ("summer_sale", "Summer sale"):
        settings = {"stripTags": True, "strippedTags": [stripped], "transformTags": "humanize"}
        assert lists(read("tags", "sku tags", ("x", "SUMMER_SALE,oak"), **settings)) == [["Oak"]]


@pytest.mark.parametrize(("restriction", "kept"), [("deny", ["a", "c"]), ("allow", ["b"])])
def test_tags_decide_what_is_imported(restriction: str, kept: list[str]) -> None:
    """Whatever their case, before any is taken out; what is not imported is skipped with its address, and is no reject."""
    records = [("a", "oak"), ("b", "oak,SALE"), ("c", "")]
    settings = {"excludeTags": ["sale", "old"], "tagRestriction": restriction, "stripTags": True, "strippedTags": "sale", "tags": "sale"}
    found = mapped("sku tags", *records, **settings)
    assert found.items.keys == kept
    assert {(flaw.fate, flaw.column) for flaw in found.flaws.values()} == {("skipped", None)}
    assert sorted([*found.flaws, *found.indices]) == [0, 1, 2]
    assert all(flaw.line == index + 2 for index, flaw in found.flaws.items())


def test_tags_that_decide_need_a_column() -> None:
    """Nobody could tell which items are meant."""
    with pytest.raises(RefuseRun, match="excludeTags is set, but no column is mapped to tags"):
        mapped("sku", excludeTags=["sale"])


# Rewriting.


@pytest.mark.parametrize(
    ("match", "texts", "names"),
    [
        ("includes", ["arb"], ["X", "X", "Size"]),
        ("excludes", ["arb"], ["Farbe", "farbton", "X"]),
        ("matches", [" FARBE ", "nothing"], ["X", "farbton", "Size"]),
        ("startsWith", ["farb", "si"], ["X", "X", "X"]),
        ("endsWith", ["ton"], ["Farbe", "X", "Size"]),
    ],
)
def test_every_match_of_a_rewrite(match: str, texts: list[str], names: list[str]) -> None:
    """Whatever the case, blanks around aside; the whole name is replaced."""
    cell = json.dumps([{"name": name, "value": "v"} for name in ("Farbe", "farbton", "Size")])
    rewrite = {"field": "optionName", "matchType": match, "transformFrom": texts, "transformTo": "X"}
    options = read("options", "sku options", ("x", cell), ("y", ""), mappings=[rewrite])
    assert [option["name"] for option in json.loads(str(options[0]))] == names
    assert options[1] is None


@pytest.mark.parametrize(
    ("transform", "value"),
    [
        ({"transformTo": "dark_RED"}, "dark_RED"),
        ({"transformType": "capitalize"}, "Deep_red XL"),
        ({"transformType": "humanize"}, "Deep red xl"),
    ],
)
def test_every_spelling_of_a_rewrite(transform: dict[str, str], value: str) -> None:
    """`XL` stays what it is where only the first letter is to be a capital."""
    rewrite = {"field": "optionValue", "matchType": "excludes", **transform}
    options = read("options", "sku color", ("x", "deep_red XL"), mappings=[rewrite])
    assert json.loads(str(options[0])) == [{"name": "color", "value": value, "position": 1}]


def test_rewrites_work_in_order_each_on_what_those_before_made() -> None:
    """A value is translated, then spelled."""
    rows = [
        {"field": "optionValue", "matchType": "matches", "transformFrom": ["rot"], "transformTo": "red"},
        {"field": "optionValue", "matchType": "startsWith", "transformFrom": ["re"], "transformType": "capitalize"},
    ]
    assert json.loads(str(read("options", "sku color", ("x", "ROT"), mappings=rows)[0]))[0]["value"] == "Red"
    assert json.loads(str(read("options", "sku color", ("x", "ROT"), mappings=rows[::-1])[0]))[0]["value"] == "red"
    assert read("options", "sku color", ("x", "ROT"), mappings=json.dumps(rows)) == read(
        "options", "sku color", ("x", "ROT"), mappings=rows
    )


def test_meta_fields_are_rewritten_by_name_and_by_value() -> None:
    """Their values are texts, lists of texts, or what they are."""
    rows = [
        {"field": "metaFieldName", "matchType": "matches", "transformFrom": ["wash"], "transformTo": "care.wash"},
        {"field": "metaFieldValue", "matchType": "endsWith", "transformFrom": ["°"], "transformTo": "warm"},
    ]
    header = ("sku", "m")
    rules = compiled(header, SKU, {"name": "m", "purpose": "metaFields"}, mappings=rows)
    cell = '{"wash": "30°", "other": ["40°", "x"], "count": 3}'
    found = values(apply(rules, header, ("x", cell), ("y", "")), "metaFields")
    assert [json.loads(str(value)) if value else None for value in found] == [
        {"care.wash": "warm", "other": ["warm", "x"], "count": 3},
        None,
    ]


def test_options_that_are_none_are_left_alone() -> None:
    """A list of JSON may hold anything."""
    rewrite = [{"field": "optionName", "matchType": "excludes", "transformTo": "X"}]
    assert read("options", "sku options", ("x", '["a",{"name":5,"value":null}]'), mappings=rewrite) == ['["a",{"name":5,"value":null}]']


# Prices and policy.


@pytest.mark.parametrize(
    ("settings", "prices"),
    [
        ({"retailPriceChange": "10"}, [11_000_000, 0, None]),
        ({"retailPriceChange": "-100"}, [0, 0, None]),
        ({"retailPriceChange": "0.5", "retailPriceChangeType": "fixed"}, [10_500_000, 500_000, None]),
        ({"retailPriceChange": "50", "priceChangeBase": "cost_price"}, [6_000_000, None, 9_000_000]),
        ({"retailPriceChange": "1", "retailPriceChangeType": "fixed", "priceChangeBase": "cost_price"}, [5_000_000, None, 7_000_000]),
        ({"priceChangeBase": "cost_price"}, [10_000_000, 0, None]),
        ({"zeroNullPrices": True}, [10_000_000, 0, 0]),
        ({"zeroNullPrices": True, "retailPriceChange": "1", "retailPriceChangeType": "fixed"}, [11_000_000, 1_000_000, 0]),
    ],
)
def test_retail_prices_change(settings: dict[str, object], prices: list[int | None]) -> None:
    """By a share or an amount, from themselves or from the cost; blank is no price, and nothing is added to it."""
    assert read("retailPrice", "sku price cost", ("a", "10", "4"), ("b", "0", ""), ("c", "", "6"), **settings) == prices


def test_half_a_millionth_goes_to_the_even_one() -> None:
    """0.000001 and 0.000003 with 50 % added or taken off."""
    prices = [("a", "0.000001"), ("b", "0.000003"), ("c", "0.000005")]
    assert read("retailPrice", "sku price", *prices, retailPriceChange="50") == [2, 4, 8]
    assert read("retailPrice", "sku price", *prices, retailPriceChange="-50") == [0, 2, 2]


def test_a_price_below_zero_rejects_its_record() -> None:
    """As any price that is negative; one beyond what a store holds too. The cell is named."""
    found = mapped("sku price", ("a", "1"), ("b", "3"), retailPriceChange="-2", retailPriceChangeType="fixed")
    assert values(found, "retailPrice") == [1_000_000]
    assert (found.flaws[0].reason, found.flaws[0].column) == ("retailPrice is below zero after retailPriceChange", "price")
    found = mapped("sku price", ("a", str(2**63 // 10**6 - 1)), retailPriceChange="10")
    assert found.flaws[0].reason == "retailPrice is too big a number after retailPriceChange"


def test_a_price_reckoned_from_cost_is_one_of_its_own() -> None:
    """No column of retail prices is needed; without one of costs the run is refused, for the margin would be missing."""
    assert read("retailPrice", "sku cost", ("a", "4"), retailPriceChange="50", priceChangeBase="cost_price") == [6_000_000]
    with pytest.raises(RefuseRun, match="reckoned from costPrice, but no column is mapped to it"):
        mapped("sku price", retailPriceChange="50", priceChangeBase="cost_price")


def test_a_price_that_is_not_mapped_stays_untouched() -> None:
    """Absent is neither changed nor zero."""
    items = mapped("sku", ("a",), retailPriceChange="50", zeroNullPrices=True).items
    assert items.columns == ("vendorSku",)


def test_the_policy_of_the_feed_is_each_items() -> None:
    """`default` says nothing."""
    assert read("inventoryPolicy", "sku", ("a",), ("b",), inventoryPolicy="continue") == ["continue", "continue"]
    assert "inventoryPolicy" not in mapped("sku", ("a",), inventoryPolicy="default").items.columns


def test_choosing_by_stock_needs_stock() -> None:
    """Otherwise nothing would ever be imported, or everything."""
    with pytest.raises(RefuseRun, match="restrictInventoryImport is set, but no column is mapped to inventoryQuantity"):
        mapped("sku", restrictInventoryImport=True)
    assert mapped("sku qty", ("a", "0"), restrictInventoryImport=True).items.keys == ["a"]


# Records that are added up.


def test_a_rejected_record_spoils_the_sum_of_its_key() -> None:
    """The batch says of which keys the sums are not known, folded as the keys are, and how many records have none."""
    records = [("A", "1"), ("B", "few"), ("", "1"), ("C", "x"), ("1E+5", "1")]
    found = mapped("sku qty", *records, duplicateKeys="sum")
    assert (found.items.keys, found.spoiled, found.keyless) == (["A"], {"B": 1, "C": 3}, 2)
    assert mapped("sku qty", *records, duplicateKeys="sum", caseInsensitiveSkus=True).spoiled == {"b": 1, "c": 3}
    assert mapped("sku group color qty", ("s", "g", "red", "few"), duplicateKeys="sum", externalIdStrategy="options").keyless == 1


def test_a_skipped_record_spoils_no_sum() -> None:
    """It is left out on purpose."""
    found = mapped("sku tags qty", ("a", "sale", "1"), ("a", "", "2"), duplicateKeys="sum", excludeTags="sale")
    assert (found.items.keys, found.spoiled, found.keyless) == (["a"], {}, 0)


# All together.


def test_a_feed_that_asks_for_none_of_it_takes_no_step() -> None:
    """What costs nothing cannot slow anything down."""
    header = tuple(ROWS)
    assert compiled(header, *ROWS.values()).steps == ()


def test_a_bad_record_never_disturbs_what_is_made_for_its_neighbours() -> None:
    """Rejected before the steps, skipped or rejected by them: what is left keeps key, values and line."""
    records = [("a", "1", "x", "oak"), ("b", "few", "x", "oak"), ("c", "3", "x", "sale"), ("d", "0", "x", "oak"), ("e", "5", "", "")]
    settings = {"excludeTags": "sale", "vendorName": "V", "retailPriceChange": "-1", "retailPriceChangeType": "fixed", "prefixName": True}
    found = mapped("sku price title tags", *records, **settings)
    assert found.items.keys == ["a", "e"]
    assert (values(found, "name"), values(found, "retailPrice")) == (["V x", None], [0, 4_000_000])
    assert (found.items.lines, list(found.indices)) == ([2, 6], [0, 4])
    assert {index: flaw.fate for index, flaw in found.flaws.items()} == {1: "rejected", 2: "skipped", 3: "rejected"}


def test_a_batch_of_which_nothing_is_left_is_empty() -> None:
    """Every list of the items is, whoever took them out."""
    for cells in (("", "oak"), ("a", "sale")):
        found = mapped("sku tags", cells, excludeTags="sale", vendorName="V")
        assert (found.items.keys, found.items.rows, found.items.digests, found.items.lines) == ([], [], [], [])


def test_what_is_made_is_part_of_the_digest() -> None:
    """A feed that begins to say something of its items writes them again."""
    settings: list[dict[str, object]] = [
        {},
        {"vendorName": "V"},
        {"vendorName": "W"},
        {"inventoryPolicy": "track"},
        {"skuPrefix": "P", "prefixSku": True},
    ]
    digests = {mapped("sku title", ("a", "t"), **each).items.digests[0] for each in settings}
    assert len(digests) == len(settings)
