"""What has to be in one transaction: when the second half of it fails, there is nothing of the first."""

from __future__ import annotations

from pathlib import Path

import pytest
from anyio import to_thread

from feedmill.items import push
from feedmill.service import batch_group
from feedmill.service.outbox import fan_out as fanning
from feedmill.service.settings import Outgoing
from tests.servers.feedmill_service import Running, run_service
from tests.servers.pushed_feed import make_feed


class Dead(Exception):
    """The process ends here, as far as the database can tell."""


def die(*_: object, **__: object) -> None:
    """Fail in place of a second half."""
    raise Dead


async def count(running: Running, table: str) -> int:
    """Return how many rows a table has."""
    async with running.service.store.reading() as reader:
        return await reader.number(f"SELECT count(*) FROM main.{table}")


async def test_a_batch_is_applied_and_ended_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what became of its items stored, a batch has done nothing, and is applied anew."""
    async with run_service(tmp_path, loops=False) as running:
        feed = await make_feed(running.service)
        async with running.service.store.writing() as writer:
            await writer.execute(
                "INSERT INTO main.batches (feed_id, origin, status, body, bytes, items, available_at, created_at, updated_at)"
                " VALUES (?, 'api', 'pending', ?, 1, 1, 0, 0, 0)",
                *(feed, '[{"externalId": "a", "vendorSku": "a"}]'),
            )

        def apply() -> None:
            database = running.service.store.database
            connection = database.open_blocking(create=False)
            try:
                batch_group.apply_batches(connection, database.name, [1])
            finally:
                connection.close()

        with monkeypatch.context() as patch:
            patch.setattr(batch_group, "end_batch", die)
            with pytest.raises(Dead):
                await to_thread.run_sync(apply)
        assert (await count(running, "inventory_feed_variants"), await count(running, "batch_results")) == (0, 0)
        await to_thread.run_sync(apply)
        assert (await count(running, "inventory_feed_variants"), await count(running, "batch_results")) == (1, 1)


async def test_payloads_are_stored_and_the_mark_moves_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the webhook moved on, there are no payloads of it, so that the next round tells everything once."""
    async with run_service(tmp_path, loops=False, egress=Outgoing(allow_private=True)) as running:
        await make_feed(running.service)
        assert (await running.call("POST", "/api/webhooks.json", {"location": "http://127.0.0.1:9/"}))[0] == 200
        await push(running.service.url, "pushed", {"externalId": "a", "vendorSku": "a"})
        with monkeypatch.context() as patch:
            patch.setattr("sinks.sqlite.service.outbox.hooks.move_mark", die)
            with pytest.raises(Dead):
                await fanning.fan_out(running.service)
        assert await count(running, "webhook_payloads") == 0
        while (await fanning.fan_out(running.service)).more:
            pass
        assert await count(running, "webhook_payloads") == 1
