"""Providers and feeds through the API: what is refused, what is shown, what stays secret, and what the scheduler is told."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, to_thread
from jsonschema_rs import validator_for

from engine.contracts import FeedDefinition
from feedmill.service.definition.stored_feeds import read_stored_feed
from feedmill.service.settings import Outgoing
from feedmill.web.app import all_endpoints
from plugins.conformance.sink import batch, import_items
from sinks.sqlite import clock
from sinks.sqlite.definitions import settings_text
from sinks.sqlite.locks import hold_feed
from sinks.sqlite.service.runs import enqueue_run
from sinks.sqlite.sink import open_sqlite
from tests.servers.feedmill_service import Running, make_token, run_service

SECRETS = ("ftp-pa55", "t0ken-of-theirs", "s3cret-of-theirs", "proxy-pa55", "hook-key", "query-key", "p4ssphrase")
FEED: Mapping[str, Any] = {
    "name": "acme",
    "resourceType": "ftpCsv",
    "dropshipProviderId": 1,
    "resourceLocation": "ftp://joe:ftp-pa55@127.0.0.1:2121/stock.csv",
}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """Run a service that has one provider; nothing fetches."""
    async with run_service(tmp_path, loops=False) as started:
        assert (await started.call("POST", "/api/dropship-providers.json", {"name": "Acme"}))[0] == 200
        yield started


async def made(running: Running, **attributes: Any) -> dict[str, Any]:
    """Create a feed and return it as it is answered."""
    status, feed = await running.call("POST", "/api/inventory-feeds.json", {**FEED, **attributes})
    assert status == 200, feed
    return dict(feed)


async def changed(running: Running, number: int, **attributes: Any) -> dict[str, Any]:
    """Change a feed and return it as it is answered."""
    status, feed = await running.call("PUT", f"/api/inventory-feeds/{number}.json", attributes)
    assert status == 200, feed
    return dict(feed)


async def refused(running: Running, method: str, path: str, body: object = None, status: int = 422) -> set[str]:
    """Make a call that is refused and return the attributes it names."""
    answered, problem = await running.call(method, path, body)
    assert answered == status, problem
    assert not any(secret in str(problem) for secret in SECRETS)
    return {fault["field"] for fault in problem.get("errors", ())}


async def column(running: Running, name: str, number: int) -> object:
    """Return a column of a feed's row."""
    async with running.service.store.reading() as reader:
        ((value,),) = await reader.query(f"SELECT {name} FROM main.inventory_feeds WHERE id = ?", number)
    return value


async def test_a_provider_is_made_changed_and_kept_while_feeds_are_of_it(running: Running) -> None:
    """Providers are validated, changed in part, and removed once no feed is of them.

    A new status, or time zone, has their feeds planned anew.
    """
    one = "/api/dropship-providers/1.json"
    assert await refused(running, "POST", "/api/dropship-providers.json", {"timezone": "Europe/Wien"}) == {"name"}
    assert await refused(running, "PUT", one, {"timezone": "Europe/Wien"}) == {"timezone"}
    assert await refused(running, "PUT", one, {"id": 9, "status": "away"}) == {"id"}
    assert await refused(running, "PUT", one, {"name": None, "websiteUrl": "javascript:alert(1)"}) == {"name", "websiteUrl"}
    feed = await made(running)
    pushed = await made(running, name="pushed", resourceType="webhook", resourceLocation=None)
    async with running.service.store.writing() as writer:
        await writer.execute("UPDATE main.inventory_feeds SET next_fetch_at = 77 WHERE id = ?", feed["id"])
    status, provider = await running.call("PUT", one, {"status": "away", "timezone": "Europe/Vienna"})
    assert (status, provider["status"], provider["timezone"], provider["name"]) == (200, "away", "Europe/Vienna", "Acme")
    assert (await column(running, "next_fetch_at", feed["id"]), await column(running, "next_fetch_at", pushed["id"])) == (0, None)
    assert await running.call("PUT", one, provider) == (200, provider)
    async with running.service.store.writing() as writer:
        await writer.execute("UPDATE main.inventory_feeds SET next_fetch_at = 77 WHERE id = ?", feed["id"])
    for change, planned in ({"websiteUrl": "https://acme.example"}, 77), ({"timezone": "Asia/Tokyo"}, 0):
        _, provider = await running.call("PUT", one, change)
        assert await column(running, "next_fetch_at", feed["id"]) == planned
    await refused(running, "DELETE", one, status=409)
    for number in (feed["id"], pushed["id"]):
        assert (await running.call("DELETE", f"/api/inventory-feeds/{number}.json"))[0] == 200
    assert (await running.call("DELETE", one))[1] == provider
    await refused(running, "GET", one, status=404)


