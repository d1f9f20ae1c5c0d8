"""What a person does after a run, on the command line: look, decide, take back, and mend a mapping."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import Path as AsyncPath

from engine.run import RunStatus
from tests.e2e.supplier import Supplier, feedmill, read_items, run_feed, serve, table

HEADER = ("Artikelnr", "Bezeichnung", "Lager", "Preis")
ROWS = {"sku": "Artikelnr", "name": "Bezeichnung", "inventoryQuantity": "Lager", "retailPrice": "Preis"}
FIELDS = tuple(part for purpose, column in ROWS.items() for part in ("--field", f"{purpose}={column}"))
TO = ("--to", "shop.db", "--feed", "acme")
DB = ("--db", "shop.db")


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Serve three parts on loopback."""
    async with serve() as running:
        running.body = table([HEADER, ("1", "Bolt", 5, "1.50"), ("2", "Nut", 50, "2.50"), ("3", "Gear", 0, "3.50")])
        yield running


async def sync(supplier: Supplier, cwd: Path, *, status: RunStatus = RunStatus.COMPLETE, **chosen: Any) -> int:
    """Sync the feed and return the number of the run."""
    record = await run_feed(supplier.url, cwd, **chosen)
    assert record.status is status, record.problems
    return record.run


async def stock(cwd: Path) -> dict[str, object]:
    """Return the stock by key."""
    return {item["externalId"]: item["inventoryQuantity"] for item in await read_items(cwd / "shop.db")}


async def test_a_held_run_is_looked_at_and_decided(supplier: Supplier, tmp_path: Path) -> None:
    """A feed that is reviewed ends with code 3; its diff shows what it would do; rejecting leaves all as it was, approving applies it."""
    await sync(supplier, tmp_path, fields=ROWS)
    supplier.body = supplier.body.replace(b"1;Bolt;5;", b"1;Bolt;9;").replace(b"2;Nut;50;", b"2;Nut;0;")
    outcome = await feedmill("sync", supplier.url, *TO, "--set", "reviewChanges=true", "--json", cwd=tmp_path)
    assert (outcome.code, outcome.json["status"]) == (3, "held"), outcome.err
    held = int(outcome.json["run"])
    shown = await feedmill("diff", str(held), *DB, "--json", cwd=tmp_path)
    assert (shown.json["held"], shown.json["counts"]["updated"], shown.json["counts"]["zeroed"]) == (True, 1, 1)
    whole = await feedmill("diff", str(held), *DB, "--csv", cwd=tmp_path)
    assert list(csv.reader(io.StringIO(whole.out))) == [
        ["externalId", "vendorSku", "name", "kind", "field", "before", "after"],
        ["1", "1", "Bolt", "updated", "inventoryQuantity", "5", "9"],
        ["2", "2", "Nut", "zeroed", "inventoryQuantity", "50", "0"],
    ]
    rejected = await feedmill("reject", str(held), *DB, "--comment", "a typing error", "--json", cwd=tmp_path)
    assert (rejected.code, rejected.json["status"]) == (0, "cancelled")
    assert "a typing error" in rejected.json["problems"][0]["message"]
    assert await stock(tmp_path) == {"1": 5, "2": 50, "3": 0}
    assert (await feedmill("approve", str(held), *DB, cwd=tmp_path)).code == 78
    held = await sync(supplier, tmp_path, status=RunStatus.HELD, settings={"reviewChanges": True})
    approved = await feedmill("approve", str(held), *DB, cwd=tmp_path)
    assert (approved.code, f"run {held} of acme: complete" in approved.out) == (0, True)
    assert await stock(tmp_path) == {"1": 9, "2": 0, "3": 0}


