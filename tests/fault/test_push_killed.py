"""A serving process that is killed while it is pushed to: what it acknowledged is there, once, and whole."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

import anyio
import orjson
import pytest
from aiohttp import ClientError, ClientSession
from anyio import create_task_group, to_thread
from anyio.streams.buffered import BufferedByteReceiveStream

from sinks.sqlite.database import locate
from tests.servers.feedmill_service import run_service

KILLS: Final = int(os.environ.get("FEEDMILL_KILLS", "3"))
ROOT: Final = Path(__file__).parents[2]
SINGLES, BATCHED, MIXED, OF_BATCH = 6, 3, 3, 5


@dataclass
class Acknowledged:
    """The last figure that each sender sent, and the last ones that it was told are stored, of any item and of all."""

    sent: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    wanted: int = 0
    enough: anyio.Event = field(default_factory=anyio.Event)

    def want(self, answers: int) -> None:
        """Begin a life of the process, which ends after so many answers more."""
        self.wanted, self.enough = self.answers + answers, anyio.Event()

    def take(self, name: str, figure: int, *, alone: bool) -> None:
        """Note an answer of success."""
        self.stored[name] = figure
        if not alone:
            self.whole[name] = figure
        self.answers += 1
        if self.answers >= self.wanted:
            self.enough.set()


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[str, str]]:
    """Run the process, yield its address and a token, and kill it at the end of the block."""
    command = [sys.executable, "-m", "tests.fault.pushed_server", str(directory)]
    async with await anyio.open_process(
        command, stdout=PIPE, stderr=None, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    ) as process:
        try:
            assert process.stdout is not None
            with anyio.fail_after(30):
                told = orjson.loads(await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", 10_000))
            yield told["url"], told["token"]
        finally:
            process.kill()
            with anyio.CancelScope(shield=True):
                await process.wait()


async def send(client: ClientSession, url: str, token: str, told: Acknowledged, name: str, refusal: int | None = None) -> None:
    """Push one figure after the other, as one item, as a batch of items that all have it, or by turns.

    Until nobody answers, or with `refusal`.
    """
    headers = {"Authorization": f"Bearer {token}"}
    while True:
        told.sent[name] = figure = told.sent.get(name, 0) + 1
        items = [{"externalId": f"{name}-{number}", "vendorSku": name, "inventoryQuantity": figure} for number in range(OF_BATCH)]
        alone = name.startswith("single") or (name.startswith("mixed") and figure % 2 == 0)
        body, path = (items[0], "parse-webhook") if alone else (items, "parse-webhooks")
        try:
            async with client.put(f"{url}/api/inventory-feeds/1/{path}.json", json=body, headers=headers) as answered:
                await answered.read()
        except (ClientError, OSError):
            return
        if answered.status == refusal:
            return
        assert answered.status in (200, 202)
        told.take(name, figure, alone=alone)


def stored(directory: Path) -> tuple[dict[str, Any], int, int]:
    """Return the figures by key, how many rows there are, and how many batches ended without a result for each item."""
    connection = locate(f"sqlite:///{directory}/shop.db").open_blocking(create=False)
    try:
        rows = connection.execute("SELECT external_id, inventory_quantity FROM inventory_feed_variants").fetchall()
        torn = connection.execute(
            "SELECT count(*) FROM batches AS b WHERE (SELECT count(*) FROM batch_results AS r WHERE r.batch_id = b.id)"
            f" <> iif(b.status = 'complete', {OF_BATCH}, 0)"
        ).fetchone()
        return dict(rows), len(rows), torn[0]
    finally:
        connection.close()


async def drain(directory: Path) -> None:
    """Start again, and wait until nothing is left in the inbox."""
    async with run_service(directory) as running:
        with anyio.fail_after(60):
            while True:
                async with running.service.store.reading() as reader:
                    if not await reader.number("SELECT count(*) FROM batches WHERE status = 'pending'"):
                        return
                await anyio.sleep(0.01)


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_what_was_acknowledged_outlives_the_process(tmp_path: Path) -> None:
    """Killed at any moment, and again, every item is there once with the figure that was acknowledged last, or one on its way."""
    told, moments = Acknowledged(), random.Random(20)
    names = [*(f"single{number}" for number in range(SINGLES)), *(f"batch{number}" for number in range(BATCHED))]
    names += [f"mixed{number}" for number in range(MIXED)]
    for _ in range(KILLS):
        told.want(moments.randrange(20, 300))
        async with ClientSession() as client, create_task_group() as tasks, serving(tmp_path) as (url, token):
            for name in names:
                tasks.start_soon(send, client, url, token, told, name)
            with anyio.fail_after(60):
                await told.enough.wait()
        _, _, torn = await to_thread.run_sync(stored, tmp_path)
        assert torn == 0
    await drain(tmp_path)
    figures, rows, torn = await to_thread.run_sync(stored, tmp_path)
    assert (rows, torn) == (len(figures), 0)
    for name, last in told.stored.items():
        first, *others = (figures[f"{name}-{number}"] for number in range(1 if name.startswith("single") else OF_BATCH))
        # A batch that was accepted before a single push, and applied after it, does not bring its figure back.
        assert last <= first <= told.sent[name]
        assert all(told.whole.get(name, 0) <= other <= first for other in others)
        assert name.startswith("mixed") or {first, *others} == {first}
