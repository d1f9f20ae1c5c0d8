"""The SQL text of the hot path, built once for each set of columns, and the rows-to-parameters step. No I/O.

Wherever a statement names an attribute it uses one rule for what a staged cell means:

* absent column: the stored value stays, or is the table's default in a new item;
* NULL cell: *blank*; the stored value stays, unless the layout clears the column: then it becomes the default (or NULL);
* anything else is the new value, unless the column is settled and has one, or the cell is a weight of zero that is not taken.

A staged row whose status is `removed` says that the source has given the item up: of it only that counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from engine.batch import ItemBatch, Value
from engine.contracts import FeedDefinition
from engine.schema import ATTRIBUTES, Attribute

VARIANTS: Final = "main.inventory_feed_variants"
STAGE: Final = "inventory_feed_stage"

ROWS_ALONE: Final = (128, 32)
ROWS_BESIDE: Final = (2048, 512, *ROWS_ALONE)
"""How many rows one INSERT carries, biggest first, as far as `PARAMETERS` allows: alone, and beside a busy thread.

Python releases the interpreter lock once a statement. With one row a statement a busy parser thread and the writer hand the
lock to and fro for every row (measured: 9,000 rows/s beside a busy thread); with hundreds of rows both work in parallel. Alone
the parameters of 128 rows still lie in the processor's cache, and those of 2,048 do not: a seventh faster, as one row is half as
fast, for each statement opens and closes every index.
"""

OTHER_DIGEST: Final = "content_hash = ~content_hash"
"""What goes with another quantity than the one a row's digest stands for; turned round, it stands for that one no more."""

GONE: Final = -1
DELETED: Final = -2
GRACE: Final = -3
BACK: Final = -4
"""Layouts of staged rows that no record of the source stands behind: items that were not in it and are to be taken out of stock, or
deleted, or left alone for another run; and items that were in it as they are stored, whose count of missing runs begins anew."""

PARAMETERS: Final = 32_766
"""SQLite's default limit for one statement."""


def default_literal(attribute: Attribute) -> str | None:
    """Return the SQL literal of an attribute's default, None when it has none; columns with a default are NOT NULL."""
    default = attribute.default
    if default is None:
        return None
    if isinstance(default, str):
        return f"'{default}'"
    return "'[]'" if default == [] else str(int(bool(default)) if isinstance(default, bool) else default)


