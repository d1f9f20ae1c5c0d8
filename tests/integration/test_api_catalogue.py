"""The merchant's catalogue over the API: products and variants, one by one, as an array, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.servers.feedmill_service import Running, run_service


async def upload(running: Running, body: bytes, query: str = "", media: str = "text/csv") -> tuple[int, Any]:
    """Send a file and return status and answer."""
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": media}
    async with running.client.post(f"{running.url}/api/variants/upload.json{query}", data=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_products_and_variants_are_written_one_by_one(tmp_path: Path) -> None:
    """CRUD answers the whole object; what is taken is 409, what cannot be is 422, what is not there is 404."""
    async with run_service(tmp_path, loops=False) as running:
        status, product = await running.call("POST", "/api/products.json", {"name": "Lamp", "externalId": "L"})
        assert (status, product["name"]) == (200, "Lamp")
        one = f"/api/products/{product['id']}.json"
        assert (await running.call("POST", "/api/products.json", {"name": "Other", "externalId": "L"}))[0] == 409
        assert (await running.call("POST", "/api/products.json", {"externalId": "M"}))[0] == 422
        status, renamed = await running.call("PUT", one, {"name": "Lamps"})
        assert (status, renamed["name"], renamed["externalId"]) == (200, "Lamps", "L")
        assert (await running.call("PUT", one, {"name": None}))[0] == 422
        status, variant = await running.call(
            "POST", "/api/variants.json", {"sku": " A ", "productId": product["id"], "options": [{"name": "Size", "value": "L"}]}
        )
        assert (status, variant["sku"], variant["productExternalId"]) == (200, "A", "L")
        assert variant["options"] == [{"name": "Size", "value": "L"}]
        assert (await running.call("DELETE", one))[0] == 409
        other = f"/api/variants/{variant['id']}.json"
        status, changed = await running.call("PUT", other, {"barcode": "4006381333931"})
        assert (status, changed["sku"], changed["options"]) == (200, "A", variant["options"])
        assert (await running.call("POST", "/api/variants.json", {"sku": "A", "options": [{"name": "size", "value": "l"}]}))[0] == 409
        assert (await running.call("POST", "/api/variants.json", {"name": "nothing"}))[0] == 422
        assert (await running.call("PUT", other, {"productId": 99}))[0] == 422
        assert (await running.call("PUT", other, {"productId": None}))[1]["productExternalId"] is None
        assert (await running.call("GET", "/api/variants.json?where[barcode]=4006381333931"))[1][0]["id"] == variant["id"]
        assert (await running.call("DELETE", one))[0] == 200
        assert (await running.call("DELETE", other))[0] == 200
        for path in (one, other):
            assert {(await running.call(method, path, body))[0] for method, body in (("GET", None), ("PUT", {}), ("DELETE", None))} == {404}


async def test_many_variants_are_known_again_as_a_load_knows_them(tmp_path: Path) -> None:
    """An array makes variants that it finds again, and a file of the same finds them too; each bound is kept."""
    rows = [
        {"sku": "A", "name": "Lamp"},
        {"sku": "B", "options": [{"name": "Size", "value": "S", "position": 1}]},
        {"sku": "B", "options": [{"name": "Size", "value": "M", "position": 1}]},
        {"barcode": "4006381333931", "name": "Shade"},
        {"name": "nothing"},
    ]
    async with run_service(tmp_path, loops=False) as running:
        status, first = await running.call("PUT", "/api/variants/upsert.json", rows)
        assert (status, [each["outcome"] for each in first]) == (200, ["created"] * 4 + ["error"])
        status, second = await running.call("PUT", "/api/variants/upsert.json", rows)
        assert [each["outcome"] for each in second] == ["unchanged"] * 4 + ["error"]
        assert [each["id"] for each in second] == [each["id"] for each in first]
        status, record = await upload(running, b"sku,name\nA,Lamp\n")
        assert (status, record["unchanged"], record["read"]) == (200, 1, 1)
        status, third = await running.call("PUT", "/api/variants/upsert.json", [{"sku": "A", "options": [{"name": "Size", "value": "XL"}]}])
        assert (third[0]["outcome"], third[0]["id"]) == ("updated", first[0]["id"])
        status, record = await upload(running, b"sku,name\nA,Lamp\nC,New\n")
        assert (status, record["created"], record["updated"]) == (200, 1, 1)
        assert (await running.call("PUT", "/api/variants/upsert.json", [{"sku": "A"}] * 1001))[0] == 413
        assert (await running.call("PUT", "/api/variants/upsert.json", {"sku": "A"}))[0] == 422
        status, problem = await running.call("PUT", "/api/variants/upsert.json", [{"sku": "A"}, {"colour": "red"}])
        assert (status, problem["errors"][0]["field"]) == (422, "1.colour")
        status, record = await upload(running, b"sku\nC\n", "?replace=true")
        assert (status, record["removed"], record["status"]) == (200, 4, "complete")
        assert [each["sku"] for each in (await running.call("GET", "/api/variants.json"))[1]] == ["C"]
        assert (await upload(running, b"<html>"))[0] == 422
        assert (await upload(running, b"sku\nD\n", media="application/json"))[0] == 415
        assert (await upload(running, b"sku\nD\n", "?replace=perhaps"))[0] == 422


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """A file over the bound is 413, and nothing of it was loaded."""
    from feedmill.service.settings import Server

    async with run_service(tmp_path, loops=False, server=Server(max_upload_bytes=100)) as running:
        status, problem = await upload(running, b"sku\n" + b"A\n" * 100)
        assert (status, problem["type"]) == (413, "urn:feedmill:problem:too-large")
        assert (await running.call("GET", "/api/variants.json")) == (200, [])
