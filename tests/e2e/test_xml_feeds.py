"""XML through the command line: real processes, a real supplier, a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.supplier import Supplier, feedmill, read_items, serve

FIELDS = ("--field", "externalId=@id", "--field", "inventoryQuantity=stock/qty", "--field", "retailPrice=price")
TO = ("--to", "sqlite:///shop.db", "--feed", "acme")


def shop(*quantities: int) -> bytes:
    """Write a catalogue of items with these quantities."""
    items = "".join(
        f'<item id="{n:05d}"><price>{n}.50</price><stock><qty>{quantity}</qty></stock></item>\n' for n, quantity in enumerate(quantities)
    )
    return f'<?xml version="1.0"?>\n<shop><items>\n{items}</items></shop>'.encode()


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Serve three items on loopback."""
    async with serve() as running:
        running.body = shop(5, 0, 7)
        yield running


async def stock(cwd: Path) -> dict[str, tuple[object, object]]:
    """Return quantity and price of the stored items, by key."""
    return {item["externalId"]: (item["inventoryQuantity"], item["retailPrice"]) for item in await read_items(cwd / "shop.db")}


async def test_rows_of_xpath_import_a_feed_and_follow_it(supplier: Supplier, tmp_path: Path) -> None:
    """Fields named by XPath fill the items; the next run changes what changed, and a broken feed changes nothing."""
    first = await feedmill("sync", supplier.url, *TO, "--set", "resourceType=xml", *FIELDS, "--json", cwd=tmp_path)
    assert (first.code, first.json["created"], first.json["dialect"]["xmlPath"]) == (0, 3, "/shop/items/item"), first.err
    assert await stock(tmp_path) == {"00000": (5, 0.5), "00001": (0, 1.5), "00002": (7, 2.5)}
    supplier.body = shop(5, 9, 7)
    second = await feedmill("sync", supplier.url, *TO, "--json", cwd=tmp_path)
    assert (second.code, second.json["updated"], second.json["unchanged"]) == (0, 1, 2), second.err
    for broken in (shop(1, 1, 1)[:-20], shop(1, 1, 1).replace(b"qty>", b"quantity>")):
        supplier.body = broken
        assert (await feedmill("sync", supplier.url, *TO, cwd=tmp_path)).code == 4
    assert await stock(tmp_path) == {"00000": (5, 0.5), "00001": (9, 1.5), "00002": (7, 2.5)}


async def test_a_path_that_cannot_be_followed_is_a_fault_of_the_settings(supplier: Supplier, tmp_path: Path) -> None:
    """It is said with its reason and exit code 78, and no database is made."""
    outcome = await feedmill("sync", supplier.url, *TO, "--set", "resourceType=xml", "--set", "xmlPath=item[3]", *FIELDS, cwd=tmp_path)
    assert outcome.code == 78
    assert "[3] counts the elements of the whole document, which no stream can" in outcome.err
