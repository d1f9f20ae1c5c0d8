"""Undo: what comes back, what stays, what is refused, and what it leaves for the next run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from engine.batch import ItemBatch
from engine.contracts import Checkpoint, FeedDefinition
from engine.errors import ConfigError, UnderWay
from plugins.conformance.sink import FEED, batch
from sinks.sqlite import clock
from sinks.sqlite.decisions import approve
from sinks.sqlite.fence import Writer
from sinks.sqlite.history import undo as undo_module
from sinks.sqlite.history import undoing
from sinks.sqlite.history.retention import prune
from sinks.sqlite.history.undo import plan_undo, undo
from sinks.sqlite.locks import hold_feed
from tests.unit.history_parts import OPEN, Shop, delete, open_shop, zero

BOTH = ("name", "inventoryQuantity")
DAY = 86_400_000_000


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """Open a shop without items."""
    async with open_shop(tmp_path) as opened:
        yield opened


def first() -> ItemBatch:
    """Return what the feed brings on its first day."""
    return batch(BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 3))


def second() -> ItemBatch:
    """Return what it brings on its second: one item changed, one new, one gone."""
    return batch(BOTH, ("a", "Apple", 1), ("b", "Pear", 20), ("d", "Fig", 4))


async def change(shop: Shop) -> int:
    """Run the second day: one item changes, one is new and written to by the run once more, one is taken out of stock."""
    run = await shop.run(second())
    await shop.write(zero(["c"]), "UPDATE inventory_feed_variants SET grams = 2 WHERE external_id = 'd'", run=run)
    return run


async def test_an_undo_gives_back_every_column(shop: Shop) -> None:
    """After the undo of the newest run the table is what it was, ids, digests and times included, and the figures say why."""
    await shop.run(first())
    before = await shop.rows()
    run = await change(shop)
    assert await shop.rows() != before
    done = await undo(shop.database, run)
    assert await shop.rows() == before
    record, counts = done.record, done.record.counts
    assert (record.read, counts.updated, counts.removed, counts.created, record.skipped) == (2, 2, 1, 0, 0)
    assert [(problem.code, problem.message) for problem in record.problems] == [("undo", f"this run undoes run {run}")]


async def test_the_file_that_was_undone_is_applied_again(shop: Shop) -> None:
    """The undone rows are no unchanged ones: the same file changes and creates the same items again."""
    await shop.run(first())
    run = await shop.run(second())
    after = {row["external_id"]: row["inventory_quantity"] for row in (await shop.rows()).values()}
    await undo(shop.database, run)
    await shop.run(second())
    (again,) = await shop.ask("SELECT created, updated, unchanged FROM data_imports ORDER BY id DESC LIMIT 1")
    assert again == {"created": 1, "updated": 1, "unchanged": 1}
    assert {row["external_id"]: row["inventory_quantity"] for row in (await shop.rows()).values()} == after


async def test_a_later_write_stays_and_is_named(shop: Shop) -> None:
    """A field that a call or a run wrote since is left alone; what else the run changed of the item is restored."""
    await shop.run(first())
    run = await shop.run(batch(BOTH, ("a", "Apfel", 10), ("b", "Birne", 20)))
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 5 WHERE external_id = 'a'", call="push:7")
    later = await shop.run(batch(BOTH, ("b", "Birnen", 30)))
    done = await undo(shop.database, run)
    rows = {str(row["external_id"]): row for row in (await shop.rows()).values()}
    assert [(rows[key]["name"], rows[key]["inventory_quantity"]) for key in "ab"] == [("Apple", 5), ("Birnen", 30)]
    assert rows["a"]["content_hash"] is None
    said = [(each.external_id, each.name, each.left, each.now, each.run, each.call) for each in done.conflicts]
    assert said == [
        ("a", "inventoryQuantity", 10, 5, None, "push:7"),
        ("b", "name", "Birne", "Birnen", later, None),
        ("b", "inventoryQuantity", 20, 30, later, None),
    ]
    assert (done.record.read, done.record.counts.updated, done.record.skipped, done.restored) == (2, 1, 1, 1)
    assert done.record.problems[-1].code == "conflicts"
    kept = await shop.ask('SELECT "column", value, reason, fate FROM data_import_rejects WHERE run_id = ?', done.record.run)
    assert kept[0] == {
        "column": "inventoryQuantity",
        "value": "5",
        "reason": "item 'a': the run left 10, push:7 wrote 5",
        "fate": "skipped",
    }


async def test_an_item_that_was_written_since_its_creation_stays(shop: Shop) -> None:
    """What a run created goes with its undo, but for an item that somebody gave an override."""
    run = await shop.run(first())
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity_override = 'manual' WHERE external_id = 'b'", call="edit:1")
    planned = await plan_undo(shop.database, run)
    assert len(await shop.rows()) == 3
    done = await undo(shop.database, run)
    assert [row["external_id"] for row in (await shop.rows()).values()] == ["b"]
    assert planned.conflicts == done.conflicts
    assert [(each.external_id, each.did, each.call) for each in done.conflicts] == [("b", "created", "edit:1")]
    assert (planned.record.run, planned.record.dry_run, done.record.counts.removed) == (0, True, 2)


async def test_a_deleted_item_comes_back_unless_its_key_is_taken(shop: Shop) -> None:
    """What a run deleted comes back under its id with all it had, and is logged as created; a key that exists again is a conflict."""
    await shop.run(first())
    before = await shop.rows()
    run = await shop.run(batch(BOTH, ("c", "Plum", 3)))
    await shop.write(delete(["a", "b"]), run=run)
    maker = await shop.run(batch(BOTH, ("b", "Peer", 9)))
    done = await undo(shop.database, run)
    rows = await shop.rows()
    assert rows[1] == before[1]
    assert [(each.did, each.external_id, each.now, each.run) for each in done.conflicts] == [("deleted", "b", 4, maker)]
    logged = "SELECT action, item_id, external_id FROM inventory_feed_variant_changes WHERE run_id = ?"
    assert await shop.ask(logged, done.record.run) == [{"action": "created", "item_id": 1, "external_id": "a"}]


async def test_an_undo_is_undone_and_then_neither_again(shop: Shop) -> None:
    """Undoing the undo gives every column back; a run that was undone is not undone twice, and the message says what to undo."""
    await shop.run(first())
    run = await change(shop)
    after = await shop.rows()
    done = await undo(shop.database, run)
    with pytest.raises(ConfigError, match=f"run {run} was undone by run {done.record.run} already: undo run {done.record.run} to"):
        await undo(shop.database, run)
    again = await undo(shop.database, done.record.run)
    assert await shop.rows() == after
    with pytest.raises(ConfigError, match=f"run {run} was undone by run {done.record.run} already: undo run {again.record.run} to"):
        await plan_undo(shop.database, run)


async def test_an_undo_that_met_only_conflicts_may_be_tried_again(shop: Shop) -> None:
    """Where nothing could be restored the run is not taken for undone."""
    run = await shop.run(batch(BOTH, ("a", "Apple", 1)))
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 5", call="push:7")
    assert (await undo(shop.database, run)).restored == 0
    assert len((await undo(shop.database, run)).conflicts) == 1


async def test_what_cannot_be_undone_is_refused(shop: Shop) -> None:
    """Unknown, unfinished and forgotten runs are refused, each with its reason, and nothing is changed."""
    run = await shop.run(first())
    with pytest.raises(ConfigError, match="there is no run 99"):
        await undo(shop.database, 99)
    held = await shop.run(second(), hold=True)
    with pytest.raises(ConfigError, match=f"run {held} cannot be undone: it is held"):
        await undo(shop.database, held)
    await shop.ask("UPDATE data_imports SET change_mark = NULL WHERE id = ?", run)
    with pytest.raises(ConfigError, match="the change log of its time is pruned"):
        await undo(shop.database, run)
    await shop.ask("UPDATE data_imports SET decided_at = NULL WHERE id = ?", run)
    with pytest.raises(ConfigError, match="it was before changes were logged"):
        await undo(shop.database, run)
    assert len(await shop.ask("SELECT id FROM data_imports")) == 2


async def test_an_unchanged_run_has_nothing_to_undo(shop: Shop) -> None:
    """A run that changed nothing can be undone, which changes nothing."""
    await shop.run(first())
    before = await shop.rows()
    done = await undo(shop.database, await shop.run(first()))
    assert (done.record.read, await shop.rows()) == (0, before)


async def test_a_feed_in_work_is_not_undone(shop: Shop) -> None:
    """While another session works on the feed an undo is told so and has begun nothing."""
    run = await shop.run(first())
    async with shop.database.connect() as connection, hold_feed(shop.database, Writer(connection, None, "shop"), 1, FEED.name):
        with pytest.raises(UnderWay):
            await undo(shop.database, run)
    assert len(await shop.rows()) == 3


async def test_the_checkpoint_goes_back_only_where_the_items_do(shop: Shop) -> None:
    """Undoing the newest run gives back what the run before had found; after any other undo the next fetch has to read."""
    old, new = Checkpoint("print", {"a.csv": "1"}, run=1), Checkpoint("print", {"a.csv": "2"}, run=2)
    await shop.run(first(), checkpoint=old)
    run = await shop.run(second(), checkpoint=new)
    done = await undo(shop.database, run)
    assert await stored_checkpoint(shop) == asdict(old)
    await undo(shop.database, done.record.run)
    assert await stored_checkpoint(shop) == asdict(new)
    older = await shop.run(batch(BOTH, ("a", "Apple", 7)), checkpoint=new)
    await shop.run(batch(BOTH, ("b", "Pear", 7)), checkpoint=new)
    await undo(shop.database, older)
    assert await stored_checkpoint(shop) is None


async def test_a_conflict_takes_the_checkpoint_away(shop: Shop) -> None:
    """Where not all of the newest run is taken back, the source is read again whatever it says of itself."""
    await shop.run(first(), checkpoint=Checkpoint("print", {"a.csv": "1"}))
    run = await shop.run(batch(BOTH, ("a", "Apple", 9), ("b", "Pear", 9)))
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 5 WHERE external_id = 'a'", call="push:7")
    await undo(shop.database, run)
    assert await stored_checkpoint(shop) is None


async def stored_checkpoint(shop: Shop) -> object:
    """Return the feed's checkpoint."""
    ((stored,),) = [row.values() for row in await shop.ask("SELECT checkpoint FROM inventory_feeds")]
    return None if stored is None else orjson.loads(str(stored))