async def test_secrets_of_a_feed_are_shown_nowhere(running: Running, tmp_path: Path) -> None:
    """Credentials are masked in every answer, and in the files of the database only sealed; a run is given them all the same."""
    feed = await made(
        running,
        authenticationToken="t0ken-of-theirs",
        authenticationSecret="s3cret-of-theirs",
        proxyUrl="http://u:proxy-pa55@127.0.0.1:3128",
        webhookEndpoint="http://127.0.0.1/in?key=hook-key",
        parseWebhookEndpoint="http://127.0.0.1/items?key=hook-key",
        transport={"privateKeyPassphrase": "p4ssphrase"},
        parameters=[{"name": "key", "value": "query-key"}],
    )
    assert feed["resourceLocation"] == "ftp://joe:***@127.0.0.1:2121/stock.csv"
    masked = [feed[name] for name in ("authenticationToken", "authenticationSecret", "proxyUrl", "webhookEndpoint", "parseWebhookEndpoint")]
    assert masked == ["***"] * 5
    one = f"/api/inventory-feeds/{feed['id']}.json"
    assert await running.call("PUT", one, feed) == (200, feed)
    login = {"auth": "oauth2", "tokenUrl": "https://joe:hook-key@login.example/"}
    other = {**FEED, "name": "other", "resourceType": "json", "resourceLocation": "https://stock.example/", "transport": login}
    assert await refused(running, "POST", "/api/inventory-feeds.json", other) == {"transport.tokenUrl"}
    assert (feed["parameters"], feed["transport"]["privateKeyPassphrase"]) == ([{"name": "key", "value": "***", "type": "query"}], "***")
    reader = await make_token(running.service, "read")
    status, listed = await running.call("GET", "/api/inventory-feeds.json", token=reader)
    assert (status, listed[0]["hash"]) == (200, "***")
    assert len(feed["hash"]) > 40
    files = await to_thread.run_sync(lambda: b"".join(path.read_bytes() for path in tmp_path.iterdir()))
    shown = files + str([feed, listed]).encode()
    assert [secret for secret in SECRETS if secret.encode() in shown] == []
    assert feed["hash"].encode() not in files
    async with running.service.store.reading() as connection:
        stored = await read_stored_feed(connection, running.service.keys, feed["id"])
    assert stored.location == FEED["resourceLocation"]
    built = stored.build()
    assert (built.parameters[0].value, built.transport.private_key_passphrase) == ("query-key", "p4ssphrase")
    assert built.parse_webhook_endpoint == "http://127.0.0.1/items?key=hook-key"


async def test_what_was_shown_and_comes_back_changes_nothing(running: Running) -> None:
    """A feed that is sent back as it was shown stays as it was, to its last change; a new host or proxy loses the password."""
    feed = await made(
        running, fields=[{"name": "SKU", "purpose": "sku"}, {"name": "QTY", "purpose": "inventoryQuantity"}], retailPriceChange=7.5
    )
    one = f"/api/inventory-feeds/{feed['id']}.json"
    assert (feed["mapping"], feed["retailPriceChange"], feed["isValid"]) == ("custom", 7.5, True)
    assert await running.call("PUT", one, feed) == (200, feed)
    renamed = await changed(running, feed["id"], **{**feed, "name": "acme 2", "hash": "***"})
    assert {name for name in feed if feed[name] != renamed[name]} == {"name", "updatedAt"}
    assert await refused(running, "PUT", one, {"fetched": 3, "hash": "mine", "createdAt": None}) == {"fetched", "hash", "createdAt"}
    moved = await changed(running, feed["id"], resourceLocation="ftp://joe:***@127.0.0.1:2121/other.csv")
    assert moved["resourceLocation"].endswith("/other.csv")
    for elsewhere in (
        "ftp://joe:***@127.0.0.2:2121/stock.csv",
        "ftp://joe:***@127.0.0.1:21/stock.csv",
        "ftps://joe:***@127.0.0.1:2121/stock.csv",
    ):
        assert await refused(running, "PUT", one, {"resourceLocation": elsewhere}) == {"resourceLocation"}
    assert await refused(running, "PUT", one, {"authenticationSecret": "***"}) == {"authenticationSecret"}
    await changed(running, feed["id"], authenticationToken="t0ken-of-theirs")
    assert await refused(running, "PUT", one, {"resourceLocation": "ftp://127.0.0.2/stock.csv"}) == {"authenticationToken"}
    gone = await changed(running, feed["id"], resourceLocation="ftp://127.0.0.2/stock.csv", authenticationToken=None)
    assert gone["authenticationToken"] is None
    async with running.service.store.reading() as reader:
        stored = await read_stored_feed(reader, running.service.keys, feed["id"])
    assert stored.location == "ftp://127.0.0.2/stock.csv"
    plain = {"resourceType": "json", "resourceLocation": "http://joe:ftp-pa55@127.0.0.1/", "authenticationToken": "t0ken-of-theirs"}
    number = (await made(running, **plain, name="plain"))["id"]
    over = {"proxyUrl": "http://127.0.0.3:3128", "useProxy": True}
    one = f"/api/inventory-feeds/{number}.json"
    assert await refused(running, "PUT", one, over) == {"authenticationToken", "resourceLocation"}
    await changed(running, number, **{**plain, **over})
    await changed(running, number, proxyUrl="http://127.0.0.3:3128/", useProxy=False)
    secure = {**plain, "resourceLocation": "https://joe:ftp-pa55@127.0.0.1/"}
    await changed(running, (await made(running, **secure, name="secure"))["id"], **over)


