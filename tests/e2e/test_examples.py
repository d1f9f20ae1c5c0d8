"""The example programs, run as a newcomer runs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import anyio

from tests.e2e.supplier import feedmill

ROOT = Path(__file__).parents[2]
FIGURES = ("status", "read", "created", "updated", "unchanged", "rejected")


async def test_first_sync_imports_only_what_changed(tmp_path: Path) -> None:
    """The example loads 20,000 items, then none, then the 200 that changed; its database says the same, and so do its items."""
    done = await anyio.run_process(
        [sys.executable, "-m", "examples.first_sync"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    assert "run/shop.db" in shown

    listed = await feedmill("runs", "--db", "run/shop.db", "--json", cwd=tmp_path)
    assert [tuple(run[figure] for figure in FIGURES) for run in reversed(listed.json)] == [
        ("complete", 20_000, 20_000, 0, 0, 0),
        ("complete", 20_000, 0, 0, 20_000, 0),
        ("complete", 20_000, 0, 200, 19_800, 0),
    ]
    items = (await feedmill("items", "--db", "run/shop.db", "--feed", "Example supplier", cwd=tmp_path)).lines
    assert len({item["externalId"] for item in items}) == len(items) == 20_000
    assert items[0]["externalGroupId"] == "GROUP-000000"
    assert all(item["barcode"] and item["tags"] and item["grams"] and item["retailPrice"] for item in items)


async def test_first_sync_starts_afresh(tmp_path: Path) -> None:
    """A database of an earlier run, damaged even, is no obstacle: the example makes its own in the directory it is given."""
    database = tmp_path / "shop.db"
    await anyio.Path(database).write_text("not a database")
    done = await anyio.run_process([sys.executable, "-m", "examples.first_sync", str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (await anyio.Path(database).read_bytes()).startswith(b"SQLite format 3")
