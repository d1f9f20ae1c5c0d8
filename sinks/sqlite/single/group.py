"""Pushes, many in one transaction: each as if they came one by one, with one search, one write and one look at the catalogue a wave.

A wave is what can be done at once and come to the same: no key twice, and of a feed that connects nothing that may be connected
otherwise unless it is the first of its feed, for what comes next depends on what becomes of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias
from uuid import uuid4

from engine.batch import JsonValue, Value
from engine.contracts import FeedDefinition
from engine.errors import Conflict, FeedmillError, InvalidItem, NotFound
from engine.mapping.attributes import default_value
from engine.quantity import GONE
from engine.schema import ATTRIBUTES
from sinks.sqlite.catalogue.connecting import connect_feed
from sinks.sqlite.fence import Origin
from sinks.sqlite.queries import show_item
from sinks.sqlite.single.checks import Place, check_required, read_push, settle_override
from sinks.sqlite.single.inline import finish, joined
from sinks.sqlite.single.overtaking import WHOLE, Later, find_later, find_waiting, note_fields
from sinks.sqlite.single.plan import Allowance, count_items, read_allowance
from sinks.sqlite.single.rows import StoredItem, changed_cells, confirm_stock, new_cells, takes_out_of_stock
from sinks.sqlite.single.setwise import Cells, Key, counted_items, create_items, find_items, name_calls, update_items
from sinks.sqlite.single.targets import Target, read_targets

Item: TypeAlias = "dict[str, JsonValue | Decimal]"
Outcome: TypeAlias = Literal["created", "updated", "unchanged", "stale"]

_DEFAULTS: Final[Mapping[str, Value]] = {name: default_value(attribute) for name, attribute in ATTRIBUTES.items()}
_NAMES: Final = 1 << 128
_CONNECTS_BY: Final = frozenset(("vendorSku", "originalSku", "barcode", "options", "status"))
"""Attributes by which an item is connected, as far as a push sets them."""


# Tuples, because some are made for every push, and a frozen dataclass takes three times as long to make.
class Push(NamedTuple):
    """A push: the feed's id, what was sent, and the name under which the change log keeps what it changed; one of its own without.

    What is of a `batch` is as old as that: fields that a call wrote since it was accepted are left to that one. `item` is the id that
    the item has to have, 0 for one that must not be there yet. `unheld` looks at that item as it is before, and says why it is
    not to be changed.
    """

    feed: int
    sent: object
    call: str | None = None
    batch: int | None = None
    item: int | None = None
    unheld: Callable[[Item], FeedmillError | None] | None = None


class Pushed(NamedTuple):
    """What became of a push, and the item as it is after it. `stale` changed nothing, for something later was stored before."""

    outcome: Outcome
    target: Target
    stored: StoredItem

    def show(self) -> Item:
        """Return the item as readers see it."""
        item = self.stored
        kept = (item.number, item.digest, item.inventory_updated_at, item.created_at, item.updated_at)
        return show_item(kept, item.values, self.target.shown)


class _Read(NamedTuple):
    """A push that was read, before anything is known of what is stored."""

    place_in_group: int
    call: str
    target: Target
    key: Key
    values: Mapping[str, Value]
    place: Place
    faults: Mapping[str, str]
    batch: int | None
    item: int | None
    unheld: Callable[[Item], FeedmillError | None] | None

    def mistaken(self, stored: StoredItem | None) -> FeedmillError | None:
        """Return why what is stored is not the item that the call is about, or not as it says, None where it is."""
        if self.item is None or self.item == (0 if stored is None else stored.number):
            return None if stored is None or self.unheld is None else self.unheld(Pushed("unchanged", self.target, stored).show())
        if self.item:
            return NotFound(f"there is no inventory feed variant {self.item}")
        return Conflict(f"feed {self.target.name!r} has an item {self.key[1]!r}: change it with PUT")

    def refuse(self, faults: Mapping[str, str]) -> InvalidItem:
        return InvalidItem(f"the item {self.key[1]!r} of feed {self.target.name!r} cannot be stored; nothing of it was:", faults)


class _Step(NamedTuple):
    """What a push of a wave does: the cells to write of a known item, or of a new one."""

    read: _Read
    outcome: Outcome
    stored: StoredItem | None
    cells: Cells
    changed: Mapping[str, Value]
    confirms: bool = False

    @property
    def writes(self) -> bool:
        return self.outcome in ("created", "updated")


def push_all(connection: sqlite3.Connection, name: str, pushes: Sequence[Push], *, now: int) -> list[Pushed | FeedmillError]:
    """Make pushes within the transaction that is open on a connection, and return what became of each, in order. Blocks.

    The error of a push is returned, not raised: `InvalidItem`, `LimitReached`, `NotFound` for a feed that is not there, `Conflict`
    for one that is paused, `UnderWay` for one that is loaded for the first time; nothing of such a push is written. The caller holds
    the write lock and commits.
    """
    return _Group(connection, name, now, read_targets(connection, {push.feed for push in pushes})).work(pushes)


class _Group:
    def __init__(self, connection: sqlite3.Connection, name: str, now: int, targets: Mapping[int, Target]) -> None:
        self._connection = connection
        self._writer = joined(connection, name)
        self._now = now
        # One draw a group: the names of its calls follow each other, and those of no other group are near.
        self._names = uuid4().int
        self._targets = targets
        self._results: dict[int, Pushed | FeedmillError] = {}
        self._runs: dict[int, frozenset[str]] = {}
        self._waiting = find_waiting(connection, targets)
        self._later: Mapping[Key, Sequence[Later]] = {}
        self._has_catalogue = bool(connection.execute("SELECT 1 FROM main.catalogue_state").fetchall())

    def work(self, pushes: Sequence[Push]) -> list[Pushed | FeedmillError]:
        reads = [read for place, push in enumerate(pushes) if (read := self._read(place, push)) is not None]
        if reads:
            self._connection.execute("INSERT INTO main.write_origin (call, at) VALUES (?, ?)", (reads[0].call, self._now))
            start, ahead = 0, len(reads)
            while start < len(reads):
                done = self._wave(reads[start : start + ahead])
                start, ahead = start + done, max(2 * done, 8)
            self._connection.execute("DELETE FROM main.write_origin")
        return [self._results[place] for place in range(len(pushes))]

    def _read(self, place: int, push: Push) -> _Read | None:
        """Return a push as it was read, None where it is not taken at all."""
        target = self._targets.get(push.feed)
        refusal = NotFound(f"there is no inventory feed {push.feed}") if target is None else target.refusal()
        if target is None or refusal is not None:
            self._results[place] = refusal or NotFound(f"there is no inventory feed {push.feed}")
            return None
        if not isinstance(push.sent, Mapping):
            self._results[place] = InvalidItem(f"an item of feed {target.name!r} cannot be stored:", {"": "is no object"})
            return None
        faults: dict[str, str] = {}
        values, where = read_push(push.sent, faults, now=self._now)
        key = str(values.pop("externalId", None) or "")
        call = push.call or self._name(place)
        return _Read(place, call, target, (target.number, key), values, where, faults, push.batch, push.item, push.unheld)

    def _name(self, place: int) -> str:
        """Return the name of a call: a UUID as text, for which none has to be made."""
        digits = f"{(self._names + place) % _NAMES:032x}"
        return f"push:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _wave(self, reads: Sequence[_Read]) -> int:
        """Do as many of the pushes as can be done at once, and return how many these were."""
        found = find_items(self._connection, dict.fromkeys(read.key for read in reads))
        if any(read.batch is not None for read in reads):
            self._later = find_later(self._connection, dict.fromkeys(read.key for read in reads))
        allowance = finish(read_allowance(self._writer))
        purse = None if allowance is None else _Purse(self._connection, allowance, found)
        steps: list[_Step] = []
        seen: set[Key] = set()
        changed_feeds: set[int] = set()
        done = 0
        for read in reads:
            step = None if read.key in seen else self._plan(read, found.get(read.key))
            if step is None or (read.target.number in changed_feeds and self._connects_by(step)):
                break
            done += 1
            seen.add(read.key)
            error = step if isinstance(step, FeedmillError) else None if purse is None else purse.refuse(step)
            if error is not None:
                self._results[read.place_in_group] = error
            elif isinstance(step, _Step):
                steps.append(step)
                if step.writes:
                    changed_feeds.add(read.target.number)
        self._carry_out(steps, purse)
        return done

    def _connects_by(self, step: _Step | FeedmillError) -> bool:
        if not self._has_catalogue or not isinstance(step, _Step) or not step.writes:
            return False
        return step.stored is None or not _CONNECTS_BY.isdisjoint(step.changed)

    def _plan(self, read: _Read, stored: StoredItem | None) -> _Step | FeedmillError:
        if (mistaken := read.mistaken(stored)) is not None:
            return mistaken
        faults, values = dict(read.faults), dict(read.values)
        later = self._overtaken(read)
        if not faults and later and (stored is None or WHOLE in later or later.issuperset(values)):
            return self._give_way(read, stored)
        for name in later:
            values.pop(name, None)
        check_required(values, stored, read.target.settings, faults)
        settle_override(values, stored, faults)
        if stored is None and values.get("status") == GONE:
            faults["status"] = f"is {GONE}, but there is no such item"
        if faults:
            return read.refuse(faults)
        if stored is None:
            values = {"externalId": read.key[1], **values}
            return _Step(read, "created", None, new_cells(read.target.number, values, read.place.news(None), now=self._now), values)
        if read.place.before(stored):
            return _Step(read, "stale", stored, {}, {})
        return self._plan_update(read, stored, values, settled="status" in later)

    def _overtaken(self, read: _Read) -> set[str]:
        """Return the fields that calls wrote after the batch of a push was accepted. Where both said when it was, that decides."""
        if read.batch is None:
            return set()
        since = (each for each in self._later.get(read.key, ()) if each.batch >= read.batch)
        return {each.field for each in since if not (each.placed and read.place)}

    def _give_way(self, read: _Read, stored: StoredItem | None) -> _Step | FeedmillError:
        if stored is None:
            return Conflict(f"the item {read.key[1]!r} of feed {read.target.name!r} was removed after the batch was accepted")
        return _Step(read, "stale", stored, {}, {})

    def _plan_update(self, read: _Read, stored: StoredItem, values: dict[str, Value], *, settled: bool) -> _Step:
        if stored.values["status"] == GONE and "status" not in values and not settled:
            values["status"] = "pending" if stored.values["variantId"] is None else "connected"
        changed = stored.differing(values)
        beside = read.place.news(stored)
        if stored.missing_runs:
            # The item was heard of: it is not missing.
            beside["missing_runs"] = 0
        confirms = "inventoryQuantity" in values and "inventoryQuantity" not in changed and self._is_awaited(read.target.number)
        cells = changed_cells(changed, beside, now=self._now) if changed or beside else {}
        return _Step(read, "updated" if changed else "unchanged", stored, cells, changed, confirms)

    def _is_awaited(self, feed: int) -> bool:
        """Return whether a run of the feed that has been read is still to be applied: what is said now is newer, also where it is known."""
        return bool(self._runs_of(feed))

    def _runs_of(self, feed: int) -> frozenset[str]:
        """Return what is under way for a feed: runs that are `awaited`, and one that is `applied`."""
        if feed not in self._runs:
            rows = self._connection.execute(
                "SELECT status = 'started' AND decided_at IS NOT NULL FROM main.data_imports"
                " WHERE feed_id = ? AND status IN ('started', 'held')",
                (feed,),
            ).fetchall()
            self._runs[feed] = frozenset("applied" if applied else "awaited" for (applied,) in rows)
        return self._runs[feed]

    def _carry_out(self, steps: Sequence[_Step], purse: _Purse | None) -> None:
        ((mark,),) = self._connection.execute("SELECT coalesce(max(id), 0) FROM main.inventory_feed_variant_changes").fetchall()
        made = create_items(self._connection, [step.cells for step in steps if step.stored is None])
        updates = [(step.stored.number, step.cells) for step in steps if step.stored is not None and step.cells]
        update_items(self._connection, updates)
        after = {step.read.key: self._after(step, made) for step in steps}
        for step in steps:
            if step.confirms:
                finish(confirm_stock(self._writer, after[step.read.key]))
        calls = {after[step.read.key].number: step.read.call for step in steps if step.stored is not None}
        if calls:
            name_calls(self._connection, calls, since=mark)
        for step in steps:
            newest = self._waiting.get(step.read.target.number)
            if newest is not None and step.read.batch is None and step.outcome != "stale":
                note_fields(self._connection, step.read.key, step.read.values, newest, placed=bool(step.read.place))
        if purse is not None:
            spent = {*purse.fresh, *made.values()}
            if spent:
                finish(count_items(self._writer, purse.allowance, sorted(spent)))
        if self._connect(steps):
            after = find_items(self._connection, after)
        for step in steps:
            self._results[step.read.place_in_group] = Pushed(step.outcome, step.read.target, after[step.read.key])

    def _after(self, step: _Step, made: Mapping[Key, int]) -> StoredItem:
        """Return the item as it was written."""
        old, cells = step.stored, step.cells
        if old is None:
            sequence, occurred_at = step.read.place.sequence, step.read.place.occurred_at
            number = made[step.read.key]
            return StoredItem(number, 0, sequence, occurred_at, None, self._now, self._now, self._now, {**_DEFAULTS, **step.changed})
        if not step.changed:
            return old
        inventory = self._now if "inventory_updated_at" in cells else old.inventory_updated_at
        digest = None if "content_hash" in cells else old.digest
        # What only the next wave asks for, it finds for itself.
        values = {**old.values, **step.changed}
        return StoredItem(old.number, 0, old.sequence, old.occurred_at, digest, inventory, old.created_at, self._now, values)

    def _connect(self, steps: Sequence[_Step]) -> bool:
        """Connect what the wave changed, so that its answers show it, and return whether there was anything to connect to.

        Where a run of a feed is being applied, that one connects: it looks at all that was written since the last time.
        """
        first = {step.read.target.number: step.read for step in reversed(steps) if step.writes}
        looked = False
        for feed, read in first.items():
            if "applied" in self._runs_of(feed):
                continue
            self._connection.execute("UPDATE main.write_origin SET call = ?", (read.call,))
            definition = FeedDefinition(read.target.name, read.target.settings)
            looked |= finish(connect_feed(self._writer, feed, definition, Origin(self._now))) is not None
        return looked


class _Purse:
    """What of the day's allowance the pushes of a wave have left; `fresh` are the known items that they are the first to change."""

    def __init__(self, connection: sqlite3.Connection, allowance: Allowance, found: Mapping[Key, StoredItem]) -> None:
        self.allowance = allowance
        self.fresh: set[int] = set()
        self._left = allowance.left
        self._counted = counted_items(connection, allowance.day, [item.number for item in found.values()])

    def refuse(self, step: _Step) -> FeedmillError | None:
        """Count a push, or return why it is not to be made."""
        old = step.stored
        if not step.writes or (old is not None and (old.number in self._counted or takes_out_of_stock(old, step.changed))):
            return None
        if not self._left:
            return self.allowance.reached(f"the item {step.read.key[1]!r} of feed {step.read.target.name!r}")
        self._left -= 1
        if old is not None:
            self.fresh.add(old.number)
        return None
