"""Going through items page by page, forward and back, while others are added."""

from __future__ import annotations

from functools import partial
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedmill.service.pushing import run_pushes
from sinks.sqlite.service.browsing import items, walking
from tests.integration.test_api_items import ITEMS, make_feed, make_item
from tests.servers.feedmill_service import Running, run_service

WAYS = ("true", "false")
ORDERS = ("id", "externalId", "vendorSku", "name", "inventoryQuantity", "retailPrice", "updatedAt")
NUMBERS = count()
NAMES = ("Lamp", "lamp", "Chair", None)

questions = st.fixed_dictionaries(
    {"order[attribute]": st.sampled_from(ORDERS), "order[descending]": st.sampled_from(WAYS), "limit": st.integers(1, 4)},
    optional={
        "q": st.sampled_from(("k", "K", "k-1", "lamp", "nothing")),
        "inventoryFeedId": st.sampled_from((1, 2)),
        "status": st.sampled_from(("pending", "removed")),
        "connected": st.sampled_from(("true", "false")),
    },
)


def answers(question: dict[str, Any], item: dict[str, Any]) -> bool:
    """Return whether an item is looked for, said without SQL."""
    text = str(question.get("q", "")).lower()
    keys = [str(item[name] or "").lower().startswith(text) for name in ("externalId", "vendorSku")]
    return (
        (not text or any(keys) or text in str(item["name"] or "").lower())
        and question.get("inventoryFeedId", item["inventoryFeedId"]) == item["inventoryFeedId"]
        and question.get("status", item["status"]) == item["status"]
        and question.get("connected", "false") == "false"
    )


async def ask(running: Running, question: dict[str, Any], cursor: str | None) -> dict[str, Any]:
    """Return a page."""
    query = {name: str(value) for name, value in question.items()} | ({} if cursor is None else {"cursor": cursor})
    status, found = await running.call("GET", f"{ITEMS}/search.json", params=query)
    assert status == 200, found
    page: dict[str, Any] = found
    return page


async def walk(running: Running, question: dict[str, Any], way: str, begin: dict[str, Any], feed: int) -> list[list[dict[str, Any]]]:
    """Return the pages from one on, adding an item after each of the first two."""
    pages, page = [begin["items"]], begin
    while page[way] is not None:
        if way == "next" and len(pages) <= 2:
            await make_item(running, feed, f"k-new-{next(NUMBERS)}", name="Lamp")
        page = await ask(running, question, page[way])
        pages.append(page["items"])
        if way == "previous" and not page["items"]:
            break
    return pages


async def go(asked: list[dict[str, Any]], directory: Path, *, hurried: bool) -> None:
    """Go through all pages of each question, and back to the first where there is time to."""
    async with run_service(directory, loops=(run_pushes,)) as running:
        feeds = [await make_feed(running, name) for name in ("one", "two")]
        for number in range(8):
            feed = feeds[number % 3 % 2]
            name, price = NAMES[number % 4], [None, "1.5", "20"][number % 3]
            await make_item(running, feed, f"{'kK'[number % 2]}-{number}", name=name, inventoryQuantity=number % 3, retailPrice=price)
        await running.call("PUT", f"/api/inventory-feeds/{feeds[0]}/parse-webhook.json", {"externalId": "k-0", "status": "removed"})
        for question in asked:
            await go_through(running, question, feeds[0], hurried=hurried)


async def go_through(running: Running, question: dict[str, Any], feed: int, *, hurried: bool) -> None:
    """Go through the pages of a question."""
    everything = {item["id"]: item for item in (await running.call("GET", f"{ITEMS}.json?limit=1000"))[1]}
    wanted = {number for number, item in everything.items() if answers(question, item)}
    # A page that ended because time was up may hold nothing, and then there is no way back from it but to the first one.
    for way in ("next",) if hurried else ("next", "previous"):
        first = await ask(running, question, None) if way == "next" else await end(running, question)
        met = [item["id"] for page in await walk(running, question, way, first, feed) for item in page]
        assert len(met) == len(set(met)), (way, question)
        assert set(met) & everything.keys() == wanted, (way, question)


async def end(running: Running, question: dict[str, Any]) -> dict[str, Any]:
    """Return the last page that has items."""
    page = await ask(running, question, None)
    while page["next"] is not None:
        page = await ask(running, question, page["next"])
    return page


PLAIN: list[dict[str, Any]] = [
    {"order[attribute]": order, "order[descending]": way, "limit": 5} for order, way in zip(ORDERS, cycle(WAYS), strict=False)
]
KEYS = [{"q": "k", "order[attribute]": "id", "order[descending]": way, "limit": limit} for way in WAYS for limit in (1, 4)]


@given(asked=st.lists(questions, min_size=1, max_size=6), hurried=st.booleans())
@example(asked=PLAIN, hurried=False)
@example(asked=KEYS, hurried=False)
@example(asked=[*PLAIN[:4], *KEYS], hurried=True)
@settings(max_examples=3, deadline=None)
def test_every_item_is_met_exactly_once(asked: list[dict[str, Any]], hurried: bool) -> None:
    """Whatever is looked for in whatever order: forward and back every item that is looked for is met once, and no other one."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patched:
        patched.setattr(walking, "_FIRST_STEP", 3)
        if hurried:
            patched.setattr(items, "SECONDS", -1.0)
        anyio.run(partial(go, asked, Path(directory), hurried=hurried))
