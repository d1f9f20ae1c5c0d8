"""Whatever can be set of a feed can be set in the dashboard: of every attribute there is a page that shows and changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.feed import Feed, FieldRow, GuardLimits, JsonField, Rewrite
from engine.settings.resource import Resource
from engine.settings.transport import Pagination, Parameter, Transport
from feedmill.dashboard.controls import controls_of, groups
from feedmill.dashboard.mapping.rules import KINDS, parts_of
from feedmill.dashboard.reaching.changing import ATTRIBUTES
from feedmill.dashboard.rendering import TEMPLATES
from feedmill.service.definition.showing import show_row

INNER: Final[Mapping[str, type[Resource]]] = {
    "guard": GuardLimits,
    "transport": Transport,
    "pagination": Pagination,
    "parameters": Parameter,
    "fields": FieldRow,
    "jsonFields": JsonField,
    "mappings": Rewrite,
}
PRESETS: Final = ("mapping", "xmlMapping", "jsonMapping")
EXCEPTIONS: Final[Mapping[str, str]] = {}
"""Attributes that no page sets, each with the reason why a merchant does not miss it."""


def names_of(model: type[Resource]) -> Iterator[str]:
    """Yield the attributes of a model by the names of the API."""
    yield from (field.alias or name for name, field in model.model_fields.items())


def attributes() -> set[str]:
    """Return every attribute, those of an object by their paths."""
    return {path for name in names_of(Feed) for path in ([f"{name}.{each}" for each in names_of(INNER[name])] if name in INNER else [name])}


def shown_feed() -> dict[str, Any]:
    """Return a feed as the API shows it, as far as controls look at it."""
    defaults = Feed.model_validate({"name": "feed"}).model_dump(mode="json", by_alias=True)
    return {**defaults, "parameters": [show_row("parameters", {"name": "shop", "value": "hush"})]}


def set_in_settings() -> set[str]:
    """Return what the page of settings has controls for."""
    return {control.name for group in groups() for control in controls_of(group, shown_feed())}


def set_in_requests() -> set[str]:
    """Return what the page of requests sets, and has a field for in its template."""
    template = (TEMPLATES / "feeds/reach.html").read_text("utf-8")
    paths = {f"{name}.{each}" for name in ("pagination", "parameters") for each in names_of(INNER[name])}
    fields = {path for path in paths if f'"{path}"' in template or f'place ~ ".{path.rpartition(".")[2]}"' in template}
    return fields | (ATTRIBUTES - {"pagination", "parameters"})


def set_in_mapping() -> set[str]:
    """Return what the mapping editor sets: the presets, and of its rows everything."""
    rows = {f"{kind}.{name}" for kind in KINDS for name in (*parts_of(kind), *(["enabled"] if kind == "fields" else []))}
    return rows | set(PRESETS)


def test_every_attribute_is_set_on_a_page() -> None:
    """An attribute that neither a page sets nor an exception explains can be given through the API alone."""
    everywhere = set_in_settings() | set_in_requests() | set_in_mapping() | set(EXCEPTIONS)
    assert sorted(attributes() - everywhere) == []
    assert sorted(everywhere - attributes()) == []


def test_no_attribute_is_set_on_two_pages() -> None:
    """Whoever changes one thing on one page does not find another value of it on the next."""
    assert not set_in_settings() & set_in_requests()
    assert not set_in_settings() & set_in_mapping()
