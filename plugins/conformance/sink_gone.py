"""What every sink must do with items that are gone, rejected, settled or back, one function a rule; part of the sink kit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from engine.batch import JsonValue
from engine.contracts import FeedDefinition
from engine.run import Counts
from plugins.conformance.sink_case import FEED, SinkCase, SinkCheck, batch, expect, import_items, require

_BOTH: Final = ("name", "inventoryQuantity")
_TOLD: Final = ("name", "inventoryQuantity", "status")
_ALL: Final = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 3))
_REST: Final = batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2))
_STATE: Final = {"a": ("Apple", 1), "b": ("Pear", 2), "c": ("Plum", 3)}
_ZEROED: Final = {**_STATE, "c": ("Plum", 0)}


def _feed(**settings: JsonValue) -> FeedDefinition:
    return replace(FEED, attributes={**FEED.attributes, "feedKind": "full", **settings})


async def _statuses(case: SinkCase) -> dict[str, object]:
    return {key: item.get("status") for key, item in (await case.read()).items()}


async def takes_missing_items_out_of_stock(case: SinkCase) -> None:
    """An item that a complete run does not meet gets status `removed` and no stock, once; a dry run foresees it and does nothing."""
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=_feed())
        for dry_run, state in ((True, _STATE), (False, _ZEROED)):
            summary, counts = await import_items(sink, _REST, feed=_feed(), dry_run=dry_run)
            require(counts == Counts(unchanged=2, removed=1), f"expected 1 removed, got {counts}")
            found = (summary.known, summary.seen, summary.missing, summary.removed)
            require(found == (3, 2, 1, 1), f"expected 1 of 3 items missing, got {summary}")
            await expect(case, state, "a missing item is not what the run left of it")
        status = await _statuses(case)
        require(status == {"a": "pending", "b": "pending", "c": "removed"}, f"expected c to be removed, got {status}")
        summary, counts = await import_items(sink, _REST, feed=_feed())
        require(counts == Counts(unchanged=2), f"an item that is removed was removed again: {counts}")
        require((summary.known, summary.missing) == (2, 0), f"a removed item still counts as known or missing: {summary}")


async def deletes_missing_items_where_told(case: SinkCase) -> None:
    """With `missingPolicy=remove` an item that a complete run does not meet is deleted."""
    feed = _feed(missingPolicy="remove")
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=feed)
        _, counts = await import_items(sink, _REST, feed=feed)
        require(counts == Counts(unchanged=2, removed=1), f"expected 1 removed, got {counts}")
        await expect(case, {"a": ("Apple", 1), "b": ("Pear", 2)}, "a missing item is still there")
        _, counts = await import_items(sink, _ALL, feed=feed)
        require(counts == Counts(created=1, unchanged=2), f"an item that was deleted is a new one when it comes back, got {counts}")


async def keeps_missing_items_where_told(case: SinkCase) -> None:
    """Missing items are counted and left alone with `missingPolicy=keep`, `fetchCleanup=disabled` or `feedKind=delta`."""
    kinds: tuple[Mapping[str, JsonValue], ...] = ({"missingPolicy": "keep"}, {"fetchCleanup": "disabled"}, {"feedKind": "delta"})
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=_feed())
        for settings in kinds:
            summary, counts = await import_items(sink, _REST, feed=_feed(**settings))
            require(counts == Counts(unchanged=2), f"{settings} did not leave missing items alone: {counts}")
            require((summary.missing, summary.removed) == (1, 0), f"expected 1 missing item, got {summary}")
            await expect(case, _STATE, f"{settings} did not leave missing items alone")


async def waits_for_missing_items_as_told(case: SinkCase) -> None:
    """With `missingGraceRuns` an item is left alone for so many runs in a row; one that is met in between starts anew."""
    feed = _feed(missingGraceRuns=2)
    runs = (_REST, _REST, _ALL, _REST, _REST, _REST)
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=feed)
        for number, rows in enumerate(runs):
            await import_items(sink, rows, feed=feed, dry_run=True)
            summary, counts = await import_items(sink, rows, feed=feed)
            last = number == len(runs) - 1
            expected = Counts(unchanged=len(rows), removed=int(last))
            require(counts == expected, f"run {number}: expected {expected}, got {counts}")
            require(summary.missing == 3 - len(rows), f"run {number}: expected {3 - len(rows)} missing, got {summary}")
            await expect(case, _ZEROED if last else _STATE, f"run {number} did not wait as told")


async def takes_back_what_comes_back(case: SinkCase) -> None:
    """An item that was removed and is in a later run stands again, with the feed's values, also if they are the old ones."""
    async with case.open() as sink:
        for back in (_ALL, batch(_BOTH, ("a", "Apple", 1), ("b", "Pear", 2), ("c", "Plum", 0))):
            await import_items(sink, _ALL, feed=_feed())
            await import_items(sink, _REST, feed=_feed())
            summary, counts = await import_items(sink, back, feed=_feed())
            require(counts == Counts(updated=1, unchanged=2), f"expected 1 updated, got {counts}")
            require((summary.known, summary.seen) == (2, 2), f"an item that comes back did not stand before: {summary}")
            await expect(case, {**_STATE, "c": ("Plum", back.rows[2][1])}, "an item that came back has not the feed's values")
            status = await _statuses(case)
            require(set(status.values()) == {"pending"}, f"expected all to stand, got {status}")


