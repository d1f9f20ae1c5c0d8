"""The merchant's catalogue for programs: load it, look at it, and connect items to it by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from anyio import to_thread

from engine.contracts import Connector
from engine.errors import ConfigError, RefuseRun, Retry
from engine.feed import FieldRow
from engine.flow.pipeline import Job, run_feed
from engine.flow.preview import preview_source
from engine.flow.transform import Recipe
from engine.mapping.fields import MappingRow
from engine.run import RunRecord, RunStatus
from engine.source import Egress, Patience, Source
from feedmill.assembly import Request, as_sink_url, load_plugins, make_connector, make_recipe
from sinks.sqlite.catalogue import manual
from sinks.sqlite.catalogue.connecting import Connected
from sinks.sqlite.catalogue.everyone import connect_all
from sinks.sqlite.catalogue.listing import list_variants
from sinks.sqlite.catalogue.load import TARGETS, CatalogueSink
from sinks.sqlite.catalogue.manual import Handled
from sinks.sqlite.database import Database, locate
from sinks.sqlite.migrate import migrate, require_head

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.feed import Feed
    from plugins.manager import Registry

NAME: Final = "catalogue"
_SHOPIFY: Final = frozenset({"handle", "variant sku", "option1 value"})
"""Headers by which a shop's own export is known."""


@dataclass(frozen=True, slots=True)
class CatalogueLoad:
    """What became of a load: its record, what it connected by feed, and the feeds that a run was working on, which connects them."""

    record: RunRecord
    feeds: tuple[Connected, ...] = ()
    under_way: tuple[str, ...] = ()


async def load_catalogue(
    source: str,
    *,
    db: str,
    settings: Mapping[str, object] | None = None,
    fields: Sequence[Mapping[str, object]] = (),
    replace: bool = False,
    dry_run: bool = False,
    patience: Patience | None = None,
    egress: Egress | None = None,
    registry: Registry | None = None,
    connect: bool = True,
) -> CatalogueLoad:
    """Load products and variants from a URL or a path, then connect the items of all feeds to them.

    The source is read as a feed's would be, by the same `settings` and mapping rows (API names); of its columns those of SKU, barcode,
    name, product (`externalGroupId` or `handle`) and options count. A shop's export is known by its headers. A variant is known
    again by its SKU, by its barcode where it has none. Variants that the source does not name stay, unless `replace` is given: then
    they are deleted, and their items are not connected any more. A source that cannot be trusted changes nothing, and the record has
    status `error`. With `connect` false connecting is left to somebody else. Raises `ConfigError` when the settings cannot work.
    """
    registry = registry or await load_plugins()
    database = await (_there(db) if dry_run else _made(db))
    request = Request(source, NAME, {"skuExempt": True, **(settings or {})}, fields, patience, egress)
    feed, located, connector = await _open_source(registry, request)
    recipe = _recipe(registry, feed)
    record = await run_feed(Job(recipe, located, connector, CatalogueSink(database, replace), dry_run=dry_run))
    if record.status is not RunStatus.COMPLETE or dry_run or not connect:
        return CatalogueLoad(record)
    done, busy = await connect_all(database)
    return CatalogueLoad(record, tuple(done), tuple(busy))


async def connect_item(item: str | int, *, db: str, sku: str | None = None, variant: int | None = None, feed: str | None = None) -> Handled:
    """Connect an item to a variant by hand, given by its SKU or its id; `item` is its id, or its externalId as a text.

    `feed` says which feed is meant, where several have such an item. No run and no load of the catalogue changes that.
    Raises `ConfigError` when something named is not there, or is not one thing.
    """
    if (sku is None) == (variant is None):
        raise ConfigError("name the variant to connect to, by its SKU or by its id")
    return await manual.connect_item(await _there(db), _named(item), feed=feed, sku=sku, variant=variant)


async def disconnect_item(item: str | int, *, db: str, feed: str | None = None) -> Handled:
    """Take an item off its variant by hand; nothing but `connect_item` connects it again. Raises as that does."""
    return await manual.disconnect_item(await _there(db), _named(item), feed=feed)


def _named(item: str | int) -> str:
    return f"#{item}" if isinstance(item, int) else item


async def list_catalogue(db: str) -> AsyncIterator[dict[str, JsonValue]]:
    """Yield the variants of the catalogue in the order of their ids, by the API's attribute names."""
    async for variant in list_variants(await _there(db)):
        yield variant


async def _made(db: str) -> Database:
    database = locate(as_sink_url(db))
    if database.path is None:
        raise ConfigError("a catalogue needs a database on disk: give its path, or a URL such as sqlite:///shop.db")
    await to_thread.run_sync(migrate, database)
    return database


async def _there(db: str) -> Database:
    database = locate(as_sink_url(db))
    await to_thread.run_sync(require_head, database)
    return database


async def _open_source(registry: Registry, request: Request) -> tuple[Feed, Source, Connector]:
    """Return how a source is read, and from where: with the columns of a feed to publish, or of a shop's export, which is known by them."""
    asked = replace(request, settings={"mapping": "publishing", **request.settings})
    feed = asked.build_feed(None)
    located = asked.locate(feed)
    connector = await to_thread.run_sync(make_connector, registry, feed, located)
    if (
        "mapping" not in request.settings
        and feed.resource_type == "ftpCsv"
        and await _is_export(_recipe(registry, feed), connector, located)
    ):
        feed = replace(request, settings={"mapping": "shopify", **request.settings}).build_feed(None)
    return feed, located, connector


async def _is_export(recipe: Recipe, connector: Connector, located: Source) -> bool:
    try:
        look = await preview_source(recipe, connector, located, limit=1)
    except (RefuseRun, Retry):
        # The load itself meets it again, and has a record to say so.
        return False
    return {name.strip().casefold() for record in look.records for name in record.raw} >= _SHOPIFY


def _recipe(registry: Registry, feed: Feed) -> Recipe:
    """Return how rows become variants: nothing but what makes one, with the SKU, else the barcode, as its key."""
    recipe = make_recipe(registry, feed)
    kept = [row for row in recipe.rows if row.target in TARGETS and row.target != "externalId"]
    keys = [_as_key(row) for row in kept if row.target in ("vendorSku", "barcode")]
    shop = [row for row in recipe.rows if row.target == "externalId"] if feed.mapping == "shopify" else []
    return replace(recipe, rows=(*kept, *(shop or keys)))


def _as_key(row: MappingRow) -> MappingRow:
    fixed = FieldRow.model_validate({**row.row.model_dump(by_alias=True, exclude_defaults=True), "purpose": "externalId"})
    return MappingRow(fixed, row.names, declared=False)
