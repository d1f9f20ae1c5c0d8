"""An integrator's first calls, with curl, against the daemon as a shop runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

COMMAND = str(Path(sys.executable).with_name("feedmill"))
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Shop:
    """A daemon that runs: where, and the token of its administrator."""

    url: str
    token: str

    def curl(self, method: str, path: str, body: object = None, *headers: str) -> tuple[int, Any]:
        """Call with curl as a person would, and return the status and the JSON of the answer."""
        command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", "--request", method]
        shown = headers or (f"Authorization: Bearer {self.token}",)
        command += [part for header in shown for part in ("--header", header)]
        if body is not None:
            command += ["--header", "Content-Type: application/json", "--data-binary", orjson.dumps(body).decode()]
        done = subprocess.run([*command, f"{self.url}{path}"], capture_output=True, check=True, timeout=PATIENCE)
        answer, _, status = done.stdout.rpartition(b"\n")
        return int(status), orjson.loads(answer) if answer else None


@contextmanager
def serving(directory: Path) -> Iterator[Shop]:
    """Run `feedmill serve` on a database in a directory, and end it as a service manager does."""
    database = directory / "shop.db"
    created = [COMMAND, "token", "create", "--name", "curl", "--scope", "admin", "--db", str(database)]
    token = subprocess.run(created, capture_output=True, check=True, timeout=PATIENCE, text=True).stdout.strip()
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [COMMAND, "serve", "--db", str(database), "--port", "0"], stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ
        )
        assert process.stdout is not None
        try:
            address = next((found[0] for line in process.stdout if (found := re.search(r"http://127\.0\.0\.1:\d+", line))), None)
            assert address is not None, (directory / "log").read_text()
            yield Shop(address, token)
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, (directory / "log").read_text()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run one daemon for this module."""
    with serving(tmp_path_factory.mktemp("shop")) as running:
        yield running


def finished(shop: Shop, batch: int) -> Any:
    """Wait for a batch and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        status, shown = shop.curl("GET", f"/api/batches/{batch}.json")
        assert status == 200
        if shown["status"] != "pending":
            return shown
    raise TimeoutError(f"batch {batch} is still pending")


def test_an_integrators_first_calls(shop: Shop) -> None:
    """Provider, feed, an item, its update, the list, a batch of 50 and one of 51, and a supplier's post with the feed's hash."""
    status, provider = shop.curl("POST", "/api/dropship-providers.json", {"name": "Acme"})
    assert status == 200
    feed_body = {"name": "Acme stock", "resourceType": "webhook", "dropshipProviderId": provider["id"]}
    status, feed = shop.curl("POST", "/api/inventory-feed.json", feed_body)
    assert (status, feed["name"]) == (200, "Acme stock")
    push = f"/api/inventory-feeds/{feed['id']}/parse-webhook.json"
    status, item = shop.curl("PUT", push, {"externalId": "123", "vendorSku": "ABC-123", "inventoryQuantity": 10})
    assert (status, item["inventoryQuantity"]) == (200, 10)
    status, again = shop.curl("PUT", push, {"externalId": "123", "vendorSku": "ABC-123", "inventoryQuantity": 7})
    assert (status, again["id"], again["inventoryQuantity"]) == (200, item["id"], 7)
    status, listed = shop.curl("GET", f"/api/inventory-feed-variants.json?where%5BinventoryFeedId%5D={feed['id']}")
    assert (status, [each["inventoryQuantity"] for each in listed]) == (200, [7])
    status, changed = shop.curl("PUT", f"/api/inventory-feed-variants/{item['id']}.json", {"inventoryQuantity": 6})
    assert (status, changed["inventoryQuantity"]) == (200, 6)
    batch = [{"externalId": str(number), "vendorSku": f"S-{number}", "inventoryQuantity": number} for number in range(51)]
    status, answered = shop.curl("PUT", f"/api/inventory-feeds/{feed['id']}/parse-webhooks.json", batch[:50])
    assert status == 202
    assert [each["outcome"] for each in finished(shop, answered["batchId"])["results"]] == ["created"] * 50
    assert shop.curl("PUT", f"/api/inventory-feeds/{feed['id']}/parse-webhooks.json", batch)[0] == 413
    inbound = "/webhooks/inventory-feeds/parse-webhooks.json"
    status, answered = shop.curl("POST", inbound, batch[:2], f"jetti-webhook-hash: {feed['hash']}")
    assert status == 202
    assert [each["outcome"] for each in finished(shop, answered["batchId"])["results"]] == ["unchanged"] * 2
    assert shop.curl("POST", inbound, batch[:2], "jetti-webhook-hash: nobody")[0] == 401


def test_a_feed_that_connects_by_itself(shop: Shop) -> None:
    """An item whose SKU the catalogue has is connected when it is pushed, and the answer says to what."""
    _, provider = shop.curl("POST", "/api/dropship-providers.json", {"name": "Connected"})
    body = {"name": "Connected stock", "resourceType": "webhook", "dropshipProviderId": provider["id"], "automaticallyConnect": True}
    _, feed = shop.curl("POST", "/api/inventory-feeds.json", body)
    _, product = shop.curl("POST", "/api/products.json", {"name": "Chair"})
    _, variant = shop.curl("POST", "/api/variants.json", {"sku": "CHAIR-1", "productId": product["id"]})
    pushed = {"externalId": "c1", "vendorSku": "CHAIR-1", "inventoryQuantity": 2}
    status, item = shop.curl("PUT", f"/api/inventory-feeds/{feed['id']}/parse-webhook.json", pushed)
    assert (status, item["status"], item["variantId"]) == (200, "connected", variant["id"])