async def takes_out_what_the_source_gives_up(case: SinkCase) -> None:
    """A row of status `removed` takes its item out of stock, in a delta too, whatever it says of stock; unknown ones are skipped.

    Its other cells do not count. Of an item that is removed already it says nothing new.
    """
    gone = batch(_TOLD, ("b", "x", 9, "removed"), ("c", "Plum", None, "removed"), ("d", "Date", 4, "removed"), ("a", "Apple", 5, None))
    back = batch(_TOLD, ("b", "Pear", 2, None), clears=("name",))
    async with case.open() as sink:
        await import_items(sink, _ALL)
        for dry_run in (True, False):
            summary, counts = await import_items(sink, gone, dry_run=dry_run)
            require(counts == Counts(updated=3, removed=2, skipped=1), f"expected 3 updated, 2 of them removed, got {counts}")
            require((summary.updated, summary.removed, summary.skipped) == (3, 2, 1), f"foreseen {summary}, done {counts}")
        await expect(case, {"a": ("Apple", 5), "b": ("Pear", 0), "c": ("Plum", 0)}, "what the source gives up is in stock")
        status = await _statuses(case)
        require(status == {"a": "pending", "b": "removed", "c": "removed"}, f"expected b and c to be removed, got {status}")
        _, counts = await import_items(sink, gone)
        require(counts == Counts(unchanged=3, skipped=1), f"the same rows again did something: {counts}")
        await import_items(sink, back)
        await expect(case, {"a": ("Apple", 5), "b": ("Pear", 2), "c": ("Plum", 0)}, "an item that came back is not in stock")


async def deletes_what_the_source_gives_up_where_told(case: SinkCase) -> None:
    """With `missingPolicy=remove` a row of status `removed` deletes its item, which counts as updated and as removed."""
    feed = replace(FEED, attributes={**FEED.attributes, "missingPolicy": "remove"})
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=feed)
        _, counts = await import_items(sink, batch(("status",), ("b", "removed")), feed=feed)
        require(counts == Counts(updated=1, removed=1), f"expected 1 updated and removed, got {counts}")
    await expect(case, {"a": ("Apple", 1), "c": ("Plum", 3)}, "what the source gives up is still there")


async def lets_the_last_of_a_key_say_that_it_is_gone(case: SinkCase) -> None:
    """Of several rows of a key the last one says whether it is gone; in one batch or several, at first and later."""
    first = batch(_TOLD, ("a", "Apple", 1, "removed"), ("a", "Apple", 1, None), ("b", "Pear", 2, None), ("b", "Pear", 2, "removed"))
    then = batch(_TOLD, ("a", "Apple", 1, "removed"), ("b", "Pear", 2, None), ("c", "Plum", 3, "removed"), ("c", "Plum", 3, "removed"))
    async with case.open() as sink:
        _, counts = await import_items(sink, first)
        require(counts == Counts(created=1, duplicate=2, skipped=1), f"expected 1 created, 1 skipped, got {counts}")
        await expect(case, {"a": ("Apple", 1)}, "an earlier row of a key won")
        _, counts = await import_items(sink, first, then)
        require(counts == Counts(created=1, updated=1, removed=1, skipped=1, duplicate=5), f"expected 5 duplicates, got {counts}")
        await expect(case, {"a": ("Apple", 0), "b": ("Pear", 2)}, "an earlier row of a key won")


async def forgets_at_first_what_is_given_up_later(case: SinkCase) -> None:
    """In the first run too a later batch may give up, or reject, what an earlier one brought, and bring it again."""
    up = batch(_TOLD, ("a", "x", 9, "removed"), ("b", "x", 9, "removed"))
    again = batch(_TOLD, ("b", "Pear", 7, None))
    async with case.open() as sink:
        _, counts = await import_items(sink, _ALL, up, again, replace(batch(_BOTH), spoiled={"c": 50}))
        require(counts == Counts(created=1, skipped=1, duplicate=4), f"expected 1 created, 1 skipped, got {counts}")
    await expect(case, {"b": ("Pear", 7)}, "an earlier row of a key won")


