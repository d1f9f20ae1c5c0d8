"""The calls by which suppliers push, over HTTP, against a running service."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web
from anyio import create_task_group, to_thread
from anyio.lowlevel import checkpoint

from engine.errors import Conflict, NotFound, StoreFailed
from feedmill.service import inbox
from feedmill.service.batch_group import Applied, apply_batches
from feedmill.service.push_group import Ended, Reply, Request, commit_group
from feedmill.service.settings import Push as Limits
from feedmill.web.problems import explain
from sinks.sqlite import clock
from sinks.sqlite.database import Database
from sinks.sqlite.fence import Origin
from sinks.sqlite.service.idempotency import Once
from sinks.sqlite.service.inbox import NewBatch, find_available
from sinks.sqlite.single.group import Push
from sinks.sqlite.single.inline import connect_durable
from sinks.sqlite.single.removal import Removal
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.pushed_feed import SECRET, make_feed

ONE = "/api/inventory-feeds/1/parse-webhook.json"
MANY = "/api/inventory-feeds/1/parse-webhooks.json"
INBOUND = "/webhooks/inventory-feeds/parse-webhooks.json"
ITEM = {"externalId": "a", "vendorSku": "A", "inventoryQuantity": 3}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service with one feed that is pushed to."""
    async with run_service(tmp_path, push=Limits(max_inbox_batches=3)) as service:
        assert await make_feed(service.service) == 1
        yield service


async def ask(running: Running, sql: str, *parameters: str | int) -> list[tuple[object, ...]]:
    """Return what a statement yields."""
    async with running.service.store.reading() as reader:
        return await reader.query(sql, *parameters)


async def change(running: Running, sql: str, *parameters: str | int) -> None:
    """Run a statement behind the API's back."""
    async with running.service.store.writing() as writer:
        await writer.execute(sql, *parameters)


async def ended(running: Running, batch: int) -> dict[str, Any]:
    """Wait until a batch has ended, and return it."""
    with anyio.fail_after(20):
        while True:
            status, shown = await running.call("GET", f"/api/batches/{batch}.json")
            assert status == 200
            if shown["status"] != "pending":
                return dict(shown)
            await anyio.sleep(0.01)


async def inbound(running: Running, body: object, **headers: str) -> tuple[int, Any]:
    """Send something as a supplier does."""
    return await running.call("POST", INBOUND, body, token="none", headers=headers)


async def test_one_item_is_created_updated_and_answered_whole(running: Running) -> None:
    """The answer is the item as it is stored, its outcome in a header; an older sequence is stale; both paths are the same."""
    outcomes = []
    for sent in (ITEM, {**ITEM, "inventoryQuantity": 4, "sequence": 2}, {**ITEM, "sequence": 1}, {**ITEM, "inventoryQuantity": 4}):
        url = f"{running.url}{ONE.replace('feeds', 'feed')}"
        async with running.client.put(url, json=sent, headers={"Authorization": f"Bearer {running.token}"}) as answered:
            assert answered.status == 200
            outcomes.append((answered.headers["Feedmill-Outcome"], (await answered.json())["inventoryQuantity"]))
    assert outcomes == [("created", 3), ("updated", 4), ("stale", 4), ("unchanged", 4)]
    calls = await ask(running, "SELECT call FROM inventory_feed_variant_changes")
    assert [str(call).partition(":")[0] for (call,) in calls] == ["push"]


async def test_what_is_refused_says_why(running: Running) -> None:
    """Values are 422 with each fault, another feed's token is 403, an unknown feed 404, a paused one 409, a full day 429."""
    status, told = await running.call("PUT", ONE, {"externalId": "b", "color": 1})
    assert (status, {fault["field"] for fault in told["errors"]}) == (422, {"color", "vendorSku"})
    assert (await running.call("PUT", ONE, [ITEM]))[0] == 422
    assert (await running.call("PUT", ONE, ITEM, token=await make_token(running.service, "feed:2:push")))[0] == 403
    assert (await running.call("PUT", ONE, ITEM, token=await make_token(running.service, "feed:1:push")))[0] == 200
    assert (await running.call("PUT", ONE.replace("1", "9"), ITEM))[0] == 404
    await change(running, "INSERT INTO main.plan (id, sku_limit) VALUES (1, 0)")
    status, told = await running.call("PUT", ONE, {**ITEM, "externalId": "new"})
    assert (status, told["type"].rpartition(":")[2]) == (429, "daily-limit")
    await change(running, "UPDATE main.dropship_providers SET status = 'away'")
    for path, body in ((ONE, ITEM), (MANY, [ITEM])):
        status, told = await running.call("PUT", path, body)
        assert (status, "its provider is away" in told["detail"]) == (409, True)


