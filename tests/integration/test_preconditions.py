"""Preconditions over HTTP: who changes what he has looked at changes nothing that he has not, whoever else writes."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from random import Random
from typing import Any

import anyio
import orjson
import pytest

from feedmill.service.pushing import run_pushes
from tests.integration.test_api_items import ITEMS, make_feed, make_item
from tests.integration.test_pages_items import get, post
from tests.servers.browser import sign_in_as
from tests.servers.feedmill_service import Running, make_token, run_service

_RACERS = 4
_ROUNDS = 2


async def look(running: Running, path: str, **headers: str) -> tuple[int, str, bytes]:
    """Return the status, the entity tag and the body of a GET."""
    shown = {"Authorization": f"Bearer {running.token}", **headers}
    async with running.client.get(f"{running.url}{path}", headers=shown) as response:
        return response.status, response.headers.get("ETag", ""), await response.read()


async def change(running: Running, path: str, tag: str, sent: object = None, method: str = "PUT", token: str | None = None) -> Any:
    """Return the status and the JSON of a change that holds to a tag."""
    return await running.call(method, path, sent, headers={"If-Match": tag}, token=token)


async def test_of_racing_changes_each_is_made_of_what_it_looked_at(tmp_path: Path) -> None:
    """Clients that count an item up at the same time, each by what it has read, lose no count; who came too late is told with a cure."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        item = await make_item(running, await make_feed(running), "a-1")
        one, refused = f"{ITEMS}/{item['id']}.json", list[Any]()

        async def count() -> None:
            token, counted = await make_token(running.service, "admin"), 0
            while counted < _ROUNDS:
                _, tag, shown = await look(running, one)
                now = orjson.loads(shown)["inventoryQuantity"]
                status, answer = await change(running, one, tag, {"inventoryQuantity": now + 1}, token=token)
                if status == 200:
                    counted += 1
                else:
                    assert status == 412, answer
                    refused.append(answer)

        async with anyio.create_task_group() as group:
            for _ in range(_RACERS):
                group.start_soon(count)
        assert (await running.call("GET", one))[1]["inventoryQuantity"] == 5 + _RACERS * _ROUNDS
        assert refused
        assert refused[0]["type"] == "urn:feedmill:problem:precondition-failed"
        for said in (f"variant {item['id']}", "'a-1'", "nothing was changed", "GET it again"):
            assert said in refused[0]["detail"]


async def test_a_change_of_an_item_that_is_another_by_now_does_nothing(tmp_path: Path) -> None:
    """With a tag of yesterday an item is neither changed, nor connected, disconnected or deleted, and its history has nothing of it."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        item = await make_item(running, await make_feed(running), "a-1")
        _, product = await running.call("POST", "/api/products.json", {"name": "Lamp"})
        _, variant = await running.call("POST", "/api/variants.json", {"productId": product["id"], "sku": "S-1"})
        one = f"{ITEMS}/{item['id']}"
        _, old, _ = await look(running, f"{one}.json")
        assert (await running.call("PUT", f"{one}.json", {"inventoryQuantity": 9}))[0] == 200
        _, tag, before = await look(running, f"{one}.json")
        history = (await running.call("GET", f"{one}/history.json"))[1]
        calls = (
            ("PUT", f"{one}.json", {"inventoryQuantityOverride": "manual", "manualInventoryQuantity": 1}),
            ("PUT", f"{one}/connect.json", {"variantId": variant["id"]}),
            ("PUT", f"{one}/disconnect.json", None),
            ("DELETE", f"{one}.json", None),
        )
        for held in (old, f"W/{tag}", '"", "x"'):
            for method, path, sent in calls:
                status, problem = await change(running, path, held, sent, method)
                assert (status, problem["title"]) == (412, "Precondition Failed"), (path, held)
        assert (await look(running, f"{one}.json"))[2] == before
        assert (await running.call("GET", f"{one}/history.json"))[1] == history
        for method, path, sent in calls:
            _, tag, _ = await look(running, f"{one}.json")
            assert (await change(running, path, f'"other" , {tag}', sent, method))[0] == 200, path
        assert (await change(running, f"{one}.json", tag, {"inventoryQuantity": 1}))[0] == 404


async def test_a_header_that_is_none_or_of_another_call_is_not_passed_over(tmp_path: Path) -> None:
    """What is no entity tag is malformed; a push, which holds to nothing, is not made at all; `*` is whatever is there."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        item = await make_item(running, feed, "a-1")
        one, pushed = f"{ITEMS}/{item['id']}.json", {"externalId": "a-1", "inventoryQuantity": 77}
        for odd in ("0c2d", '"a" "b"', '*, "a"', '"a', ""):
            assert (await change(running, one, odd, {"inventoryQuantity": 77}))[0] == 400, odd
        status, problem = await change(running, f"/api/inventory-feeds/{feed}/parse-webhook.json", '"0c2d"', pushed)
        assert (status, "send it without" in problem["detail"]) == (412, True)
        assert (await running.call("GET", one))[1] == item
        assert (await change(running, f"/api/inventory-feeds/{feed}/parse-webhook.json", "*", pushed))[0] == 200
        assert (await change(running, one, "*", {"inventoryQuantity": 5}))[0] == 200


