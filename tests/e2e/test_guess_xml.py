"""From XML to a feed file to items, through the command line."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from tests.e2e.supplier import feedmill, read_items

ROWS = [(f"A-{n:03d}", f"Teil {n}", n % 7, f"{n}.50") for n in range(1, 41)]
LAYOUTS = {
    "elements": "<item><sku>{0}</sku><title>{1}</title><stock><qty>{2}</qty></stock><price>{3}</price></item>",
    "attributes": '<o id="{0}" name="{1}" stock="{2}" price="{3}"/>',
    "named": '<offer><kod>{0}</kod><nazwa>{1}</nazwa><stan>{2}</stan><cena>{3}</cena><a name="Producent">ACME</a><a name="x">y</a></offer>',
    "nested": "<product><title>{1}</title><variants><variant><sku>{0}</sku><qty>{2}</qty><price>{3}</price></variant></variants></product>",
    "prefixed": '<p:item xmlns:p="urn:p"><p:sku>{0}</p:sku><p:title>{1}</p:title><p:qty>{2}</p:qty><p:price>{3}</p:price></p:item>',
}


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_a_guess_of_xml_runs(tmp_path: Path, layout: str) -> None:
    """What guess prints for XML is checked and run as it is, and the items are those of the document."""
    body = "".join(LAYOUTS[layout].format(*row) for row in ROWS)
    await anyio.Path(tmp_path, "goods.xml").write_text(f"<list>{body}</list>", "utf-8")
    guess = await feedmill("guess", "goods.xml", "--feed", "acme", cwd=tmp_path)
    await anyio.Path(tmp_path, "feed.toml").write_text(guess.out, "utf-8")
    check = await feedmill("check", "feed.toml", cwd=tmp_path)
    assert (check.code, check.out) == (0, "feed.toml: ok\n"), check.out
    outcome = await feedmill("sync", "--config", "feed.toml", "--json", cwd=tmp_path)
    assert outcome.json["status"] == "complete", outcome.out
    found = await read_items(tmp_path / "shop.db")
    items = sorted((item["externalId"], item["name"], item["inventoryQuantity"], item["retailPrice"]) for item in found)
    assert items == [(key, name, stock, float(price)) for key, name, stock, price in ROWS]


async def test_a_preset_needs_no_rows(tmp_path: Path) -> None:
    """A known format is recognised, and its preset runs as guess wrote it."""
    body = "".join(f'<o id="{n}" price="{n}.00" stock="{n % 5}" avail="1"><name>P{n}</name></o>' for n in range(1, 31))
    await anyio.Path(tmp_path, "ceneo.xml").write_text(f"<offers>{body}</offers>", "utf-8")
    guess = await feedmill("guess", "ceneo.xml", "--feed", "acme", cwd=tmp_path)
    assert 'xmlMapping = "ceneo"' in guess.out
    await anyio.Path(tmp_path, "feed.toml").write_text(guess.out, "utf-8")
    outcome = await feedmill("sync", "--config", "feed.toml", "--json", cwd=tmp_path)
    assert (outcome.json["status"], outcome.json["created"]) == ("complete", 30), outcome.out
    found = await read_items(tmp_path / "shop.db")
    assert sorted((int(item["externalId"]), item["inventoryQuantity"]) for item in found) == [(n, n % 5) for n in range(1, 31)]