async def leaves_rejected_items_alone(case: SinkCase) -> None:
    """An item whose record was rejected is not missing. Where that record is the last of its key, earlier ones do not count."""
    spoiled = replace(batch(_BOTH, ("a", "Apricot", 7), ("d", "Date", 4)), spoiled={"a": 50, "d": 50, "b": 50, "x": 50})
    then = replace(batch(_BOTH, ("e", "Lime", 5), ("c", "Plum", 9)), spoiled={"c": 0, "e": 50})
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=_feed())
        for dry_run in (True, False):
            summary, counts = await import_items(sink, spoiled, then, feed=_feed(), dry_run=dry_run)
            require(counts == Counts(updated=1, duplicate=3), f"expected 1 updated and 3 duplicates, got {counts}")
            require((summary.known, summary.seen, summary.missing) == (3, 3, 0), f"a rejected item counts as missing: {summary}")
        await expect(case, {**_STATE, "c": ("Plum", 9)}, "an item whose record was rejected was changed")
        late = replace(batch(_BOTH), spoiled={"a": 1, "b": 1})
        _, counts = await import_items(
            sink, batch(_BOTH, ("a", "x", 0), ("c", "Plum", 9)), late, batch(_BOTH, ("b", "Pear", 5)), feed=_feed()
        )
        require(counts == Counts(updated=1, unchanged=1, duplicate=1), f"expected 1 updated and 1 duplicate, got {counts}")
    await expect(case, {"a": ("Apple", 1), "b": ("Pear", 5), "c": ("Plum", 9)}, "a later record of a key did not win")


async def leaves_items_alone_whose_first_record_is_rejected(case: SinkCase) -> None:
    """With `duplicateKeys=first` the item is left alone where the first record of its key was rejected, and follows it otherwise."""
    feed = _feed(duplicateKeys="first")
    rows = replace(batch(_BOTH, ("a", "Apricot", 7), ("b", "Pear", 8), ("d", "Date", 4)), spoiled={"a": 0, "b": 50, "d": 0})
    async with case.open() as sink:
        await import_items(sink, _ALL, feed=feed)
        late = replace(batch(_BOTH, ("c", "Plum", 9)), spoiled={"b": 1})
        summary, counts = await import_items(sink, rows, replace(batch(_BOTH), spoiled={"c": 1}), late, feed=feed)
        require(counts == Counts(updated=1, duplicate=3), f"expected 1 updated and 3 duplicates, got {counts}")
        require(summary.missing == 0, f"a rejected item counts as missing: {summary}")
    await expect(case, {**_STATE, "b": ("Pear", 8)}, "the first record of a key did not decide")


async def leaves_settled_attributes_alone(case: SinkCase) -> None:
    """An attribute whose `sync*` flag is off is set in a new item, and later only where it has no value; nothing clears it."""
    feed, columns = _feed(syncName=False, syncTags=False), ("name", "inventoryQuantity", "tags")
    first = batch(columns, ("a", "Apple", 1, '["x"]'), ("b", None, 2, "[]"))
    then = batch(columns, ("a", "Apricot", 5, '["y"]'), ("b", "Pear", 2, '["z"]'), ("c", "Plum", 3, '["w"]'))
    blank = batch(columns, ("a", None, 5, None), ("b", None, 2, None), ("c", None, 3, None), clears=columns)
    async with case.open() as sink:
        await import_items(sink, first, feed=feed)
        _, counts = await import_items(sink, then, feed=feed)
        require(counts == Counts(created=1, updated=2), f"expected 2 updated, got {counts}")
        for rows in (then, blank):
            _, counts = await import_items(sink, rows, feed=feed)
            require(counts == Counts(unchanged=3), f"expected 3 unchanged, got {counts}")
        await expect(case, {"a": ("Apple", 5), "b": ("Pear", 2), "c": ("Plum", 3)}, "a settled name did not stay")
        tags = {key: item.get("tags") for key, item in (await case.read()).items()}
        require(tags == {"a": ["x"], "b": ["z"], "c": ["w"]}, f"settled tags did not stay: {tags}")
        _, counts = await import_items(sink, then, feed=_feed())
        require(counts == Counts(updated=1, unchanged=2), f"a flag that is set finds the same rows unchanged: {counts}")
        await expect(case, {"a": ("Apricot", 5), "b": ("Pear", 2), "c": ("Plum", 3)}, "a name does not follow its source")


async def leaves_a_known_weight_alone_where_told(case: SinkCase) -> None:
    """A weight of zero takes the place of a known one only with `syncWeightZero`, and a set flag finds the same row changed."""
    async with case.open() as sink:
        await import_items(sink, batch(("grams",), ("a", 5), ("b", 6)), feed=_feed())
        zero = batch(("grams",), ("a", 0), ("b", 7))
        found = []
        for flag in (False, False, True):
            _, counts = await import_items(sink, zero, feed=_feed(syncWeightZero=flag))
            weights = {key: item.get("grams") for key, item in (await case.read()).items()}
            found.append((counts.updated, weights))
    kept = {"a": 5, "b": 7}
    require(found == [(1, kept), (0, kept), (1, {"a": 0, "b": 7})], f"a weight of zero was not treated as told: {found}")


GONE_CHECKS: Final[tuple[SinkCheck, ...]] = (
    takes_missing_items_out_of_stock,
    deletes_missing_items_where_told,
    keeps_missing_items_where_told,
    waits_for_missing_items_as_told,
    takes_back_what_comes_back,
    takes_out_what_the_source_gives_up,
    deletes_what_the_source_gives_up_where_told,
    lets_the_last_of_a_key_say_that_it_is_gone,
    forgets_at_first_what_is_given_up_later,
    leaves_rejected_items_alone,
    leaves_items_alone_whose_first_record_is_rejected,
    leaves_settled_attributes_alone,
    leaves_a_known_weight_alone_where_told,
)
