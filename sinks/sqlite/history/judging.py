"""What of a run can be taken back: judged item by item against what was written after it. Nothing here writes.

The run's own creations come first, by item id, then what it changed, in the order of the change log. So a key that it took away
from one item and gave to another is free again before it is given back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from engine.batch import Value
from engine.quantity import GONE
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.effects import (
    AMONG,
    CHANGES,
    FIELDS,
    SHOWN,
    Effect,
    FieldEffect,
    Image,
    ids,
    read_effects,
    read_rows,
    show,
    shown,
)
from sinks.sqlite.landing.rows import json_text
from sinks.sqlite.landing.statements import VARIANTS

WHOLE: Final = ""
"""Stands for the item itself among the fields that were written later: it was deleted, or brought back."""

_ITEMS_AT_ONCE: Final = 500
"""Items whose later writes are looked up together: of a run long past there may be many."""

_CONNECTION: Final = frozenset({"variant_id", "connection_scope"})
"""Fields that say one thing together: whoever wrote one of them decided the other too."""

_BESIDE: Final = frozenset({"status", "variant_id"})
"""What has to be known of an item, whatever the run changed of it: fields that are set back have to agree with these."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """What an undo leaves alone, for it was written after the run, by a run or a call.

    `did` says what the run did: `changed` a field, whose stored values are `left` and `now`, or `created` or `deleted` the item, where
    `column` is None. `now` of an item that was deleted since is None, of one whose key is taken again the id of the other.
    """

    item: int
    external_id: str
    did: Literal["changed", "created", "deleted"]
    column: str | None = None
    left: Value = None
    now: Value = None
    run: int | None = None
    call: str | None = None

    @property
    def name(self) -> str | None:
        """Return the field's name in the API, None where the whole item is meant."""
        return None if self.column is None else SHOWN[self.column].name

    @property
    def shown_now(self) -> str | None:
        """Return the value that stands now as JSON text, as the API shows it."""
        return None if self.column is None else show(self.column, self.now)

    @property
    def reason(self) -> str:
        """Return the conflict in words."""
        who = f"run {self.run}" if self.run is not None else "somebody" if self.call is None else self.call
        if self.column is not None:
            return f"item {self.external_id!r}: the run left {show(self.column, self.left)}, {who} wrote {self.shown_now}"
        if self.did == "created":
            return f"item {self.external_id!r}: the run created it, {who} wrote to it since"
        again = "it is back" if self.now is None else f"item {self.now} has its key now"
        return f"item {self.external_id!r}: the run deleted it, {again}, by {who}"


class Restoration(NamedTuple):
    """Fields of an item to be set back; `image` goes with them where nobody wrote to the item since, else None."""

    item: int
    values: Mapping[str, Value]
    image: Image | None


@dataclass(frozen=True, slots=True)
class Revival:
    """A deleted item to be brought back under its id, as it was before the run."""

    item: int
    external_id: str
    values: Mapping[str, Value]
    image: Image


