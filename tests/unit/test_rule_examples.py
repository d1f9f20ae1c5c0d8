"""Every field rule has an example in docs/reference/examples.toml, the example is true, and the rule is what makes it so."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine.feed import Feed, FieldRow
from engine.schema import ATTRIBUTES
from tests.unit.rules_parts import SKU, apply, compiled

Example = Mapping[str, Any]

ROOT = Path(__file__).parents[2]
NOTES: Mapping[str, Any] = tomllib.loads((ROOT / "engine/settings/notes.toml").read_text("utf-8"))
EXAMPLES: Sequence[Example] = tomllib.loads((ROOT / "docs/reference/examples.toml").read_text("utf-8"))["example"]
EXPLAINED_ELSEWHERE = {
    *("name", "purpose", "enabled", "rules"),  # what a row is; `rules` are those of plugins
    *("skuExempt", "requireBarcode"),  # what is let in, not what becomes of it
    *("duplicateKeys", "restrictInventoryImport", "inventoryRestrictionLevel"),  # kept by the sink
    *("allocationBuffer", "minimumInventoryQuantity", "maximumInventoryQuantity"),  # work when items are shown
}
THEMES = ("Identity", "Stock", "Price", "Text and tags")


def outcome(example: Example, dropped: Sequence[str] = ()) -> tuple[dict[str, object], frozenset[str], str | None]:
    """Return what comes of an example's record without the dropped attributes: the item, what it clears, why it is none."""
    rows = [{name: value for name, value in row.items() if name not in dropped} for row in example.get("rows", ())]
    settings = {name: value for name, value in example.get("settings", {}).items() if name not in dropped}
    record = {"sku": "s", **example["record"]}
    mapped = apply(compiled(tuple(record), SKU, *rows, **settings), tuple(record), tuple(record.values()))
    if mapped.flaws:
        return {}, frozenset(), mapped.flaws[0].reason if mapped.flaws[0].fate == "skipped" else "rejected"
    items = mapped.items
    values = zip(items.columns, items.rows[0], strict=True)
    item = {name: ATTRIBUTES[name].to_json(value) for name, value in values if value is not None}
    return {"externalId": items.keys[0], **{name: plain(value) for name, value in item.items()}}, items.clears, None


def plain(value: object) -> object:
    """Return a decimal as a TOML number is."""
    return value if isinstance(value, str | list | dict | int) else float(str(value))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["of"]))
def test_an_example_is_true(example: Example) -> None:
    """The record becomes what the page says, and of the identifiers that every item has nothing else is in it."""
    item, clears, skipped = outcome(example)
    if "skipped" in example:
        assert skipped == example["skipped"]
        return
    expected = {"externalId": "s", "vendorSku": "s"} if "sku" not in example["record"] else {}
    assert {**expected, **example["item"]}.items() <= item.items()
    beside = {"externalId", "vendorSku", "originalSku", "externalGroupId", "name", "vendorName", "options"}
    assert item.keys() <= {*example["item"], *beside}
    assert sorted(clears) == sorted(example.get("clears", ()))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["of"]))
def test_the_rule_is_what_makes_it_so(example: Example) -> None:
    """Without the attribute, and what cannot be without it, the same record comes to something else."""
    assert outcome(example, (example["of"], *example.get("without", ()))) != outcome(example)


def test_every_rule_has_an_example() -> None:
    """No attribute of a mapping row or of the feed's rules is without one, and none is of an attribute that is not there."""
    rules = {field.alias or name for name, field in FieldRow.model_fields.items()}
    rules |= {name for theme in THEMES for name in NOTES["feed"][theme]} | {"mappings"}
    known = rules | {field.alias for field in Feed.model_fields.values()}
    assert {example["of"] for example in EXAMPLES} == rules - EXPLAINED_ELSEWHERE
    assert known >= EXPLAINED_ELSEWHERE