async def test_what_can_never_work_is_refused_by_name(running: Running) -> None:
    """Every fault is named by its attribute; what is only missing yet shows in the feed."""
    path = "/api/inventory-feeds.json"
    for sent, named in (
        ({"name": None}, {"name"}),
        ({"dropshipProviderId": 99}, {"dropshipProviderId"}),
        ({"dropshipProviderId": "9" * 30}, {"dropshipProviderId"}),
        ({"alocationBuffer": 2, "guard.minItems": 3}, {"alocationBuffer", "guard.minItems"}),
        ({"resourceType": "carrierPigeon"}, {"resourceType"}),
        ({"resourceLocation": "gopher://127.0.0.1/x"}, {"resourceLocation"}),
        ({"resourceLocation": "ftp://***@127.0.0.1/x"}, {"resourceLocation"}),
        ({"resourceLocation": "http://169.254.169.254/x", "webhookEndpoint": "ftp://h/"}, {"resourceLocation", "webhookEndpoint"}),
        ({"fetchFrequency": "custom"}, {"fetchSchedule"}),
        ({"encoding": "klingon"}, {"encoding"}),
        ({"missingGraceRuns": "9" * 30}, {"missingGraceRuns"}),
        ({"fields": [{"name": "A", "purpose": "sku", "rules": ["nobody's"]}]}, {"fields.0.rules"}),
        ({"fields": "SKU"}, {"fields"}),
        ({"guard": {"maxPriceFactor": "inf"}, "currency": "EUR"}, {"guard.maxPriceFactor"}),
    ):
        assert await refused(running, "POST", path, {**FEED, **sent}) == named, sent
    assert await refused(running, "POST", path, [FEED]) == {""}
    feed = await made(running, mapping="custom", fetchSchedule=None)
    assert (feed["isValid"], feed["nextFetchAt"]) == (False, None)
    assert "sku" in feed["validationMessage"]
    assert await column(running, "next_fetch_at", feed["id"]) is None
    feed = await changed(running, feed["id"], mapping="inventory")
    assert (feed["isValid"], await column(running, "next_fetch_at", feed["id"])) == (True, 0)
    assert await refused(running, "POST", path, FEED, status=409) == set()
    await refused(running, "GET", "/api/inventory-feeds/77.json", status=404)
    await refused(running, "PUT", "/api/inventory-feeds/77.json", {}, status=404)


async def test_this_machine_is_private_unless_the_operator_says_otherwise(tmp_path: Path) -> None:
    """Without allow_private neither files, keys nor addresses of this machine can be named; a feed that has one keeps working on."""
    async with run_service(tmp_path, loops=False) as open_service:
        await open_service.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        await made(open_service)
    async with run_service(tmp_path, loops=False, egress=Outgoing()) as running:
        path = "/api/inventory-feeds.json"
        for location in (
            "file:///etc/passwd",
            "stock.csv",
            "http://127.0.0.1/",
            "http://localhost/",
            "http://[::1]/",
            "http://2130706433/",
        ):
            assert await refused(running, "POST", path, {**FEED, "name": "x", "resourceLocation": location}) == {"resourceLocation"}, (
                location
            )
        inward = {"resourceType": "webhook", "resourceLocation": None, "parseWebhookEndpoint": "http://[::ffff:127.0.0.1]/items"}
        assert await refused(running, "POST", path, {**FEED, **inward}) == {"parseWebhookEndpoint"}
        sent = {"transport": {"privateKey": "/root/.ssh/id_rsa", "sshAgent": True}, "resourceLocation": "sftp://example.com/x"}
        assert await refused(running, "POST", path, {**FEED, **sent}) == {"transport.privateKey", "transport.sshAgent"}
        feed = await changed(running, 1, enabled=False)
        assert (feed["isValid"], feed["enabled"]) == (False, False)