async def test_a_run_is_undone_and_its_file_applied_again(supplier: Supplier, tmp_path: Path) -> None:
    """A dry undo changes nothing; an undo restores, tells the history and can be undone; the same file is not taken for known."""
    first = await sync(supplier, tmp_path, fields=ROWS)
    supplier.body = supplier.body.replace(b"1;Bolt;5;", b"1;Bolt;9;") + b"4;Pin;8;4.50\n"
    run = await sync(supplier, tmp_path)
    planned = await feedmill("undo", str(run), *DB, "--dry-run", "--json", cwd=tmp_path)
    assert (planned.code, planned.json["run"], planned.json["updated"], planned.json["removed"]) == (0, None, 1, 1)
    assert (await stock(tmp_path))["4"] == 8
    undone = await feedmill("undo", str(run), *DB, "--json", cwd=tmp_path)
    assert (undone.code, undone.json["undoes"], undone.json["conflicts"]) == (0, run, [])
    assert await stock(tmp_path) == {"1": 5, "2": 50, "3": 0}
    past = await feedmill("history", "1", *DB, "--json", cwd=tmp_path)
    assert [(entry["run"], entry["action"]) for entry in past.json["entries"]] == [
        (undone.json["run"], "updated"),
        (run, "updated"),
        (first, "created"),
    ]
    assert past.json["entries"][0]["fields"] == [{"field": "inventoryQuantity", "before": 9, "after": 5}]
    assert "deleted by run" in (await feedmill("history", "4", *DB, cwd=tmp_path)).out
    again = await sync(supplier, tmp_path)
    assert await stock(tmp_path) == {"1": 9, "2": 50, "3": 0, "4": 8}
    conflicting = await feedmill("undo", str(run), *DB, cwd=tmp_path)
    assert (conflicting.code, f"undo run {undone.json['run']}" in conflicting.err) == (78, True)
    assert (await feedmill("diff", str(again), *DB, cwd=tmp_path)).out.startswith(f"run {again} of acme, complete: what it did")


async def test_an_undo_that_restores_nothing_says_so(supplier: Supplier, tmp_path: Path) -> None:
    """Where all was written since, the conflicts are printed and kept, and the exit code is 4."""
    await sync(supplier, tmp_path, fields=ROWS)
    bodies = [supplier.body.replace(b"1;Bolt;5;", b"1;Bolt;%d;" % quantity) for quantity in (6, 7)]
    runs = []
    for supplier.body in bodies:
        runs.append(await sync(supplier, tmp_path))
    undone = await feedmill("undo", str(runs[0]), *DB, cwd=tmp_path)
    assert undone.code == 4
    assert f"left alone: inventoryQuantity of item '1': the run left 6, run {runs[1]} wrote 7" in undone.out
    assert (await stock(tmp_path))["1"] == 7
    kept = await feedmill("rejects", str(runs[1] + 1), *DB, cwd=tmp_path)
    assert [(reject["column"], reject["value"], reject["fate"]) for reject in kept.lines] == [("inventoryQuantity", "7", "skipped")]


async def test_a_reject_is_read_and_the_mapping_mended(supplier: Supplier, tmp_path: Path) -> None:
    """Rejects come as CSV with place, raw text and reason; after a change of the mapping the same file is read again, without rejects."""
    await AsyncPath(tmp_path / "stock.csv").write_bytes(
        table([HEADER, ("1", "Bolt", "plenty", "1.50"), ("2", "Nut", 50, "2.50"), ("3", "Gear", 0, "3.50")])
    )
    rows = (*FIELDS, "--set", "guard.maxRejectRatio=1")
    first = await feedmill("sync", "stock.csv", *TO, *rows, "--json", cwd=tmp_path)
    assert (first.json["status"], first.json["rejected"]) == ("complete", 1)
    known = await feedmill("sync", "stock.csv", *TO, "--json", cwd=tmp_path)
    assert "not-modified" in [problem["code"] for problem in known.json["problems"]]
    shown = await feedmill("rejects", str(first.json["run"]), *DB, "--csv", cwd=tmp_path)
    (reject,) = csv.DictReader(io.StringIO(shown.out))
    assert list(reject) == ["feed", "run", "document", "record", "line", "column", "value", "reason", "fate", "raw"]
    assert (reject["line"], reject["column"], reject["value"], reject["raw"]) == ("2", "Lager", "plenty", "1;Bolt;plenty;1.50")
    await AsyncPath(tmp_path / "feed.toml").write_text(
        """name = "acme"
source = "stock.csv"
mapping = "custom"

[[fields]]
purpose = "sku"
name = "Artikelnr"

[[fields]]
purpose = "name"
name = "Bezeichnung"

[[fields]]
purpose = "inventoryQuantity"
name = "Lager"
lookup = { plenty = 100 }

[[fields]]
purpose = "retailPrice"
name = "Preis"
""",
        "utf-8",
    )
    second = await feedmill("sync", "--config", "feed.toml", "--to", "shop.db", "--json", cwd=tmp_path)
    assert (second.code, second.json["rejected"], second.json["created"]) == (0, 0, 1), second.out + second.err
    assert not {"not-modified", "rejected"} & {problem["code"] for problem in second.json["problems"]}
    assert (await stock(tmp_path))["1"] == 100
    assert (await feedmill("rejects", str(second.json["run"]), *DB, "--csv", cwd=tmp_path)).out.count("\n") == 1
