"""The attributes of a feed variant: exactly those of the API, held and shown without loss."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.batch import Value
from engine.mapping.fields import TARGETS
from engine.schema import ATTRIBUTES, Kind, money_to_decimal

NAMES = [
    *("externalId", "externalGroupId", "vendorSku", "originalSku", "barcode", "mpn", "name", "handle", "description", "productType"),
    *("vendorName", "images", "options", "tags", "metaFields", "inventoryQuantity", "locations", "retailPrice", "compareAtPrice"),
    *("costPrice", "grams", "taxable", "requiresShipping", "position", "status", "inventoryPolicy", "inventoryQuantityOverride"),
    *("manualInventoryQuantity", "allocationBufferOverride", "variantId", "messages"),
]
DEFAULTS = {
    "images": [],
    "options": [],
    "tags": [],
    "grams": 0,
    "taxable": True,
    "requiresShipping": True,
    "status": "pending",
    "inventoryPolicy": "track",
    "inventoryQuantityOverride": "none",
}


def test_the_attributes_are_those_of_the_api() -> None:
    """Every stored attribute of section 7 by its exact name, and no other."""
    assert sorted(ATTRIBUTES) == sorted(NAMES)
    assert all(name == attribute.name for name, attribute in ATTRIBUTES.items())


def test_defaults_are_those_of_the_api() -> None:
    """What is not stored shows as its default, null where the API has none."""
    assert {name: attribute.to_json(None) for name, attribute in ATTRIBUTES.items()} == dict.fromkeys(NAMES) | DEFAULTS


def test_a_feed_never_sets_what_belongs_to_the_merchant() -> None:
    """Overrides and connection survive every import; of the status a feed says only that an item is gone."""
    kept = {"status", "inventoryQuantityOverride", "manualInventoryQuantity", "allocationBufferOverride", "variantId", "messages"}
    assert {name for name, attribute in ATTRIBUTES.items() if not attribute.imported} == kept
    assert kept & set(TARGETS) == {"status"}


def test_identifiers_are_text() -> None:
    """`00123` is never a number."""
    assert all(
        ATTRIBUTES[name].kind is Kind.TEXT for name in ("externalId", "externalGroupId", "vendorSku", "originalSku", "barcode", "mpn")
    )


def test_column_names_are_snake_case_and_distinct() -> None:
    """`externalId` is kept as `external_id`."""
    columns = [attribute.column for attribute in ATTRIBUTES.values()]
    assert ATTRIBUTES["inventoryQuantityOverride"].column == "inventory_quantity_override"
    assert len(set(columns)) == len(columns)
    assert all(column == column.lower() for column in columns)


@pytest.mark.parametrize(
    ("name", "held", "shown"),
    [
        ("retailPrice", 12_500_000, Decimal("12.5")),
        ("retailPrice", 0, Decimal(0)),
        ("requiresShipping", 0, False),
        ("requiresShipping", 1, True),
        ("tags", '["a"]', ["a"]),
        ("tags", "[]", []),
        ("inventoryQuantity", -3, -3),
        ("externalId", "00123", "00123"),
        ("name", "null", "null"),
    ],
)
def test_a_held_value_shows_as_the_api_has_it(name: str, held: Value, shown: object) -> None:
    """Money as an exact decimal, flags as booleans, JSON decoded, texts as they are."""
    found = ATTRIBUTES[name].to_json(held)
    assert found == shown
    assert type(found) is type(shown)


@pytest.mark.parametrize(
    ("scaled", "text"),
    [(12_500_000, "12.5"), (1, "0.000001"), (-1_500_000, "-1.5"), (0, "0"), (100_000_000, "100"), (2**63 - 1, "9223372036854.775807")],
)
def test_money_shows_without_trailing_zeros(scaled: int, text: str) -> None:
    """Millionths become the shortest decimal, equal digit for digit."""
    decimal = money_to_decimal(scaled)
    assert f"{decimal:f}" == text
    assert isinstance(decimal, Decimal)
