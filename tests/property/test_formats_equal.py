"""The same goods are the same items, whichever format carried them and however its bytes were cut."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import JsonValue, Value
from engine.contracts import DocumentFacts
from engine.feed import build_feed
from engine.flow.transform import MappedBatch, Recipe, Transform
from engine.schema import ATTRIBUTES, money_to_decimal
from feedmill.assembly import make_recipe
from plugins.manager import Registry, load_registry
from tests.property.one_catalogue import FORMATS, Item, Written, catalogues

Items = dict[str, dict[str, object]]


@cache
def registry() -> Registry:
    """Return what is installed, loaded once."""
    return load_registry()


def recipe_of(written: Written) -> Recipe:
    """Return how a feed reads what was written."""
    return make_recipe(registry(), build_feed("acme", written.settings, written.fields))


def read(written: Written, sizes: Iterable[int] = ()) -> Items:
    """Read documents in chunks of these sizes, then of the rest, and return the items by key. Nothing may be rejected."""
    recipe = recipe_of(written)
    numbers = recipe.read_numbers()
    items: Items = {}
    for number, document in enumerate(written.documents):
        transform = Transform(recipe, DocumentFacts(f"document-{number}", len(document)), numbers=numbers)
        for batch in (*(each for chunk in cut(document, sizes) for each in transform.feed(chunk)), *transform.finish()):
            assert not [reject.reason for reject in batch.rejects if reject.fate == "rejected"]
            items.update(shown(batch))
    assert numbers.contradiction() is None
    return items


def cut(document: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    """Cut a document into chunks."""
    at = 0
    for size in sizes:
        yield document[at : at + size]
        at += size
    yield document[at:]


def shown(batch: MappedBatch) -> Items:
    """Return items by key, their values as people see them."""
    columns = batch.items.columns

    def show(name: str, value: Value) -> JsonValue | object:
        return ATTRIBUTES[name].to_json(value)

    return {
        key: {name: show(name, value) for name, value in zip(columns, row, strict=True)}
        for key, row in zip(batch.items.keys, batch.items.rows, strict=True)
    }


def meant(items: list[Item]) -> Items:
    """Return what the supplier meant."""
    return {
        item.sku: {
            "vendorSku": item.sku,
            "name": item.name,
            "vendorName": item.brand,
            "retailPrice": money_to_decimal(int(item.price * 10**6)),
            "inventoryQuantity": item.stock,
            "barcode": item.ean,
            "externalGroupId": item.group,
            "tags": list(item.tags),
        }
        for item in items
    }


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(data=st.data(), items=catalogues())
def test_every_format_carries_the_same_items(name: str, data: st.DataObject, items: list[Item]) -> None:
    """Field by field what the supplier meant, in chunks of any size."""
    written = FORMATS[name](items)
    sizes = data.draw(st.lists(st.integers(1, 64), max_size=30), label="sizes")
    assert read(written, sizes) == meant(items)
