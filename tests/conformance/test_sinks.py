"""The built-in sinks keep every promise of the sink contract."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import anyio
import pytest

from engine.errors import ConfigError
from plugins.conformance.sink import CHECKS, FEED, Items, SinkCase, SinkCheck
from sinks import feedmill_sinks
from sinks.jsonl import open_jsonl
from sinks.sqlite.queries import open_queries
from sinks.sqlite.sink import open_sqlite


def sqlite_case(folder: Path) -> SinkCase:
    """Return an empty database."""
    url = f"sqlite:///{folder}/shop.db"

    async def read() -> Items:
        async with open_queries(url) as queries:
            try:
                return {str(item["externalId"]): item async for item in queries.items(FEED.name)}
            except ConfigError:
                return {}

    return SinkCase(lambda: open_sqlite(url), read)


def jsonl_case(folder: Path) -> SinkCase:
    """Return a file that is not there yet."""
    file = anyio.Path(folder / "items.jsonl")

    async def read() -> Items:
        if not await file.exists():
            return {}
        items = [json.loads(line, parse_float=Decimal) for line in (await file.read_text()).splitlines()]
        return {item["externalId"]: item for item in items}

    return SinkCase(lambda: open_jsonl(f"jsonl:///{folder}/items.jsonl"), read)


@pytest.fixture(params=[sqlite_case, jsonl_case], ids=["sqlite", "jsonl"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> SinkCase:
    """Give each check each sink, over a place of its own."""
    make: Callable[[Path], SinkCase] = request.param
    return make(tmp_path)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: str(check.__name__))
async def test_sink_conforms(check: SinkCheck, case: SinkCase) -> None:
    """Every check of the published kit holds for every built-in sink."""
    done: Awaitable[None] = check(case)
    await done


def test_every_builtin_sink_is_checked() -> None:
    """The schemes that are registered are the ones that the cases above cover."""
    assert [spec.schemes for spec in feedmill_sinks()] == [("sqlite",), ("jsonl",)]
