"""The composition root: from what a person asks for to a job the engine can run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from anyio import to_thread

from engine.contracts import PUSHED, Connector, MapperSpec, Sink, SinkSpec
from engine.errors import ConfigError
from engine.feed import Feed, FieldRow, build_feed
from engine.flow.pipeline import STALL_PATIENCE, Job
from engine.flow.transform import Recipe, preset_rows
from engine.mapping.fields import MappingRow
from engine.settings.transport import locate
from engine.source import Egress, Patience, Source, parse_location
from feedmill.lanes.choosing import LaneName, choose_lane
from plugins.manager import Registry, load_registry

if TYPE_CHECKING:
    from engine.contracts import FeedDefinition
    from engine.events import RunEvent
    from engine.flow.tally import Progress
    from feedmill.feedfile.model import FeedFile
    from feedmill.lanes.starting import EarlyStart

_TYPE_OF_SUFFIX: Final = {".xml": "xml", ".json": "json", ".jsonl": "json", ".ndjson": "json"}
_PACKED: Final = frozenset({".gz", ".zip", ".bz2", ".xz", ".zst"})
_FORMAT_OF_TYPE: Final = {"ftpCsv": "csv", "xml": "xpath", "json": "json"}
_WEB: Final = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks for: a source, a feed's name, attributes and mapping rows by API names.

    `config` is the whole feed but for what stands beside it: what is stored of the feed counts no more.
    """

    source: str
    feed: str
    settings: Mapping[str, object]
    fields: Sequence[Mapping[str, object]]
    patience: Patience | None = None
    egress: Egress | None = None
    config: FeedFile | None = None

    def __post_init__(self) -> None:
        try:
            self.feed.encode()
        except UnicodeEncodeError:
            raise ConfigError("the feed's name holds bytes that are no text in this system's encoding; give another name") from None

    def build_feed(self, stored: FeedDefinition | None) -> Feed:
        """Return the feed: what is stored of it, changed as asked. Raises `ConfigError` with every fault."""
        if self.config is not None:
            return self._build_declared(self.config)
        asked = {
            "resourceType": guess_type(self.source, self.settings.get("resourcePath")),
            **(stored.attributes if stored else {}),
            **self.settings,
        }
        changes = {**self.settings, "resourceType": asked["resourceType"], "resourceLocation": self.source}
        return build_feed(self.feed, changes, self.fields, stored=stored)

    def _build_declared(self, config: FeedFile) -> Feed:
        declared = {**config.settings, **self.settings}
        path = declared.get("resourcePath")
        changes = {"resourceType": guess_type(self.source, path), **declared, "resourceLocation": self.source}
        purposes = {row.get("purpose") for row in self.fields}
        rows = [row for row in config.rows if row["purpose"] not in purposes]
        if "jsonFields" not in self.settings and isinstance(paths := changes.get("jsonFields"), Sequence):
            # Stock of both would be added up.
            changes["jsonFields"] = [row for row in paths if row["purpose"] not in purposes]
        return build_feed(self.feed, changes, [*rows, *self.fields])

    def locate(self, feed: Feed) -> Source:
        """Return where to fetch from and how, with the feed's credentials when the URL has none of its own."""
        return locate(feed, self.source, patience=self.patience, egress=self.egress)


def as_sink_url(text: str) -> str:
    """Return a sink's URL; a bare path is an SQLite database. Raises `ConfigError` for no text at all."""
    if not text.strip():
        raise ConfigError("the database is not named: give its path, or a URL such as sqlite:///shop.db")
    return text if "://" in text else f"sqlite:///{text}"


def traceless(url: str) -> str:
    """Return a URL that can be opened without leaving a trace: a database that does not exist is one in memory.

    Raises `ConfigError` for a file that would have to be made or migrated first. Blocks.
    """
    if not url.lower().startswith("sqlite:///"):
        return url
    from sinks.sqlite.database import locate
    from sinks.sqlite.migrate import require_head

    database = locate(url)
    if database.path is None or not database.path.exists():
        return "sqlite://"
    require_head(database)
    return url


async def load_plugins() -> Registry:
    """Load the registry off the event loop, for it reads the installed distributions."""
    return await to_thread.run_sync(load_registry)


