"""What every sink must do, one function a rule. Run each check of `CHECKS` over a fresh, empty `SinkCase` of your own.

::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_sink(check, tmp_path):
        await check(SinkCase(lambda: open_mine(f"mine://{tmp_path}/items"), lambda: read_mine(tmp_path / "items")))

A check raises `AssertionError` that says what was seen instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from engine.batch import ItemBatch, JsonValue, Reject
from engine.contracts import Checkpoint, FeedDefinition, Sink
from engine.errors import RefuseRun
from engine.run import Counts, RunRecord, RunStatus
from plugins.conformance.sink_case import FEED, Items, SinkCase, SinkCheck, batch, expect, import_items, plan_record, require, settle
from plugins.conformance.sink_gone import GONE_CHECKS

__all__ = ["CHECKS", "FEED", "Items", "SinkCase", "SinkCheck", "batch", "import_items", "plan_record", "settle"]

_BOTH: Final = ("name", "inventoryQuantity")
_FIRST: Final = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 3))
_SECOND: Final = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 20), ("d", "Fig", 4))
_AFTER_FIRST: Final = {"a": ("Apple", 1), "b": ("Pear", 2), "c": ("Plum", 3)}
_AFTER_SECOND: Final = {**_AFTER_FIRST, "b": ("Pear", 20), "d": ("Fig", 4)}


async def shows_nothing_before_it_applies(case: SinkCase) -> None:
    """Until `apply`, a reader sees the state before the session, in the first run as in later ones."""
    async with case.open() as sink:
        for new, before, after in ((_FIRST, {}, _AFTER_FIRST), (_SECOND, _AFTER_FIRST, _AFTER_SECOND)):
            async with sink.session(FEED) as session:
                await session.stage(new)
                await session.summary()
                await expect(case, before, "a reader saw staged items before apply")
                await settle(session, len(new))
            await expect(case, after, "applied items are not there")


async def restores_by_discarding(case: SinkCase) -> None:
    """After `discard` the state is what it was before the session, in the first run as in later ones; rejects do no harm."""
    reject = Reject(1, 2, "stock", "many", "is no number", "a;many", "feed.csv")
    async with case.open() as sink:
        for staged, state in ((_FIRST, {}), (_SECOND, _AFTER_FIRST)):
            async with sink.session(FEED) as session:
                await session.stage(staged)
                await session.keep([reject])
                await session.discard()
                await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR, 1, rejected=1))
            await expect(case, state, "a discarded session left something")
            await import_items(sink, _FIRST)


async def writes_nothing_the_second_time(case: SinkCase) -> None:
    """The same items again are all unchanged, and what a reader sees of them, times included, stays the same."""
    async with case.open() as sink:
        await import_items(sink, _FIRST)
        before = {key: _lasting(item) for key, item in (await case.read()).items()}
        _, counts = await import_items(sink, _FIRST)
        require(counts == Counts(unchanged=3), f"expected 3 unchanged, got {counts}")
        after = {key: _lasting(item) for key, item in (await case.read()).items()}
        require(after == before, f"expected {before}, got {after}")


async def lets_the_last_of_a_key_win_in_a_batch(case: SinkCase) -> None:
    """Of several rows of a key in one batch the last one wins, the others are duplicates; in the first run and later."""
    twice = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("a", "Apricot", 5), ("b", "Pear", 2))
    await _expect_each(case, [twice], {"a": ("Apricot", 5), "b": ("Pear", 2)}, [Counts(created=2, duplicate=2)])
    again = batch(_BOTH, ("a", "Apricot", 5), ("a", "Almond", 6))
    await _expect_each(case, [again], {"a": ("Almond", 6), "b": ("Pear", 2)}, [Counts(updated=1, duplicate=1)])


async def lets_the_last_of_a_key_win_across_batches(case: SinkCase) -> None:
    """Of several rows of a key in several batches the last one wins as a whole, the others are duplicates."""
    async with case.open() as sink:
        _, counts = await import_items(sink, _FIRST, batch(("name",), ("a", "Apricot")), batch(_BOTH, ("e", "Lime", 9)))
        require(counts == Counts(created=4, duplicate=1), f"expected 4 created and 1 duplicate, got {counts}")
        state = {**_AFTER_FIRST, "a": ("Apricot", None), "e": ("Lime", 9)}
        await expect(case, state, "the later row of a new item did not replace the earlier one whole")
        _, counts = await import_items(sink, batch(_BOTH, ("b", "x", 0), ("f", "y", 0)), batch(_BOTH, ("b", "Pear", 7), ("f", "Date", 8)))
        require(counts == Counts(created=1, updated=1, duplicate=2), f"expected 1 created, 1 updated, 2 duplicates, got {counts}")
        await expect(case, {**state, "b": ("Pear", 7), "f": ("Date", 8)}, "an earlier row of a key won")


async def lets_the_first_of_a_key_win_where_told(case: SinkCase) -> None:
    """With `duplicateKeys=first` the first row of a key in the run counts, in one batch or several, at first and later."""
    feed = FeedDefinition(FEED.name, {**FEED.attributes, "duplicateKeys": "first"})
    apples = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("a", "Apricot", 5))
    async with case.open() as sink:
        _, counts = await import_items(sink, apples, batch(_BOTH, ("b", "Plum", 9), ("c", "Fig", 3)), feed=feed)
        require(counts == Counts(created=3, duplicate=2), f"expected 3 created and 2 duplicates, got {counts}")
        await expect(case, {"a": ("Apple", 1), "b": ("Pear", 2), "c": ("Fig", 3)}, "a later row of a key won")
        changes = (
            batch(_BOTH, ("a", "Apple", 7), ("b", "Pear", 2)),
            batch(_BOTH, ("a", "x", 0), ("b", "x", 0), ("d", "Date", 4), ("d", "x", 0)),
        )
        foreseen, counts = await import_items(sink, *changes, feed=feed)
        require(counts == Counts(created=1, updated=1, unchanged=1, duplicate=3), f"expected 3 duplicates of 6 rows, got {counts}")
        require(foreseen.duplicate == 3, f"foreseen {foreseen}, done {counts}")
    await expect(case, {"a": ("Apple", 7), "b": ("Pear", 2), "c": ("Fig", 3), "d": ("Date", 4)}, "a later row of a key won")


async def adds_up_the_stock_of_a_key_where_told(case: SinkCase) -> None:
    """With `duplicateKeys=sum` the stock of all rows of a key in the run is added up, exactly; all else is the last row's.

    The same rows again write nothing, in whatever order the figures came; a sum is never taken for unchanged because one of its
    rows is.
    """
    feed = FeedDefinition(FEED.name, {**FEED.attributes, "duplicateKeys": "sum"})
    north = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 0.1), ("a", "Apricot", 5), ("c", "Plum", None))
    south = batch(_BOTH, ("b", "Pear", 0.2), ("a", "Apple", None), ("d", "Date", None), ("d", "Fig", 0))
    state = {"a": ("Apple", 6), "b": ("Pear", 0.3), "c": ("Plum", None), "d": ("Fig", 0)}
    async with case.open() as sink:
        _, counts = await import_items(sink, north, south, feed=feed)
        require(counts == Counts(created=4, duplicate=4), f"expected 4 created and 4 duplicates, got {counts}")
        await expect(case, state, "the stock of the rows of a key is not their sum")
        before = {key: _lasting(item) for key, item in (await case.read()).items()}
        _, counts = await import_items(sink, north, south, feed=feed)
        require(counts == Counts(unchanged=4, duplicate=4), f"expected 4 unchanged and 4 duplicates, got {counts}")
        require({key: _lasting(item) for key, item in (await case.read()).items()} == before, "the same rows again wrote something")
        less = batch(_BOTH, ("a", "Apple", 0), ("b", "Pear", 0.1), ("a", "Apricot", 5), ("c", "Plum", None))
        _, counts = await import_items(sink, less, south, feed=feed)
        require(counts == Counts(updated=1, unchanged=3, duplicate=4), f"expected 1 updated, got {counts}")
        await expect(case, {**state, "a": ("Apple", 5)}, "a change of an earlier row of a key is not in its sum")
        _, counts = await import_items(sink, south, feed=feed)
        await expect(case, {**state, "a": ("Apple", 5), "b": ("Pear", 0.2)}, "a sum is of the rows of one run")


async def knows_no_sum_of_a_spoiled_key(case: SinkCase) -> None:
    """With `duplicateKeys=sum` the sum of a key of which a row was rejected is blank, whichever of its rows came first.

    The stored stock stays, all else is applied, and a later run without such a row is as any other.
    """
    feed = FeedDefinition(FEED.name, {**FEED.attributes, "duplicateKeys": "sum"})
    rows = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 3))
    before = replace(batch(_BOTH), spoiled=dict.fromkeys("ax", 1))
    after = replace(batch(_BOTH, ("a", "Apricot", 4)), spoiled={"b": 1})
    async with case.open() as sink:
        _, counts = await import_items(sink, before, rows, after, feed=feed)
        require(counts == Counts(created=3, duplicate=1), f"expected 3 created and 1 duplicate, got {counts}")
        await expect(case, {"a": ("Apricot", None), "b": ("Pear", None), "c": ("Plum", 3)}, "a sum that is not known was stored")
        await import_items(sink, rows, feed=feed)
        await expect(case, _AFTER_FIRST, "the sums of a good run are not there")
        _, counts = await import_items(sink, before, batch(_BOTH, ("a", "Fig", 9), ("b", "Pear", 9)), after, feed=feed)
        require(counts == Counts(updated=1, unchanged=1, duplicate=1), f"expected 1 updated, got {counts}")
        await expect(case, {**_AFTER_FIRST, "a": ("Apricot", 1)}, "a sum that is not known took the place of the stored stock")
        clearing = batch(_BOTH, ("a", "Fig", 9), ("b", "Pear", 7), clears=("inventoryQuantity",))
        await import_items(sink, before, clearing, feed=feed)
    await expect(case, {**_AFTER_FIRST, "a": ("Fig", 1), "b": ("Pear", 7)}, "where blanks clear, a sum that is not known did so")


async def refuses_a_repeated_key_where_told(case: SinkCase) -> None:
    """With `duplicateKeys=error` a key that occurs again refuses the run, which names the key and both rows; nothing is applied."""
    feed = FeedDefinition(FEED.name, {**FEED.attributes, "duplicateKeys": "error"})
    apart = (_SECOND, batch(_BOTH, ("x", "Fig", 1), ("d", "Fig", 9)))
    twice = (apart, (batch(_BOTH, ("d", "x", 1), ("y", "y", 1), ("d", "x", 1)),))
    async with case.open() as sink:
        for state in ({}, _AFTER_FIRST):
            for batches in twice:
                message = await _refusal(sink, feed, batches)
                require("'d'" in message and "line 3" in message, f"expected the key 'd' and the lines of both rows, got {message!r}")
                await expect(case, state, "a run that was refused changed something")
            _, counts = await import_items(sink, _FIRST, feed=feed)
            require(counts.created + counts.unchanged == 3, f"keys that differ were not imported: {counts}")
    await expect(case, _AFTER_FIRST, "keys that differ were not imported")


async def creates_nothing_out_of_stock_where_told(case: SinkCase) -> None:
    """With `restrictInventoryImport` no item is created at or below the level; one that is there follows its stock down to zero."""
    feed = FeedDefinition(FEED.name, {**FEED.attributes, "restrictInventoryImport": True, "inventoryRestrictionLevel": 1})
    later = batch(_BOTH, ("b", "Pear", 0), ("c", "Plum", 3), ("x", "Fig", -5), ("y", "Lime", 1), ("z", "Date", None))
    async with case.open() as sink:
        for dry_run in (True, False):
            summary, counts = await import_items(sink, _FIRST, feed=feed, dry_run=dry_run)
            require(counts == Counts(created=2, skipped=1), f"expected 2 created and 1 skipped, got {counts}")
            require((summary.created, summary.skipped) == (2, 1), f"foreseen {summary}, done {counts}")
        await expect(case, {"b": ("Pear", 2), "c": ("Plum", 3)}, "an item at the level was created")
        _, counts = await import_items(sink, later, batch(_BOTH, ("y", "Lime", 0), ("q", "Kiwi", 2)), feed=feed)
        expected = Counts(created=1, updated=1, unchanged=1, duplicate=1, skipped=3)
        require(counts == expected, f"expected {expected}, got {counts}")
    await expect(case, {"b": ("Pear", 0), "c": ("Plum", 3), "q": ("Kiwi", 2)}, "stock at the level was not told of a known item")


async def forgets_a_change_that_is_taken_back(case: SinkCase) -> None:
    """An item that is unchanged, then changed, then unchanged within one run is unchanged."""
    same, other = batch(_BOTH, ("a", "Apple", 1)), batch(_BOTH, ("a", "Apple", 0))
    async with case.open() as sink:
        await import_items(sink, _FIRST)
        summary, counts = await import_items(sink, same, other, same)
        require(counts == Counts(unchanged=1, duplicate=2), f"expected 1 unchanged and 2 duplicates, got {counts}")
        require((summary.known, summary.seen) == (3, 1), f"expected 1 of 3 known items seen, got {summary}")
        await expect(case, _AFTER_FIRST, "the change was applied although a later row took it back")


async def leaves_absent_columns_alone(case: SinkCase) -> None:
    """An attribute that is no column of the batch keeps its stored value."""
    await _expect_each(case, [_FIRST, batch(("inventoryQuantity",), ("a", 9))], {**_AFTER_FIRST, "a": ("Apple", 9)})


async def leaves_blank_cells_alone(case: SinkCase) -> None:
    """A blank cell keeps the stored value; a row that says nothing else is unchanged."""
    blank = batch(_BOTH, ("a", None, 9), ("b", None, None))
    counts = [Counts(created=3), Counts(updated=1, unchanged=1)]
    await _expect_each(case, [_FIRST, blank], {**_AFTER_FIRST, "a": ("Apple", 9)}, counts)


async def clears_blank_cells_where_told(case: SinkCase) -> None:
    """A blank cell of a column in `clears` clears the stored value, also when the same row did not clear before; others keep theirs."""
    rows = (("a", None, None), ("b", "Pear", None))
    kept, cleared = batch(_BOTH, *rows), batch(_BOTH, *rows, clears=("name",))
    counts = [Counts(created=3), Counts(unchanged=2), Counts(updated=1, unchanged=1), Counts(unchanged=2)]
    await _expect_each(case, [_FIRST, kept, cleared, cleared], {**_AFTER_FIRST, "a": (None, 1)}, counts)


async def leaves_no_trace_when_dry(case: SinkCase) -> None:
    """A dry run foresees and counts what a real one does, and changes nothing; its run number is 0."""
    async with case.open() as sink:
        for new, before in ((_FIRST, {}), (_SECOND, _AFTER_FIRST)):
            async with sink.session(FEED, dry_run=True) as session:
                require(session.run == 0, f"a dry run has number 0, not {session.run}")
            foreseen = await import_items(sink, new, dry_run=True)
            await expect(case, before, "a dry run changed the items")
            done = await import_items(sink, new)
            require(foreseen == done, f"the dry run said {foreseen}, the real one {done}")


async def forgets_an_abandoned_session(case: SinkCase) -> None:
    """A session that was left at any point does not show, and a full run after it ends as if it had never been."""
    async with case.open() as sink:
        for new, before, after in ((_FIRST, {}, _AFTER_FIRST), (_SECOND, _AFTER_FIRST, _AFTER_SECOND)):
            for steps in (0, 1, 2):
                await _abandon(sink, steps)
                await expect(case, before, f"a session abandoned after {steps} batches left something")
            _, counts = await import_items(sink, new)
            require(counts.created == len(after) - len(before), f"created {counts.created} items after abandoned sessions")
            await expect(case, after, "a full run after abandoned ones differs from a clean one")


async def accounts_for_every_row(case: SinkCase) -> None:
    """What `summary` foresees and `apply` reports agrees and adds up to the rows that were staged."""
    fruits = batch(_BOTH, ("b", "Pear", 2), ("a", "Apple", 7), ("x", "Xigua", 1), ("a", "Apple", 8))
    async with case.open() as sink:
        for rows, batches in ((3, (_FIRST,)), (7, (_SECOND, fruits)), (7, (_SECOND, fruits)), (0, ())):
            summary, counts = await import_items(sink, *batches)
            figures = counts.created + counts.updated + counts.unchanged + counts.duplicate
            require(figures == rows, f"{rows} rows staged, but {counts} adds up to {figures}")
            seen = (summary.created, summary.updated, summary.unchanged, summary.duplicate)
            done = (counts.created, counts.updated, counts.unchanged, counts.duplicate)
            require(seen == done, f"foreseen {summary}, done {counts}")
            require(summary.seen == counts.updated + counts.unchanged, f"seen is what was known and came: {summary}")


async def keeps_the_checkpoint_of_the_last_complete_run(case: SinkCase) -> None:
    """A sink that keeps checkpoints gives back the last complete run's; runs that fail, are left, or leave none change it so.

    A sink that keeps none gives None every time.
    """
    left, other = Checkpoint("one", {"stock.csv": "v1", "more.csv": "v7"}), Checkpoint("two", {"stock.csv": "v2"})
    async with case.open() as sink:
        first = await _checkpoint_after(sink, RunStatus.COMPLETE, left)
        require(first in (None, left), f"expected {left} or None, got {first}")
        await _abandon(sink, 1)
        await expect(case, _AFTER_FIRST, "a run that was left changed the items")
        for status in (RunStatus.ERROR, RunStatus.SKIPPED):
            after = await _checkpoint_after(sink, status, other)
            require(after == first, f"a run of status {status.value} made {after} of {first}")
        async with sink.session(FEED) as session:
            await session.discard()
            await session.finish(RunRecord(FEED.name, session.run, RunStatus.COMPLETE, 3, Counts(unchanged=3)), first)
        await expect(case, _AFTER_FIRST, "a run whose source is unchanged, discarded and finished as complete, changed the items")
        after = await _checkpoint_after(sink, RunStatus.COMPLETE, None)
        require(after is None, f"a complete run that left no checkpoint left {after}")


async def keeps_the_dialect_of_the_last_complete_run(case: SinkCase) -> None:
    """A sink that stores runs gives back how the last complete one read its source, to dry sessions as well.

    Runs that fail, are left, or read nothing because their source is unchanged leave it as it is. A sink that stores none gives
    none every time.
    """
    first, other = {"format": "csv", "delimiter": ";", "columns": ["a", "b"]}, {"format": "csv", "delimiter": "|"}
    async with case.open() as sink:
        require(await _dialect_known(sink) == {}, "a feed without a run has a dialect")
        await _read_as(sink, RunStatus.COMPLETE, first)
        known = await _dialect_known(sink)
        require(known in ({}, first), f"expected {first} or nothing, got {known}")
        await _read_as(sink, RunStatus.ERROR, other)
        await _abandon(sink, 1)
        await _read_as(sink, RunStatus.COMPLETE, {})
        require(await _dialect_known(sink) == known, f"runs that failed or read nothing made {await _dialect_known(sink)} of {known}")
        async with sink.session(FEED, dry_run=True) as session:
            require(dict(session.dialect) == known, f"a dry session has {session.dialect}, a real one {known}")
        await _read_as(sink, RunStatus.COMPLETE, other)
        require(await _dialect_known(sink) == (other if known else {}), f"expected the newest dialect, got {await _dialect_known(sink)}")


CHECKS: Final[tuple[SinkCheck, ...]] = (
    shows_nothing_before_it_applies,
    restores_by_discarding,
    writes_nothing_the_second_time,
    lets_the_last_of_a_key_win_in_a_batch,
    lets_the_last_of_a_key_win_across_batches,
    lets_the_first_of_a_key_win_where_told,
    adds_up_the_stock_of_a_key_where_told,
    knows_no_sum_of_a_spoiled_key,
    refuses_a_repeated_key_where_told,
    creates_nothing_out_of_stock_where_told,
    forgets_a_change_that_is_taken_back,
    leaves_absent_columns_alone,
    leaves_blank_cells_alone,
    clears_blank_cells_where_told,
    leaves_no_trace_when_dry,
    forgets_an_abandoned_session,
    accounts_for_every_row,
    keeps_the_checkpoint_of_the_last_complete_run,
    keeps_the_dialect_of_the_last_complete_run,
    *GONE_CHECKS,
)
"""Every check; each wants a place of its own that is empty."""


class _LeftError(Exception):
    """What an abandoned session is left with."""


async def _abandon(sink: Sink, steps: int) -> None:
    try:
        async with sink.session(FEED) as session:
            for each in (_SECOND, batch(_BOTH, ("a", "gone", 0), ("z", "gone", 0)))[:steps]:
                await session.stage(each)
            raise _LeftError
    except _LeftError:
        return


async def _refusal(sink: Sink, feed: FeedDefinition, batches: Iterable[ItemBatch]) -> str:
    """Stage batches, expecting to be refused, and end the run as the engine does; return what the refusal says."""
    async with sink.session(feed) as session:
        try:
            for each in batches:
                await session.stage(each)
            await session.summary()
        except RefuseRun as refusal:
            await session.discard()
            await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR))
            return str(refusal)
    raise AssertionError("a key that occurs twice was not refused")


async def _checkpoint_after(sink: Sink, status: RunStatus, left: Checkpoint | None) -> Checkpoint | None:
    async with sink.session(FEED) as session:
        await session.stage(_FIRST)
        if status is RunStatus.COMPLETE:
            await settle(session, len(_FIRST), left)
        else:
            await session.discard()
            await session.finish(RunRecord(FEED.name, session.run, status), left)
    async with sink.session(FEED) as session:
        await session.discard()
        await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR))
        return session.checkpoint


async def _read_as(sink: Sink, status: RunStatus, dialect: Mapping[str, JsonValue]) -> None:
    async with sink.session(FEED) as session:
        await session.discard()
        await session.finish(RunRecord(FEED.name, session.run, status, dialect=dialect))


async def _dialect_known(sink: Sink) -> dict[str, JsonValue]:
    async with sink.session(FEED) as session:
        await session.discard()
        await session.finish(RunRecord(FEED.name, session.run, RunStatus.ERROR))
        return dict(session.dialect)


async def _expect_each(
    case: SinkCase, batches: list[ItemBatch], state: Mapping[str, tuple[object, object]], counts: list[Counts] | None = None
) -> None:
    async with case.open() as sink:
        done = [(await import_items(sink, each))[1] for each in batches]
    require(counts is None or done == counts, f"expected {counts}, got {done}")
    await expect(case, state, "wrong items")


def _lasting(item: Mapping[str, object]) -> dict[str, object]:
    # When the feed was last fetched is the feed's, not the item's: a run that changes nothing moves it all the same.
    return {name: value for name, value in item.items() if name != "lastFetchedAt"}
