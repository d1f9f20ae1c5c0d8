"""The catalogue on the command line: load it, look at it, connect by hand."""

from __future__ import annotations

from pathlib import Path

from anyio import Path as AsyncPath

from tests.e2e.supplier import feedmill

DB = ("--db", "sqlite:///shop.db")


async def test_a_catalogue_is_loaded_and_items_are_connected(tmp_path: Path) -> None:
    """Loading connects what was synced, says what it could not, and what a person does then is shown by `items`."""
    await AsyncPath(tmp_path / "feed.csv").write_text("sku,qty\nA,1\na,2\nB,3\n")
    await AsyncPath(tmp_path / "catalogue.csv").write_text("sku,title\nA,Apple\nB,Pear\n")
    await feedmill("sync", "feed.csv", "--to", "shop.db", "--feed", "f", "--set", "caseInsensitiveSkus=true", "--set", "mapping=custom",
                   "--field", "externalId=qty", "--field", "sku=sku", "--field", "inventoryQuantity=qty", cwd=tmp_path)  # fmt: skip
    loaded = await feedmill("catalogue", "load", "catalogue.csv", *DB, "--json", cwd=tmp_path)
    assert (loaded.code, loaded.json["created"]) == (0, 2), loaded.err
    (feed,) = loaded.json["feeds"]
    assert (feed["feed"], feed["connected"], feed["problems"][0]["code"]) == ("f", 1, "ambiguous")
    again = await feedmill("catalogue", "load", "catalogue.csv", *DB, cwd=tmp_path)
    assert "feed f: 0 connected, 0 disconnected" in again.out
    assert "ambiguous: 2 items were not connected" in again.out
    variants = (await feedmill("catalogue", "list", *DB, cwd=tmp_path)).lines
    assert [(each["sku"], each["name"]) for each in variants] == [("A", "Apple"), ("B", "Pear")]
    by_hand = await feedmill("connect", "2", "--feed", "f", "--variant", "A", *DB, "--json", cwd=tmp_path)
    assert (by_hand.code, by_hand.json["variantId"], by_hand.json["released"]) == (0, variants[0]["id"], []), by_hand.err
    off = await feedmill("disconnect", "3", *DB, cwd=tmp_path)
    assert off.out == f"item '3' of feed 'f' is disconnected from variant {variants[1]['id']}\n"
    items = (await feedmill("items", *DB, "--feed", "f", cwd=tmp_path)).lines
    assert [(item["variantId"], item["status"]) for item in items] == [
        (None, "pending"),
        (variants[0]["id"], "connected"),
        (None, "pending"),
    ]
    assert items[0]["messages"] == [f"ambiguous: other items of the feed fit variant {variants[0]['id']} of the catalogue as well"]


async def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    """A load that is refused ends with 4, a variant that is not named with 2, and one that is not there with 78."""
    await AsyncPath(tmp_path / "page.csv").write_text("<html><body>login</body></html>")
    refused = await feedmill("catalogue", "load", "page.csv", *DB, cwd=tmp_path)
    assert (refused.code, "HTML page" in refused.out) == (4, True)
    unnamed = await feedmill("connect", "1", *DB, cwd=tmp_path)
    assert (unnamed.code, "--variant" in unnamed.err) == (2, True)
    missing = await feedmill("connect", "1", "--variant", "A", *DB, cwd=tmp_path)
    assert (missing.code, "there is no item '1'" in missing.err) == (78, True)
