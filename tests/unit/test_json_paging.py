"""A document that names a page after it: whoever reads it alone should know."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from engine.contracts import DocumentFacts, MapperSettings
from mappers.json import JsonMapper

ITEMS = [{"sku": "a", "stock": 1}]


def warnings_of(document: object, **attributes: Any) -> list[Any]:
    """Return what the mapper warns of in a document."""
    settings = MapperSettings((("sku",), ("stock",)), {"jsonRoot": "items", **attributes})
    mapper = JsonMapper(settings, DocumentFacts("stock.json"))
    for raw in [*mapper.feed(orjson.dumps(document)), *mapper.finish()]:
        mapper.parse(raw)
    found = mapper.dialect.get("warnings", [])
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("beside", "name"),
    [
        ({"next": "https://api.example/items?page=2"}, "next"),
        ({"meta": {"next_cursor": "abc"}}, "meta.next_cursor"),
        ({"_links": {"next": {"href": "/items?page=2"}}}, "_links.next"),
        ({"has_more": True}, "has_more"),
    ],
)
def test_a_next_page_that_nobody_reads_is_a_warning(beside: dict[str, object], name: str) -> None:
    """Without pagination the first page would pass for the whole feed."""
    (warning,) = warnings_of({"items": ITEMS, **beside})
    assert repr(name) in warning
    assert "set pagination" in warning
    assert warnings_of({"items": ITEMS, **beside}, pagination={"style": "page"}) == []


@pytest.mark.parametrize("beside", [{}, {"next": None}, {"next": ""}, {"meta": {"next_cursor": None}}, {"has_more": False}, {"total": 5}])
def test_a_last_page_warns_of_nothing(beside: dict[str, object]) -> None:
    """Where no next page is named there is nothing to say."""
    assert warnings_of({"items": ITEMS, **beside}) == []
