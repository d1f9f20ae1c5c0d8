"""What the items of a feed come to, as plain dictionaries say: the model that the state machine holds the tables against.

Written from the API's page, not from the SQL: no digests, no stage, no chunks. A run is planned over the items as they stand and
then applied, at once or later; whatever changes an item goes through `Model.write`, which keeps the log that undo is judged by.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final, Literal

Cells = Mapping[str, Any]

DEFAULTS: Final[Cells] = {
    "inventoryQuantity": None,
    "retailPrice": None,
    "compareAtPrice": None,
    "name": None,
    "grams": 0,
    "status": "pending",
    "inventoryQuantityOverride": "none",
    "manualInventoryQuantity": None,
    "missing_runs": 0,
}
WHOLE: Final = ""
IMPORTED: Final = ("inventoryQuantity", "retailPrice", "compareAtPrice", "name", "grams")
CLEARS: Final = frozenset({"compareAtPrice", "name"})
"""What a blank cell clears; of all else it says nothing."""

FLAGS: Final = {"retailPrice": "syncPricing", "compareAtPrice": "syncSalePrices", "name": "syncName", "grams": "syncWeight"}

_DONE: Final[tuple[str, ...]] = ("created", "updated", "removed", "overtaken", "limited")
_UNDONE: Final[tuple[str, ...]] = ("created", "updated", "removed", "unchanged", "skipped")


@dataclass(frozen=True)
class Record:
    """A record of the source. A `bad` one is rejected, one that is `gone` is a tombstone; a cell of None is blank."""

    key: str
    cells: Cells
    bad: bool = False
    gone: bool = False

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        fate = "bad " if self.bad else "gone " if self.gone else ""
        printer.text(f"<{fate}{self.key!r} {' '.join(f'{name}={cell!r}' for name, cell in self.cells.items() if cell is not None)}>")


@dataclass(frozen=True)
class Item:
    """An item. `uid` tells it from another one that has the same key later."""

    uid: int
    cells: Cells

    @property
    def stands(self) -> bool:
        """Return whether the item has not been taken out of stock."""
        return str(self.cells["status"]) != "removed"

    @property
    def stock(self) -> float:
        """Return the pieces that are there, none of an item that was taken out of stock."""
        return self.cells["inventoryQuantity"] or 0 if self.stands else 0


@dataclass(frozen=True)
class Entry:
    """A write: who, on which item, and its cells before and after; None where there was no item."""

    origin: str
    key: str
    uid: int
    before: Cells | None
    after: Cells | None
    said: frozenset[str] = frozenset()

    @property
    def fields(self) -> frozenset[str]:
        """Return the fields that the write changed, of an item that was there before and after, and those it said as they were."""
        before, after = self.before, self.after
        if before is None or after is None:
            return frozenset()
        return self.said.union(name for name in before if before[name] != after[name])


@dataclass(frozen=True)
class Effect:
    """What a run does to the item of a key: of the item `uid` that it was planned on, or of a new one."""

    kind: Literal["create", "update", "zero", "delete", "grace", "back", "none", "overtaken"]
    uid: int | None = None
    cells: Cells = field(default_factory=dict)
    counts: bool = True
    record: int = 0


@dataclass(frozen=True)
class Plan:
    """What a run would do."""

    settings: Cells
    effects: Mapping[str, Effect]
    read: int
    duplicate: int
    rejected: int
    skipped: int
    mark: int
    known: int
    seen: frozenset[str]

    def size(self, *kinds: str, counted: bool = True) -> int:
        """Count the effects of some kinds."""
        return sum(each.kind in kinds and (each.counts or not counted) for each in self.effects.values())

    @property
    def changes(self) -> bool:
        """Return whether anything is created, updated or removed."""
        return any(each.kind not in ("none", "grace", "back") for each in self.effects.values())


class Refused(Exception):
    """The run is refused: nothing of it is applied."""


class Model:
    """The items of one feed, by key, and everything that was written to them."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.log: list[Entry] = []
        self.limit: int | None = None
        self.used: set[int] = set()
        self.undoes: dict[str, str] = {}
        self._uids = count(1)

    @property
    def left(self) -> int:
        """Return how many more items may be written today."""
        return 1_000 if self.limit is None else max(self.limit - len(self.used), 0)

    def spend(self, key: str) -> None:
        """Count an item that was written."""
        if self.limit is not None:
            self.used.add(self.items[key].uid)

    def write(self, origin: str, key: str, cells: Cells | None, *, uid: int | None = None) -> None:
        """Make an item's cells these, creating or deleting it, and log what changed."""
        old = self.items.get(key)
        before = None if old is None else old.cells
        if before == cells:
            return
        uid = old.uid if old is not None else next(self._uids) if uid is None else uid
        self.log.append(Entry(origin, key, uid, before, cells))
        if cells is None:
            del self.items[key]
        else:
            self.items[key] = Item(uid, cells)

    def plan(self, records: Iterable[Record], settings: Cells) -> Plan:
        """Say what a run of these records would do. Raises `Refused`."""
        records = list(records)
        rejected = sum(record.bad for record in records)
        limits = settings["guard"]
        if rejected == len(records):
            raise Refused("no valid record")
        if len(records) >= limits["minItems"] and rejected > limits["maxRejectRatio"] * len(records):
            raise Refused("too many rejects")
        counting = _counting(records, settings["duplicateKeys"])
        places = {id(record): place for place, record in enumerate(records)}
        last = {record.key: place for place, record in enumerate(records) if not record.bad}
        effects = {
            key: replace(self._met(key, record, settings), record=places.get(id(record), last[key]))
            for key, record in counting.items()
            if record is not None
        }
        # A record that could not be read is there all the same: its item is not missing, and what it was missing before counts no more.
        unread = [key for key, record in counting.items() if record is None and key in self.items and self.items[key].cells["missing_runs"]]
        effects.update({key: Effect("back", self.items[key].uid, counts=False) for key in unread})
        missing = [key for key, item in self.items.items() if item.stands and key not in counting]
        effects.update({key: self._missed(self.items[key], settings) for key in missing})
        skipped = sum(each.kind == "none" and each.uid is None for each in effects.values())
        valid = sum(not record.bad for record in records)
        duplicate = valid - sum(record is not None for record in counting.values())
        known = sum(item.stands for item in self.items.values())
        return Plan(settings, effects, len(records), duplicate, rejected, skipped, len(self.log), known, frozenset(counting))

    def _met(self, key: str, record: Record, settings: Cells) -> Effect:
        item = self.items.get(key)
        removes = settings["missingPolicy"] == "remove"
        if item is None:
            stock = record.cells["inventoryQuantity"]
            restricted = settings["restrictInventoryImport"] and not (stock is not None and stock > settings["inventoryRestrictionLevel"])
            if record.gone or restricted:
                return Effect("none")
            return Effect("create", cells={**DEFAULTS, **{name: cell for name, cell in record.cells.items() if cell is not None}})
        if record.gone:
            return Effect("none" if not item.stands else "delete" if removes else "zero", item.uid)
        merged = merge(item.cells, record.cells, settings)
        if all(merged[name] == item.cells[name] for name in (*IMPORTED, "status")):
            return Effect("back" if item.cells["missing_runs"] else "none", item.uid)
        return Effect("update", item.uid, record.cells)

    def _missed(self, item: Item, settings: Cells) -> Effect:
        policy = settings["missingPolicy"]
        if policy == "keep" or settings["feedKind"] == "delta" or settings["fetchCleanup"] == "disabled":
            return Effect("none", item.uid, counts=False)
        if item.cells["missing_runs"] < settings["missingGraceRuns"]:
            return Effect("grace", item.uid, counts=False)
        return Effect("delete" if policy == "remove" else "zero", item.uid, counts=False)

    def apply(self, run: str, plan: Plan, keys: Iterable[str] | None = None) -> dict[str, int]:
        """Do what was planned, to all keys or to these; what others wrote since is left alone. Return what was done."""
        done: dict[str, int] = dict.fromkeys(_DONE, 0)
        among = {key for key in (plan.effects if keys is None else keys) if plan.effects[key].kind != "none"}
        plan = replace(plan, effects={**plan.effects, **{key: self._give_way(run, key, plan) for key in among}})
        overtaken = {key for key in among if plan.effects[key].kind == "overtaken"}
        limited = self.limited(plan, among - overtaken)
        done["overtaken"] = sum(plan.effects[key].counts for key in overtaken)
        done["limited"] = len(limited)
        for key in sorted(among - overtaken - limited):
            effect, item = plan.effects[key], self.items.get(key)
            spends = self._spends(effect, plan.settings)
            self.write(run, key, effect.cells if item is None else _after(effect, item.cells, plan.settings))
            if spends:
                self.spend(key)
            done["created"] += effect.kind == "create"
            done["updated"] += effect.counts and effect.kind in ("update", "zero", "delete")
            done["removed"] += effect.kind in ("zero", "delete")
        return done

    def limited(self, plan: Plan, keys: Iterable[str]) -> set[str]:
        """Return those of the keys that the daily limit leaves out: the last ones of the feed."""
        fresh = [key for key in keys if self._spends(plan.effects[key], plan.settings) and plan.effects[key].uid not in self.used]
        return set(sorted(fresh, key=lambda key: plan.effects[key].record)[self.left :])

    def _spends(self, effect: Effect, settings: Cells) -> bool:
        if effect.kind != "update":
            return effect.kind == "create"
        item = next(item for item in self.items.values() if item.uid == effect.uid)
        return not falls(item.cells, merge(item.cells, effect.cells, settings))

    def _give_way(self, run: str, key: str, plan: Plan) -> Effect:
        """Return what is left of an effect beside what others wrote since the run began, field by field."""
        effect, item = plan.effects[key], self.items.get(key)
        if (None if item is None else item.uid) != effect.uid:
            return replace(effect, kind="overtaken")
        later = [entry for entry in self.log[plan.mark :] if entry.key == key and entry.origin != run]
        fields = frozenset[str]().union(*(entry.fields for entry in later))
        whole = any(entry.before is None or entry.after is None for entry in later) or "status" in fields
        if whole or (effect.kind not in ("create", "update") and "inventoryQuantity" in fields):
            return replace(effect, kind="overtaken")
        if item is None or effect.kind != "update" or not fields.intersection(IMPORTED):
            return effect
        cells = {**effect.cells, **{name: item.cells[name] for name in fields.intersection(effect.cells)}}
        merged = merge(item.cells, cells, plan.settings)
        same = all(merged[name] == item.cells[name] for name in (*IMPORTED, "status"))
        return replace(effect, kind="overtaken" if same else "update", cells=cells)

    def push(self, call: str, key: str, cells: Cells, *, awaited: bool) -> Literal["created", "updated", "unchanged", "limited"]:
        """Write the cells that are sent; None clears. An item that was removed comes back.

        Where a run is `awaited` that was read before, the stock that is sent is later than its, also when it changes nothing.
        """
        item = self.items.get(key)
        old = DEFAULTS if item is None else item.cells
        sent = {name: DEFAULTS[name] if cell is None else cell for name, cell in cells.items()}
        new = {**old, "missing_runs": 0, **({"status": "pending"} if old["status"] == "removed" else {}), **sent}
        changed = item is None or any(new[name] != old[name] for name in new if name != "missing_runs")
        if item is None or (changed and not falls(old, new)):
            if not self.left and (item is None or item.uid not in self.used):
                return "limited"
            self.write(call, key, new)
            self.spend(key)
        else:
            self.write(call, key, new)
        if awaited and item is not None and "inventoryQuantity" in cells and not any(new[name] != old[name] for name in IMPORTED):
            self.log.append(Entry(call, key, item.uid, new, new, frozenset({"inventoryQuantity"})))
        return "created" if item is None else "updated" if changed else "unchanged"

    def take_back_creations(self, undo: str, run: str) -> dict[str, int]:
        """Undo, its first half: delete what the run created and nobody wrote to since."""
        done: dict[str, int] = dict.fromkeys(_UNDONE, 0)
        for key, item in sorted(self.items.items()):
            entries = [entry for entry in self.log if entry.uid == item.uid]
            if entries[0].origin == run:
                written = bool(self._written(entries, run))
                done["skipped" if written else "removed"] += 1
                if not written:
                    self.write(undo, key, None)
        self.undoes[undo] = run
        return done

    def take_back_changes(self, undo: str, run: str) -> dict[str, int]:
        """Undo, its second half: set back the fields that nobody wrote since, and bring back what the run deleted."""
        done: dict[str, int] = dict.fromkeys(_UNDONE, 0)
        for uid in dict.fromkeys(entry.uid for entry in self.log if entry.origin == run):
            whole = [entry for entry in self.log if entry.uid == uid]
            if whole[0].origin != run:
                done[self._take_back(undo, run, uid, whole)] += 1
        return done

    def _take_back(self, undo: str, run: str, uid: int, whole: list[Entry]) -> str:
        begun = next(number for number, entry in enumerate(whole) if entry.origin == run)
        mine = [entry for entry in whole if entry.origin == run]
        later = self._written(whole[begun:], run)
        key, before, after = mine[0].key, mine[0].before, mine[-1].after
        item = self.items.get(key)
        if before is None:
            if item is None or item.uid != uid:
                return "unchanged"
            if later:
                return "skipped"
            self.write(undo, key, None)
            return "removed"
        if after is None:
            if later or item is not None:
                return "skipped"
            self.write(undo, key, before, uid=uid)
            return "created"
        fields = {name for name in before if before[name] != after[name]}
        free = set[str]() if WHOLE in later else fields - later
        # A stock and a status say one thing together: what is removed has none, what was given one stands.
        if before["status"] == "removed" and "inventoryQuantity" in later:
            free.discard("status")
        if item is not None and not item.stands and before["inventoryQuantity"] != 0 and "status" in later:
            free.discard("inventoryQuantity")
        if not fields:
            return "unchanged"
        if not free or item is None or item.uid != uid:
            return "skipped"
        self.write(undo, key, {**item.cells, **{name: before[name] for name in free}})
        return "updated"

    def _written(self, entries: list[Entry], run: str) -> set[str]:
        """Return the fields that others wrote than the run, `WHOLE` for the item itself, but for what was undone since."""
        writers: dict[str, list[str]] = {}
        for entry in entries:
            for name in (WHOLE,) if entry.before is None or entry.after is None else entry.fields:
                wrote = writers.setdefault(name, [])
                if wrote and wrote[-1] == self.undoes.get(entry.origin):
                    wrote.pop()
                elif entry.origin != run and wrote[-1:] != [entry.origin]:
                    wrote.append(entry.origin)
        return {name for name, wrote in writers.items() if wrote}

    def is_held(self, plan: Plan) -> bool:
        """Say whether the guard or the feed's own setting holds the run."""
        return self._implausible(plan) or bool(plan.settings["reviewChanges"] and plan.changes)

    def _implausible(self, plan: Plan) -> bool:
        limits = plan.settings["guard"]
        if not limits["enabled"] or plan.known == 0:
            return False
        after = self._foreseen(plan)
        standing = {key: item for key, item in self.items.items() if item.stands}
        # What was missing before has been judged; that its grace is over shows in what it empties.
        acted_upon = {key for key, effect in plan.effects.items() if not effect.counts and effect.kind != "none"}
        missing = sum(self.items[key].cells["missing_runs"] == 0 for key in acted_upon)
        in_stock = {key for key, item in standing.items() if item.stock > 0}
        emptied = {key for key in in_stock if key not in after or not after[key].stock > 0}
        before, later = (sum(max(item.stock, 0) for item in items.values()) for items in (standing, after))
        floor = limits["minItems"]
        return (
            _beyond(missing, plan.known, limits["maxMissingRatio"], floor)
            or _beyond(len(emptied), len(in_stock), limits["maxZeroFlipRatio"], floor)
            or (len(in_stock) >= floor and before - later > limits["maxStockDropRatio"] * before)
            or self._prices_implausible(plan, standing, after)
        )

    def _prices_implausible(self, plan: Plan, standing: Mapping[str, Item], after: Mapping[str, Item]) -> bool:
        limits = plan.settings["guard"]
        followed = [name for name in ("retailPrice", "compareAtPrice") if plan.settings[FLAGS[name]]]
        compared = moved = priced = zeroed = 0
        for key in plan.seen & standing.keys() & after.keys():
            old, new = standing[key].cells, after[key].cells
            if new["status"] == "removed":
                continue
            both = [(old[name], new[name]) for name in followed if (old[name] or 0) > 0 and (new[name] or 0) > 0]
            compared += bool(both)
            moved += any(max(pair) > limits["maxPriceFactor"] * min(pair) for pair in both)
            if "retailPrice" in followed and (old["retailPrice"] or 0) > 0:
                priced += 1
                zeroed += not (new["retailPrice"] or 0) > 0
        floor = limits["minItems"]
        return _beyond(moved, compared, limits["maxPriceMoveRatio"], floor) or _beyond(zeroed, priced, limits["maxZeroPriceRatio"], floor)

    def _foreseen(self, plan: Plan) -> dict[str, Item]:
        """Return the items as they would be after a run."""
        after = dict(self.items)
        for key, effect in plan.effects.items():
            item = after.get(key)
            if effect.kind == "none":
                continue
            cells = effect.cells if item is None else _after(effect, item.cells, plan.settings)
            after.pop(key, None)
            if cells is not None:
                after[key] = Item(0, cells)
        return after


