"""Ctrl-C while a run is applied."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import anyio
from anyio import run_process, to_thread

ROOT = Path(__file__).parents[2]

COMMAND = """
import os, signal, sys
from sinks.sqlite.landing import applying
from feedmill.cli import run

step, times = applying.Application.step, int(sys.argv[1])

async def interrupted(application):
    global times
    if times:
        times -= 1
        os.kill(os.getpid(), signal.SIGINT)
    return await step(application)

signal.signal(signal.SIGINT, signal.default_int_handler)
applying.CHUNK_ROWS = 2
applying.Application.step = interrupted
sys.exit(run(sys.argv[2:]))
"""
FIELDS = ("--field", "sku=sku", "--field", "inventoryQuantity=qty")


async def sync(folder: Path, quantity: int, *, interrupts: int) -> tuple[int, str]:
    """Sync ten items of this quantity, interrupted so often, each time before a chunk; return exit code and standard error."""
    rows = "".join(f"{key},{quantity}\n" for key in "abcdefghij")
    await anyio.Path(folder, "feed.csv").write_text(f"sku,qty\n{rows}")
    command = [sys.executable, "-c", COMMAND, str(interrupts), "sync", "feed.csv", "--to", "shop.db", "--feed", "acme", *FIELDS]
    done = await run_process(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    return done.returncode, done.stderr.decode()


def stored(folder: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return how many items have which quantity, and how the last run ended."""
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        items = connection.execute("SELECT inventory_quantity, count(*) FROM inventory_feed_variants GROUP BY 1").fetchall()
        return items, connection.execute("SELECT status, updated FROM data_imports ORDER BY id DESC LIMIT 1").fetchall()


async def test_what_has_been_decided_is_done_before_an_interrupt_ends_the_command(tmp_path: Path) -> None:
    """Stock of yesterday beside stock of today would stay until the next run: the rest is applied first."""
    await sync(tmp_path, 1, interrupts=0)
    code, _ = await sync(tmp_path, 2, interrupts=1)
    assert code in (0, 130)
    assert await to_thread.run_sync(stored, tmp_path) == ([(2, 10)], [("complete", 10)])


async def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    """Who insists is obeyed; the next run finishes what is left."""
    await sync(tmp_path, 1, interrupts=0)
    code, said = await sync(tmp_path, 2, interrupts=2)
    assert (code, "interrupted" in said) == (130, True)
    assert (await to_thread.run_sync(stored, tmp_path))[1][0][0] == "started"
    assert (await sync(tmp_path, 2, interrupts=0))[0] == 0
    assert await to_thread.run_sync(stored, tmp_path) == ([(2, 10)], [("complete", 0)])
