"""`feedmill bench` beside a shop's database."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from feedmill.commands.tuning.bench import plan_trials
from feedmill.commands.tuning.trial import AGAIN, DRY, LOAD, Asked, known_lanes, run_trial
from feedmill.library import sync

FIELDS = [{"purpose": "sku", "name": "sku"}, {"purpose": "inventoryQuantity", "name": "stock"}]


@pytest.mark.anyio
async def test_trials_leave_the_shop_as_it_is(tmp_path: Path) -> None:
    """A dry run counts what it would change in the shop, with what is stored there of the feed; only the throw-away database fills."""
    shop, stock, scratch = (tmp_path / name for name in ("shop.db", "stock.csv", "scratch.db"))
    await anyio.Path(stock).write_text("sku,stock\nA1,1\nA2,2\n")
    await sync(str(stock), to=str(shop), feed="acme", fields=FIELDS)
    await anyio.Path(stock).write_text("sku,stock\nA1,1\nA2,3\n")
    before = await anyio.Path(shop).read_bytes()
    kept = {}
    for trial in plan_trials(known_lanes()):
        # The fields are those that the shop keeps.
        record = await run_trial(Asked(str(stock), "acme", str(shop), None, {}, [], f"sqlite:///{scratch}", trial))
        kept[trial.kind] = (record.counts.created, record.counts.updated, record.counts.unchanged)
        assert record.dry_run is (trial.kind == DRY)
    assert kept == {DRY: (0, 1, 1), LOAD: (2, 0, 0), AGAIN: (0, 0, 2)}
    assert await anyio.Path(shop).read_bytes() == before
