"""Lists under any query string at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from yarl import URL

from tests.servers.feedmill_service import Running, run_service

PATHS: Final = (
    *("/api/inventory-feeds.json", "/api/dropship-providers.json", "/api/inventory-feed-fields.json"),
    *("/api/inventory-feed-parameters.json", "/api/inventory-feed-mappings.json"),
)
_ATTRIBUTES: Final = (
    "id",
    "name",
    "enabled",
    "retailPriceChange",
    "lastFetchedAt",
    "mapping",
    "hash",
    "guard",
    "value",
    "inventoryFeedId",
    "%C3%A9",
)
_VALUES: Final = (
    *("1", "null", "true", "-0", "1e999", "NaN", "-9223372036854775808", "9" * 400, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    *("%00", "%ff", "%ED%A0%80", "';--", "a%25b", "1_0", "%D9%A3", "Infinity", ".5", "+1", ""),
)
_key = st.one_of(
    st.builds(
        "where[{}]{}".format,
        st.sampled_from(_ATTRIBUTES),
        st.sampled_from(["", "[$gt]", "[$in]", "[$in][]", "[$like]", "[$ne]", "[$null]", "[$eq]", "[x]", "["]),
    ),
    st.sampled_from(["attributes[]", "order[attribute]", "order[descending]", "limit", "from", "after", "where", "[", "%5B"]),
    st.text("abw[]$.%25", max_size=12).map(lambda text: text.replace("%", "%25")),
)
_value = st.one_of(
    st.sampled_from(_VALUES),
    st.sampled_from(_ATTRIBUTES),
    st.text("0123456789.eE-+%':T", max_size=20).map(lambda text: text.replace("%", "%25")),
)
_query = st.lists(st.builds("{}={}".format, _key, _value), max_size=5).map("&".join)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BlockingPortal, Running]]:
    """Run one service for all examples, with a feed and a row of each kind in it."""
    directory: Path = tmp_path_factory.mktemp("lists")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(run_service(directory, loops=False)) as running:
        portal.call(_fill, running)
        yield portal, running


async def _fill(running: Running) -> None:
    fields = [{"name": "SKU", "purpose": "sku"}]
    parameters = [{"name": "key", "value": "query-key"}]
    mappings = [{"field": "optionName", "matchType": "includes", "transformFrom": ["a"], "transformTo": "b"}]
    feed = {
        "name": "acme",
        "resourceType": "ftpCsv",
        "dropshipProviderId": 1,
        "fields": fields,
        "parameters": parameters,
        "mappings": mappings,
    }
    assert (await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"}))[0] == 200
    assert (await running.call("POST", "/api/inventory-feeds.json", feed))[0] == 200


async def _ask(running: Running, path: str, query: str) -> tuple[int, bytes]:
    url = URL(f"{running.url}{path}?{query}", encoded=True)
    async with running.client.get(url, headers={"Authorization": f"Bearer {running.token}"}) as response:
        return response.status, await response.read()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(PATHS), query=_query)
@example(path=PATHS[0], query="where[retailPriceChange][$in]=1e400&where[name]=%ED%A0%80")
@example(path=PATHS[0], query="where[name]=%ff%00&order[attribute]=name")
def test_any_query_is_answered_or_refused(served: tuple[BlockingPortal, Running], path: str, query: str) -> None:
    """Whatever the query string, the answer is a page or names what is wrong with it, and no secret is in it."""
    portal, running = served
    status, body = portal.call(_ask, running, path, query)
    assert status in (200, 422), body
    assert b"query-key" not in body
