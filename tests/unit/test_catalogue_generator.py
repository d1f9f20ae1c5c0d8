"""The generated catalogue that the example serves and the benchmarks measure."""

from __future__ import annotations

import csv
import hashlib

import pytest

from examples.catalogue import COLUMNS, Catalogue

ITEMS = 2_000


def rows(catalogue: Catalogue, version: int = 0) -> list[dict[str, str]]:
    """Read the catalogue as any CSV reader would."""
    return list(csv.DictReader(catalogue.lines(version), strict=True))


def test_the_same_catalogue_has_the_same_bytes_everywhere() -> None:
    """Nothing depends on the process, the machine or Python's own random numbers: figures can be compared over time."""
    digest = hashlib.sha256(b"".join(Catalogue(ITEMS).blocks(3))).hexdigest()
    assert digest == "9d749113f38c53cdfd9741d2f14ae2c4e86f10e1e29f113f89189f713309de2c"


def test_blocks_and_lines_are_the_same_text() -> None:
    """The bytes that are served are the lines, wherever the blocks end."""
    catalogue = Catalogue(2_345)
    assert b"".join(catalogue.blocks(1)).decode() == "".join(catalogue.lines(1))


def test_every_item_is_whole_and_its_own() -> None:
    """Each row fills all eleven columns, and no two share an SKU or an EAN."""
    found = rows(Catalogue(ITEMS))
    assert len(found) == len({row["sku"] for row in found}) == len({row["ean"] for row in found}) == ITEMS
    assert all(tuple(row) == COLUMNS and all(row.values()) for row in found)


def test_eans_have_valid_check_digits() -> None:
    """The digits of an EAN, weighted 1 and 3 in turn, add up to a multiple of ten (GS1 General Specifications, 7.9)."""
    weights = (1, 3) * 6 + (1,)
    for row in rows(Catalogue(ITEMS)):
        assert len(row["ean"]) == 13
        assert sum(int(digit) * weight for digit, weight in zip(row["ean"], weights, strict=True)) % 10 == 0


@pytest.mark.parametrize("version", [1, 2, 99, 100, 101, 250])
def test_a_version_changes_stock_or_price_of_exactly_one_item_in_a_hundred(version: int) -> None:
    """The items that `changed` names differ from the version before in stock or price alone; no other item differs at all."""
    catalogue = Catalogue(ITEMS)
    before, after = rows(catalogue, version - 1), rows(catalogue, version)
    changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    assert changed == list(catalogue.changed(version))
    assert len(changed) == ITEMS // 100
    kinds = {frozenset(name for name in COLUMNS if before[index][name] != after[index][name]) for index in changed}
    assert kinds == {frozenset({"stock"}), frozenset({"price"})}


def test_a_seed_makes_another_catalogue_of_the_same_items() -> None:
    """Another seed changes what the items are like, not which there are."""
    one, other = rows(Catalogue(ITEMS)), rows(Catalogue(ITEMS, seed=2))
    assert [row["sku"] for row in one] == [row["sku"] for row in other]
    assert one != other


@pytest.mark.parametrize("version", [0, 1, 500])
def test_figures_stay_plausible(version: int) -> None:
    """Stock is never negative nor a price below its cost, however often an item has changed."""
    for row in rows(Catalogue(ITEMS, change_every=2), version):
        assert 0 <= int(row["stock"]) < 300
        assert float(row["price"]) > float(row["cost"]) > 0
