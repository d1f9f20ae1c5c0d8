"""What a person at the command line sees of a run that is held."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from engine.run import RunStatus
from tests.e2e.supplier import Outcome, Supplier, feedmill, read_items, run_feed, serve, table

TO = ("--to", "sqlite:///shop.db", "--feed", "acme")
FIELDS = {"sku": "Nr", "inventoryQuantity": "Lager"}
REASON = "30 of 100 items in stock (30.0 %) would have no stock left; guard.maxZeroFlipRatio allows 25 %"


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Serve a hundred parts that are all in stock."""
    async with serve() as running:
        running.body = stock()
        yield running


def stock(*, sold_out: int = 0) -> bytes:
    """Return a list of which the first items are sold out."""
    return table([("Nr", "Lager"), *((f"{n:05d}", 0 if n < sold_out else 5) for n in range(100))])


async def quantities(cwd: Path) -> list[int]:
    """Return the stock of every item."""
    return [item["inventoryQuantity"] for item in await read_items(cwd / "shop.db")]


async def held(supplier: Supplier, cwd: Path, *arguments: str) -> Outcome:
    """Sync a good list, then one that is held."""
    first = await run_feed(supplier.url, cwd, fields=FIELDS)
    assert first.status is RunStatus.COMPLETE, first.problems
    supplier.body = stock(sold_out=30)
    return await feedmill("sync", supplier.url, *TO, *arguments, cwd=cwd)


async def test_a_held_run_ends_with_3_and_gives_figures_and_reasons(supplier: Supplier, tmp_path: Path) -> None:
    """As JSON and in the list of runs alike; the items are what they were."""
    outcome = await held(supplier, tmp_path, "--json")
    assert outcome.code == 3, outcome.err
    record = outcome.json
    assert (record["status"], record["updated"], record["limited"], record["guard"]) == ("held", 30, 0, [REASON])
    assert record["figures"] == {
        "known": 100,
        "missing": 0,
        "missingInStock": 0,
        "inStock": 100,
        "emptied": 30,
        "stockBefore": 500,
        "stockAfter": 350,
        "compared": 0,
        "priceMoved": 0,
        "priced": 0,
        "priceZeroed": 0,
    }
    (listed, first) = (await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)).json
    assert {name: listed[name] for name in record if name != "seconds"} == {name: record[name] for name in record if name != "seconds"}
    assert (first["status"], first["guard"], first["figures"]["stockAfter"]) == ("complete", [], 500)
    assert await quantities(tmp_path) == [5] * 100


async def test_a_held_run_says_what_to_do_next(supplier: Supplier, tmp_path: Path) -> None:
    """For a person: why, and the commands that show it and decide it. The log has one warning with the reasons."""
    outcome = await held(supplier, tmp_path)
    lines = outcome.out.splitlines()
    assert lines[0] == "run 2 of acme: held"
    assert f"  held: {REASON}" in lines
    assert lines[-1] == (
        "  nothing was applied; look with: feedmill diff 2 --db sqlite:///shop.db; then decide with: "
        "feedmill approve 2 --db sqlite:///shop.db, or: feedmill reject 2 --db sqlite:///shop.db"
    )
    begun, ended = (orjson.loads(line) for line in outcome.err.splitlines())
    assert (begun["event"], ended["event"], ended["level"]) == ("run started", "run held", "warning")
    assert (ended["run"], ended["status"], ended["reasons"]) == (2, "held", [REASON])


async def test_a_dry_run_says_that_a_real_one_would_be_held(supplier: Supplier, tmp_path: Path) -> None:
    """It ends with 3 too, names no run to decide about, and leaves none."""
    outcome = await held(supplier, tmp_path, "--dry-run")
    assert outcome.code == 3, outcome.err
    lines = outcome.out.splitlines()
    assert (lines[0], f"  held: {REASON}" in lines) == ("dry run of acme: held", True)
    assert lines[-1].startswith("  a real run would be held for a decision")
    assert len((await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)).json) == 1


async def test_a_limit_of_the_feed_lets_the_run_pass(supplier: Supplier, tmp_path: Path) -> None:
    """Set beside the source, it is kept with the feed."""
    outcome = await held(supplier, tmp_path, "--set", "guard.maxZeroFlipRatio=0.3", "--json")
    assert (outcome.code, outcome.json["status"], outcome.json["guard"]) == (0, "complete", [])
    assert (await quantities(tmp_path)).count(0) == 30