async def test_the_scheduler_is_told_what_it_has_to_know(running: Running) -> None:
    """A change of schedule is planned anew, any other is not; enabling again ends a pause, sending all back does not."""
    feed = await made(running)
    number = feed["id"]

    async def fetch_at(moment: int) -> None:
        async with running.service.store.writing() as writer:
            await writer.execute(
                "UPDATE main.inventory_feeds SET next_fetch_at = ?, paused_at = 5, failures = 9 WHERE id = ?", moment, number
            )

    await fetch_at(10**15)
    assert (await changed(running, number, allocationBuffer=2))["nextFetchAt"] == "2001-09-09T01:46:40.000000Z"
    assert (await changed(running, number, fetchFrequency="daily"))["nextFetchAt"] is None
    assert await column(running, "next_fetch_at", number) == 0
    await fetch_at(10**15)
    paused = (await running.call("GET", f"/api/inventory-feed/{number}.json"))[1]
    assert (await changed(running, number, **paused))["pausedAt"] is not None
    assert (await changed(running, number, enabled=True))["failures"] == 0
    assert (await column(running, "next_fetch_at", number), await column(running, "paused_at", number)) == (0, None)
    await changed(running, number, automatedFetching="disabled")
    assert await column(running, "next_fetch_at", number) is None


async def test_the_secret_of_the_inbound_api_is_replaced(running: Running) -> None:
    """A new hash counts at once and the old one no more; a change of the feed at the same time keeps it."""
    feed = await made(running)
    path = f"/api/inventory-feeds/{feed['id']}"
    answers: list[tuple[int, dict[str, Any]]] = []

    async def rotate() -> None:
        answers.append(await running.call("POST", f"{path}/rotate-hash.json"))

    async with create_task_group() as group:
        for buffer in range(1, 6):
            group.start_soon(running.call, "PUT", f"{path}.json", {"allocationBuffer": buffer, "name": f"acme {buffer}"})
        group.start_soon(rotate)
    ((status, rotated),) = answers
    shown = (await running.call("GET", f"{path}.json"))[1]
    assert (status, rotated["hash"] != feed["hash"], shown["hash"]) == (200, True, rotated["hash"])
    assert shown["name"] == f"acme {shown['allocationBuffer']}"


async def test_a_run_gives_way_to_what_was_changed_while_it_ran(running: Running) -> None:
    """What a run stores of a feed is what the API stored, to the byte; stock settings that change count for items at once."""
    feed = await made(running, name="acme", fields=[{"name": "a", "purpose": "sku"}], guard={"minItems": 3}, allocationBuffer=1)
    store = running.service.store
    async with store.reading() as reader:
        built = (await read_stored_feed(reader, running.service.keys, feed["id"])).build()
    assert settings_text(built.definition()) == await column(running, "settings", feed["id"])
    definition = FeedDefinition("acme", built.definition().attributes, built.definition().fields)
    async with open_sqlite(running.service.url) as sink:
        await import_items(sink, batch(("vendorSku", "inventoryQuantity"), ("a", "A", 5)), feed=definition)
    after = (await running.call("GET", f"/api/inventory-feeds/{feed['id']}.json"))[1]
    assert (after["updatedAt"], after["fetched"], after["fields"], after["hash"]) == (feed["updatedAt"], 1, feed["fields"], feed["hash"])
    assert after["lastFetchedAt"] is not None