async def test_a_removal_answers_the_item_as_it_was(running: Running) -> None:
    """The item goes, its history says by which call; a second time there is no such item."""
    await running.call("PUT", ONE, ITEM)
    path = "/api/inventory-feeds/1/remove-by-external-id.json"
    status, item = await running.call("DELETE", path, {"externalId": " a "})
    assert (status, item["inventoryQuantity"]) == (200, 3)
    assert (await running.call("DELETE", path, {"externalId": "a"}))[0] == 404
    assert (await running.call("DELETE", path, {"key": "a"}))[0] == 422
    assert await ask(running, "SELECT action, substr(call, 1, 7) FROM inventory_feed_variant_changes") == [("deleted", "remove:")]


async def test_a_batch_is_stored_applied_and_told_item_by_item(running: Running) -> None:
    """202 is on disk; results are in order, and one item's faults are its own; 51 items and none are refused."""
    sent = [ITEM, {"externalId": "b"}, {**ITEM, "inventoryQuantity": 9}, {**ITEM, "inventoryQuantity": 9}]
    status, accepted = await running.call("PUT", MANY, sent)
    assert status == 202
    shown = await ended(running, accepted["batchId"])
    assert [each["outcome"] for each in shown["results"]] == ["created", "invalid", "updated", "unchanged"]
    assert shown["results"][1]["problem"]["errors"][0]["field"] == "vendorSku"
    assert await ask(running, "SELECT inventory_quantity FROM inventory_feed_variants") == [(9,)]
    assert await ask(running, "SELECT body, bytes > 0 FROM batches") == [(None, 1)]
    status, told = await running.call("PUT", MANY, [ITEM] * 51)
    assert (status, told["type"].rpartition(":")[2], "50" in told["detail"]) == (413, "batch-too-large", True)
    refused: tuple[object, ...] = ([], {}, [1])
    for body in refused:
        assert (await running.call("PUT", MANY, body))[0] == 422
    for scope, expected in (("read", 200), ("feed:1:push", 200), ("feed:2:push", 403)):
        token = await make_token(running.service, scope)
        assert (await running.call("GET", f"/api/batches/{accepted['batchId']}.json", token=token))[0] == expected
    assert (await running.call("GET", "/api/batches/99.json"))[0] == 404


async def test_a_key_makes_a_call_that_comes_again_answer_what_it_answered(running: Running) -> None:
    """Replays write nothing, twins write once, another body is 409, an error is not kept, and a key is its feed's and its path's."""
    key = {"Idempotency-Key": "k1"}
    _, first = await running.call("PUT", ONE, ITEM, headers=key)
    await running.call("PUT", ONE, {**ITEM, "inventoryQuantity": 8})
    assert (await running.call("PUT", ONE, ITEM, headers=key)) == (200, first)
    status, told = await running.call("PUT", ONE, {**ITEM, "inventoryQuantity": 5}, headers=key)
    assert (status, told["type"].rpartition(":")[2]) == (409, "idempotency-key-reused")
    assert await ask(running, "SELECT inventory_quantity FROM inventory_feed_variants") == [(8,)]
    assert (await running.call("PUT", MANY, [ITEM], headers=key))[0] == 409
    other = await make_feed(running.service, "other", secret="another")
    status, elsewhere = await running.call("PUT", ONE.replace("/1/", f"/{other}/"), ITEM, headers=key)
    assert (status, elsewhere["inventoryFeedId"]) == (200, other)
    bad = {"Idempotency-Key": "k2"}
    assert (await running.call("PUT", ONE, {"externalId": "n"}, headers=bad))[0] == 422
    assert (await running.call("PUT", ONE, {**ITEM, "externalId": "n"}, headers=bad))[0] == 200
    assert (await running.call("PUT", ONE, ITEM, headers={"Idempotency-Key": "x" * 256}))[0] == 422
    twin, answers = Request(NewBatch(1, "api", orjson.dumps([ITEM]), 1), Once("k3", b"same")), list[Reply]()

    async def send() -> None:
        answers.append(await running.service.pushing.ask(running.service, twin))

    with anyio.fail_after(10):
        async with create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(send)
    assert {(answer.status, answer.body) for answer in answers} == {(202, answers[0].body)}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert await ask(running, "SELECT count(*) FROM batches") == [(1,)]