@dataclass(slots=True)
class Verdict:
    """What to do to a chunk of items. `cursor` is what the next chunk begins after; items of `left` have nothing restored.

    `rows` are the items as they are that the run had changed, with all columns of which it had changed any.
    """

    cursor: int
    restorations: list[Restoration] = field(default_factory=list)
    revivals: list[Revival] = field(default_factory=list)
    deletions: list[int] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    unchanged: int = 0
    left: int = 0
    rows: Mapping[int, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Later:
    """The last change of a field, or of the item as a whole, that was not the run's."""

    change: int
    run: int | None
    call: str | None


async def judge_chunk(
    reader: Writer, feed: int, run: int, cursor: int | None, *, size: int, beside: Collection[str] = ()
) -> Verdict | None:
    """Judge the next items of a run, None when none are left.

    `cursor` is None at first. Below zero it is the id of the last created item that was judged, turned round; else the id of the last
    change. `beside` are columns that are wanted of the items too.
    """
    if cursor is None or cursor < 0:
        verdict = await _judge_created(reader, feed, run, -(cursor or 0), size)
        if verdict is not None:
            return verdict
    effects, end = await read_effects(reader, run, after=max(cursor or 0, 0), size=size)
    return None if end is None else await _judge_changed(reader, feed, run, effects, end, beside)


async def _judge_created(reader: Writer, feed: int, run: int, after: int, size: int) -> Verdict | None:
    mine = f"SELECT id, external_id FROM {VARIANTS} WHERE inventory_feed_id = ? AND id > ? AND created_run_id = ? ORDER BY id LIMIT ?"
    keys = {int(str(item)): str(key) for item, key in await reader.query(mine, feed, after, run, size)}
    if not keys:
        return None
    later = await _written_later(reader, feed, run, list(keys), since=0)
    verdict = Verdict(-max(keys))
    for item, key in keys.items():
        _judge_creation(verdict, item, key, later.get(item, {}))
    return verdict


def _judge_creation(verdict: Verdict, item: int, key: str, later: Mapping[str, _Later]) -> None:
    if not later:
        verdict.deletions.append(item)
        return
    last = max(later.values(), key=lambda each: each.change)
    verdict.conflicts.append(Conflict(item, key, "created", run=last.run, call=last.call))
    verdict.left += 1


async def _judge_changed(reader: Writer, feed: int, run: int, effects: list[Effect], end: int, beside: Collection[str]) -> Verdict:
    verdict = Verdict(end)
    # What the run changed of its own creations went with them.
    effects = [effect for effect in effects if not effect.existed or effect.image.created_run_id != run]
    if not effects:
        return verdict
    items = [effect.item for effect in effects]
    later = await _written_later(reader, feed, run, items, since=min(effect.first for effect in effects))
    rows = verdict.rows = await read_rows(reader, feed, items, sorted(_BESIDE.union(beside, *(effect.fields for effect in effects))))
    taken = await _holders(reader, feed, [effect.external_id for effect in effects if not effect.exists])
    for effect in effects:
        written = {name: each for name, each in later.get(effect.item, {}).items() if each.change > effect.first}
        if effect.exists and effect.existed:
            _judge_update(verdict, effect, rows.get(effect.item), written)
        elif effect.existed:
            _judge_deletion(verdict, effect, written, taken.get(effect.external_id))
        elif effect.item in rows:
            _judge_creation(verdict, effect.item, effect.external_id, written)
        else:
            verdict.unchanged += 1
    return verdict


def _judge_update(verdict: Verdict, effect: Effect, row: Mapping[str, Value] | None, later: Mapping[str, _Later]) -> None:
    values: dict[str, Value] = {}
    conflicts: list[Conflict] = []
    if row is not None and not later:
        values = {name: change.before for name, change in effect.fields.items()}
    for name, change in effect.fields.items() if row is None or later else ():
        writer = _later_writer(name, change, effect, row or {}, later)
        if row is not None and writer is None:
            values[name] = change.before
        elif name in SHOWN:
            now = None if row is None else row[name]
            who = (None, None) if writer is None else (writer.run, writer.call)
            conflicts.append(Conflict(effect.item, effect.external_id, "changed", name, change.after, now, *who))
    if row is not None:
        _agree(values, row)
    if conflicts:
        verdict.conflicts += sorted(conflicts, key=lambda each: shown(effect.fields).index(str(each.column)))
    if values:
        verdict.restorations.append(Restoration(effect.item, values, None if later else effect.image))
    elif effect.fields:
        verdict.left += 1
    else:
        verdict.unchanged += 1


def _later_writer(name: str, change: FieldEffect, effect: Effect, row: Mapping[str, Value], later: Mapping[str, _Later]) -> _Later | None:
    """Return who wrote a field after the run, itself or another one that it depends on; None when it may be set back."""
    decisive = {WHOLE, name} | (_CONNECTION if name in _CONNECTION else frozenset())
    if name == "status" and change.before == GONE:
        # Whoever gave it a stock since had it stand.
        decisive.add("inventory_quantity")
    if name == "inventory_quantity" and change.before != 0 and row.get("status") == GONE:
        # What somebody else took out of stock since has none; what the run itself did stands again.
        decisive.add("status")
    first = min(effect.fields[each].first for each in decisive if each in effect.fields)
    return max(
        (later[each] for each in decisive if each in later and later[each].change > first), key=lambda each: each.change, default=None
    )


def _agree(values: dict[str, Value], row: Mapping[str, Value]) -> None:
    """Let the status that is set back say what the item's connection is, which somebody may have written since."""
    status = values.get("status", row["status"])
    if status not in ("pending", "connected") or values.keys().isdisjoint(_BESIDE):
        return
    status = "pending" if values.get("variant_id", row["variant_id"]) is None else "connected"
    values.pop("status", None)
    if status != row["status"]:
        values["status"] = status


def _judge_deletion(verdict: Verdict, effect: Effect, later: Mapping[str, _Later], holder: tuple[int, int | None] | None) -> None:
    if not later and holder is None:
        values = {name: change.before for name, change in effect.fields.items()}
        verdict.revivals.append(Revival(effect.item, effect.external_id, values, effect.image))
        return
    last = max(later.values(), key=lambda each: each.change, default=None)
    now, maker = holder or (None, None)
    run, call = (maker, None) if last is None else (last.run, last.call)
    verdict.conflicts.append(Conflict(effect.item, effect.external_id, "deleted", now=now, run=run, call=call))
    verdict.left += 1


async def _written_later(reader: Writer, feed: int, run: int, items: Sequence[int], *, since: int) -> dict[int, dict[str, _Later]]:
    """Return for each item who wrote each of its fields last after a change, the run itself apart.

    What was undone since counts as not written, and neither does its undo: so runs can be undone one after the other, from the newest on.
    """
    undoes = await _undone(reader, feed, run)
    found: dict[int, dict[str, list[_Later]]] = {}
    for start in range(0, len(items), _ITEMS_AT_ONCE):
        rows = await reader.query(
            f"SELECT c.item_id, CASE c.action WHEN 'updated' THEN f.field ELSE '{WHOLE}' END, {'c.id' if undoes else 'max(c.id)'},"
            f" c.run_id, c.call {AMONG} {CHANGES} AS c LEFT JOIN {FIELDS} AS f ON f.change_id = c.id"
            f" WHERE c.item_id = j.value AND c.id > ? AND c.run_id IS NOT ? GROUP BY 1, 2{', 3' if undoes else ''} ORDER BY 1, 2, 3",
            ids(items[start : start + _ITEMS_AT_ONCE]),
            since,
            run,
        )
        for item, name, change, writer, call in rows:
            by = None if writer is None else int(str(writer))
            written = found.setdefault(int(str(item)), {}).setdefault(str(name), [])
            _write(written, _Later(int(str(change)), by, None if call is None else str(call)), undoes)
    return {item: last for item, names in found.items() if (last := {name: each[-1] for name, each in names.items() if each})}


def _write(written: list[_Later], later: _Later, undoes: Mapping[int, int]) -> None:
    """Add a write of a field to those before it; one that undoes the last of them takes it away."""
    undone = None if later.run is None else undoes.get(later.run)
    if undone is None or not written or written[-1].run != undone:
        written.append(later)
        return
    while written and written[-1].run == undone:
        written.pop()


async def _undone(reader: Writer, feed: int, run: int) -> dict[int, int]:
    """Return the feed's undos after a run, and what each of them undoes."""
    rows = await reader.query("SELECT id, undoes FROM main.data_imports WHERE feed_id = ? AND id > ? AND undoes IS NOT NULL", feed, run)
    return {int(str(undo)): int(str(undone)) for undo, undone in rows}


async def _holders(reader: Writer, feed: int, keys: list[str]) -> dict[str, tuple[int, int | None]]:
    """Return those of the keys that items have now, with the item's id and the run that created it."""
    rows = await reader.query(
        f"SELECT v.external_id, v.id, v.created_run_id {AMONG} {VARIANTS} AS v WHERE v.inventory_feed_id = ? AND v.external_id = j.value",
        json_text(keys),
        feed,
    )
    return {str(key): (int(str(item)), None if maker is None else int(str(maker))) for key, item, maker in rows}
