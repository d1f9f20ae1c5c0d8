"""From a source to a feed file to items, through the command line: guess, check, preview, sync, schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from tests.e2e.supplier import Outcome, Supplier, feedmill, read_items, serve, table

HEADER = ("Artikelnr", "Bezeichnung", "Lagerbestand", "VK-Preis", "VPE")
ROWS = [(f"{n:05d}", f"Teil {n}", n % 7, f"{n},50", (6, 12)[n % 2]) for n in range(1, 101)]


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Serve a hundred parts on loopback."""
    async with serve() as running:
        running.body = table([HEADER, *ROWS])
        yield running


async def guessed(source: str, cwd: Path, *more: str) -> Outcome:
    """Run guess, and write what it prints to feed.toml."""
    outcome = await feedmill("guess", source, "--feed", "acme", *more, cwd=cwd)
    assert outcome.code == 0, outcome.err
    await anyio.Path(cwd, "feed.toml").write_text(outcome.out, "utf-8")
    return outcome


async def synced(cwd: Path, *more: str) -> list[tuple[object, ...]]:
    """Check and run feed.toml; return the items."""
    check = await feedmill("check", "feed.toml", cwd=cwd)
    assert (check.code, check.out) == (0, "feed.toml: ok\n"), check.out + check.err
    outcome = await feedmill("sync", "--config", "feed.toml", "--json", *more, cwd=cwd)
    assert outcome.code == 0, outcome.out + outcome.err
    assert outcome.json["status"] == "complete"
    found = await read_items(cwd / "shop.db")
    return sorted((item["externalId"], item["name"], item["inventoryQuantity"], item["retailPrice"]) for item in found)


EXPECTED = [(f"{n:05d}", f"Teil {n}", n % 7, n + 0.5) for n in range(1, 101)]


async def test_a_guess_is_a_feed_file_that_runs(supplier: Supplier, tmp_path: Path) -> None:
    """What guess prints is checked and run as it is, and the items are right to the last one."""
    outcome = await guessed(supplier.url, tmp_path)
    assert "# 'Lagerbestand' means stock in German; 100 of 100 values are figures" in outcome.out
    assert [path.name async for path in anyio.Path(tmp_path).iterdir()] == ["feed.toml"]
    assert await synced(tmp_path) == EXPECTED


@pytest.mark.parametrize("layout", ["list", "nested"])
async def test_a_guess_of_json_runs(tmp_path: Path, layout: str) -> None:
    """The same goods as JSON give the same items."""
    rows = [{"sku": key, "title": name, "stock": {"qty": qty}, "price": price.replace(",", ".")} for key, name, qty, price, _ in ROWS]
    body = {
        "list": json.dumps({"data": {"goods": rows}}),
        "nested": json.dumps({"products": [{"id": n, "variants": [row]} for n, row in enumerate(rows)]}),
    }[layout]
    await anyio.Path(tmp_path, "goods.json").write_text(body, "utf-8")
    await guessed("goods.json", tmp_path)
    assert await synced(tmp_path) == EXPECTED


