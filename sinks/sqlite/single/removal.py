"""Removing one item as its supplier asks for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

from engine.errors import FeedmillError, NotFound
from engine.mapping.attributes import read_attributes
from sinks.sqlite.single.group import Item, Pushed
from sinks.sqlite.single.inline import finish, joined
from sinks.sqlite.single.overtaking import find_waiting, note_removal
from sinks.sqlite.single.rows import delete_item, find_item
from sinks.sqlite.single.targets import read_targets


def _call() -> str:
    return f"remove:{uuid4()}"


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal: the feed's id, the external id as it was sent, and the name under which the change log keeps it.

    `item` is the id that the item has to have where a person asks for it, whom no pause of the feed stops; `unheld` looks at it as it is,
    and says why it is not to be deleted.
    """

    feed: int
    key: object
    item: int | None = None
    call: str = field(default_factory=_call)
    unheld: Callable[[Item], FeedmillError | None] | None = None


def remove_item(connection: sqlite3.Connection, name: str, removal: Removal, *, now: int) -> Pushed | FeedmillError:
    """Delete an item within the transaction that is open on a connection; return it as it was, or why it was not. Blocks.

    The error is `NotFound` for a feed or an item that is not there, else as `push_all` has it.
    """
    target = read_targets(connection, [removal.feed]).get(removal.feed)
    if target is None:
        return NotFound(f"there is no inventory feed {removal.feed}")
    refusal = target.refusal()
    if refusal is not None and (removal.item is None or target.loading is not None):
        return refusal
    writer = joined(connection, name)
    key = read_attributes({"externalId": removal.key}, ("externalId",), {}).get("externalId")
    stored = None if key is None else finish(find_item(writer, target.number, str(key)))
    if removal.item is not None and (stored is None or stored.number != removal.item):
        return NotFound(f"there is no inventory feed variant {removal.item}")
    if stored is None:
        if key is not None and (waiting := find_waiting(connection, [target.number])):
            # A batch that was accepted before is still to bring it.
            note_removal(connection, (target.number, str(key)), waiting[target.number])
        return NotFound(f"there is no item {str(removal.key)[:80]!r} in feed {target.name!r}")
    as_it_is = Pushed("unchanged", target, stored)
    if removal.unheld is not None and (refused := removal.unheld(as_it_is.show())) is not None:
        return refused
    connection.execute("INSERT INTO main.write_origin (call, at) VALUES (?, ?)", (removal.call, now))
    finish(delete_item(writer, stored))
    connection.execute("DELETE FROM main.write_origin")
    return as_it_is