def find_sink(registry: Registry, url: str) -> SinkSpec:
    """Return the sink that a URL names. Raises `ConfigError` when there is none of its scheme."""
    return registry.sink(urlsplit(url).scheme)


@asynccontextmanager
async def open_sink(registry: Registry, url: str) -> AsyncIterator[Sink]:
    """Open the sink that a URL names."""
    async with find_sink(registry, url).open(url) as sink:
        yield sink


def make_recipe(registry: Registry, feed: Feed) -> Recipe:
    """Return how documents of a feed become items. Raises `ConfigError` when no mapper or no mapping answers the feed."""
    if feed.resource_type in PUSHED:
        raise ConfigError(f"feed {feed.name!r} has resourceType={feed.resource_type}: it is pushed to, not fetched")
    mapper = find_mapper(registry, feed)
    rows = preset_rows(feed, lambda preset: _offered(mapper, preset))
    if not rows:
        raise ConfigError(f"feed {feed.name!r} maps no column: give mapping rows (--field sku=COLUMN --field inventoryQuantity=COLUMN)")
    rules = {name: registry.field_rule(name).apply for row in rows for name in row.row.rules}
    return Recipe(feed, rows, mapper.create, rules, generation=_generation(registry))


def find_mapper(registry: Registry, feed: Feed) -> MapperSpec:
    """Return the mapper of a feed's format. Raises `ConfigError`, naming what is installed, when there is none."""
    return registry.mapper(_FORMAT_OF_TYPE.get(feed.resource_type, feed.resource_type))


def make_connector(registry: Registry, feed: Feed, source: Source) -> Connector:
    """Return the connector of a source. An HTTP address that answers in pages or in JSON is a REST API."""
    rest = source.scheme in _WEB and (feed.resource_type == "json" or feed.pagination is not None or feed.transport.auth == "oauth2")
    return registry.connector(f"rest+{source.scheme}" if rest else source.scheme)


async def make_job(
    registry: Registry,
    feed: Feed,
    source: Source,
    sink: Sink,
    *,
    dry_run: bool = False,
    refetch: bool = False,
    lane: LaneName = "auto",
    early: EarlyStart | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    notify: Callable[[RunEvent], None] | None = None,
) -> Job:
    """Return a run of a feed as the engine does it; its mapper may take the process that was started `early`.

    Raises `ConfigError` as `make_recipe` and `choose_lane` do.
    """
    return Job(
        recipe=make_recipe(registry, feed),
        source=source,
        # In a thread: the first feed of a protocol imports the client library of it.
        connector=await to_thread.run_sync(make_connector, registry, feed, source),
        sink=sink,
        dry_run=dry_run,
        refetch=refetch,
        lane=choose_lane(registry, lane, early),
        stall_patience=max(STALL_PATIENCE, _longest_wait(source)),
        on_progress=on_progress,
        notify=notify,
    )


def _longest_wait(source: Source) -> float:
    """Return the seconds for which a source may rightly keep silent, by its feed's own settings."""
    patience, rate = source.patience, source.request.requests_per_second
    paused = source.persistence.wait_max + source.courtesy.jitter + (1 / rate if rate is not None else 0.0)
    return 2 * (patience.connect + patience.idle) + paused


def _generation(registry: Registry) -> str:
    return " ".join(sorted(f"{plugin.name}={plugin.distribution}-{plugin.version}" for plugin in registry.plugins()))


def _offered(mapper: MapperSpec, preset: str) -> tuple[MappingRow, ...]:
    if preset not in mapper.presets:
        raise ConfigError(f"the format {mapper.format} has no preset {preset!r}: it has {', '.join(sorted(mapper.presets)) or 'none'}")
    return tuple(
        MappingRow(FieldRow.model_validate({"name": field.names[0], "purpose": field.purpose, **field.row}), field.names, declared=False)
        for field in mapper.presets[preset]
    )


def guess_type(source: str, path: object) -> str:
    """Return the resource type that a location and a path below it end in, that of CSV where they say nothing. Raises `ConfigError`."""
    path = path if isinstance(path, str) else urlsplit(parse_location(source).url).path
    suffixes = [each for each in PurePosixPath(path.lower()).suffixes if each not in _PACKED]
    return _TYPE_OF_SUFFIX.get(suffixes[-1] if suffixes else "", "ftpCsv")
