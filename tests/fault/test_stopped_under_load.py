"""A service that is told to stop in the middle of everything: it ends within its grace period, and the next one goes on."""

from __future__ import annotations

from pathlib import Path

import anyio
from aiohttp import ClientSession, web
from anyio import create_task_group, to_thread

from tests.fault.test_push_killed import Acknowledged, send, stored
from tests.fault.test_worker_killed import ask
from tests.servers.feedmill_service import make_token, run_service
from tests.servers.pushed_feed import make_feed
from tests.servers.served import serve
from tests.servers.supplier import store_feed, supplying
from tests.servers.web import serving

GRACE = 20.0
ENVIRONMENT = {"FEEDMILL_SERVER__SHUTDOWN_SECONDS": str(GRACE), "FEEDMILL_EGRESS__ALLOW_PRIVATE": "true"}
RUNS = "SELECT id, status, epoch - coalesce(requested ->> '$.stops', 0) FROM data_imports"


async def test_a_stop_under_load_is_in_order_and_loses_nothing(tmp_path: Path) -> None:
    """Pushed to on connections that stay, in mid-fetch and with a webhook that does not answer: exit code 0, soon.

    What was acknowledged is there; the run waits as if nobody had begun it, and is done by the next service, once; what the webhook
    was not told it is told then.
    """
    silent, told = anyio.Event(), list[str]()

    async def receive(request: web.Request) -> web.Response:
        if silent.is_set():
            told.append(await request.text())
        else:
            await silent.wait()
        return web.Response()

    pushed = Acknowledged()
    names = [f"single{number}" for number in range(8)]
    async with supplying() as supplier, serving(receive) as port:
        supplier.close_gate()
        supplier.offer(**{f"k{number}": number for number in range(5_000)})
        async with run_service(tmp_path, loops=False) as api:
            narrow = {"inventoryFeedId": await make_feed(api.service)}
            feed = await store_feed(api.service, "shop", supplier.url)
            token = await make_token(api.service, "admin")
            hook = {"name": "shop", "location": f"http://127.0.0.1:{port}/", "topics": ["inventoryFeedVariant.created"], **narrow}
            assert (await api.call("POST", "/api/webhooks.json", hook))[0] == 200
        pushed.want(200)
        async with (
            serve(tmp_path, "--db", "shop.db", "--port", "0", env=ENVIRONMENT) as served,
            ClientSession() as client,
            create_task_group() as group,
        ):
            for name in names:
                group.start_soon(send, client, served.url, token, pushed, name, 503)
            await client.post(f"{served.url}/api/inventory-feeds/{feed}/fetch.json", headers={"Authorization": f"Bearer {token}"})
            with anyio.fail_after(60):
                await supplier.reached.wait()
                await pushed.enough.wait()
            began = anyio.current_time()
            assert await served.stop() == 0
            assert anyio.current_time() - began < GRACE / 2
        figures, _, torn = await to_thread.run_sync(stored, tmp_path)
        assert torn == 0
        assert all(last <= figures[f"{name}-0"] <= pushed.sent[name] for name, last in pushed.stored.items())
        assert await to_thread.run_sync(ask, tmp_path / "shop.db", RUNS) == [(1, "pending", 0)]
        supplier.open_gate()
        silent.set()
        async with serve(tmp_path, "--db", "shop.db", "--port", "0", env=ENVIRONMENT) as served:
            with anyio.fail_after(60):
                while (
                    not all(f"{name}-0" in "".join(told) for name in names)
                    or (await to_thread.run_sync(ask, tmp_path / "shop.db", RUNS))[0][1] != "complete"
                ):
                    await anyio.sleep(0.02)
            assert await served.stop() == 0
        assert supplier.asked == 2