_STANDS_AGAIN: Final = "CASE WHEN v.status IS NOT 'removed' THEN v.status WHEN v.variant_id IS NULL THEN 'pending' ELSE 'connected' END"
"""The status of an item that is in the source: one that was removed is back, connected to what it was connected to."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns a batch has, by attribute name, and what becomes of their values in a known item.

    A blank cell of `clears` takes the stored value away. Those of `settled` are left alone once they have a value. With
    `keeps_weight` a weight of zero is left alone too.
    """

    columns: tuple[str, ...]
    clears: frozenset[str]
    settled: frozenset[str] = frozenset()
    keeps_weight: bool = False

    @classmethod
    def of(cls, batch: ItemBatch, feed: FeedDefinition) -> Layout:
        """Return the layout of a batch of a feed."""
        settled = feed.settled.intersection(batch.columns)
        keeps_weight = "grams" in batch.columns and "grams" not in settled and not feed.takes_weight_zero
        return cls(batch.columns, batch.clears, settled, keeps_weight)

    @property
    def marks(self) -> list[str]:
        """Return what a row's digest does not know of how it is applied; empty where all is as it comes."""
        clears = sorted(self.clears.intersection(self.columns) - self.settled)
        return [*clears, *(f"settled {name}" for name in sorted(self.settled)), *(["weight"] if self.keeps_weight else [])]

    @property
    def buries(self) -> bool:
        """Return whether rows of the layout may say that their items are gone."""
        return "status" in self.columns

    def stored(self) -> list[tuple[str, str]]:
        """Return for each column its name in the tables and the SQL of its new value, out of stage `s` over variant `v`."""
        named = [ATTRIBUTES[name] for name in self.columns if name != "status"]
        values = {each.column: self._merged(each) for each in named}
        if not self.buries:
            return [*values.items(), ("status", _STANDS_AGAIN)]
        values = {"inventory_quantity": "v.inventory_quantity", **values}
        gone = {"inventory_quantity": "0"}
        alive = [
            (column, f"CASE WHEN s.status = 'removed' THEN {gone.get(column, f'v.{column}')} ELSE {value} END")
            for column, value in values.items()
        ]
        return [*alive, ("status", f"CASE WHEN s.status = 'removed' THEN 'removed' ELSE {_STANDS_AGAIN} END")]

    def differs(self) -> str:
        """Return the SQL of whether applying stage `s` changes variant `v`; that a removed item is gone is no news."""
        differs = " OR ".join(f"v.{column} IS NOT {value}" for column, value in self.stored())
        return f"CASE WHEN s.status = 'removed' THEN v.status <> 'removed' ELSE {differs} END" if self.buries else f"({differs})"

    def _merged(self, attribute: Attribute) -> str:
        column, literal = attribute.column, default_literal(attribute)
        new, old = f"s.{column}", f"v.{column}"
        if attribute.name in self.settled:
            first = new if literal is None else f"coalesce({new}, {literal})"
            return f"coalesce({old}, {first})" if literal is None else f"CASE {old} WHEN {literal} THEN {first} ELSE {old} END"
        blank = old if attribute.name not in self.clears else literal
        value = new if blank is None else f"coalesce({new}, {blank})"
        return f"CASE {new} WHEN 0 THEN {old} ELSE {value} END" if attribute.name == "grams" and self.keeps_weight else value


