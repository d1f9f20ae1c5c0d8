"""What a feed says of its items comes to the same in every format: rules see cells, and nothing of where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.one_catalogue import CSV, JSON, XML, Item, Written, catalogues
from tests.property.test_formats_equal import read

RULES: dict[str, st.SearchStrategy[object]] = {
    "vendorName": st.just("Corvid"),
    "prefixName": st.booleans(),
    "tags": st.sampled_from(["new", "new, old"]),
    "transformTags": st.sampled_from(["unchanged", "uppercase", "humanize", "dasherize"]),
    "overwriteTags": st.booleans(),
    "importTags": st.booleans(),
    "handleStrategy": st.sampled_from(["externalGroupId", "externalGroupIdStart", "name"]),
    "prefixHandle": st.booleans(),
    "retailPriceChange": st.sampled_from(["12.5", "-10", "0.01"]),
    "zeroNullPrices": st.booleans(),
    "caseInsensitiveSkus": st.booleans(),
    "inventoryPolicy": st.sampled_from(["default", "ignore", "continue", "track"]),
}
ROW_RULES: dict[str, dict[str, st.SearchStrategy[object]]] = {
    "retailPrice": {"priceOperator": st.just("multiply"), "priceOperatorValue": st.sampled_from(["1.19", "0.5"])},
    "inventoryQuantity": {"lookup": st.just({"0": 7, "1": 250}), "locations": st.sampled_from(["sum", "first", "single"])},
    "vendorName": {"strip": st.just(["ß", "&"]), "default": st.just("Nobody"), "prefix": st.just("by ")},
    "name": {"subfieldRegex": st.just("([0-9]+)"), "subfieldPurpose": st.just("mpn")},
}


@st.composite
def rules(draw: st.DrawFn) -> tuple[dict[str, object], dict[str, dict[str, object]]]:
    """Draw settings of a feed and rules of its rows, by purpose; rules that need each other come together."""
    chosen = draw(st.sets(st.sampled_from(sorted(RULES))))
    if "overwriteTags" in chosen:
        chosen.add("tags")
    rows = {
        purpose: {name: draw(value) for name, value in ROW_RULES[purpose].items()}
        for purpose in draw(st.sets(st.sampled_from(sorted(ROW_RULES))))
    }
    return {name: draw(RULES[name]) for name in chosen}, rows


def ruled(written: Written, feed: Mapping[str, object], rows: Mapping[str, Mapping[str, object]]) -> Written:
    """Return a catalogue under these rules too."""
    fields = [{**row, **rows.get(str(row["purpose"]), {})} for row in written.fields]
    return replace(written, settings={**written.settings, **feed}, fields=fields)


@settings(max_examples=60, deadline=None)
@given(items=catalogues(), drawn=rules(), names=st.tuples(*(st.sampled_from(sorted(formats)) for formats in (CSV, XML, JSON))))
def test_rules_make_the_same_of_every_format(
    items: list[Item], drawn: tuple[dict[str, object], dict[str, dict[str, object]]], names: tuple[str, str, str]
) -> None:
    """Whatever the rules, the items of a CSV, an XML and a JSON of one catalogue are equal, field by field."""
    table, tree, objects = (ruled(formats[name](items), *drawn) for formats, name in zip((CSV, XML, JSON), names, strict=True))
    assert read(table) == read(tree) == read(objects)