async def test_a_held_run_gives_way_to_an_undo(shop: Shop) -> None:
    """What a held run waits to apply was judged against items that are no more: it is cancelled."""
    run = await shop.run(first())
    held = await shop.run(second(), hold=True)
    done = await undo(shop.database, run)
    with pytest.raises(ConfigError, match=f"run {held} is not held, it is cancelled .run {done.record.run} came after it"):
        await approve(shop.database, held)


async def test_an_approved_run_changes_items_when_it_is_approved(shop: Shop) -> None:
    """The log and the items carry the time of the approval, and undoing the run gives back what was before."""
    await shop.run(first())
    before = await shop.rows()
    held = await shop.run(second(), hold=True)
    asked = clock.now()
    await approve(shop.database, held)
    assert await shop.ask("SELECT at >= ? AS later FROM inventory_feed_variant_changes", asked) == [{"later": 1}]
    await undo(shop.database, held)
    assert await shop.rows() == before


async def test_chunks_of_any_size_come_to_the_same(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many items a transaction takes changes neither what is restored nor what is counted nor what is told."""
    monkeypatch.setattr(undoing, "CHUNK_ROWS", 1)
    monkeypatch.setattr(undo_module, "CHUNK_ROWS", 2)
    await shop.run(first())
    before = await shop.rows()
    run = await change(shop)
    # Changed twice by the run: told of once, with what was before both.
    await shop.write("UPDATE inventory_feed_variants SET name = 'Pears' WHERE external_id = 'b'", run=run)
    await shop.write("UPDATE inventory_feed_variants SET grams = 5 WHERE external_id = 'd'", call="push:1")
    planned, done = await plan_undo(shop.database, run), await undo(shop.database, run)
    rows = await shop.rows()
    assert {item: row for item, row in rows.items() if item in before} == before
    assert planned.conflicts == done.conflicts
    assert planned.record.read == done.record.read == 3


async def test_old_changes_are_forgotten_whole(shop: Shop) -> None:
    """Entries older than `historyDays` go with their fields, and no run of their time can be undone; 0 days keeps everything."""
    run = await shop.run(first())
    newer = await shop.run(second())
    moment = clock.now()
    await shop.write("UPDATE inventory_feed_variants SET grams = 5 WHERE external_id = 'a'", call="push:1", at=moment + 5 * DAY)
    async with shop.database.connect() as connection:
        writer = Writer(connection, None, "shop")
        assert await prune(writer, 1, 3, now=moment + 3 * DAY - 60_000_000) == 0
        assert await prune(writer, 1, 0, now=moment + 99 * DAY) == 0
        assert await prune(writer, 1, 3, now=moment + 4 * DAY) == 1
    (left,) = await shop.ask("SELECT call FROM inventory_feed_variant_changes")
    assert left == {"call": "push:1"}
    assert [row["field"] for row in await shop.ask("SELECT field FROM inventory_feed_variant_change_fields")] == ["grams"]
    for each in (run, newer):
        with pytest.raises(ConfigError, match="pruned, see the feed's historyDays"):
            await undo(shop.database, each)


async def test_what_a_held_run_has_to_know_is_kept(shop: Shop) -> None:
    """Changes since a held run began are kept for as long as it waits: approving it must leave what was written later."""
    await shop.run(first())
    held = await shop.run(batch(BOTH, ("a", "Apple", 5)), hold=True)
    await shop.write("UPDATE inventory_feed_variants SET inventory_quantity = 99 WHERE external_id = 'a'", call="push:1")
    async with shop.database.connect() as connection:
        assert await prune(Writer(connection, None, "shop"), 1, 3, now=clock.now() + 9 * DAY) == 0
    record = await approve(shop.database, held)
    assert record.problems[1].code == "overtaken"
    (kept,) = await shop.ask("SELECT value, fate, raw FROM data_import_rejects WHERE run_id = (SELECT max(id) FROM data_imports)")
    assert (kept["value"], kept["fate"], '"inventoryQuantity":5' in str(kept["raw"])) == ("a", "skipped", True)
    assert {row["inventory_quantity"] for row in (await shop.rows()).values() if row["external_id"] == "a"} == {99}


@pytest.mark.parametrize(("days", "kept"), [(0, 2), (10, 1)])
async def test_a_complete_run_forgets_what_is_due(shop: Shop, days: int, kept: int) -> None:
    """The log is pruned at the end of every complete run, as the feed says."""
    await shop.run(first())
    await shop.write("UPDATE inventory_feed_variants SET grams = 5", call="push:1", at=clock.now() - 11 * DAY)
    await shop.ask("DELETE FROM inventory_feed_variant_changes WHERE item_id > 1")
    await shop.run(second(), feed=FeedDefinition(FEED.name, {**OPEN.attributes, "historyDays": days}))
    assert len(await shop.ask("SELECT id FROM inventory_feed_variant_changes")) == kept


async def test_runs_are_undone_one_after_the_other(shop: Shop) -> None:
    """From the newest on each undo gives back all that its run wrote, though the newer run wrote the same fields."""
    await shop.run(first())
    before = await shop.rows()
    second_run = await shop.run(batch(BOTH, ("a", "Apple", 5), ("d", "Fig", 4)))
    await shop.write(delete(["c"]), run=second_run)
    between = await shop.rows()
    third_run = await shop.run(batch(BOTH, ("a", "Apple", 6), ("d", "Fig", 5)))
    await undo(shop.database, third_run)
    assert await shop.rows() == between
    done = await undo(shop.database, second_run)
    assert (done.conflicts, await shop.rows()) == ((), before)


async def test_what_was_undone_beneath_another_run_stays_written(shop: Shop) -> None:
    """A run whose value could not be given back, for a newer run wrote it, still counts once the newer one is undone."""
    await shop.run(first())
    runs = [await shop.run(batch(BOTH, ("a", "Apple", stock))) for stock in (5, 6, 7)]
    met = await undo(shop.database, runs[1])
    assert (len(met.conflicts), met.restored) == (1, 0)
    await undo(shop.database, runs[2])
    done = await undo(shop.database, runs[0])
    assert [(each.left, each.now, each.run) for each in done.conflicts] == [(5, 6, runs[1])]
    assert next(iter((await shop.rows()).values()))["inventory_quantity"] == 6


async def test_an_undo_that_restores_nothing_cancels_nothing(shop: Shop) -> None:
    """A held run goes on waiting, and the checkpoint stands, where an undo met nothing but later writes; else it gives way."""
    await shop.run(first())
    second_run = await shop.run(batch(BOTH, ("a", "Apple", 5)))
    third_run = await shop.run(batch(BOTH, ("a", "Apple", 6)), checkpoint=Checkpoint("print", {"a.csv": "3"}))
    held = await shop.run(batch(BOTH, ("a", "Apple", 7)), hold=True)
    status = "SELECT r.status, f.checkpoint FROM data_imports AS r JOIN inventory_feeds AS f ON f.id = r.feed_id WHERE r.id = ?"
    before = await shop.ask(status, held)
    assert (await undo(shop.database, second_run)).restored == 0
    assert (before[0]["status"], await shop.ask(status, held)) == ("held", before)
    await undo(shop.database, third_run)
    assert (await shop.ask(status, held))[0]["status"] == "cancelled"