def _cell(attribute: Attribute, cell: str) -> str:
    literal = default_literal(attribute)
    return cell if literal is None else f"coalesce({cell}, {literal})"


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT of any number of rows: `head VALUES row, row, ... tail`."""

    head: str
    row: str
    tail: str

    def text(self, rows: int) -> str:
        """Return the statement for `rows` rows."""
        return _text(self, rows)

    def pieces(self, cells: list[Value], rows: int, sizes: Sequence[int]) -> Iterator[tuple[str, Iterator[list[Value]]]]:
        """Yield statements with their parameter lists, as `executemany` takes them, for the cells of all rows in order.

        The rest below the smallest size is one statement of just its size; the driver caches the few that there are.
        """
        width = self.row.count("?")
        begin = 0
        for size in (*(size for size in sizes if size * width <= PARAMETERS), rows % sizes[-1]):
            times = rows // size if size else 0
            if times:
                yield self.text(size), _slices(cells, begin, size * width, times)
                rows -= size * times
                begin += size * width * times


def _slices(cells: list[Value], begin: int, size: int, times: int) -> Iterator[list[Value]]:
    for at in range(begin, begin + size * times, size):
        yield cells[at : at + size]


@lru_cache(maxsize=16)
def _text(insert: Insert, rows: int) -> str:
    # The same object again: the driver looks it up by its hash, which a text of 200 kB works out once.
    return f"{insert.head} VALUES {','.join([insert.row] * rows)} {insert.tail}"


def straight_insert(columns: tuple[str, ...], *, feed: int, run: int, now: int, overwrite: bool) -> Insert:
    """Insert items of an empty feed, rows of (key, digest, *cells); a repeated key is left alone or wholly overwritten.

    The feed, the run and the time are numbers of our own and stand in the text: three parameters a row less to bind.
    So does the number of missed runs, whose default the table has as a text, which would be made a number of for each row.
    """
    attributes = [ATTRIBUTES[name] for name in columns]
    names = ["inventory_feed_id", "created_run_id", "inventory_updated_at", "created_at", "updated_at", "missing_runs"]
    names += ["external_id", "content_hash"]
    head = f"INSERT INTO {VARIANTS} ({', '.join([*names, *(each.column for each in attributes)])})"
    cells = ", ".join(["?", "?", *(_cell(each, "?") for each in attributes)])
    # `excluded` holds the table's default for a column that the INSERT does not name: overwriting is whole, nothing coalesces.
    whole = ", ".join(f"{each.column} = excluded.{each.column}" for each in ATTRIBUTES.values() if each.name != "externalId")
    action = f"UPDATE SET content_hash = excluded.content_hash, {whole}" if overwrite else "NOTHING"
    return Insert(head, f"({feed}, {run}, {now}, {now}, {now}, 0, {cells})", f"ON CONFLICT (inventory_feed_id, external_id) DO {action}")


@dataclass(frozen=True, slots=True)
class StageTable:
    """The statements over the stage, which lies in schema `main`, or in `temp` for a run that must leave no trace.

    Items that are new are created only with more stock than `creates_above`, where that is given. Items with an id above
    `last_item` came after the run had begun: it knows nothing of them.
    """

    schema: str
    feed: int
    run: int
    creates_above: int | None = None
    last_item: int | None = None

    @property
    def wanted(self) -> str:
        """Return the condition under which a new item is created: one that the source has given up already is not."""
        above = "" if self.creates_above is None else f" AND s.inventory_quantity > {self.creates_above}"
        return f" AND s.status IS NULL{above}"

    @property
    def table(self) -> str:
        """Return the qualified name of the stage."""
        return f"{self.schema}.{STAGE}"

    def insert(self, columns: tuple[str, ...], layout: int) -> Insert:
        """Stage rows of (key, item id, digest, record, *cells), replacing whole rows staged before: absent columns become NULL."""
        names = ["run_id", "layout", "external_id", "item_id", "content_hash", "record", *(ATTRIBUTES[name].column for name in columns)]
        marks = ", ".join("?" * (len(names) - 2))
        return Insert(f"INSERT OR REPLACE INTO {self.table} ({', '.join(names)})", f"({self.run}, {layout}, {marks})", "")

    def lookup(self) -> str:
        """Select (index, id, digest, whether it is removed) of the stored items among the keys of a JSON array.

        An item that is removed has no digest, so that the status, which lies far back in the row, is looked at only then.
        """
        # CROSS JOIN is SQLite's way to fix the order: the keys outside, the unique index inside.
        return (
            "SELECT j.key, v.id, v.content_hash, CASE WHEN v.content_hash IS NULL THEN v.status = 'removed' END"
            f" FROM json_each(?) AS j CROSS JOIN {VARIANTS} AS v"
            f" WHERE v.inventory_feed_id = {self.feed} AND v.external_id = j.value{self._visible()}"
        )

    @staticmethod
    def keys_of() -> str:
        """Select the keys of the items of a JSON array of ids."""
        return f"SELECT external_id FROM {VARIANTS} WHERE id IN (SELECT value FROM json_each(?))"

    def compare(self) -> str:
        """Hold the digests of a JSON object by key against the stored items, and select one row of three JSON arrays.

        The id of each item or null, in the order of the object; the keys whose digest is another than the stored one, or that are
        new; and those among them whose item is removed. One row, for the driver makes a row of the answer in as long as SQLite takes
        to find and compare three, and takes the interpreter lock for each.
        """
        # LEFT JOIN fixes the order too, and with it that of the arrays: the keys as they stand outside, the unique index inside.
        return (
            "SELECT json_group_array(v.id), json_group_array(j.key) FILTER (WHERE v.content_hash IS NOT j.value),"
            " json_group_array(j.key) FILTER (WHERE v.content_hash IS NULL AND v.status = 'removed')"
            f" FROM json_each(?) AS j LEFT JOIN {VARIANTS} AS v"
            f" ON v.inventory_feed_id = {self.feed} AND v.external_id = j.key{self._visible()}"
        )

    def items(self) -> str:
        """Return FROM and WHERE of the feed's items `v` that the run knows of."""
        return f"FROM {VARIANTS} AS v WHERE v.inventory_feed_id = {self.feed}{self._visible()}"

    def _visible(self) -> str:
        known = "" if self.last_item is None else f" AND v.id <= {self.last_item}"
        # A real run has removed what an unfinished load left before it looks; a dry run may not, and must not count it.
        if self.schema == "main":
            return known
        loading = f"(SELECT loading_run_id FROM main.inventory_feeds WHERE id = {self.feed})"
        return f"{known} AND ({loading} IS NULL OR v.created_run_id IS NOT {loading})"

    def unstage(self) -> str:
        """Delete the staged rows of the keys of a JSON array."""
        return f"DELETE FROM {self.table} WHERE run_id = {self.run} AND external_id IN (SELECT value FROM json_each(?))"

    def forget_stock(self) -> str:
        """Stage the stored stock of the keys of a JSON array, under a digest that is not the one of their rows.

        A blank would do where blanks say nothing. Where they clear, it would take away a stock that nobody said is gone.
        """
        stored = f"(SELECT v.inventory_quantity FROM {VARIANTS} AS v WHERE v.id = item_id)"
        return (
            f"UPDATE {self.table} SET inventory_quantity = {stored}, {OTHER_DIGEST}"
            f" WHERE run_id = {self.run} AND external_id IN (SELECT value FROM json_each(?))"
        )

    def count_created(self) -> str:
        """Count the staged items that are not stored yet and will be."""
        return f"{self.count_new()}{self.wanted}"

    def count_new(self) -> str:
        """Count the staged items that are not stored yet."""
        return f"SELECT count(*) FROM {self.table} AS s WHERE s.run_id = {self.run} AND s.item_id IS NULL"

    def count_buried(self, layout: int) -> str:
        """Count the staged items of a layout that stand and that the source says are gone."""
        return (
            f"SELECT count(*) FROM {self.table} AS s CROSS JOIN {VARIANTS} AS v WHERE s.run_id = {self.run} AND s.layout = {layout}"
            " AND s.status = 'removed' AND v.id = s.item_id AND v.status <> 'removed'"
        )

    def count_staged(self, *layouts: int) -> str:
        """Count the staged rows of some layouts."""
        among = ", ".join(map(str, layouts))
        return f"SELECT count(*) FROM {self.table} AS s WHERE s.run_id = {self.run} AND s.layout IN ({among})"

    def updates(self, layout: int, columns: Layout) -> str:
        """Select (record, key, 0) of the staged rows `s` of a layout that would change an item and not take it out of stock."""
        quantity = dict(columns.stored()).get("inventory_quantity", "v.inventory_quantity")
        falls = f"coalesce({quantity}, 1) <= 0 AND coalesce(v.inventory_quantity, 1) > 0"
        gone = "coalesce(s.status, '') = 'removed' AND v.status <> 'removed'"
        return (
            f"SELECT s.record, s.external_id, 0 AS created FROM {self.table} AS s CROSS JOIN {VARIANTS} AS v"
            f" WHERE s.run_id = {self.run} AND s.layout = {layout} AND v.id = s.item_id AND {columns.differs()}"
            f" AND NOT ({falls}) AND NOT ({gone})"
        )

    def creations(self, layout: int) -> str:
        """Select (record, key, 1) of the staged rows `s` of a layout that would create an item."""
        return (
            f"SELECT s.record, s.external_id, 1 AS created FROM {self.table} AS s"
            f" WHERE s.run_id = {self.run} AND s.layout = {layout} AND s.item_id IS NULL{self.wanted}"
        )

    def chunk_end(self, size: int) -> str:
        """Select the last key of the next `size` staged rows; NULL when none is left."""
        return (
            "SELECT max(external_id) FROM"
            f" (SELECT external_id FROM {self.table} WHERE run_id = {self.run} ORDER BY external_id LIMIT {size})"
        )

    def update(self, layout: int, columns: Layout, *, now: int) -> str:
        """Update the stored items that differ, up to a key; `rowcount` is how many did."""
        merged = columns.stored()
        sets = [f"{column} = {value}" for column, value in merged]
        sets += ["content_hash = s.content_hash", "missing_runs = 0", f"updated_at = {now}"]
        quantity = dict(merged).get("inventory_quantity")
        if quantity is not None:
            sets.append(stock_moved(quantity, now=now))
        return (
            f"UPDATE {VARIANTS} AS v SET {', '.join(sets)} {self.chunk()} AND s.layout = {layout} AND s.status IS NULL"
            f" AND {columns.differs()}"
        )

    def count_told(self) -> str:
        """Count the staged rows of the source, up to a key, but for items that it says are gone."""
        return (
            f"SELECT count(*) FROM {self.table} AS s WHERE s.run_id = {self.run} AND s.external_id <= ?"
            " AND s.layout >= 0 AND s.status IS NULL"
        )

    def rehash(self) -> str:
        """Give the items that were staged but do not differ their new digest, up to a key; nothing else of them changes."""
        return (
            f"UPDATE {VARIANTS} AS v SET content_hash = s.content_hash {self.chunk()} AND s.layout >= 0"
            " AND s.status IS NULL AND v.content_hash IS NOT s.content_hash"
        )

    def chunk(self) -> str:
        """Return FROM and WHERE of the stored items `v` of the staged rows `s`, up to a key."""
        return (
            f"FROM {self.table} AS s WHERE s.run_id = {self.run} AND s.external_id <= ?"
            f" AND v.id = s.item_id AND v.inventory_feed_id = {self.feed}"
        )

    def create(self, layout: int, columns: tuple[str, ...], *, now: int) -> str:
        """Insert the new items of a layout, up to a key. One that somebody else has made in the meantime is his."""
        attributes = [ATTRIBUTES[name] for name in columns]
        names = ["inventory_feed_id", "created_run_id", "inventory_updated_at", "created_at", "updated_at", "external_id", "content_hash"]
        cells = [str(self.feed), str(self.run), *[str(now)] * 3, "s.external_id", "s.content_hash"]
        cells += [_cell(each, f"s.{each.column}") for each in attributes]
        return (
            f"INSERT INTO {VARIANTS} ({', '.join([*names, *(each.column for each in attributes)])})"
            f" SELECT {', '.join(cells)} FROM {self.table} AS s WHERE s.run_id = {self.run} AND s.external_id <= ?"
            f" AND s.layout = {layout} AND s.item_id IS NULL{self.wanted} ORDER BY s.external_id"
            " ON CONFLICT (inventory_feed_id, external_id) DO NOTHING"
        )

    def clear(self) -> str:
        """Delete the staged rows up to a key."""
        return f"DELETE FROM {self.table} WHERE run_id = {self.run} AND external_id <= ?"


def stock_moved(quantity: str, *, now: int) -> str:
    """Return the assignment that notes when the stock of `v` changes, given the SQL of the new one."""
    return f"inventory_updated_at = CASE WHEN v.inventory_quantity IS NOT {quantity} THEN {now} ELSE v.inventory_updated_at END"


def create_temporary_stage() -> str:
    """Return the DDL of the stage of a dry run: the main one's columns, on this connection only."""
    columns = ", ".join(f"{each.column}" for each in ATTRIBUTES.values() if each.name != "externalId")
    return (
        f"CREATE TEMP TABLE {STAGE} (run_id INTEGER, external_id TEXT, item_id INTEGER, content_hash INTEGER, layout INTEGER,"
        f" record INTEGER, {columns}, PRIMARY KEY (run_id, external_id)) WITHOUT ROWID"
    )
