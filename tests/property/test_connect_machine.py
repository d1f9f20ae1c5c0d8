"""Whatever comes, in whatever order, items are connected as a plain dictionary says, and the audit tells how it came to that."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

import anyio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.batch import JsonValue, Value
from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from engine.run import RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch, import_items
from sinks.sqlite.catalogue.everyone import connect_all
from sinks.sqlite.catalogue.load import CatalogueSink
from sinks.sqlite.catalogue.manual import connect_item, disconnect_item
from sinks.sqlite.database import Database, locate
from sinks.sqlite.fence import Origin, Writer
from sinks.sqlite.sink import open_sqlite

COLUMNS: Final = ("vendorSku", "originalSku", "barcode", "options")
SKUS: Final = st.sampled_from(["A", "a", "B", "p-A", None])
EAN: Final = "4006381333931"
BARCODES: Final = st.sampled_from([EAN, "04006381333931", "4006381333932", "012345678905", None])
OPTIONS: Final = st.sampled_from(["[]", '[{"name": "Size", "value": "M"}]', '[{"name": "size", "value": "l"}]'])
KEYS: Final = st.sampled_from(["1", "2", "3", "4"])
ROWS: Final = st.dictionaries(KEYS, st.tuples(SKUS, SKUS, BARCODES, OPTIONS), max_size=4)
FEEDS: Final = st.sampled_from(["one", "two"])
STEADY: Final[dict[str, JsonValue]] = {"fetchCleanup": "disabled", "syncOptions": True, "skuExempt": True}
SETTINGS: Final = st.fixed_dictionaries(
    {
        "automaticallyConnect": st.sampled_from([True, True, True, False]),
        "automaticallyConnectByBarcode": st.booleans(),
        "caseInsensitiveSkus": st.booleans(),
        "automaticallyConnectPrefix": st.sampled_from(["both", "prefixOnly"]),
        "automaticallyConnectOptionValues": st.sampled_from([None, False, True]),
    }
)
CATALOGUE: Final = st.lists(st.tuples(SKUS, BARCODES, OPTIONS), min_size=1, max_size=4)


@dataclass
class Item:
    """An item as the model has it."""

    values: dict[str, Any]
    variant: int | None = None
    status: str = "pending"
    scope: str | None = None
    told: bool = False
    came_back: bool = False


@dataclass
class Feed:
    """A feed as the model has it."""

    settings: dict[str, Any] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)


def folded(options: str) -> list[tuple[str, str]]:
    """Return the options of a row, case aside."""
    return sorted((each["name"].lower(), each["value"].lower()) for each in json.loads(options))


def number(barcode: str | None) -> str | None:
    """Return a barcode at full length; of those drawn here one is wrong."""
    return None if barcode in (None, "4006381333932") else str(barcode).zfill(14)


@dataclass
class Model:
    """What the tables should hold."""

    variants: dict[int, tuple[str | None, str | None, str]] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    loaded: bool = False

    def fits(self, item: Item, settings: dict[str, Any]) -> set[int]:
        """Return the variants an item fits, by going through all of them."""
        values, skus, scanned = item.values, set(), set()
        own = {values["vendorSku"], None if settings["automaticallyConnectPrefix"] == "prefixOnly" else values["originalSku"]} - {None}
        for key, (sku, barcode, options) in self.variants.items():
            same = sku in own or (settings["caseInsensitiveSkus"] and sku is not None and sku.lower() in {each.lower() for each in own})
            if settings["automaticallyConnectOptionValues"]:
                same = same and folded(options) == folded(values["options"])
            if settings["automaticallyConnect"] and same:
                skus.add(key)
            gtin = number(values["barcode"])
            if settings["automaticallyConnectByBarcode"] and gtin is not None and gtin == number(barcode):
                scanned.add(key)
        return (skus & scanned or skus | scanned) if skus and scanned else skus | scanned

    def connect(self, name: str) -> None:
        """Look at every item of a feed anew."""
        feed = self.feeds[name]
        if not self.loaded or not (feed.settings["automaticallyConnect"] or feed.settings["automaticallyConnectByBarcode"]):
            return
        standing = {key: item for key, item in feed.items.items() if item.status != "removed"}
        mine = {key: item for key, item in standing.items() if item.scope in (None, "automated")}
        by_hand = {item.variant for key, item in standing.items() if key not in mine and item.variant is not None}
        claims: dict[int, list[str]] = {}
        fits = {key: self.fits(item, feed.settings) for key, item in mine.items()}
        for key, item in mine.items():
            wanted = item.variant if item.variant in fits[key] else next(iter(fits[key])) if len(fits[key]) == 1 else None
            if wanted is not None:
                claims.setdefault(wanted, []).append(key)
        won: dict[str, int] = {}
        for variant, keys in claims.items():
            holders = [key for key in keys if mine[key].variant == variant and not mine[key].came_back]
            if variant not in by_hand and (len(keys) == 1 or holders):
                won[keys[0] if len(keys) == 1 else holders[0]] = variant
        for key, item in mine.items():
            item.told = key not in won and bool(fits[key])
            item.status = "connected" if key in won else "pending"
            item.variant, item.scope = won.get(key), "automated" if key in won else None
        for item in feed.items.values():
            item.came_back = False


class ConnectMachine(RuleBasedStateMachine):
    """Imports, loads and people at work on one database."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.database: Database = locate(f"sqlite:///{self.folder}/shop.db")
        self.model = Model()

    def teardown(self) -> None:
        """Remove the database."""
        shutil.rmtree(self.folder)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return rows, read behind Feedmill's back."""
        if not (self.folder / "shop.db").exists():
            return []
        with closing(sqlite3.connect(self.folder / "shop.db")) as connection:
            return connection.execute(sql).fetchall()

    def id_of(self, feed: str, key: str) -> int:
        """Return an item's id."""
        named = f"(SELECT id FROM inventory_feeds WHERE name = '{feed}')"
        return int(self.ask(f"SELECT id FROM inventory_feed_variants WHERE external_id = '{key}' AND inventory_feed_id = {named}")[0][0])

    @rule(name=FEEDS, chosen=SETTINGS, rows=ROWS)
    def import_feed(self, name: str, chosen: dict[str, Any], rows: dict[str, tuple[Value, ...]]) -> None:
        """Import a feed, under other settings than before."""
        feed = FeedDefinition(name, {**STEADY, **chosen})

        async def work() -> None:
            async with open_sqlite(f"sqlite:///{self.folder}/shop.db") as sink:
                await import_items(sink, batch(COLUMNS, *((key, *row) for key, row in rows.items())), feed=feed)

        anyio.run(work)
        mine = self.model.feeds.setdefault(name, Feed())
        mine.settings = chosen
        for key, row in rows.items():
            item = mine.items.setdefault(key, Item(dict.fromkeys(COLUMNS, None) | {"options": "[]"}))
            item.values.update((column, value) for column, value in zip(COLUMNS, row, strict=True) if value is not None)
            if item.status == "removed":
                item.status, item.came_back = "pending" if item.variant is None else "connected", True
        # In the order of their ids, which decides between two that have the same variant.
        mine.items = dict(sorted(mine.items.items(), key=lambda pair: self.id_of(name, pair[0])))
        self.model.connect(name)

    @precondition(lambda self: self.model.feeds)
    @rule(rows=CATALOGUE, replace=st.sampled_from([False, False, True]))
    def load_catalogue(self, rows: list[tuple[str | None, str | None, str]], replace: bool) -> None:
        """Load the catalogue; what a row is known by keeps its id."""
        named = [row for row in rows if row[0] or row[1]]

        async def work() -> None:
            async with CatalogueSink(self.database, replace).session(FEED) as session:
                await session.stage(batch(("vendorSku", "barcode", "options"), *((str(at), *row) for at, row in enumerate(rows))))
                summary = await session.summary()
                record = RunRecord("catalogue", 0, RunStatus.COMPLETE)
                counts = await session.apply(record)
            assert (counts.created, counts.updated, counts.unchanged) == (summary.created, summary.updated, summary.unchanged)
            assert counts.created + counts.updated + counts.unchanged + counts.duplicate == len(named)
            await connect_all(self.database)

        anyio.run(work)
        self._load_model(named, replace)
        for name in self.model.feeds:
            self.model.connect(name)

    def _load_model(self, rows: list[tuple[str | None, str | None, str]], replace: bool) -> None:
        before, after = self.model.variants, dict(self.model.variants)

        def known_by(row: tuple[str | None, str | None, str]) -> tuple[str, ...]:
            return ("sku", row[0]) if row[0] else ("barcode", number(row[1]) or str(row[1]))

        last = {(known_by(row), str(folded(row[2]))): row for row in rows}
        stored = {(known_by(row), str(folded(row[2]))): key for key, row in before.items()}
        fresh: list[tuple[str | None, str | None, str]] = []
        kept: set[int] = set()
        for (known, options), row in last.items():
            same = [key for (other, _), key in stored.items() if other == known]
            lone = sum(other == known for other, _ in last) == 1 and len(same) == 1
            found = stored.get((known, options), same[0] if lone else None)
            if found is None:
                fresh.append(row)
            else:
                after[found] = row
                kept.add(found)
        if replace:
            after = {key: row for key, row in after.items() if key in kept}
            for item in itertools.chain(*(feed.items.values() for feed in self.model.feeds.values())):
                if item.variant is not None and item.variant not in after:
                    item.variant, item.scope = None, None
                    item.status = "pending" if item.status == "connected" else item.status
        made = {key: (sku, barcode, options) for key, sku, barcode, options in self.ask("SELECT id, sku, barcode, options FROM variants")}
        new = {key: row for key, row in made.items() if key not in after}
        assert sorted(map(str, new.values())) == sorted(map(str, fresh))
        assert not new or min(new) > max(before, default=0)
        self.model.variants = {**after, **new}
        self.model.loaded = self.model.loaded or bool(rows)

    @rule(name=FEEDS, key=KEYS, which=st.integers(0, 5))
    def connect_by_hand(self, name: str, key: str, which: int) -> None:
        """Connect an item to some variant, where that may be done."""
        item = self.model.feeds.get(name, Feed()).items.get(key)
        if item is None or not self.model.variants:
            return
        target = sorted(self.model.variants)[which % len(self.model.variants)]
        rivals = [each for each in self.model.feeds[name].items.values() if each is not item and each.variant == target]
        refused = item.status == "removed" or any(each.scope == "manual" for each in rivals)
        try:
            anyio.run(lambda: connect_item(self.database, key, feed=name, variant=target))
        except ConfigError:
            assert refused
            return
        assert not refused
        for each in rivals:
            each.variant, each.scope, each.told = None, None, True
            each.status = "pending" if each.status == "connected" else each.status
        item.variant, item.scope, item.status, item.told = target, "manual", "connected", False

    @rule(name=FEEDS, key=KEYS)
    def disconnect_by_hand(self, name: str, key: str) -> None:
        """Take an item off."""
        item = self.model.feeds.get(name, Feed()).items.get(key)
        if item is None:
            return
        anyio.run(lambda: disconnect_item(self.database, key, feed=name))
        item.variant, item.scope, item.told = None, "off", False
        item.status = "pending" if item.status == "connected" else item.status

    @rule(name=FEEDS, key=KEYS)
    def remove_or_bring_back(self, name: str, key: str) -> None:
        """Let an item go missing, or be there again, as a run does."""
        item = self.model.feeds.get(name, Feed()).items.get(key)
        if item is None:
            return
        back = "CASE WHEN variant_id IS NULL THEN 'pending' ELSE 'connected' END"
        status = back if item.status == "removed" else "'removed'"
        change = f"UPDATE inventory_feed_variants SET status = {status}, content_hash = NULL WHERE id = ?"

        number = self.id_of(name, key)

        async def work() -> None:
            async with self.database.connect() as connection:
                writer = Writer(connection, None, "shop", locking=True)
                async with writer.changing(Origin(1, call="push:1")):
                    await writer.execute(change, number)

        anyio.run(work)
        item.came_back = item.came_back or item.status == "removed"
        item.status = ("pending" if item.variant is None else "connected") if item.status == "removed" else "removed"

    @invariant()
    def tables_equal_the_model(self) -> None:
        """Items have the variant, the status and the scope of the model, and are told of where it says so."""
        rows = self.ask(
            "SELECT f.name, v.external_id, v.variant_id, v.status, v.connection_scope, v.messages IS NOT NULL"
            " FROM inventory_feed_variants AS v JOIN inventory_feeds AS f ON f.id = v.inventory_feed_id"
        )
        wanted = {
            (name, key): (item.variant, item.status, item.scope, int(item.told))
            for name, feed in self.model.feeds.items()
            for key, item in feed.items.items()
        }
        assert {(name, key): tuple(rest) for name, key, *rest in rows} == wanted

    @invariant()
    def the_audit_replays(self) -> None:
        """Done one after the other, what the audit says ends where the items are; what one has it may be given again, by hand."""
        now: dict[int, tuple[int, str]] = {}
        audit = "SELECT inventory_feed_variant_id, variant_id, action, scope FROM inventory_feed_variant_connections ORDER BY id"
        for item, variant, action, scope in self.ask(audit):
            if action == "connected":
                assert now.get(item) in (None, (variant, "automated"))
                now[item] = (variant, scope)
            else:
                assert now.pop(item)[0] == variant
        held = self.ask("SELECT id, variant_id, connection_scope FROM inventory_feed_variants WHERE variant_id IS NOT NULL")
        assert {item: (variant, scope) for item, variant, scope in held} == now


TestConnecting = ConnectMachine.TestCase
TestConnecting.settings = settings(max_examples=15, stateful_step_count=14, deadline=None)