async def test_a_supplier_is_known_by_its_feeds_secret(running: Running) -> None:
    """Both names of the header do; another secret, or none, is 401."""
    for name in ("jetti-webhook-hash", "feedmill-webhook-hash"):
        status, accepted = await inbound(running, [ITEM], **{name: SECRET})
        assert status == 202
        assert (await ended(running, accepted["batchId"]))["origin"] == "inbound"
    assert (await inbound(running, [ITEM], **{"jetti-webhook-hash": "other"}))[0] == 401
    assert (await inbound(running, [ITEM]))[0] == 401
    assert (await inbound(running, {"stock": 1}, **{"jetti-webhook-hash": SECRET}))[0] == 422


async def test_a_batch_waits_for_its_feed_and_no_more_than_fit_may_wait(running: Running) -> None:
    """While a feed is paused after the 202, or loaded for the first time, its batches wait in order; over the budget it is 503."""
    await change(running, "INSERT INTO main.data_imports (id, feed_id, status, epoch, started_at) VALUES (7, 1, 'started', 1, 0)")
    await change(running, "UPDATE main.inventory_feeds SET loading_run_id = 7")
    async with running.service.store.reading() as reader:
        from sinks.sqlite.locks import hold_feed

        async with hold_feed(running.service.store.database, reader, 1, "pushed"):
            status, told = await running.call("PUT", ONE, ITEM)
            assert (status, told["type"].rpartition(":")[2]) == (409, "under-way")
            batches = [(await running.call("PUT", MANY, [{**ITEM, "inventoryQuantity": number}]))[1]["batchId"] for number in (1, 2, 3)]
            status, told = await running.call("PUT", MANY, [ITEM])
            assert (status, "3 batches" in told["detail"]) == (503, True)
    await change(running, "UPDATE main.batches SET available_at = iif(id = ?, 9, 0)", batches[0])
    chosen, _ = await to_thread.run_sync(available, running.service.store.database, 5)
    assert chosen == []
    await change(running, "UPDATE main.inventory_feeds SET loading_run_id = NULL")
    running.service.bells.inbox.ring()
    assert [(await ended(running, batch))["results"][0]["outcome"] for batch in batches] == ["created", "updated", "updated"]
    assert await ask(running, "SELECT inventory_quantity FROM inventory_feed_variants") == [(3,)]


def available(database: Database, now: int) -> tuple[list[int], int | None]:
    """Return the batches that may be applied at a moment, and when the next one may."""
    with closing(database.open_blocking(create=False)) as connection:
        return find_available(connection, now=now, most=9, busy=())


async def test_a_body_of_any_kind_is_transformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body goes to the feed's endpoint; what that answers is applied; one that fails is asked again, and given up in the end."""
    monkeypatch.setattr(inbox, "_FIRST_WAIT", 0.001)
    asked: list[object] = []

    async def make_items(request: web.Request) -> web.Response:
        sent = orjson.loads(await request.read())
        asked.append(sent)
        if sent == {"broken": True} or len(asked) == 1:
            return web.Response(status=500, text="out of order")
        if sent == {"twice": True}:
            return web.json_response(text='[{"externalId": "a", "inventoryQuantity": 1, "inventoryQuantity": 2}]')
        return web.json_response(
            [{"externalId": key, "vendorSku": key, "inventoryQuantity": stock} for key, stock in sent["stock"].items()]
        )

    app = web.Application()
    app.router.add_post("/", make_items)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with run_service(tmp_path) as running:
            await make_feed(running.service, parseWebhookEndpoint=f"http://127.0.0.1:{runner.addresses[0][1]}/")
            _, accepted = await inbound(running, {"stock": {"a": 1, "b": 2}}, **{"feedmill-webhook-hash": SECRET})
            shown = await ended(running, accepted["batchId"])
            assert (shown["items"], [each["outcome"] for each in shown["results"]]) == (2, ["created", "created"])
            assert asked == [{"stock": {"a": 1, "b": 2}}] * 2
            _, accepted = await inbound(running, {"broken": True}, **{"feedmill-webhook-hash": SECRET})
            shown = await ended(running, accepted["batchId"])
            assert (shown["status"], len(asked)) == ("error", 2 + inbox.ATTEMPTS)
            assert "answered 500: 'out of order'" in shown["problem"]["detail"]
            _, accepted = await inbound(running, {"twice": True}, **{"feedmill-webhook-hash": SECRET})
            shown = await ended(running, accepted["batchId"])
            assert (shown["status"], "twice" in shown["problem"]["detail"]) == ("error", True)
    finally:
        await runner.cleanup()


