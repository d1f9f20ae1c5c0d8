"""`feedmill plan` and `feedmill edit`, as they are typed."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.e2e.supplier import feedmill


async def test_the_plan_and_one_item_on_the_command_line(tmp_path: Path) -> None:
    """A limit before the first sync makes the database and holds; an override outlives the next sync; faults have their exit codes."""

    async def run(*arguments: str, code: int = 0) -> str:
        done = await feedmill(*arguments, cwd=tmp_path)
        assert done.code == code, done.err
        return done.out if code == 0 else done.err

    database = ("--db", "shop.db")
    await (anyio.Path(tmp_path) / "stock.csv").write_text("sku,stock\nb,5\na,6\nc,7\n")
    sync = ("sync", "stock.csv", "--to", "shop.db", "--feed", "shop", "--field", "sku=sku", "--field", "inventoryQuantity=stock", "--json")
    assert "2 items a day" in await run("plan", *database, "--sku-limit", "2")
    assert '"created":2' in await run(*sync)
    assert '"skuLimit":2,"usedToday":2' in await run("plan", *database, "--json")
    assert "limit       none" in await run("plan", *database, "--sku-limit", "none")
    edit = ("edit", "a", *database, "--set", "manualInventoryQuantity=3", "--set")
    assert '"availableQuantity":3' in await run(*edit, "inventoryQuantityOverride=maximum")
    assert '"created":1' in await run(*sync)
    assert '"inventoryQuantity":6,"availableQuantity":3' in await run("items", *database, "--feed", "shop")
    assert "inventoryQuantityOverride is none of none, manual, maximum" in await run(*edit, "inventoryQuantityOverride=most", code=4)
    assert "neither a number of items nor none" in await run("plan", *database, "--sku-limit", "many", code=2)
    assert "no feed has an item 'q'" in await run("edit", "q", *database, "--set", "name=x", code=78)
    assert "--set is not given" in await run("edit", "a", *database, code=2)