@pytest.mark.parametrize("seed", [1, 2])
async def test_tags_are_the_same_where_what_is_shown_is(tmp_path: Path, seed: int) -> None:
    """Whatever is done to an item or its feed, its tag is that of another moment if and only if all that is shown is, byte by byte.

    And it is the tag to which a change holds: who names the tag that is shown is never refused.
    """
    drawn, tags = Random(seed), dict[bytes, str]()
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        _, provider = await running.call("POST", "/api/dropship-providers.json", {"name": "P"})
        made = {"name": "acme", "dropshipProviderId": provider["id"], "resourceType": "webhook"}
        _, feed = await running.call("POST", "/api/inventory-feeds.json", made)
        item = await make_item(running, feed["id"], "a-1", retailPrice="12.50", inventoryQuantity=2.5)
        one = f"{ITEMS}/{item['id']}.json"
        changes: tuple[tuple[str, dict[str, list[Any]]], ...] = (
            (one, {"inventoryQuantity": [1, 2, 2.5], "name": ["Lamp", "L\u00e4mp", None], "retailPrice": [1, "1.10", None]}),
            (one, {"tags": [[], ["a", "b"]], "metaFields": [{"a": {"b": 1}}, None], "allocationBufferOverride": [0, 1, None]}),
            (f"/api/inventory-feeds/{feed['id']}.json", {"allocationBuffer": [0, 2], "maximumInventoryQuantity": [1, 50]}),
        )
        for _ in range(25):
            path, values = drawn.choice(changes)
            name = drawn.choice(list(values))
            _, tag, shown = await look(running, one)
            assert tags.setdefault(shown, tag) == tag
            assert (await look(running, one, **{"If-None-Match": f'"x", W/{tag}'}))[::2] == (304, b"")
            held = {"If-Match": tag} if path == one else {}
            assert (await running.call("PUT", path, {name: drawn.choice(values[name])}, headers=held))[0] == 200
        assert len(set(tags.values())) == len(tags) > 10
        assert all(tag.startswith('"') and tag.endswith('"') for tag in tags.values())


async def test_of_two_people_who_decide_at_once_one_is_told(tmp_path: Path) -> None:
    """Forms of one item that are sent at the same moment: one is saved, the others say that somebody else has decided, and what."""
    async with run_service(tmp_path, loops=(run_pushes,)) as running:
        feed = await make_feed(running)
        item = await make_item(running, feed, "a-1")
        address, told = f"/items/{item['id']}", list[tuple[int, str]]()
        sessions = [await sign_in_as(running.service, name) for name in ("Ada", "Bob", "Eve")]
        pages = [(await get(running, address, session))[1] for session in sessions]
        was = {"was-inventoryQuantityOverride": "none", "was-manualInventoryQuantity": "", "was-allocationBufferOverride": ""}

        async def save(at: int) -> None:
            sent = {**was, "inventoryQuantityOverride": "manual", "manualInventoryQuantity": str(10 + at)}
            told.append(await post(running, f"{address}/override", sessions[at], sent, pages[at]))

        async with anyio.create_task_group() as group:
            for at in range(len(sessions)):
                group.start_soon(save, at)
        now = (await running.call("GET", f"{ITEMS}/{item['id']}.json"))[1]["manualInventoryQuantity"]
        refused = [page for status, page in told if status == 409]
        assert (len(refused), now >= 10) == (len(sessions) - 1, True)
        assert all(f"Is now: {now}." in page for page in refused)
        assert len((await running.call("GET", f"{ITEMS}/{item['id']}/history.json"))[1]) == 2


