"""Carrying out an undo: chunk by chunk, each in a transaction of its own with its figures, by whichever process gets to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from engine.batch import Value
from engine.run import Counts, Problem, RunRecord, RunStatus
from sinks.sqlite import clock
from sinks.sqlite.control import Control
from sinks.sqlite.failures import explained
from sinks.sqlite.fence import Fence, Origin, Writer
from sinks.sqlite.history.effects import CHANGES, FIELDS, IMAGE, LOGGED
from sinks.sqlite.history.judging import Conflict, Restoration, Revival, Verdict, judge_chunk
from sinks.sqlite.history.reconnecting import audit_connections, release_lost
from sinks.sqlite.history.retention import prune
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS, delete_load
from sinks.sqlite.landing.statements import VARIANTS

CONFLICTS_KEPT: Final = 100_000
"""Conflicts that are kept with an undo; the figures count them all."""

_COUNTED: Final = (
    "UPDATE main.data_imports SET created = created + ?, updated = updated + ?, unchanged = unchanged + ?, removed = removed + ?,"
    " skipped = skipped + ?, cursor = ? WHERE id = ?"
)


@dataclass(frozen=True, slots=True)
class Undo:
    """An undo under way: whose run it undoes, and when its changes are made, in microseconds."""

    fence: Fence
    undoes: int
    at: int


async def go_on(control: Control, writer: Writer, fence: Fence, *problems: Problem) -> None:
    """Do what is left of an undo whose fence the caller holds, and complete it."""
    row = "SELECT undoes, decided_at FROM main.data_imports WHERE id = ?"
    undoes, at = (int(str(each)) for each in (await writer.query(row, fence.run))[0])
    hidden = await writer.query("SELECT loading_run_id FROM main.inventory_feeds WHERE id = ? AND loading_run_id IS NOT NULL", fence.feed)
    for (load,) in hidden:
        # What a dead first load left would hold the keys of items that come back.
        await delete_load(writer, feed=fence.feed, run=int(str(load)))
    while await _step(writer, Undo(fence, undoes, at)):
        pass
    await release_lost(writer, fence.run, at)
    await _complete(control, writer, fence, undoes, problems)
    definition = await control.definition(fence.name)
    if definition is not None:
        await prune(writer, fence.feed, definition.history_days)


async def _step(writer: Writer, undo: Undo) -> bool:
    """Undo the next chunk and return whether there was one."""
    run = undo.fence.run
    async with writer.changing(Origin(undo.at, run=run)):
        ((cursor,),) = await writer.query("SELECT cursor FROM main.data_imports WHERE id = ?", run)
        done = None if cursor is None else int(str(cursor))
        verdict = await judge_chunk(writer, undo.fence.feed, undo.undoes, done, size=CHUNK_ROWS)
        if verdict is None:
            return False
        since = await _last_change(writer)
        await _delete(writer, verdict.deletions)
        await _restore(writer, verdict.restorations, undo.at)
        await _revive(writer, verdict.revivals, undo)
        await audit_connections(writer, run, since)
        await _keep(writer, verdict.conflicts, undo)
        figures = (len(verdict.revivals), len(verdict.restorations), verdict.unchanged, len(verdict.deletions), verdict.left)
        await writer.execute(_COUNTED, *figures, verdict.cursor, run)
    return True


async def _last_change(writer: Writer) -> int:
    return await writer.number("SELECT coalesce(max(seq), 0) FROM main.sqlite_sequence WHERE name = 'inventory_feed_variant_changes'")


async def _delete(writer: Writer, items: Sequence[int]) -> None:
    await writer.execute(f"DELETE FROM {VARIANTS} WHERE id IN (SELECT value FROM json_each(?))", orjson.dumps(items).decode())


async def _restore(writer: Writer, restorations: Sequence[Restoration], at: int) -> None:
    """Set fields back. An item that somebody wrote to since is not what its digest stands for, before the run or now."""
    alike: dict[tuple[str, ...], list[tuple[Value, ...]]] = {}
    for each in restorations:
        if each.image is not None:
            values = {**each.values, **dict(zip(IMAGE, each.image.values, strict=True))}
        else:
            moved = {"inventory_updated_at": at} if "inventory_quantity" in each.values else {}
            values = {**each.values, **moved, "content_hash": None, "updated_at": at}
        columns = tuple(sorted(values))
        alike.setdefault(columns, []).append((*(values[name] for name in columns), each.item))
    for columns, rows in alike.items():
        sets = ", ".join(f"{name} = ?" for name in columns)
        with explained(writer.name):
            await writer.connection.executemany(f"UPDATE {VARIANTS} SET {sets} WHERE id = ?", rows)


async def _revive(writer: Writer, revivals: Sequence[Revival], undo: Undo) -> None:
    """Bring deleted items back, and log it, which no trigger does."""
    columns = ("id", "inventory_feed_id", "external_id", *IMAGE, *LOGGED)
    rows: list[tuple[Value, ...]] = []
    changes: list[tuple[Value, ...]] = []
    fields: list[tuple[Value, ...]] = []
    last = await _last_change(writer)
    feed, run = undo.fence.feed, undo.fence.run
    for change, each in enumerate(revivals, start=last + 1):
        rows.append((each.item, feed, each.external_id, *each.image.values, *(each.values.get(name) for name in LOGGED)))
        changes.append((change, feed, each.item, each.external_id, run, undo.at, "created", *each.image.values))
        fields += [(change, name, value) for name, value in each.values.items() if value is not None]
    head = f"INSERT INTO {CHANGES} (id, inventory_feed_id, item_id, external_id, run_id, at, action, {', '.join(IMAGE)})"
    with explained(writer.name):
        connection = writer.connection
        await connection.executemany(f"INSERT INTO {VARIANTS} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
        await connection.executemany(f"{head} VALUES (?, ?, ?, ?, ?, ?, ?, {', '.join('?' * len(IMAGE))})", changes)
        await connection.executemany(f"INSERT INTO {FIELDS} (change_id, field, before, after) VALUES (?, ?, NULL, ?)", fields)


async def _keep(writer: Writer, conflicts: Sequence[Conflict], undo: Undo) -> None:
    """Keep conflicts among the undo's skipped records; `raw` is what `read_conflicts` makes them of again."""
    run = undo.fence.run
    kept = await writer.number("SELECT coalesce(max(seq), 0) FROM main.data_import_rejects WHERE run_id = ?", run)
    rows = [
        (run, seq, f"undo of run {undo.undoes}", each.item, 0, each.name, each.shown_now, each.reason, orjson.dumps(asdict(each)).decode())
        for seq, each in enumerate(conflicts[: max(CONFLICTS_KEPT - kept, 0)], start=kept + 1)
    ]
    with explained(writer.name):
        await writer.connection.executemany(
            'INSERT INTO main.data_import_rejects (run_id, seq, document, record, line, "column", value, reason, raw, fate)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'skipped')",
            rows,
        )


