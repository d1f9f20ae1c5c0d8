"""What a worker does for somebody who works on a mapping: the first records under settings that are tried, and what there is to map."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from engine.flow.preview import preview_source
from engine.settings.transport import locate
from feedmill.assembly import make_connector, make_recipe
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.planning import try_feed
from feedmill.service.workers.beginnings import Made, source_key
from feedmill.service.workers.paging import see_pages, shape_requests
from feedmill.service.workers.trying import bounded, hurried, slow
from feedmill.shapes import dump, shape_preview
from mappers.guessing.offers import offer_columns
from sinks.sqlite.sink import SqliteSink

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from engine.contracts import Connector
    from engine.feed import Feed
    from engine.source import Source
    from feedmill.service.definition.stored_feeds import StoredFeed
    from feedmill.service.workers.calls import Workplace

OLDEST_SECONDS: Final = 120.0
"""How old what was fetched may be: somebody who judges by it must not judge yesterday's file."""

_ROWS: Final = {"fields", "json_fields", "mappings"}
"""What says nothing of how a document is read."""


async def preview(place: Workplace, arguments: Mapping[str, Any]) -> str:
    """Answer the first `limit` records of a feed, raw beside mapped, under its settings and those that are tried."""
    feed, stored = await _tried(place, arguments)
    async with SqliteSink(place.database).session(stored.definition, dry_run=True) as session:
        pinned = session.dialect
    recipe = replace(make_recipe(place.registry, feed), pinned=pinned)
    source = locate(feed, feed.resource_location or "", egress=place.egress)
    limit = int(arguments["limit"])

    async def work(connector: Connector, _: Made) -> str:
        found = await preview_source(recipe, connector, source, limit=limit)
        return dump(shape_preview(replace(found, records=found.records[:limit])))

    return await _look(place, arguments, feed, source, work)


async def list_columns(place: Workplace, arguments: Mapping[str, Any]) -> str:
    """Answer the columns, or the paths, that the first records of a feed's source have, each with what it may be for."""
    feed, _ = await _tried(place, arguments)
    source = locate(feed, feed.resource_location or "", egress=place.egress)
    known = feed.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=_ROWS)
    key = dump(known)

    async def work(connector: Connector, made: Made) -> str:
        if key in made.answers:
            return made.answers[key]
        sample = await made.take_sample(feed, connector, source)
        offer = partial(offer_columns, sample.data, sample.facts, feed.resource_type, known, complete=sample.complete)
        columns = await to_thread.run_sync(offer)
        made.answers[key] = dump([{"name": each.name, "values": each.examples, "row": each.row, "reason": each.reason} for each in columns])
        return made.answers[key]

    return await _look(place, arguments, feed, source, work)


async def look_at_requests(place: Workplace, arguments: Mapping[str, Any]) -> str:
    """Answer what a feed's source is asked first under its settings and those that are tried, and with `fetch` what its pages hold."""
    feed, _ = await _tried(place, arguments)
    source = locate(feed, feed.resource_location or "", egress=place.egress)
    if not arguments.get("fetch"):
        return shape_requests(source, None)
    with bounded():
        connector = await to_thread.run_sync(make_connector, place.registry, feed, source)
        seen, _ = await see_pages(connector, hurried(source))
        return shape_requests(source, seen)
    raise slow()


async def _tried(place: Workplace, arguments: Mapping[str, Any]) -> tuple[Feed, StoredFeed]:
    number = int(arguments["feed"])
    state, stored = await place.state(number), await place.stored_feed(number)
    tried = partial(try_feed, Judge(place.registry, place.egress), state, stored, arguments.get("settings") or {})
    return await to_thread.run_sync(partial(tried, replace=bool(arguments.get("replace")))), stored


async def _look(
    place: Workplace, arguments: Mapping[str, Any], feed: Feed, source: Source, work: Callable[[Connector, Made], Awaitable[str]]
) -> str:
    connector = await to_thread.run_sync(make_connector, place.registry, feed, source)
    if not arguments.get("reuse"):
        return await work(connector, Made())
    return await place.beginnings.look(source_key(feed), connector, source, work, seconds=OLDEST_SECONDS)
