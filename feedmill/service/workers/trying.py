"""Sources that no feed is stored for yet: looked at, guessed, previewed; within the rules of egress, and bounded in bytes and time.

What was fetched is kept for a while, so that somebody who tries one setting after another asks the supplier once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import to_thread

from engine.contracts import PUSHED
from engine.errors import ConfigError, Retry
from engine.flow.preview import Preview, preview_sample, preview_source
from engine.settings.transport import locate
from engine.source import Egress, Patience, Persistence, Source
from feedmill.assembly import guess_type, make_connector, make_recipe
from feedmill.feedfile.draft import name_of
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.merging import build, merge_new
from feedmill.service.workers.beginnings import source_key
from feedmill.service.workers.paging import see_pages, shape_requests
from feedmill.shapes import dump, shape_choices, shape_document, shape_preview
from mappers.guessing.documents import guess_document

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engine.contracts import Connector
    from engine.feed import Feed
    from engine.flow.sample import Sample
    from feedmill.service.workers.beginnings import Made
    from feedmill.service.workers.calls import Arguments, Workplace
    from plugins.manager import Registry

TRYING_SECONDS: Final = 30.0
"""How long one look may take; somebody waits for it."""

OLDEST_SECONDS: Final = 600.0
"""How old what was fetched may be: somebody who sets a feed up asks for another look when it should be newer."""

_PATIENCE: Final = Patience(connect=8.0, idle=12.0)
_PERSISTENCE: Final = Persistence(attempts=2, wait_initial=0.2, wait_max=1.0)
_UNNAMED: Final = "new feed"
_READING: Final = frozenset(
    {
        *("resourceType", "delimiter", "csvHasHeader", "encoding", "quote", "headerRow", "lineEnding", "columnWidths"),
        *("mapping", "xmlMapping", "xmlPath", "jsonRoot"),
    }
)
"""Attributes that a guess takes as given."""


@dataclass(frozen=True, slots=True)
class _Trial:
    """A feed that is not stored, and how its source is reached."""

    feed: Feed
    source: Source
    connector: Connector


async def guess_settings(place: Workplace, arguments: Arguments) -> str:
    """Answer how a source is probably read and what its columns are for; `settings` are what is known already.

    Raises `ConfigError` for settings that cannot work or that the operator does not allow, `RefuseRun` for content that is no feed,
    `Retry` when nothing came in time.
    """
    settings: Mapping[str, Any] = arguments["settings"]
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, settings)
        known = {name: value for name, value in settings.items() if name in _READING and value is not None}

        async def work(connector: Connector, made: Made) -> str:
            sample = await _sample(trial, connector, made)
            look = partial(guess_document, sample.data, sample.facts, known, complete=sample.complete)
            found = await to_thread.run_sync(look)
            name = name_of(trial.source.path or trial.source.url)
            unpacked = {"name": name, "unpacked": sample.unpacked, "complete": sample.complete, "bytes": len(sample.data)}
            return dump({**unpacked, **shape_choices(found), **shape_document(found)})

        return await _look(place, trial, work, refetch=bool(arguments.get("refetch")))
    raise slow()


async def preview_settings(place: Workplace, arguments: Arguments) -> str:
    """Answer the first `limit` records of a source, raw beside mapped, under `settings` that are stored nowhere. Raises as a guess does."""
    limit = int(arguments["limit"])
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, arguments["settings"])
        recipe = await to_thread.run_sync(make_recipe, place.registry, trial.feed)

        async def work(connector: Connector, made: Made) -> str:
            sample = await _sample(trial, connector, made)
            found: Preview = await to_thread.run_sync(partial(preview_sample, recipe, sample, limit=limit))
            if not found.records and not sample.complete:
                # A record longer than the sample, or a long way to the first one.
                found = await preview_source(recipe, connector, trial.source, limit=limit)
            return dump(shape_preview(replace(found, records=found.records[:limit])))

        return await _look(place, trial, work)
    raise slow()


async def try_requests(place: Workplace, arguments: Arguments) -> str:
    """Answer what a source would be asked first under `settings` that are stored nowhere, and with `fetch` what its first pages hold.

    Raises as a guess does.
    """
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, arguments["settings"])
        if not arguments.get("fetch"):
            return shape_requests(trial.source, None)

        async def work(connector: Connector, made: Made) -> str:
            if made.pages is not None and not made.pages.fits(trial.source):
                made.sample = made.pages = None
            await _sample(trial, connector, made)
            return shape_requests(trial.source, made.pages)

        return await _look(place, trial, work)
    raise slow()


async def _look(place: Workplace, trial: _Trial, work: Callable[[Connector, Made], Awaitable[str]], *, refetch: bool = False) -> str:
    key = source_key(trial.feed)
    return await place.beginnings.look(key, trial.connector, trial.source, work, seconds=OLDEST_SECONDS, refetch=refetch)


async def _sample(trial: _Trial, connector: Connector, made: Made) -> Sample:
    """Return the first plain bytes of a source, of a paged API those of its first page, of which more is noted."""
    if made.sample is None:
        made.pages, given = await see_pages(trial.connector, trial.source)
        connector = connector if made.pages is None else given
    return await made.take_sample(trial.feed, connector, trial.source)


def bounded() -> anyio.CancelScope:
    """Return the time that one look may take."""
    return anyio.move_on_after(TRYING_SECONDS)


def slow() -> Retry:
    """Return what to raise when it is over."""
    return Retry(f"the source did not answer within {TRYING_SECONDS:g} s: try again, or ask the supplier whether it is up", retry_after=5.0)


def hurried(source: Source) -> Source:
    """Return a source that is waited for as long as a person does."""
    return replace(source, patience=_PATIENCE, persistence=_PERSISTENCE)


def _prepare(registry: Registry, egress: Egress, settings: Mapping[str, Any]) -> _Trial:
    """Return what is tried. Raises `ConfigError` with every fault, before anything is connected to. Blocks."""
    location = settings.get("resourceLocation")
    if not isinstance(location, str) or not location.strip():
        raise ConfigError("nothing can be looked at", problems=("resourceLocation: is not given: give a URL",))
    try:
        kind = guess_type(location, settings.get("resourcePath"))
    except ConfigError as error:
        raise ConfigError("the source cannot be looked at", problems=(f"resourceLocation: {error}",)) from None
    stand_in = {"name": _UNNAMED, "resourceType": kind, "dropshipProviderId": 1}
    feed = build(merge_new({**stand_in, **{name: value for name, value in settings.items() if value is not None}}))
    if feed.resource_type in PUSHED:
        raise ConfigError("nothing can be looked at", problems=(f"resourceType: {feed.resource_type} is pushed to, not fetched",))
    if refused := list(Judge(registry, egress).find_refused(feed)):
        raise ConfigError("the source cannot be looked at", problems=tuple(refused))
    source = hurried(locate(feed, location, egress=egress))
    return _Trial(feed, source, make_connector(registry, feed, source))
