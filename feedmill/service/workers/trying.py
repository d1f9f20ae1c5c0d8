"""Sources that no feed is stored for yet: looked at, guessed, previewed; within the rules of egress, and bounded in bytes and time.

What was fetched is kept for a while, so that somebody who tries one setting after another asks the supplier once.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio
import orjson
from anyio import to_thread

from engine.contracts import PUSHED
from engine.decode import Decoding
from engine.errors import ConfigError, Retry
from engine.flow.preview import Preview, preview_sample, preview_source
from engine.flow.sample import Sample, sample_source
from engine.settings.transport import locate
from engine.source import Egress, Patience, Persistence, Source
from feedmill.assembly import guess_type, make_connector, make_recipe
from feedmill.feedfile.draft import name_of
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.merging import build, merge_new
from feedmill.service.workers.paging import SeenPages, see_pages, shape_requests
from feedmill.shapes import dump, shape_choices, shape_document, shape_preview
from mappers.guessing.documents import guess_document

if TYPE_CHECKING:
    from engine.contracts import Connector
    from engine.feed import Feed
    from feedmill.service.workers.calls import Arguments, Workplace
    from plugins.manager import Registry

TRYING_SECONDS: Final = 30.0
"""How long one look may take; somebody waits for it."""

KEPT_SECONDS: Final = 600.0
KEPT_SAMPLES: Final = 4
"""For how long samples are kept, and how many; each is a megabyte at most."""

_PATIENCE: Final = Patience(connect=8.0, idle=12.0)
_PERSISTENCE: Final = Persistence(attempts=2, wait_initial=0.2, wait_max=1.0)
_UNNAMED: Final = "new feed"
_REACHING: Final = {
    *("resource_location", "resource_path", "authentication_token", "authentication_secret", "use_proxy", "proxy_url", "transport"),
    *("compression", "pagination", "parameters"),
}
"""Attributes that decide what is fetched; the others decide how it is read."""

_READING: Final = frozenset(
    {
        *("resourceType", "delimiter", "csvHasHeader", "encoding", "quote", "headerRow", "lineEnding", "columnWidths"),
        *("mapping", "xmlMapping", "xmlPath", "jsonRoot"),
    }
)
"""Attributes that a guess takes as given."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a look at a source brought: its beginning, and of a paged API what was seen of the first pages."""

    sample: Sample
    pages: SeenPages | None


@dataclass(frozen=True, slots=True)
class _Kept:
    looked: _Looked
    until: float


class Samples:
    """What was fetched lately, by what decides it: credentials among that, of which only a digest is kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def find(self, key: bytes) -> _Looked | None:
        """Return what was seen, None where there is none or it is too old."""
        now = anyio.current_time()
        for old in [each for each, kept in self._kept.items() if kept.until < now]:
            del self._kept[old]
        found = self._kept.get(key)
        return None if found is None else found.looked

    def keep(self, key: bytes, looked: _Looked) -> None:
        """Keep what was seen, and of all only the latest."""
        self._kept[key] = _Kept(looked, anyio.current_time() + KEPT_SECONDS)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_SAMPLES:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A feed that is not stored, and how its source is reached."""

    feed: Feed
    source: Source
    connector: Connector
    key: bytes


async def guess_settings(place: Workplace, arguments: Arguments) -> str:
    """Answer how a source is probably read and what its columns are for; `settings` are what is known already.

    Raises `ConfigError` for settings that cannot work or that the operator does not allow, `RefuseRun` for content that is no feed,
    `Retry` when nothing came in time.
    """
    settings: Mapping[str, Any] = arguments["settings"]
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, settings)
        sample = (await _look(place, trial, refetch=bool(arguments.get("refetch")))).sample
        known = {name: value for name, value in settings.items() if name in _READING and value is not None}
        look = partial(guess_document, sample.data, sample.facts, known, complete=sample.complete)
        found = await to_thread.run_sync(look)
        name = name_of(trial.source.path or trial.source.url)
        unpacked = {"name": name, "unpacked": sample.unpacked, "complete": sample.complete, "bytes": len(sample.data)}
        return dump({**unpacked, **shape_choices(found), **shape_document(found)})
    raise slow()


async def preview_settings(place: Workplace, arguments: Arguments) -> str:
    """Answer the first `limit` records of a source, raw beside mapped, under `settings` that are stored nowhere. Raises as a guess does."""
    limit = int(arguments["limit"])
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, arguments["settings"])
        recipe = await to_thread.run_sync(make_recipe, place.registry, trial.feed)
        sample = (await _look(place, trial)).sample
        found: Preview = await to_thread.run_sync(partial(preview_sample, recipe, sample, limit=limit))
        if not found.records and not sample.complete:
            # A record longer than the sample, or a long way to the first one.
            found = await preview_source(recipe, trial.connector, trial.source, limit=limit)
        return dump(shape_preview(replace(found, records=found.records[:limit])))
    raise slow()


async def try_requests(place: Workplace, arguments: Arguments) -> str:
    """Answer what a source would be asked first under `settings` that are stored nowhere, and with `fetch` what its first pages hold.

    Raises as a guess does.
    """
    with bounded():
        trial = await to_thread.run_sync(_prepare, place.registry, place.egress, arguments["settings"])
        if not arguments.get("fetch"):
            return shape_requests(trial.source, None)
        looked = await _look(place, trial)
        if looked.pages is not None and not looked.pages.fits(trial.source):
            looked = await _look(place, trial, refetch=True)
        return shape_requests(trial.source, looked.pages)
    raise slow()


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
    return _Trial(feed, source, make_connector(registry, feed, source), _key(feed))


def _key(feed: Feed) -> bytes:
    # Whether it is read page by page is said by `pagination` alone: an API of one page is what stands at its address.
    reached = feed.model_dump(mode="json", by_alias=True, include=_REACHING)
    return hashlib.sha256(orjson.dumps(reached, option=orjson.OPT_SORT_KEYS)).digest()


async def _look(place: Workplace, trial: _Trial, *, refetch: bool = False) -> _Looked:
    looked = None if refetch else place.samples.find(trial.key)
    if looked is None:
        pages, connector = await see_pages(trial.connector, trial.source)
        looked = _Looked(await sample_source(Decoding.of(trial.feed), connector, trial.source), pages)
        place.samples.keep(trial.key, looked)
    return looked
