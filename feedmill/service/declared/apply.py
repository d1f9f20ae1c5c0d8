"""Make the database have the feeds that are declared: through the functions by which the API makes and changes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from feedmill.service.declared.diff import Known, Step, attributes_of, compare
from feedmill.service.definition.stored_feeds import read_stored_feed
from sinks.sqlite.history.mappings import DECLARED
from sinks.sqlite.service.resources.declared import feed_owners, provide

if TYPE_CHECKING:
    from engine.feed import Feed
    from feedmill.feedfile.declared import DeclaredFeed
    from feedmill.service.context import Service


async def plan_feeds(service: Service, declared: Mapping[str, tuple[DeclaredFeed, Feed]], *, prune: bool) -> list[Step]:
    """Return what has to be done for the database to have these feeds; nothing is changed."""
    known: dict[str, Known] = {}
    async with service.store.reading() as reader:
        for name, (number, provider) in (await feed_owners(reader)).items():
            if name not in declared:
                known[name] = Known(number, provider, {})
                continue
            stored = await read_stored_feed(reader, service.keys, number)
            try:
                attributes = attributes_of(stored.build())
            except ConfigError:
                # What is stored cannot work (a plugin is gone, a rule is stricter now): everything declared is a change.
                attributes = {}
            known[name] = Known(number, provider, attributes)
    return compare(declared, known, prune=prune)


async def apply_feeds(service: Service, steps: Sequence[Step]) -> None:
    """Take the steps one by one; each is whole or nothing. Raises `ConfigError` and `UnderWay` as the calls of the API do."""
    from feedmill.service.feeds import change_feed, create_feed, delete_feed

    for step in steps:
        owner: dict[str, object] = {}
        if step.provider is not None:
            async with service.store.writing() as writer:
                owner = {"dropshipProviderId": await provide(writer, step.provider)}
        if step.number is None:
            await create_feed(service, {**step.attributes, **owner}, DECLARED)
        elif step.action == "remove":
            await delete_feed(service, step.number)
        else:
            await change_feed(service, step.number, {**step.attributes, **owner}, DECLARED)