async def test_what_was_accepted_is_committed_when_the_service_stops(tmp_path: Path) -> None:
    """Calls that wait for their commit are answered by it; later ones are told to come again; nothing is lost or written twice."""
    answers: list[int] = []
    async with run_service(tmp_path, loops=False) as running:
        await make_feed(running.service)
        assert (await running.call("PUT", ONE, ITEM))[0] == 503
        from feedmill.service.pushing import run_pushes

        async def send(number: int) -> None:
            answers.append((await running.call("PUT", ONE, {**ITEM, "externalId": f"i{number}"}))[0])

        with anyio.fail_after(20):
            async with create_task_group() as clients, create_task_group() as loop:
                loop.start_soon(run_pushes, running.service)
                for number in range(40):
                    clients.start_soon(send, number)
                while len(running.service.pushing) == 0:
                    await checkpoint()
                loop.cancel_scope.cancel()
        assert await ask(running, "SELECT count(*) FROM inventory_feed_variants") == [(answers.count(200),)]
        assert answers.count(200) >= 1
        assert set(answers) <= {200, 503}


async def test_old_batches_and_answers_are_forgotten(running: Running) -> None:
    """Batches after the days they are kept, answers after a day; what is younger stays."""
    from sinks.sqlite.service.idempotency import KEPT, prune_answers
    from sinks.sqlite.service.inbox import prune_batches

    for key in ("old", "new"):
        _, accepted = await running.call("PUT", MANY, [ITEM], headers={"Idempotency-Key": key})
        await ended(running, accepted["batchId"])
        if key == "old":
            await change(running, "UPDATE main.batches SET finished_at = 5")
            await change(running, "UPDATE main.idempotency_keys SET created_at = 5")
    async with running.service.store.changing(Origin(clock.now())) as writer:
        assert await prune_batches(writer, before=6) == 1
        assert await prune_answers(writer, now=KEPT + 5) == 1
    assert await ask(running, "SELECT (SELECT count(*) FROM batches), count(*) FROM idempotency_keys WHERE key = 'new'") == [(1, 1)]


async def test_a_full_disk_ends_no_batch_and_is_no_fault_of_the_caller(tmp_path: Path) -> None:
    """Where the database cannot grow what was pushed is to be sent again, and a batch that was accepted waits until it can."""
    async with run_service(tmp_path, loops=False) as running:
        await make_feed(running.service)
        body = orjson.dumps([{**ITEM, "description": "x" * 300_000}])

        def fill(connection: sqlite3.Connection) -> list[Ended]:
            requests = [Request(NewBatch(1, "api", body, 1)), Request(Push(1, ITEM))]
            assert [type(each) for each in commit_group(connection, "shop.db", requests, Limits())] == [Reply, Reply]
            ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
            connection.execute(f"PRAGMA max_page_count = {pages + 10}")
            with pytest.raises(StoreFailed, match="disk is full"):
                apply_batches(connection, "shop.db", [1])
            big = Request(Push(1, {**ITEM, "externalId": "b", "description": "x" * 300_000}))
            refused = commit_group(connection, "shop.db", [big], Limits())
            connection.execute("PRAGMA max_page_count = 100000")
            apply_batches(connection, "shop.db", [1])
            return refused

        async with connect_durable(running.service.store.database) as connection:
            (refused,) = await to_thread.run_sync(fill, connection)
        assert isinstance(refused, StoreFailed)
        told = explain(refused)
        assert told is not None
        assert (told.status, told.retry_after) == (503, 30)
        assert await ask(running, "SELECT status, outcome FROM batches JOIN batch_results ON batch_id = id") == [("complete", "updated")]