async def test_no_password_reaches_a_feed_file(supplier: Supplier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the source become variables, which sync takes from the environment."""
    url = supplier.url.replace("http://", "http://buyer:p%40ss@") + "?token=s3cr3t&a=1"
    outcome = await guessed(url, tmp_path)
    for secret in ("p%40ss", "p@ss", "s3cr3t", "buyer"):
        assert secret not in outcome.out + outcome.err
    unset = await feedmill("sync", "--config", "feed.toml", cwd=tmp_path)
    assert unset.code == 78
    assert "the environment variable ACME_PASSWORD is not set" in unset.err
    for name, value in {"ACME_USER": "buyer", "ACME_PASSWORD": "p@ss", "ACME_TOKEN": "s3cr3t"}.items():
        monkeypatch.setenv(name, value)
    assert await synced(tmp_path) == EXPECTED
    assert set(supplier.authorizations) == {"Basic YnV5ZXI6cEBzcw=="}


async def test_what_is_given_beside_a_feed_file_counts_first(supplier: Supplier, tmp_path: Path) -> None:
    """Source, database, name, settings and rows can all be given on top; the file is the whole feed otherwise."""
    await guessed(supplier.url, tmp_path)
    await anyio.Path(tmp_path, "other.csv").write_bytes(table([("Nr", *HEADER[1:]), ("A1", "x", 3, "1,00", 6)]))
    outcome = await feedmill(
        *("sync", "other.csv", "--config", "feed.toml", "--to", "b.db", "--feed", "b"),
        *("--set", "guard.minItems=1", "--field", "sku=Nr", "--json"),
        cwd=tmp_path,
    )
    assert outcome.json["created"] == 1, outcome.err
    (item,) = (await feedmill("items", "--db", "b.db", "--feed", "b", cwd=tmp_path)).lines
    assert (item["externalId"], item["inventoryQuantity"], item["retailPrice"]) == ("A1", 3, 1)


async def test_a_feed_file_replaces_what_is_stored(supplier: Supplier, tmp_path: Path) -> None:
    """A setting that was taken out of the file is no longer in force, although it was stored."""
    await guessed(supplier.url, tmp_path)
    await feedmill("sync", "--config", "feed.toml", "--set", "allocationBuffer=2", cwd=tmp_path)
    buffered = await read_items(tmp_path / "shop.db")
    await feedmill("sync", "--config", "feed.toml", "--refetch", cwd=tmp_path)
    plain = await read_items(tmp_path / "shop.db")
    assert [item["availableQuantity"] for item in buffered] == [max(item["inventoryQuantity"] - 2, 0) for item in plain]
    assert [item["availableQuantity"] for item in plain] == [item["inventoryQuantity"] for item in plain]


async def test_check_tells_every_fault_and_fetches_nothing(supplier: Supplier, tmp_path: Path) -> None:
    """Each file is said ok or has all its faults listed, by file and line; one bad file is enough for code 78."""
    await guessed(supplier.url, tmp_path)
    asked = len(supplier.authorizations)
    bad = f'name = "b"\nsource = "{supplier.url}"\ndelimeter = ";"\nencoding = 7\n'
    await anyio.Path(tmp_path, "bad.toml").write_text(bad, "utf-8")
    outcome = await feedmill("check", "feed.toml", "bad.toml", "none.toml", cwd=tmp_path)
    assert outcome.code == 78
    first, second, third, last = outcome.out.splitlines()
    assert (first, second) == ("feed.toml: ok", "bad.toml:3: delimeter: unknown attribute; did you mean 'delimiter'?")
    assert third.startswith("bad.toml:4: encoding: ")
    assert last.startswith("none.toml: none.toml cannot be read")
    assert len(supplier.authorizations) == asked


async def test_guess_says_what_is_missing(supplier: Supplier, tmp_path: Path) -> None:
    """Without a plain stock or key guess ends well all the same, offers what there is, and says so twice."""
    supplier.body = table([("Nr", "Figure"), *((n, n % 9) for n in range(50)), (7, 7)])
    outcome = await guessed(supplier.url, tmp_path)
    assert "# Note: no key" in outcome.out
    assert "# Note: no stock" in outcome.out
    assert "no stock" in outcome.err
    check = await feedmill("check", "feed.toml", cwd=tmp_path)
    assert check.code == 78
    assert "maps no column" in check.out


async def test_guess_refuses_what_is_no_feed(supplier: Supplier, tmp_path: Path) -> None:
    """There is nothing to guess by: code 4, and nothing on standard output that could become a feed file."""
    supplier.body = b"<!DOCTYPE html><html><title>Login</title></html>"
    outcome = await feedmill("guess", supplier.url, cwd=tmp_path)
    assert (outcome.code, outcome.out) == (4, "")
    assert "HTML page" in outcome.err


async def test_guess_as_json_has_the_reasons(supplier: Supplier, tmp_path: Path) -> None:
    """Programs get the same choices, each with its reason and whether it is sure."""
    outcome = await feedmill("guess", supplier.url, "--json", cwd=tmp_path)
    assert (outcome.json["name"], outcome.json["records"]) == ("stock", 100)
    stock = next(field for field in outcome.json["fields"] if field["row"]["purpose"] == "inventoryQuantity")
    assert (stock["row"]["name"], stock["sure"]) == ("Lagerbestand", True)
    assert "means stock in German" in stock["reason"]


async def test_preview_leads_every_field_from_raw_to_mapped(supplier: Supplier, tmp_path: Path) -> None:
    """A preview of a feed file shows each field with its column, and each problem at the field that has it."""
    await guessed(supplier.url, tmp_path)
    supplier.body = table([HEADER, ("1", "Bolt", "x", "y", 6), ("2", "Nut", 3, "1,50", 6)])
    outcome = await feedmill("preview", "--config", "feed.toml", "--json", cwd=tmp_path)
    first, second = outcome.json["records"]
    faults = {field["attribute"]: field["problem"] for field in first["fields"] if "problem" in field}
    assert {name: (fault["line"], fault["column"], fault["value"]) for name, fault in faults.items()} == {
        "inventoryQuantity": (2, "Lagerbestand", "x"),
        "retailPrice": (2, "VK-Preis", "y"),
    }
    stock = next(field for field in second["fields"] if field["attribute"] == "inventoryQuantity")
    assert stock == {"attribute": "inventoryQuantity", "source": "Lagerbestand", "raw": "3", "value": 3}
    shown = await feedmill("preview", "--config", "feed.toml", cwd=tmp_path)
    assert "  retailPrice        VK-Preis      '1,50'  ->  1.5" in shown.out.splitlines()
    assert any("'x'" in line and "-> " in line and "not a number" in line for line in shown.out.splitlines())


async def test_without_a_feed_file_the_arguments_are_needed(tmp_path: Path) -> None:
    """Without --config a source, a database and a name have to be given; a file may leave the database to the command line."""
    for arguments in ((), ("x.csv", "--to", "a.db")):
        outcome = await feedmill("sync", *arguments, cwd=tmp_path)
        assert (outcome.code, "is not given" in outcome.err) == (2, True)
    text = 'name = "a"\nsource = "x.csv"\n[[fields]]\nname = "Nr"\npurpose = "sku"\n'
    await anyio.Path(tmp_path, "feed.toml").write_text(text, "utf-8")
    outcome = await feedmill("sync", "--config", "feed.toml", cwd=tmp_path)
    assert (outcome.code, "to = " in outcome.err) == (2, True)


async def test_the_schema_is_json(tmp_path: Path) -> None:
    """What editors take is printed whole."""
    outcome = await feedmill("schema", cwd=tmp_path)
    assert outcome.json["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert outcome.json["properties"]["decimalNotation"]["enum"] == ["decimal", "comma"]
