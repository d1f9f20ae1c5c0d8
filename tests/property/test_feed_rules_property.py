"""Laws of the field rules: what composes, what does nothing the second time, what never makes two things one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.batch import SEVERAL
from engine.feed import build_feed
from engine.mapping.derive.prices import changing
from engine.mapping.derive.spelling import SPELLINGS
from engine.mapping.derive.tags import shape
from engine.mapping.readers import Bad
from engine.mapping.rules import Mapped, Rules
from tests.unit.rules_parts import SKU, apply, compiled, read_cells, values

PRICES = st.integers(0, 10**12)
AMOUNTS = st.decimals(min_value=-100, max_value=1000, places=4)
TEXTS = st.text(max_size=8) | st.text(alphabet="aB _-ß|\\Ǆ1", max_size=8)
TAGS = st.lists(TEXTS.filter(lambda text: bool(text.strip())).map(str.strip), max_size=5)
HEADER = ("sku", "group", "color", "size", "title", "brand", "tags", "price", "cost", "qty", "r")
ROWS: Sequence[dict[str, object]] = (
    {"name": "group", "purpose": "externalGroupId"},
    {"name": "color", "purpose": "option"},
    {"name": "size", "purpose": "option", "subfieldRegex": r"\d+", "subfieldPurpose": "mpn"},
    {"name": "title", "purpose": "name"},
    {"name": "brand", "purpose": "vendorName"},
    {"name": "tags", "purpose": "tags"},
    {"name": "price", "purpose": "retailPrice"},
    {"name": "cost", "purpose": "costPrice"},
    {"name": "qty", "purpose": "inventoryQuantity"},
    {"name": "r", "purpose": "inventoryQuantity", "quantityOperator": "subtract"},
)
FEED: dict[str, object] = {
    "caseInsensitiveSkus": True, "skuPrefix": "P", "prefixSku": True, "vendorName": "V", "prefixName": True, "prefixHandle": True,
    "handleStrategy": "externalGroupIdStart", "tags": "own", "excludeTags": "sale", "stripTags": True, "strippedTags": "old",
    "transformTags": "humanize", "retailPriceChange": "12.5", "priceChangeBase": "cost_price", "zeroNullPrices": True,
    "inventoryPolicy": "track",
    "mappings": [{"field": "optionValue", "matchType": "excludes", "transformType": "capitalize"}],
}  # fmt: skip
CELLS = st.sampled_from(["", "x", "sale", "old,X", "5", "0", "few", "1.5", f"2{SEVERAL}3", f"{SEVERAL}7", "red 12"])
RECORDS = st.lists(st.tuples(st.sampled_from(["a", "A", "b", "", "1E+5"]), *(CELLS for _ in HEADER[1:])), max_size=8)


def fresh() -> Rules:
    """Compile a feed that uses all of it, with empty memos."""
    return compiled(HEADER, SKU, *ROWS, rules=None, offered=(), **FEED)


def told(mapped: Mapped, first: int = 0) -> dict[int, tuple[object, ...]]:
    """Return what became of each record, by its number."""
    items = mapped.items
    made = zip(mapped.indices, items.keys, items.rows, items.digests, strict=True)
    bad = ((index, flaw.reason, flaw.fate, flaw.value) for index, flaw in mapped.flaws.items())
    return {first + index: tuple(rest) for index, *rest in (*made, *bad)}


@given(RECORDS, st.integers(1, 4))
def test_how_records_are_grouped_changes_nothing(records: list[tuple[str, ...]], size: int) -> None:
    """One batch or many, met for the first time or remembered: every record comes to the same."""
    whole = told(apply(fresh(), HEADER, *records))
    rules = fresh()
    parts: dict[int, tuple[object, ...]] = {}
    for begin in range(0, len(records), size):
        parts |= told(apply(rules, HEADER, *records[begin : begin + size]), begin)
    assert parts == whole
    assert sorted(whole) == list(range(len(records)))


@given(RECORDS, RECORDS)
def test_equal_digest_and_equal_values_are_one(first: list[tuple[str, ...]], second: list[tuple[str, ...]]) -> None:
    """Whatever made the values, a row is written exactly when it differs."""
    items = apply(fresh(), HEADER, *first, *second).items
    assert not any(isinstance(value, Bad) for row in items.rows for value in row)
    for row, digest in zip(items.rows, items.digests, strict=True):
        assert [each == row for each in items.rows] == [each == digest for each in items.digests]


@given(PRICES, AMOUNTS)
def test_a_price_is_changed_by_a_share_exactly(price: int, percent: Decimal) -> None:
    """As decimals of any length would, rounded once, half to even."""
    with localcontext(prec=200):
        exact = (Decimal(price) * (100 + percent) / 100).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert changing(percent, fixed=False)(price) == int(exact)


@given(PRICES, AMOUNTS, AMOUNTS)
def test_amounts_that_are_added_compose(price: int, one: Decimal, two: Decimal) -> None:
    """One after the other they are their sum; below zero there is no price."""
    first, both = changing(one, fixed=True)(price), changing(one + two, fixed=True)(price)
    if isinstance(first, int):
        second = changing(two, fixed=True)(first)
        assert second == both if isinstance(both, int) else isinstance(second, Bad)
    else:
        assert price + one * 10**6 < 0


@given(PRICES, PRICES, AMOUNTS)
def test_a_change_keeps_the_order_of_prices(one: int, two: int, percent: Decimal) -> None:
    """What was dearer is not cheaper afterwards."""
    change = changing(percent, fixed=False)
    low, high = change(min(one, two)), change(max(one, two))
    assert isinstance(low, int)
    assert isinstance(high, int)
    assert low <= high


@given(TAGS, TAGS, TAGS, st.sampled_from(["unchanged", "uppercase", "lowercase", "humanize", "dasherize"]), st.booleans(), st.booleans())
def test_tags_that_are_shaped_stay_so(
    found: list[str], own: list[str], stripped: list[str], spell: str, overwrite: bool, keep: bool
) -> None:
    """Doing it again changes nothing, no tag is there twice or is one that was to be taken out."""
    settings: dict[str, object] = {"tags": "x", "transformTags": spell, "overwriteTags": overwrite, "importTags": keep}
    feed = build_feed("shop", {**settings, "stripTags": True, "strippedTags": [*stripped, "x"]})
    shaped = shape(feed, own, json.dumps(found))
    assert shape(feed, own, shaped) == shaped
    tags = json.loads(shaped)
    assert len(set(tags)) == len(tags)
    assert not {tag.casefold() for tag in tags} & {tag.casefold() for tag in stripped}


@pytest.mark.parametrize("name", SPELLINGS)
@given(text=TEXTS)
def test_a_spelling_is_spelled_as_it_is(name: str, text: str) -> None:
    """Twice is once."""
    once = SPELLINGS[name](text)
    assert SPELLINGS[name](once) == once


@given(TEXTS, st.sampled_from(["Acme", "P", "ß"]))
def test_a_prefix_goes_before_a_name_once(name: str, vendor: str) -> None:
    """A name that has it gets no second one."""
    header = ("sku", "title")
    rules = compiled(header, SKU, {"name": "title", "purpose": "name"}, vendorName=vendor, prefixName=True)
    once = values(apply(rules, header, ("a", name)), "name")[0]
    if once is not None:
        assert values(apply(rules, header, ("a", str(once))), "name") == [once]
        assert str(once).casefold().startswith(vendor.casefold())


PARTS = st.lists(st.text(alphabet="ab|\\", max_size=3), min_size=3, max_size=3)


@given(PARTS, PARTS)
def test_different_options_never_make_the_same_key(one: list[str], two: list[str]) -> None:
    """The key says which group, which values, and at which places."""
    header = ("sku", "group", "color", "size")
    rules = compiled(header, SKU, *ROWS[:2], {"name": "size", "purpose": "option"}, externalIdStrategy="options")
    found = apply(rules, header, ("s", *one), ("s", *two))
    if len(found.indices) == 2:
        assert (found.items.keys[0] == found.items.keys[1]) == (one == two)


@given(st.lists(st.sampled_from(["", "1", "2.5", "0.1", "-3", ">10"]), min_size=1, max_size=5))
def test_the_order_of_locations_does_not_matter_to_their_sum(cells: list[str]) -> None:
    """Nor does it whether they are values of one cell or columns, or how the blank ones stand among them."""
    shuffled = sorted(cells)
    together = read_cells({"name": "qty", "purpose": "inventoryQuantity"}, SEVERAL.join(cells), SEVERAL.join(shuffled))
    header = ("sku", *(f"q{number}" for number in range(len(cells))))
    rules = compiled(header, SKU, *({"name": name, "purpose": "inventoryQuantity"} for name in header[1:]))
    (apart,) = values(apply(rules, header, ("a", *cells)), "inventoryQuantity")
    assert together == [apart, apart]
    assert type(together[0]) is type(apart)