def falls(old: Cells, new: Cells) -> bool:
    """Say whether a write takes an item out of stock, which no limit stops."""
    before, after = old["inventoryQuantity"], new["inventoryQuantity"]
    back = old["status"] == "removed" != new["status"]
    return not back and after is not None and after <= 0 and not (before is not None and before <= 0)


def merge(old: Cells, row: Cells, settings: Cells) -> Cells:
    """Return what a row makes of an item: absent and blank, settled and cleared cells as the API's page has them."""
    after = {**old, "missing_runs": 0}
    if old["status"] == "removed":
        after["status"] = "pending"
    for name, cell in row.items():
        flag = FLAGS.get(name)
        settled = flag is not None and not settings[flag]
        valued = old[name] not in (None, DEFAULTS[name])
        if settled and valued:
            continue
        if cell is None:
            after[name] = DEFAULTS[name] if name in CLEARS else old[name]
        elif not (name == "grams" and cell == 0 and valued and not settings["syncWeightZero"]):
            after[name] = cell
    return after


def _after(effect: Effect, old: Cells, settings: Cells) -> Cells | None:
    if effect.kind == "delete":
        return None
    if effect.kind == "zero":
        return {**old, "status": "removed", "inventoryQuantity": 0, "missing_runs": 0}
    if effect.kind == "grace":
        return {**old, "missing_runs": old["missing_runs"] + 1}
    return {**old, "missing_runs": 0} if effect.kind == "back" else merge(old, effect.cells, settings)


def _beyond(part: int, whole: int, limit: float, floor: int) -> bool:
    return whole >= floor and whole > 0 and part > limit * whole


def _counting(records: list[Record], mode: str) -> dict[str, Record | None]:
    """Return for each key the record that counts, None where that is a rejected one."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.key, []).append(record)
    counting: dict[str, Record | None] = {}
    for key, several in found.items():
        valid = [record for record in several if not record.bad]
        if mode == "error" and len(valid) > 1:
            raise Refused("a key repeats")
        if mode == "sum":
            counting[key] = _summed(valid, spoiled=len(valid) < len(several)) if valid else None
        else:
            chosen = several[0 if mode == "first" else -1]
            counting[key] = None if chosen.bad else chosen
    return counting


def _summed(valid: list[Record], *, spoiled: bool) -> Record:
    known = [record.cells["inventoryQuantity"] for record in valid if record.cells["inventoryQuantity"] is not None]
    total = sum(known) if known and not spoiled else None
    return replace(valid[-1], cells={**valid[-1].cells, "inventoryQuantity": total})
