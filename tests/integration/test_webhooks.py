"""Webhooks: what happens is told to whoever asked for it, at least once, in order, signed; and nothing is lost on the way."""

from __future__ import annotations

import re
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession, web
from anyio import to_thread

from feedmill import items, verify_signature
from feedmill.service.outbox import fan_out as fanning
from feedmill.service.outbox.fan_out import fan_out
from feedmill.service.outbox.feed_hooks import FeedHooks, keep_feed_hook
from feedmill.service.settings import Outgoing, Webhooks
from sinks.sqlite import clock
from sinks.sqlite.service.outbox.payloads import prune_payloads
from tests.integration.webhook_receiver import HASTY, Receiver, Told, receiving, run_feed
from tests.servers.feedmill_service import Running, run_service

PAGE = (Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md").read_text("utf-8")
RUNS = ["dataImport.finished", "dataImport.held", "dataImport.failed"]


async def hook(running: Running, receiver: Receiver, **sent: object) -> dict[str, Any]:
    """Create a webhook."""
    status, made = await running.call("POST", "/api/webhooks.json", {"location": receiver.url, **sent})
    assert status == 200, made
    return dict(made)


async def log(running: Running, **where: object) -> list[dict[str, Any]]:
    """Return the payloads."""
    query = "&".join(f"where[{name}]={value}" for name, value in where.items())
    status, listed = await running.call("GET", f"/api/webhook-payloads.json?limit=1000&{query}")
    assert status == 200, listed
    return list(listed)


async def logged(running: Running, count: int, **where: object) -> list[dict[str, Any]]:
    """Wait until there are so many payloads."""
    with anyio.fail_after(10):
        while len(found := await log(running, **where)) < count:
            await anyio.sleep(0.01)
    return found


async def push(running: Running, key: str, *, feed: str = "acme", **attributes: object) -> None:
    """Push an item of a feed, and spare the outbox looking for it."""
    await items.push(running.service.url, feed, {"externalId": key, **attributes})
    running.service.bells.outbox.ring()


async def test_what_happens_to_items_and_runs_is_told(tmp_path: Path) -> None:
    """Creations, changes and removals, by calls and by runs, and how runs end; what was before, and what changed nothing, is not."""
    await run_feed(tmp_path, {"a": 1, "b": 2})
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        made = await hook(running, receiver)
        await push(running, "c", vendorSku="C", inventoryQuantity=3, retailPrice="9.90")
        await receiver.wait_for(1)
        await push(running, "c", inventoryQuantity=4)
        await receiver.wait_for(2)
        await push(running, "c", inventoryQuantity=4)
        await items.remove(running.service.url, "acme", "c")
        running.service.bells.outbox.ring()
        await receiver.wait_for(3)
        await run_feed(tmp_path, {"a": 5, "d": 6})
        await run_feed(tmp_path, {"a": 5, "d": 6})
        running.service.bells.outbox.ring()
        told = await receiver.wait_for(8)
        payloads = await logged(running, 8, status="delivered")
        assert (len(payloads), len(told)) == (8, 8), [each.about for each in told]
        assert [each.about for each in told[:3]] == [("created", "c"), ("updated", "c"), ("removed", "c")]
        assert sorted(each.about for each in told[3:]) == [
            *[("created", "d"), ("finished", "complete"), ("finished", "complete"), ("removed", "b"), ("updated", "a")]
        ]
        by_topic = {each.about: each.body for each in told}
        assert by_topic["created", "c"]["data"]["retailPrice"] == 9.9
        assert by_topic["removed", "c"]["data"]["inventoryQuantity"] == 4
        assert by_topic["removed", "c"]["call"].startswith("remove:")
        assert by_topic["updated", "a"]["changes"] == [{"field": "inventoryQuantity", "before": 1, "after": 5}]
        assert by_topic["updated", "a"]["run"] == 2
        assert (by_topic["removed", "b"]["data"]["status"], by_topic["finished", "complete"]["data"]["inventoryFeedId"]) == ("removed", 1)
        assert {each["id"] for each in payloads} == {each.body["id"] for each in told}
        assert payloads[0]["body"] == told[0].body
        for each in told:
            assert each.headers["Feedmill-Delivery"] == str(each.body["id"])
            assert each.headers["Feedmill-Topic"] == each.body["topic"]
            assert verify_signature(made["secret"], each.headers, each.raw)
        headers, raw = told[0].headers, told[0].raw
        assert not verify_signature(made["secret"], headers, raw.replace(b'"inventoryQuantity":3', b'"inventoryQuantity":9'))
        assert not verify_signature("another secret", headers, raw)
        assert not verify_signature(made["secret"], headers, raw, now=int(headers["Feedmill-Timestamp"]) + 301)
        assert not verify_signature(made["secret"], {"feedmill-signature": "t=x,v1=\u00e4"}, raw)


async def test_runs_that_are_held_or_fail_are_told_to_who_asked(tmp_path: Path) -> None:
    """A webhook is told its topics, of its feed, and no other."""
    many = {f"k{number}": 1 for number in range(30)}
    await run_feed(tmp_path, many)
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        await hook(running, receiver, topics=RUNS, inventoryFeedId=1)
        await hook(running, receiver, topics=["inventoryFeedVariant.updated"])
        await run_feed(tmp_path, dict.fromkeys(many, 0))
        # While a run is held, a call that says what is stored is logged all the same.
        await push(running, "k3", inventoryQuantity=1)
        await push(running, "k4", inventoryQuantity=2)
        await run_feed(tmp_path, {})
        running.service.bells.outbox.ring()
        told = await receiver.wait_for(3)
        assert sorted(each.about for each in told) == [("failed", "error"), ("held", "held"), ("updated", "k4")]
        async with running.service.store.reading() as reader:
            assert await reader.number("SELECT count(*) FROM inventory_feed_variant_changes") == 2


async def test_what_cannot_be_delivered_is_tried_again_in_order_and_given_up(tmp_path: Path) -> None:
    """A later payload of an item waits for the earlier one, other items do not; after the attempts that are set one has failed."""
    await run_feed(tmp_path, {"a": 1, "b": 1})
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        refused = {"a": 2}

        def answer(told: Told) -> web.Response:
            key = told.about[1]
            refused[str(key)] = refused.get(str(key), 0) - 1
            return web.Response(status=500 if refused[str(key)] >= 0 else 204, text="down" if refused[str(key)] >= 0 else None)

        receiver.answer = answer
        number = (await hook(running, receiver))["id"]
        receiver.hold = anyio.Event()
        for quantity in (5, 6, 7):
            await push(running, "a", inventoryQuantity=quantity)
        await push(running, "b", inventoryQuantity=5)
        await logged(running, 4)
        assert {each.about[1] for each in await receiver.wait_for(2)} == {"a", "b"}
        receiver.hold.set()
        told = await receiver.wait_for(6)
        await logged(running, 4, status="delivered")
        of_a = [each.body["changes"][0]["after"] for each in told if each.about[1] == "a"]
        assert of_a == [5, 5, 5, 6, 7]
        assert [each["attempts"] for each in await log(running)] == [3, 1, 1, 1]
        assert (await running.call("GET", f"/api/webhooks/{number}.json"))[1]["failures"] == 0

        refused["b"] = 3
        await push(running, "b", inventoryQuantity=6)
        (failed,) = await logged(running, 1, status="failed")
        assert (failed["attempts"], failed["responseStatus"], failed["responseExcerpt"]) == (3, 500, "down")
        assert failed["nextAttemptAt"] is None
        status, again = await running.call("POST", f"/api/webhook-payloads/{failed['id']}/redeliver.json")
        assert (status, again["status"], again["attempts"]) == (202, "pending", 0)
        await logged(running, 5, status="delivered")


async def test_a_receiver_says_when_to_come_back_or_that_it_is_gone(tmp_path: Path) -> None:
    """`Retry-After` is waited for, at least; 410 pauses the webhook with an alert, and it goes on where it was."""
    await run_feed(tmp_path, {"a": 1})
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        receiver.answer = lambda told: web.Response(status=503, headers={"Retry-After": "3600"})
        number = (await hook(running, receiver))["id"]
        await push(running, "a", inventoryQuantity=2)
        (waiting,) = await logged(running, 1, attempts=1)
        async with running.service.store.reading() as reader:
            due = await reader.number("SELECT next_attempt_at FROM webhook_payloads")
        assert 3_500_000_000 < due - clock.now() < 3_601_000_000
        assert waiting["status"] == "pending"

        receiver.answer = lambda told: web.Response(status=410)
        await running.call("POST", f"/api/webhook-payloads/{waiting['id']}/redeliver.json")
        with anyio.fail_after(10):
            while not (shown := (await running.call("GET", f"/api/webhooks/{number}.json"))[1])["pausedAt"]:
                await anyio.sleep(0.01)
        assert "410" in shown["pauseReason"]
        assert [each["attempts"] for each in await log(running, status="pending")] == [1]
        async with running.service.store.reading() as reader:
            alerts = await reader.query("SELECT kind, key, resolved_at FROM alerts")
        assert alerts == [("webhookPaused", f"webhook:{number}:paused", None)]

        receiver.answer = lambda told: web.Response()
        status, ping = await running.call("POST", f"/api/webhooks/{number}/test.json")
        assert (status, ping["topic"], ping["resourceId"]) == (202, "ping", None)
        await logged(running, 1, status="delivered", topic="ping")
        assert [each["id"] for each in await log(running, status="pending")] == [waiting["id"]]
        assert (await running.call("PUT", f"/api/webhooks/{number}.json", {"enabled": True}))[1]["pausedAt"] is None
        await logged(running, 2, status="delivered")
        async with running.service.store.reading() as reader:
            assert await reader.query("SELECT 1 FROM alerts WHERE resolved_at IS NULL") == []


async def test_failures_in_a_row_pause_a_webhook_once(tmp_path: Path) -> None:
    """The row is counted over all its payloads; while it is paused nothing is sent, and nothing is lost."""
    await run_feed(tmp_path, {f"k{number}": 1 for number in range(6)})
    patience = Webhooks(timeout=3, attempts=9, first_wait=0, max_wait=0, pause_after=4)
    async with receiving() as receiver, run_service(tmp_path, webhooks=patience) as running:
        receiver.answer = lambda told: web.Response(status=302, headers={"Location": receiver.url})
        number = (await hook(running, receiver))["id"]
        for key in range(6):
            await push(running, f"k{key}", inventoryQuantity=2)
        await logged(running, 6)
        with anyio.fail_after(10):
            while not (shown := (await running.call("GET", f"/api/webhooks/{number}.json"))[1])["pausedAt"]:
                await anyio.sleep(0.01)
        assert "4 deliveries in a row failed, the last: it answered 302" in shown["pauseReason"]
        receiver.answer = lambda told: web.Response()
        await running.call("PUT", f"/api/webhooks/{number}.json", {"enabled": True})
        assert len(await logged(running, 6, status="delivered")) == 6


async def test_nothing_is_lost_when_the_process_dies(tmp_path: Path) -> None:
    """What was to be delivered, and what was under way, is delivered by the next process, under the id it had."""
    await run_feed(tmp_path, {"a": 1, "b": 1})
    async with receiving() as receiver:
        async with run_service(tmp_path, loops=False, webhooks=HASTY) as running:
            await hook(running, receiver)
            await push(running, "a", inventoryQuantity=2)
            assert (await fan_out(running.service)).more
            assert (await fan_out(running.service)).quiet
            await push(running, "b", inventoryQuantity=2)
        receiver.hold = anyio.Event()
        async with run_service(tmp_path, webhooks=HASTY):
            first = sorted(each.body["id"] for each in await receiver.wait_for(2))
        receiver.hold.set()
        receiver.hold = None
        async with run_service(tmp_path, webhooks=HASTY) as running:
            again = sorted(each.body["id"] for each in (await receiver.wait_for(4))[2:])
            assert first == again == [each["id"] for each in await logged(running, 2, status="delivered")]


async def test_a_flood_waits_and_a_first_load_is_told_when_it_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so much waits for a webhook at a time; every item of a first load is told once, when it may be seen, others go on meanwhile."""
    monkeypatch.setattr(fanning, "MOST_PENDING", 4)
    monkeypatch.setattr(fanning, "_SLICE", 2)
    monkeypatch.setattr(fanning, "_WINDOW", 3)
    async with receiving() as receiver, run_service(tmp_path, loops=False, webhooks=HASTY) as running:
        store = running.service.store
        await hook(running, receiver)
        await run_feed(tmp_path, {f"k{number}": 1 for number in range(9)})
        async with store.writing() as writer:
            await writer.execute("UPDATE inventory_feeds SET loading_run_id = 1")
            await writer.execute(
                "INSERT INTO inventory_feeds (name, dropship_provider_id, settings, hash, enabled, created_at, updated_at)"
                " SELECT 'beta', dropship_provider_id, settings, '', 1, 0, 0 FROM inventory_feeds"
            )
        await push(running, "x", feed="beta", vendorSku="X", inventoryQuantity=1)
        told: list[str] = []

        async def drain() -> None:
            while (await fan_out(running.service)).more or await log(running, status="pending"):
                for _ in range(8):
                    await fan_out(running.service)
                waiting = await log(running, status="pending")
                assert len(waiting) <= 4 + 4
                told.extend(each["body"]["data"].get("externalId", "run") for each in waiting)
                async with store.writing() as writer:
                    await writer.execute("UPDATE webhook_payloads SET status = 'delivered' WHERE status = 'pending'")

        await drain()
        assert sorted(told) == ["run", "x"]
        await push(running, "y", feed="beta", vendorSku="Y", inventoryQuantity=1)
        async with store.writing() as writer:
            await writer.execute("UPDATE inventory_feeds SET loading_run_id = NULL")
        await push(running, "k3", inventoryQuantity=7)
        await push(running, "k9", vendorSku="K9", inventoryQuantity=1)
        await drain()
        # What was created is told as it is by then, so that its change is no news of its own.
        assert sorted(told) == sorted(["run", "x", "y", *(f"k{number}" for number in range(10))])
        (k3,) = [each for each in await log(running, topic="inventoryFeedVariant.created") if each["body"]["data"]["externalId"] == "k3"]
        assert k3["body"]["data"]["inventoryQuantity"] == 7
        await push(running, "k3", inventoryQuantity=8)
        await drain()
        assert (told.count("k3"), len(told)) == (2, 14)

        await push(running, "k3", inventoryQuantity=9)
        async with store.writing() as writer:
            await writer.execute(
                "DELETE FROM inventory_feed_variant_changes WHERE id = (SELECT max(id) FROM inventory_feed_variant_changes)"
            )
        await drain()
        async with store.reading() as reader:
            ((message,),) = await reader.query("SELECT message FROM alerts WHERE kind = 'webhookLost'")
        assert "up to 1 changes" in str(message)


async def test_a_feed_has_a_webhook_of_its_own(tmp_path: Path) -> None:
    """`sendWebhook` with `webhookEndpoint` make one that follows the feed; it cannot be changed but by the feed."""
    await run_feed(tmp_path, {"a": 1}, sendWebhook=True)
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        service = running.service

        async def endpoint(url: str | None) -> None:
            async with service.store.writing() as writer:
                sealed = service.keys.seal({} if url is None else {"webhookEndpoint": url})
                await writer.connection.execute("UPDATE inventory_feeds SET sealed = ?", (sealed,))

        await endpoint(receiver.url)
        async with service.store.writing() as writer:
            await keep_feed_hook(writer, service.keys, 1)
        _, (own,) = await running.call("GET", "/api/webhooks.json")
        assert (own["name"], own["inventoryFeedId"]) == ("sendWebhook", 1)
        await push(running, "a", inventoryQuantity=2)
        assert (await receiver.wait_for(1))[0].about == ("updated", "a")
        path = f"/api/webhooks/{own['id']}.json"
        assert (await running.call("DELETE", path))[0] == 409
        assert (await running.call("PUT", path, {"topics": RUNS}))[0] == 409
        assert (await running.call("PUT", path, {"secret": "known to both of us"}))[0] == 200
        await push(running, "a", inventoryQuantity=3)
        told = (await receiver.wait_for(2))[1]
        assert verify_signature("known to both of us", told.headers, told.raw)

        await endpoint("http://127.0.0.2:1/moved")
        keeper = FeedHooks()
        await keeper.keep(service)
        assert (await running.call("GET", path))[1]["location"] == "http://127.0.0.2:1/***"
        await endpoint(None)
        await keeper.keep(service)
        assert (await running.call("GET", path))[0] == 404


async def test_webhooks_are_kept_with_their_secrets(tmp_path: Path) -> None:
    """The secret is shown once, the location masked, both sealed; what cannot be is refused by name; PUT changes what it sends."""
    async with receiving() as receiver, run_service(tmp_path, webhooks=HASTY) as running:
        made = await hook(running, receiver, name="shop")
        path = f"/api/webhooks/{made['id']}.json"
        assert len(made["secret"]) >= 32
        shown = (await running.call("GET", path))[1]
        assert shown == {name: value for name, value in made.items() if name != "secret"}
        assert "p4th" not in str(shown)
        assert len(shown["topics"]) == 6
        for sent, field in (
            ({"location": "ftp://host/"}, "location"),
            ({"location": "http://169.254.169.254/"}, "location"),
            ({"location": receiver.url, "topics": []}, "topics"),
            ({"location": receiver.url, "topics": ["no"]}, "topics.0"),
            ({"location": receiver.url, "inventoryFeedId": 99}, "inventoryFeedId"),
            ({"location": receiver.url, "name": "sendWebhook"}, "name"),
            ({"location": receiver.url, "secret": "short"}, "secret"),
            ({"location": receiver.url, "colour": "red"}, "colour"),
            ({}, "location"),
        ):
            status, problem = await running.call("POST", "/api/webhooks.json", sent)
            assert (status, problem["errors"][0]["field"]) == (422, field), problem
        assert (await running.call("PUT", path, {"location": None}))[0] == 422
        changed = (await running.call("PUT", path, {"location": shown["location"], "topics": RUNS[:1], "enabled": False}))[1]
        assert (changed["topics"], changed["enabled"], changed["name"]) == (RUNS[:1], False, "shop")
        await running.call("POST", f"/api/webhooks/{made['id']}/test.json")
        assert verify_signature(made["secret"], (await receiver.wait_for(1))[0].headers, receiver.told[0].raw)
        await logged(running, 1, status="delivered")
        async with running.service.store.writing() as writer:
            day = 86_400_000_000
            assert await prune_payloads(writer, 1, now=clock.now() + day // 2) == 0
            assert await prune_payloads(writer, 1, now=clock.now() + day * 2) == 1
        assert await log(running) == []
        assert (await running.call("DELETE", path))[1]["id"] == made["id"]
        for method, gone in (("GET", path), ("DELETE", path), ("PUT", path), ("POST", f"/api/webhooks/{made['id']}/test.json")):
            assert (await running.call(method, gone, {} if method == "PUT" else None))[0] == 404
        assert (await running.call("POST", "/api/webhook-payloads/1/redeliver.json"))[0] == 404
        files = [path async for path in anyio.Path(tmp_path).glob("shop.db*")]
        stored = b"".join([await file.read_bytes() for file in files])
        assert b"p4th" not in stored
        assert made["secret"].encode() not in stored

    async with run_service(tmp_path, loops=False, egress=Outgoing()) as running:
        for location in ("http://127.0.0.1/", "http://localhost/"):
            status, problem = await running.call("POST", "/api/webhooks.json", {"location": location})
            assert (status, problem["errors"][0]["field"]) == (422, "location")


async def test_the_receiver_of_the_page_takes_what_is_sent_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The program on the page on webhooks takes a payload once, and refuses one whose body is not what was signed."""
    await run_feed(tmp_path, {"a": 1})
    monkeypatch.setenv("WEBHOOK_SECRET", "known to both of us")
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    receiver: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(program, "receive-webhooks.md", "exec"), receiver)
    server = ThreadingHTTPServer(("127.0.0.1", 0), receiver["Receiver"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    try:
        async with run_service(tmp_path, webhooks=HASTY) as running:
            sent = {"location": url, "secret": "known to both of us", "topics": ["inventoryFeedVariant.updated"]}
            assert (await running.call("POST", "/api/webhooks.json", sent))[0] == 200
            await push(running, "a", inventoryQuantity=7)
            (payload,) = await logged(running, 1, status="delivered")
            await running.call("POST", f"/api/webhook-payloads/{payload['id']}/redeliver.json")
            await logged(running, 1, status="delivered", attempts=1)
            async with ClientSession() as client, client.post(url, data=b"{}", headers={"Feedmill-Signature": "t=1,v1=2"}) as forged:
                assert forged.status == 401
    finally:
        await to_thread.run_sync(server.shutdown)
        server.server_close()
        thread.join()
    assert (await to_thread.run_sync(capfd.readouterr)).out == "inventoryFeedVariant.updated a 7\n"
