"""Whatever runs and calls did, undoing a run gives back what nobody wrote since, and undoing the undo takes that back again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import ItemBatch, Value
from plugins.conformance.sink import batch
from sinks.sqlite.history.effects import IMAGE, LOGGED
from sinks.sqlite.history.foreseeing import CONFLICTS_SHOWN, foresee_undo
from sinks.sqlite.history.undo import UndoOutcome, plan_undo, undo
from tests.unit.history_parts import Rows, Shop, delete, open_shop, zero

KEYS: Final = ("a", "b", "c", "d")
COLUMNS: Final = ("name", "inventoryQuantity", "grams", "retailPrice")
CELLS: Final = {
    "name": st.sampled_from(["x", "y", None]),
    "inventoryQuantity": st.sampled_from([0, 1, 2.5, None]),
    "grams": st.sampled_from([0, 5, None]),
    "retailPrice": st.sampled_from([1_500_000, None]),
}


@dataclass(frozen=True)
class Step:
    """A run with what it deletes and takes out of stock beside its items, or a call of one statement."""

    items: ItemBatch | None
    zeroed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    call: str = ""


@st.composite
def runs(draw: st.DrawFn) -> Step:
    """Draw a run; each key is in it in one way at most, or not at all."""
    columns = tuple(draw(st.lists(st.sampled_from(COLUMNS), unique=True, min_size=1)))
    fates = {key: draw(st.sampled_from(["met", "met", "met", "zeroed", "deleted", "absent"])) for key in KEYS}
    of = {fate: tuple(key for key in KEYS if fates[key] == fate) for fate in ("met", "zeroed", "deleted")}
    rows = [(key, *(draw(CELLS[column]) for column in columns)) for key in of["met"]]
    clears = tuple(draw(st.sets(st.sampled_from(COLUMNS))))
    return Step(batch(columns, *rows, clears=clears), of["zeroed"], of["deleted"])


STOCK: Final = "SELECT total(inventory_quantity) FROM inventory_feed_variants WHERE inventory_quantity > 0 AND status <> 'removed'"
CALLS: Final = st.builds(
    lambda key, change: Step(None, call=change.format(key)),
    st.sampled_from(KEYS),
    st.sampled_from(
        [
            "UPDATE inventory_feed_variants SET inventory_quantity = 7, content_hash = NULL WHERE external_id = '{}'",
            "UPDATE inventory_feed_variants SET inventory_quantity_override = 'manual', manual_inventory_quantity = 3"
            " WHERE external_id = '{}'",
            "UPDATE inventory_feed_variants SET missing_runs = missing_runs + 1 WHERE external_id = '{}'",
            "DELETE FROM inventory_feed_variants WHERE external_id = '{}'",
        ]
    ),
)


def touched(before: Rows, after: Rows, item: int) -> set[str]:
    """Return which fields of an item a step changed; all, where it came or went."""
    old, new = before.get(item), after.get(item)
    if old is None or new is None:
        return set() if old is new else set(LOGGED)
    return {name for name in LOGGED if old[name] != new[name]}


def expected(states: list[Rows], place: int, at: int) -> Rows:
    """Return the rows that the undo of the run that led to `states[place]` has to leave."""
    before, left, now = states[place - 1], states[place], states[-1]
    result = {item: dict(row) for item, row in now.items()}
    keys = {row["external_id"] for item, row in now.items() if item in before or item not in left or touched_later(states, place, item)}
    for item in before.keys() | left.keys():
        mine, later = touched(before, left, item), touched_later(states, place, item)
        if not mine:
            continue
        if item not in before:
            if not later:
                result.pop(item, None)
        elif item not in left:
            if before[item]["external_id"] not in keys:
                result[item] = dict(before[item])
        elif item in now and (free := may_go_back(mine, later, before[item], now[item])):
            result[item].update({name: before[item][name] for name in free})
            result[item].update({name: before[item][name] for name in IMAGE} if not later else late(free, at))
    return result


def may_go_back(mine: set[str], later: set[str], before: dict[str, Value], now: dict[str, Value]) -> set[str]:
    """Return which of a run's fields are set back: those that nobody wrote since, and stock and status only where they agree.

    What somebody else took out of stock gets none back; what somebody else gave a stock is not taken out of stock again.
    """
    free = mine - later
    if "status" in later and now["status"] == "removed" and before["inventory_quantity"] != 0:
        free.discard("inventory_quantity")
    if "inventory_quantity" in later and before["status"] == "removed":
        free.discard("status")
    return free


def touched_later(states: list[Rows], place: int, item: int) -> set[str]:
    """Return which fields of an item were changed after a step."""
    pairs = zip(states[place:], states[place + 1 :], strict=False)
    return {name for before, after in pairs for name in touched(before, after, item)}


def late(restored: set[str], at: int) -> dict[str, Value]:
    """Return what else an item has to have that somebody wrote to since the run."""
    moved: dict[str, Value] = {"inventory_updated_at": at} if "inventory_quantity" in restored else {}
    return {"content_hash": None, "updated_at": at, **moved}


async def take(shop: Shop, step: Step) -> int | None:
    """Do a step and return the number of the run, None for a call."""
    if step.items is None:
        await shop.write(step.call, call="push:1")
        return None
    run = await shop.run(step.items)
    await shop.write(zero(step.zeroed), delete(step.deleted), run=run)
    return run


def figures(outcome: UndoOutcome) -> tuple[object, ...]:
    """Return what a plan and the deed have in common."""
    record = outcome.record
    counts = record.counts
    return counts.created, counts.updated, counts.unchanged, counts.removed, record.read, record.skipped, outcome.conflicts


async def stock_of(shop: Shop) -> float:
    """Return the stock of all items that stand."""
    ((found,),) = [tuple(row.values()) for row in await shop.ask(STOCK)]
    return float(str(found))


@settings(max_examples=30)
@given(
    st.lists(runs() | CALLS, min_size=1, max_size=6).filter(lambda steps: any(step.items for step in steps)),
    st.randoms(use_true_random=False),
)
def test_an_undo_restores_what_nobody_wrote_since(steps: list[Step], chance: Random) -> None:
    """The tables after an undo are those before the run, byte for byte, but for later writes; and undoing the undo turns it round."""

    async def check(folder: str) -> None:
        async with open_shop(Path(folder)) as shop:
            states: list[Rows] = [{}]
            places: dict[int, int] = {}
            for step in steps:
                run = await take(shop, step)
                states.append(await shop.rows())
                if run is not None:
                    places[run] = len(states) - 1
            run = chance.choice(sorted(places))
            plan, foreseen = await plan_undo(shop.database, run), await foresee_undo(shop.database, run)
            assert (foreseen.counts, foreseen.conflicts) == (plan.record.counts, plan.conflicts[:CONFLICTS_SHOWN])
            assert await shop.rows() == states[-1]
            done = await undo(shop.database, run)
            assert figures(done) == figures(plan)
            moves = foreseen.changes.stock
            assert foreseen.total - moves.lost + moves.gained == await stock_of(shop)
            ((decided,),) = [tuple(row.values()) for row in await shop.ask("SELECT max(decided_at) FROM data_imports")]
            assert isinstance(decided, int)
            assert await shop.rows() == expected(states, places[run], decided)
            again = await undo(shop.database, done.record.run)
            assert again.conflicts == ()
            assert await shop.rows() == states[-1]

    with TemporaryDirectory() as folder:
        anyio.run(check, folder)
