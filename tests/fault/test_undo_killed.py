"""A process that is killed in mid-undo, between any two of its transactions, and what the next one makes of it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from anyio import Path as AsyncPath
from anyio import run_process

from engine.batch import ItemBatch
from engine.errors import ConfigError
from plugins.conformance.sink import batch
from sinks.sqlite.decisions import approve
from sinks.sqlite.history.undo import undo
from tests.unit.history_parts import OPEN, Rows, Shop, delete, open_shop, zero

CHILD = """
import os, signal, sys
import aiosqlite, anyio, sqlalchemy
from sinks.sqlite.database import locate
from sinks.sqlite.history import undo, undoing

async def main(url, run, chunk, commits):
    left, commit = int(commits), aiosqlite.Connection.commit

    async def commit_or_die(connection):
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await commit(connection)

    aiosqlite.Connection.commit = commit_or_die
    undoing.CHUNK_ROWS = int(chunk)
    await undo.undo(locate(url), int(run))

anyio.run(main, *sys.argv[1:])
"""

COLUMNS = ("name", "inventoryQuantity")
CHUNK = 2
ITEMS = 6


def day(quantity: int, *keys: str) -> ItemBatch:
    """Return what a feed brings of some items."""
    return batch(COLUMNS, *((key, f"Item {key}", quantity) for key in keys))


async def fill(shop: Shop) -> tuple[Rows, int]:
    """Load a feed, run what is going to be undone, and write to one of its items and one of its creations; return before and run."""
    await shop.run(day(1, *"abcdef"))
    before = await shop.rows()
    run = await shop.run(day(2, *"abcd", *"xyz"))
    await shop.write(zero("e"), delete("f"), run=run)
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 9 WHERE external_id IN ('a', 'x')", call="push:1")
    return before, run


async def kill(shop: Shop, run: int, commits: int) -> bool:
    """Undo a run in a process that is killed at its next commit after so many; return whether it came to that."""
    arguments = (f"sqlite:///{shop.database.path}", str(run), str(CHUNK), str(commits))
    code = (await run_process([sys.executable, "-c", CHILD, *arguments], check=False, stderr=None)).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


async def facts(shop: Shop, undone: int) -> tuple[object, ...]:
    """Return what an undo leaves, but for what depends on the moment: rows, figures, conflicts, log."""
    rows = {
        item: {**row, "updated_at": 0 if row["content_hash"] is None else row["updated_at"]} for item, row in (await shop.rows()).items()
    }
    names = "status, kind, undoes, read, created, updated, unchanged, removed, skipped"
    runs = await shop.ask(f"SELECT {names} FROM data_imports WHERE undoes = ?", undone)
    told = await shop.ask('SELECT seq, "column", value, reason FROM data_import_rejects ORDER BY seq')
    log = await shop.ask(
        "SELECT c.item_id, c.action, f.field, f.before, f.after FROM inventory_feed_variant_changes AS c"
        " LEFT JOIN inventory_feed_variant_change_fields AS f ON f.change_id = c.id"
        " WHERE c.run_id = (SELECT id FROM data_imports WHERE undoes = ?) ORDER BY c.id, f.field",
        undone,
    )
    return rows, runs, told, log


async def test_an_undo_that_is_killed_anywhere_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """After a kill at any commit the next session of the feed does the rest, and nothing twice: rows, figures, conflicts and log."""
    async with open_shop(tmp_path) as shop:
        before, run = await fill(shop)
        await undo(shop.database, run)
        clean = await facts(shop, run)
        rows = await shop.rows()
        # Item `a` keeps its later stock, `x` stays; all else is as it was.
        assert [item for item in rows if rows[item] != before.get(item)] == [1, 7]
    survived = 0
    for commits in range(20):
        folder = tmp_path / str(commits)
        await AsyncPath(folder).mkdir()
        async with open_shop(folder) as shop:
            before, run = await fill(shop)
            killed = await kill(shop, run, commits)
            left = await shop.ask("SELECT status FROM data_imports WHERE undoes = ?", run)
            if not left:
                # Killed before it had begun.
                assert commits == 0
                continue
            unfinished = [row["status"] for row in left] == ["started"]
            assert killed or not unfinished
            # Any session of the feed will do: this one asks for a run that is not held.
            with pytest.raises(ConfigError, match="is not held"):
                await approve(shop.database, run)
            assert normal(await facts(shop, run), before) == normal(clean, before)
            if unfinished:
                survived += 1
                (told,) = await shop.ask("SELECT problems FROM data_imports WHERE undoes = ?", run)
                assert '"resumed"' in str(told["problems"])
        if not killed:
            break
    assert survived >= 6


def normal(found: tuple[object, ...], before: Rows) -> tuple[object, ...]:
    """Return facts of one database so that they can be compared with another's: rows without times."""
    rows, *rest = found
    assert isinstance(rows, dict)
    times = ("created_at", "updated_at", "inventory_updated_at")
    return {item: {name: value for name, value in row.items() if name not in times} for item, row in rows.items()}, *rest


async def test_a_killed_undo_gives_back_every_column(tmp_path: Path) -> None:
    """What nobody wrote since is the same to the byte, times and ids included, also when three processes had a hand in it."""
    async with open_shop(tmp_path) as shop:
        await shop.run(day(1, *"abcdef"))
        before = await shop.rows()
        run = await shop.run(day(2, *"abcd", *"xyz"))
        await shop.write(zero("e"), delete("f"), run=run)
        assert await kill(shop, run, 1)
        assert await kill(shop, run, 2)
        assert await shop.rows() != before
        await shop.run(day(1, *"abcdef"), feed=OPEN)
        assert await shop.rows() == before