async def make_whole_feed(running: Running) -> int:
    """Create a feed over the API and return its id."""
    _, provider = await running.call("POST", "/api/dropship-providers.json", {"name": "P"})
    made = {"name": "acme", "dropshipProviderId": provider["id"], "resourceType": "ftpCsv", "fetchFrequency": "never"}
    return int((await running.call("POST", "/api/inventory-feeds.json", made))[1]["id"])


async def test_of_racing_changes_of_a_feed_none_is_lost(tmp_path: Path) -> None:
    """A feed holds to its tag as an item does: who counts a setting up by what he has read loses no count of others."""
    async with run_service(tmp_path, loops=()) as running:
        one = f"/api/inventory-feeds/{await make_whole_feed(running)}.json"
        told = list[int]()

        async def count() -> None:
            while True:
                _, tag, shown = await look(running, one)
                then = {"allocationBuffer": (orjson.loads(shown)["allocationBuffer"] or 0) + 1}
                told.append((await change(running, one, tag, then))[0])
                if told[-1] == 200:
                    return

        async with anyio.create_task_group() as group:
            for _ in range(_RACERS):
                group.start_soon(count)
        assert (await running.call("GET", one))[1]["allocationBuffer"] == told.count(200) == _RACERS
        assert set(told) == {200, 412}


async def test_settings_that_others_have_saved_meanwhile_stay(tmp_path: Path) -> None:
    """A form of settings saves what was changed in it, and no other; who would overrule another one's setting is told it first."""
    async with run_service(tmp_path, loops=()) as running:
        feed, ada = await make_whole_feed(running), await sign_in_as(running.service, "Ada")
        one, page = f"/api/inventory-feeds/{feed}.json", f"/feeds/{feed}/settings?group=Guard"
        shown = (await get(running, page, ada))[1]
        opened = dict(re.findall(r'<input[^>]* name="([\w. ]+)" [^>]*?value="([^"]*)"', shown))
        form = {name: unescape(value) for name, value in opened.items() if name != "form_token"} | {"guard.enabled": "true"}
        assert {"was", "guard.minItems"} <= form.keys()
        assert (await running.call("PUT", one, {"guard": {"minItems": 9}}))[0] == 200
        assert (await post(running, page, ada, {**form, "guard.maxMissingRatio": "0.5"}, shown))[0] == 200
        guard = (await running.call("GET", one))[1]["guard"]
        assert (guard["minItems"], guard["maxMissingRatio"], guard["enabled"]) == (9, 0.5, True)
        status, told = await post(running, page, ada, {**form, "guard.minItems": "7"}, shown)
        assert (status, "Is now: 9." in told, 'value="7"' in told) == (409, True, True)
        assert (await running.call("GET", one))[1]["guard"] == guard
        again = {**form, "was": unescape(re.findall(r'name="was" value="([^"]*)"', told)[0]), "guard.minItems": "7"}
        assert (await post(running, page, ada, {**again, "guard.maxMissingRatio": "0.5"}, shown))[0] == 200
        assert (await running.call("GET", one))[1]["guard"] == {**guard, "minItems": 7}
        late = {"was-fetchFrequency": "daily", "was-fetchSchedule": "", "fetchFrequency": "hourly"}
        status, told = await post(running, f"/feeds/{feed}/schedule", ada, late, shown)
        assert (status, "Is now: never." in told) == (409, True)
