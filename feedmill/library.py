"""Feedmill for programs: run a feed, look at one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias

from anyio import to_thread

from engine.errors import ConfigError, FeedmillError
from feedmill.lanes.foreseeing import foresees_process
from feedmill.lanes.starting import start_early

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.contracts import FeedDefinition
    from engine.events import RunEvent
    from engine.flow.preview import Preview
    from engine.flow.tally import Progress
    from engine.run import RunRecord
    from engine.source import Egress, Patience
    from feedmill.assembly import Request
    from feedmill.feedfile.model import FeedFile
    from feedmill.lanes.choosing import LaneName
    from mappers.guessing.guess import Guess
    from plugins.manager import Registry

Fields: TypeAlias = Mapping[str, str] | Sequence[Mapping[str, object]]
"""A mapping: purposes to columns, or whole mapping rows by API names where a row needs rules."""

_ROOT: Final = "feedmill.assembly"
"""What runs a feed, with all that it imports: a quarter of a second, in which the event loop has something better to do."""

_UNNAMED: Final = "preview"
_KNOWN_OF_FORMAT: Final = {"delimiter", "csv_has_header", "encoding", "quote", "header_row", "line_ending"}


async def sync(
    source: str | None = None,
    *,
    to: str | None = None,
    feed: str | None = None,
    config: FeedFile | None = None,
    settings: Mapping[str, object] | None = None,
    fields: Fields = (),
    dry_run: bool = False,
    refetch: bool = False,
    lane: LaneName = "auto",
    patience: Patience | None = None,
    egress: Egress | None = None,
    registry: Registry | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_event: Callable[[RunEvent], None] | None = None,
    on_listener_error: Callable[[FeedmillError], None] | None = None,
) -> RunRecord:
    """Run a feed once: fetch it, map it, and make the sink's picture of its items agree.

    `source` is a URL or a path, `to` a sink's URL (`sqlite:///shop.db`) or the path of an SQLite database, which is created
    and migrated when absent. The feed is created on first use; later `settings` (API names) change what is stored of it. A
    `config` (see `load_feed_file`) is the whole feed: it replaces what is stored, and what is given beside it counts first. The
    record's status says what became of the run: a source that fails, or content that cannot be trusted, ends as `error` and
    changes nothing; one that is what the last complete run read is not fetched again, unless `refetch` asks for it.
    `lane` says where records are read: in a `process` of its own, in a `thread`, `inline` on the event loop, or, with `auto`, in a
    process for what is big and new. `patience` overrides the feed's timeouts, `egress` says which addresses may be reached.
    Raises `ConfigError` when the settings cannot work, `PluginError` when a plugin is at fault, `Superseded` when another run of
    the feed took over, `InternalError` when the figures do not add up.
    """
    known = config.source if source is None and config is not None else source, config.to if to is None and config is not None else to
    foreseen = registry is None and lane == "auto" and await to_thread.run_sync(foresees_process, *known)
    # First of all, for it takes as long to start as all that is imported meanwhile.
    async with start_early(wanted=foreseen) as early:
        await to_thread.run_sync(import_module, _ROOT)
        from engine.flow.pipeline import run_feed
        from feedmill.assembly import load_plugins, make_job, open_sink, traceless

        registry = registry or await load_plugins()
        request = _request(source, feed, config, settings, fields, patience, egress)
        url = _sink_url(to, config)
        notify = _tell_everyone(registry, on_event, on_listener_error)
        async with open_sink(registry, await to_thread.run_sync(traceless, url) if dry_run else url) as sink:
            built = request.build_feed(await sink.feed(request.feed))
            located = request.locate(built)
            return await run_feed(
                await make_job(
                    registry,
                    built,
                    located,
                    sink,
                    dry_run=dry_run,
                    refetch=refetch,
                    lane=lane,
                    early=early,
                    on_progress=on_progress,
                    notify=notify,
                )
            )


def _tell_everyone(
    registry: Registry, on_event: Callable[[RunEvent], None] | None, on_listener_error: Callable[[FeedmillError], None] | None
) -> Callable[[RunEvent], None]:
    """Return what hands an event of a run to its caller and to the plugins that listen."""

    def notify(event: RunEvent) -> None:
        if on_event is not None:
            on_event(event)
        for error in registry.notify(event):
            if on_listener_error is not None:
                on_listener_error(error)

    return notify


async def preview(
    source: str | None = None,
    *,
    to: str | None = None,
    feed: str | None = None,
    config: FeedFile | None = None,
    settings: Mapping[str, object] | None = None,
    fields: Fields = (),
    limit: int = 20,
    patience: Patience | None = None,
    egress: Egress | None = None,
    registry: Registry | None = None,
) -> Preview:
    """Show the first `limit` records of a source, raw beside mapped, with what is wrong with each. Writes nothing.

    With `to`, the stored settings of `feed` apply under those given, and it is read as its last complete run was; a `config` is the
    whole feed, as in `sync`. Raises as `sync` does, and `Retry` or `RefuseRun` when the source cannot be read.
    """
    await to_thread.run_sync(import_module, _ROOT)
    from engine.flow.preview import preview_source
    from feedmill.assembly import load_plugins, make_connector, make_recipe

    registry = registry or await load_plugins()
    request = _request(source, feed or (_UNNAMED if config is None else None), config, settings, fields, patience, egress)
    stored, pinned = await _stored(registry, to, request.feed)
    built = request.build_feed(stored)
    located = request.locate(built)
    connector = await to_thread.run_sync(make_connector, registry, built, located)
    recipe = replace(make_recipe(registry, built), pinned=pinned)
    found = await preview_source(recipe, connector, located, limit=limit)
    return replace(found, records=found.records[:limit])


async def guess(
    source: str,
    *,
    feed: str = "guess",
    settings: Mapping[str, object] | None = None,
    patience: Patience | None = None,
    egress: Egress | None = None,
    registry: Registry | None = None,
) -> Guess:
    """Look at the beginning of a source and guess how it is read and what its columns are for. Writes nothing.

    `settings` (API names) are what is known already: credentials, an encoding, a path. Raises as `preview` does.
    """
    await to_thread.run_sync(import_module, _ROOT)
    from engine.decode import Decoding
    from engine.flow.sample import sample_source
    from feedmill.assembly import Request, load_plugins, make_connector
    from mappers.guessing.documents import guess_document

    registry = registry or await load_plugins()
    request = Request(source, feed, settings or {}, (), patience, egress)
    built = request.build_feed(None)
    located = request.locate(built)
    connector = await to_thread.run_sync(make_connector, registry, built, located)
    sample = await sample_source(Decoding.of(built), connector, located)
    known = built.model_dump(mode="json", by_alias=True, exclude_unset=True, include=_KNOWN_OF_FORMAT)
    look = partial(guess_document, sample.data, sample.facts, known, complete=sample.complete)
    found = await to_thread.run_sync(look)
    return found if sample.unpacked is None else replace(found, what=f"{found.what}, unpacked: {sample.unpacked}")


def _request(
    source: str | None,
    feed: str | None,
    config: FeedFile | None,
    settings: Mapping[str, object] | None,
    fields: Fields,
    patience: Patience | None,
    egress: Egress | None,
) -> Request:
    from feedmill.assembly import Request

    source = source if source is not None or config is None else config.source
    feed = feed if feed is not None or config is None else config.name
    if source is None or feed is None:
        missing = "source" if source is None else "name"
        raise ConfigError(f"the feed's {missing} is not given: give it, or a feed file that says it")
    return Request(source, feed, settings or {}, _as_rows(fields), patience, egress, config)


def _sink_url(to: str | None, config: FeedFile | None) -> str:
    from feedmill.assembly import as_sink_url

    to = to if to is not None or config is None else config.to
    if to is None:
        raise ConfigError('where the items go is not given: give a database, or a feed file with to = "sqlite:///shop.db"')
    return as_sink_url(to)


async def _stored(registry: Registry, to: str | None, feed: str) -> tuple[FeedDefinition | None, Mapping[str, JsonValue]]:
    """Return a feed's stored definition, and how its last complete run read its source."""
    if to is None:
        return None, {}
    from feedmill.assembly import as_sink_url, open_sink, traceless

    async with open_sink(registry, await to_thread.run_sync(traceless, as_sink_url(to))) as sink:
        stored = await sink.feed(feed)
        if stored is None:
            return None, {}
        async with sink.session(stored, dry_run=True) as session:
            return stored, session.dialect


def _as_rows(fields: Fields) -> Sequence[Mapping[str, object]]:
    if isinstance(fields, Mapping):
        return [{"purpose": purpose, "name": column} for purpose, column in fields.items()]
    return fields
