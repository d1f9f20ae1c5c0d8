"""A source is looked at before a feed is made of it: guessed and previewed, and nothing of it is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from feedmill.service.settings import Outgoing
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.supplier import Supplier, supplying

GUESS = "/api/inventory-feeds/guess.json"
PREVIEW = "/api/inventory-feeds/preview.json"
ROWS = [{"name": "sku", "purpose": "sku"}, {"name": "qty", "purpose": "inventoryQuantity"}]


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Run a supplier."""
    async with supplying() as supplier:
        yield supplier


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service."""
    async with run_service(tmp_path, loops=False) as running:
        yield running


async def _sees(running: Running, supplier: Supplier, **settings: Any) -> Any:
    status, found = await running.call("POST", PREVIEW, {"settings": {"resourceLocation": supplier.url, **settings}})
    assert status == 200, found
    return found


async def test_a_guess_has_reasons_columns_and_no_trace(running: Running, supplier: Supplier) -> None:
    """Each choice comes with its reason, each column with examples; no feed, provider or run is made."""
    status, found = await running.call("POST", GUESS, {"settings": {"resourceLocation": supplier.url}})
    assert status == 200
    assert {str(each["attribute"]): each["value"] for each in found["settings"] if each["sure"]} == {
        "resourceType": "ftpCsv",
        "mapping": "custom",
    }
    assert all(each["reason"] for each in (*found["settings"], *found["fields"]))
    assert [each["row"] for each in found["fields"]] == ROWS
    assert found["columns"][1] == {"name": "qty", "label": "qty", "examples": ["1", "2", "3"], "filled": 3, "different": 3}
    assert (found["name"], found["records"], found["complete"]) == ("stock", 3, True)
    for path in ("inventory-feeds", "dropship-providers", "data-imports"):
        assert (await running.call("GET", f"/api/{path}.json"))[1] == []


async def test_whoever_tries_settings_asks_the_supplier_once(running: Running, supplier: Supplier) -> None:
    """A guess and previews read what was fetched for the first, until it is asked for anew; of many megabytes the first."""
    location = {"resourceLocation": supplier.url}
    await running.call("POST", GUESS, {"settings": location})
    first = await _sees(running, supplier, mapping="custom", fields=ROWS)
    wrong = await _sees(running, supplier, mapping="custom", fields=[ROWS[0], {"name": "sku", "purpose": "inventoryQuantity"}])
    assert supplier.asked == 1
    assert [record["item"]["inventoryQuantity"] for record in first["records"]] == [1, 2, 3]
    assert [record["item"] for record in wrong["records"]] == [None, None, None]
    assert "lookup" in wrong["records"][0]["problems"][0]["message"]
    supplier.offer(d=4)
    await running.call("POST", GUESS, {"settings": location, "refetch": True})
    assert [record["raw"]["sku"] for record in (await _sees(running, supplier, mapping="custom", fields=ROWS))["records"]] == ["d"]
    assert supplier.asked == 2
    await _sees(running, supplier, mapping="custom", fields=ROWS, authenticationToken="ada", authenticationSecret="other")
    assert supplier.asked == 3
    supplier.offer(**{f"sku{number:07}": number % 9 for number in range(150_000)})
    status, found = await running.call("POST", GUESS, {"settings": location, "refetch": True})
    assert (status, found["complete"], found["bytes"]) == (200, False, 1024 * 1024)
    shown = await _sees(running, supplier, mapping="custom", fields=ROWS)
    assert (len(shown["records"]), supplier.asked) == (20, 4)


FAULTS: list[tuple[dict[str, str], str, str]] = [
    ({}, "resourceLocation", "is not given"),
    ({"resourceLocation": "ftp://"}, "resourceLocation", "names no host"),
    ({"resourceLocation": "http://169.254.169.254/x"}, "resourceLocation", "no feed may use it"),
    ({"resourceLocation": "http://127.0.0.1/x", "delimeter": ";"}, "delimeter", "did you mean 'delimiter'?"),
    ({"resourceLocation": "http://127.0.0.1/x", "resourceType": "webhook"}, "resourceType", "pushed to, not fetched"),
    ({"resourceLocation": "http://ada:***@127.0.0.1/x"}, "resourceLocation", "holds a mask"),
]


async def test_settings_that_cannot_work_are_named(running: Running, supplier: Supplier) -> None:
    """Before anything is connected to, each fault is told at its attribute; and only an admin makes this server connect anywhere."""
    for settings, field, said in FAULTS:
        status, problem = await running.call("POST", GUESS, {"settings": settings})
        assert status == 422
        assert [(fault["field"], said in fault["message"]) for fault in problem["errors"]] == [(field, True)]
    reader = await make_token(running.service, "read")
    for path in (GUESS, PREVIEW):
        assert (await running.call("POST", path, {"settings": {"resourceLocation": supplier.url}}, token=reader))[0] == 403
    assert supplier.asked == 0


async def test_only_what_the_operator_allows_is_looked_at(tmp_path: Path, supplier: Supplier) -> None:
    """A private address, a file of this machine and a key file are refused to a look as they are to a feed."""
    async with run_service(tmp_path, loops=False, egress=Outgoing(allow_private=False)) as running:
        for settings in (
            {"resourceLocation": supplier.url},
            {"resourceLocation": f"file://{tmp_path}/shop.db"},
            {"resourceLocation": "sftp://supplier.example/x", "transport": {"privateKey": str(tmp_path / "shop.db")}},
        ):
            for path in (GUESS, PREVIEW):
                status, problem = await running.call("POST", path, {"settings": settings})
                assert (status, "allow" in problem["errors"][0]["message"]) == (422, True)
    assert supplier.asked == 0