async def read_conflicts(reader: Writer, run: int) -> tuple[Conflict, ...]:
    """Return the conflicts that an undo met, as far as they are kept."""
    rows = await reader.query("SELECT raw FROM main.data_import_rejects WHERE run_id = ? ORDER BY seq", run)
    return tuple(Conflict(**orjson.loads(str(raw))) for (raw,) in rows)


async def _complete(control: Control, writer: Writer, fence: Fence, undoes: int, problems: Sequence[Problem]) -> None:
    stored = "SELECT created, updated, unchanged, removed, skipped, started_at FROM main.data_imports WHERE id = ?"
    created, updated, unchanged, removed, skipped, started = (int(str(each)) for each in (await writer.query(stored, fence.run))[0])
    conflicts = await writer.number("SELECT count(*) FROM main.data_import_rejects WHERE run_id = ?", fence.run)
    counts = Counts(created=created, updated=updated, unchanged=unchanged, removed=removed, skipped=skipped)
    record = RunRecord(
        fence.name,
        fence.run,
        RunStatus.COMPLETE,
        created + updated + unchanged + skipped,
        counts,
        skipped,
        seconds=max(clock.now() - started, 0) / 1_000_000,
        problems=(*problems, *describe_undo(undoes, conflicts, fence.run)),
    )
    record.check_accounting()
    async with writer.transaction():
        await control.complete_undo(writer, fence, record, restored=created + updated + removed > 0)
        if not skipped and not conflicts:
            await writer.execute(_CHECKPOINT, undoes, fence.feed, undoes, fence.feed, fence.run)


_CHECKPOINT: Final = (
    "UPDATE main.inventory_feeds SET checkpoint = (SELECT checkpoint_before FROM main.data_imports WHERE id = ?) WHERE id = ?"
    " AND ? = (SELECT max(id) FROM main.data_imports WHERE feed_id = ? AND status = 'complete' AND id <> ?)"
)
"""Give back what the undone run had found, where the items are again what they were then: of the feed's newest complete run."""


def describe_undo(undoes: int, conflicts: int, run: int = 0) -> tuple[Problem, ...]:
    """Return what a person should know of an undo; `run` is 0 for one that is only planned."""
    where = f"; `feedmill rejects {run}` lists them" if run else ""
    told = f"{conflicts} fields or items that run {undoes} wrote were written again since, and are left as they are{where}"
    what = f"this run undoes run {undoes}" if run else f"this is what undoing run {undoes} would come to"
    return (Problem("undo", what), *((Problem("conflicts", told),) if conflicts else ()))


def add(total: Counts, verdict: Verdict) -> Counts:
    """Return the figures of an undo with those of one more chunk."""
    return total + Counts(
        created=len(verdict.revivals),
        updated=len(verdict.restorations),
        unchanged=verdict.unchanged,
        removed=len(verdict.deletions),
        skipped=verdict.left,
    )