async def test_a_feed_goes_with_all_that_hangs_on_it(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed under way stays; else its items, runs, rejects and history go, in several transactions, and no other feed's."""
    monkeypatch.setattr("sinks.sqlite.service.resources.removal.CHUNK_ROWS", 7)
    for name in ("acme", "other"):
        await made(running, name=name)
        async with open_sqlite(running.service.url) as sink:
            for quantity in (5, 6):
                rows = [(f"{n}", f"S{n}", quantity) for n in range(30)]
                await import_items(sink, batch(("vendorSku", "inventoryQuantity"), *rows), feed=FeedDefinition(name))
    store = running.service.store
    path = "/api/inventory-feeds/1.json"
    async with store.reading() as reader, hold_feed(store.database, reader, 1, "acme"):
        await refused(running, "DELETE", path, status=409)
    async with store.writing() as writer:
        run = await enqueue_run(writer, 1, trigger="call")
    await refused(running, "DELETE", path, status=409)
    async with store.writing() as writer:
        await writer.execute("UPDATE main.data_imports SET status = 'error', finished_at = ? WHERE id = ?", clock.now(), run)

    status, removed = await running.call("DELETE", path)
    assert (status, removed["name"], removed["enabled"]) == (200, "acme", True)
    await refused(running, "DELETE", path, status=404)
    assert store.database.path is not None
    counts = await to_thread.run_sync(_count_rows, store.database.path)
    assert set(counts) == {2}, "a row of the feed that was removed is left"
    assert counts[2] == 30 + 30 + 2 + 2


def _count_rows(path: Path) -> dict[int, int]:
    """Return how many items, changes, runs and events there are, by feed."""
    tables = {"inventory_feed_variants": "inventory_feed_id", "inventory_feed_variant_changes": "inventory_feed_id"}
    tables |= {"data_imports": "feed_id", "data_import_events": "feed_id"}
    counts: dict[int, int] = {}
    with closing(sqlite3.connect(path)) as connection:
        for table, name in tables.items():
            for feed, count in connection.execute(f"SELECT {name}, count(*) FROM {table} GROUP BY 1"):
                counts[feed] = counts.get(feed, 0) + count
    return counts


async def test_a_feed_of_the_command_line_shows_what_it_lacks(running: Running) -> None:
    """It has a hash once it was shown, is fetched by nobody, and by the service once its credentials were sent."""
    attributes = {"resourceType": "ftpCsv", "resourceLocation": "ftp://joe:***@127.0.0.1:2121/stock.csv"}
    async with open_sqlite(running.service.url) as sink:
        await import_items(sink, batch(("vendorSku", "inventoryQuantity"), ("a", "A", 5)), feed=FeedDefinition("cli", attributes))
    ((feed,), (again,)) = [(await running.call("GET", "/api/inventory-feeds.json"))[1] for _ in range(2)]
    assert (feed["hash"], len(feed["hash"]) > 40, feed["isValid"], feed["nextFetchAt"]) == (again["hash"], True, False, None)
    assert "credentials" in feed["validationMessage"]
    number = feed["id"]
    assert (await changed(running, number, allocationBuffer=1))["isValid"] is False
    assert await column(running, "next_fetch_at", number) is None
    whole = await changed(running, number, resourceLocation="ftp://joe:ftp-pa55@127.0.0.1:2121/stock.csv")
    assert (whole["isValid"], whole["resourceLocation"], whole["hash"]) == (True, feed["resourceLocation"], feed["hash"])
    assert await column(running, "next_fetch_at", number) == 0


async def test_lists_are_pages_and_answers_are_what_the_document_says(running: Running) -> None:
    """A page of feeds is a handful of statements; every answer fits the schema that its endpoint declares."""
    await made(running, name="first", mapping="custom", allocationBuffer=3, pagination={"style": "page"}, requireBarcode=True)
    await made(running, name="second", resourceType="webhook", resourceLocation=None, retailPriceChange="2.5")
    endpoints = await to_thread.run_sync(lambda: list(all_endpoints()))
    shapes: dict[str, Any] = {each.path: each.answer for each in endpoints if each.method == "GET"}
    statements: list[str] = []
    for reader in running.service.store._idle:
        await reader.connection.set_trace_callback(statements.append)
    status, listed = await running.call("GET", "/api/inventory-feeds.json")
    assert (status, [feed["name"] for feed in listed]) == (200, ["first", "second"])
    assert len([each for each in statements if each.startswith("SELECT")]) < 10
    for feed in listed:
        validator_for(shapes["/api/inventory-feeds.json"]).validate(feed)
        validator_for(shapes["/api/inventory-feeds/{id}.json"]).validate(feed)
    for query, names in (
        ("where[allocationBuffer][$gt]=2", ["first"]),
        ("where[requireBarcode]=true", ["first"]),
        ("where[retailPriceChange]=2.5", ["second"]),
        ("where[isValid]=false&where[mapping]=custom", ["first"]),
        ("where[weightUnit]=g&order[attribute]=name&order[descending]=true", ["second", "first"]),
        ("where[resourceLocation]=null", ["second"]),
    ):
        _, found = await running.call("GET", f"/api/inventory-feed.json?{query}&attributes[]=name")
        assert found == [{"name": name} for name in names], query
    await refused(running, "GET", "/api/inventory-feeds.json?where[authenticationToken][$like]=a")
    await refused(running, "GET", "/api/inventory-feeds.json?where[parseWebhookEndpoint][$like]=a")