async def test_a_full_disk_ends_no_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inbox says that it waits, and goes on when there is room."""
    monkeypatch.setattr(inbox, "_TROUBLE_SECONDS", 0.001)
    failures = [StoreFailed("the disk is full")]

    def apply(connection: sqlite3.Connection, name: str, batches: Sequence[int]) -> Applied:
        if failures:
            raise failures.pop()
        return apply_batches(connection, name, batches)

    monkeypatch.setattr(inbox, "apply_batches", apply)
    async with run_service(tmp_path) as running:
        await make_feed(running.service)
        _, accepted = await running.call("PUT", MANY, [ITEM])
        assert (await ended(running, accepted["batchId"]))["status"] == "complete"


async def test_a_removal_and_a_push_that_wait_together_are_made_in_their_order(tmp_path: Path) -> None:
    """Whoever gave a call up and sent the next one means the next one."""
    async with run_service(tmp_path, loops=False) as running:
        await make_feed(running.service)
        requests = [Request(Push(1, ITEM)), Request(Removal(1, "a")), Request(Push(1, {**ITEM, "inventoryQuantity": 4}))]
        async with connect_durable(running.service.store.database) as connection:
            ended = await to_thread.run_sync(commit_group, connection, "shop.db", requests, Limits())
        assert [reply.outcome for reply in ended if isinstance(reply, Reply)] == ["created", "unchanged", "created"]
        assert await ask(running, "SELECT inventory_quantity FROM inventory_feed_variants") == [(4,)]


async def test_what_is_pushed_while_a_batch_waits_is_later_than_the_batch(tmp_path: Path) -> None:
    """Field by field: a batch that was accepted before leaves alone what was said, or removed, since; batches keep their order.

    Where both say when they were among their sender's, that decides.
    """
    async with run_service(tmp_path, loops=False) as running:
        await make_feed(running.service)
        keys = ("both", "stock", "gone", "out", "back", "placed", "new", "same")
        first = [{"externalId": key, "vendorSku": key, "inventoryQuantity": 1} for key in keys[:-2]]
        old = [{**ITEM, "externalId": key, "inventoryQuantity": 5, "retailPrice": 9} for key in keys]
        old[4] = {"externalId": "back", "status": "removed"}
        old[5]["sequence"] = 8
        old[7] = {"externalId": "same", "vendorSku": "A", "inventoryQuantity": 7}
        later: list[dict[str, Any]] = [
            {"externalId": "both", "vendorSku": "B", "inventoryQuantity": 3, "retailPrice": 4},
            {"externalId": "stock", "inventoryQuantity": 1},
            {"externalId": "out", "status": "removed"},
            {"externalId": "back", "name": "Back"},
            {"externalId": "placed", "inventoryQuantity": 2, "sequence": 7},
            {"externalId": "new", "vendorSku": "N", "inventoryQuantity": 3},
        ]

        def play(connection: sqlite3.Connection) -> None:
            def commit(*work: Push | Removal | NewBatch) -> list[Ended]:
                ended = commit_group(connection, "shop.db", [Request(each) for each in work], Limits())
                assert all(isinstance(each, Reply) for each in ended)
                return ended

            commit(*(Push(1, item) for item in first))
            commit(NewBatch(1, "api", orjson.dumps(old), len(old)))
            commit(*(Push(1, item) for item in later), Removal(1, "gone"))
            newer = {"externalId": "same", "inventoryQuantity": 6}
            commit(NewBatch(1, "api", orjson.dumps([newer]), 1))
            apply_batches(connection, "shop.db", [1, 2])

        async with connect_durable(running.service.store.database) as connection:
            await to_thread.run_sync(play, connection)
        rows = await ask(running, "SELECT external_id, inventory_quantity, retail_price / 1000000, status FROM inventory_feed_variants")
        assert {key: rest for key, *rest in rows} == {
            "both": [3, 4, "pending"],
            "stock": [1, 9, "pending"],
            "out": [0, 9, "removed"],
            "back": [0, None, "pending"],
            "placed": [5, 9, "pending"],
            "new": [3, 9, "pending"],
            "same": [6, None, "pending"],
        }
        outcomes = await ask(running, "SELECT outcome FROM batch_results ORDER BY batch_id, seq")
        assert [outcome for (outcome,) in outcomes] == ["stale", "updated", "invalid", *["updated"] * 4, "created", "updated"]
        assert await ask(running, "SELECT count(*) FROM batch_later_fields") == [(0,)]


async def test_a_call_about_an_item_by_its_id_does_nothing_to_another(tmp_path: Path) -> None:
    """Between the look and the turn of a call the item may go, or another come: nothing is made, changed or removed in its place."""
    async with run_service(tmp_path, loops=False) as running:
        await make_feed(running.service)
        item = {"externalId": "a", "vendorSku": "A"}
        work: list[Push | Removal] = [
            *(Push(1, item, item=0), Push(1, item, item=0), Push(1, item, item=2), Removal(1, "a", item=2)),
            *(Removal(1, "a", item=1), Push(1, item, item=1), Removal(1, "a", item=1)),
        ]
        async with connect_durable(running.service.store.database) as connection:
            requests = [Request(each) for each in work]
            ended = await to_thread.run_sync(commit_group, connection, "shop.db", requests, Limits())
        assert [type(each) for each in ended] == [Reply, Conflict, NotFound, NotFound, Reply, NotFound, NotFound]
        assert await ask(running, "SELECT count(*) FROM inventory_feed_variants") == [(0,)]
