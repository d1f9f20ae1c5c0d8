"""Histories, diffs and undos in the shapes that `--json` and `--csv` print, and as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from feedmill.shapes import dump, shape_run
from feedmill.tables import run_lines
from sinks.sqlite.history.effects import SHOWN
from sinks.sqlite.history.kinds import KINDS

if TYPE_CHECKING:
    from sinks.sqlite.history.diff import RunDiff
    from sinks.sqlite.history.foreseeing import Foreseen
    from sinks.sqlite.history.judging import Conflict
    from sinks.sqlite.history.kinds import FieldChange, ItemChange, Kind
    from sinks.sqlite.history.log import HistoryEntry, ItemHistory
    from sinks.sqlite.history.undo import UndoOutcome

CHANGE_COLUMNS: Final = ("externalId", "vendorSku", "name", "kind", "field", "before", "after")
"""The columns of a diff as CSV: one line a field."""

_PRINTED: Final = 20
"""Conflicts that are printed for people; `--json` has all."""


def shape_history(history: ItemHistory) -> dict[str, object]:
    """Return the history of an item."""
    return {
        "feed": history.feed,
        "id": history.item,
        "externalId": history.external_id,
        "exists": history.exists,
        "entries": [shape_entry(entry) for entry in history.entries],
    }


def shape_entry(entry: HistoryEntry) -> dict[str, object]:
    """Return what one run or call did to an item."""
    by = {"at": entry.at, "run": entry.run, "call": entry.call, "action": entry.action, "known": entry.known}
    return {**by, "fields": _shape_fields(entry.fields)}


def _shape_fields(fields: Iterable[FieldChange]) -> list[dict[str, object]]:
    return [{"field": each.field, "before": each.before, "after": each.after} for each in fields]


def shape_diff(diff: RunDiff) -> dict[str, object]:
    """Return what a run did or would do: counts by kind, known items by field, samples by kind; of a held one, the stock's moves."""
    whole = {"feed": diff.feed, "run": diff.run, "held": diff.held, **_shape_kinds(diff.counts, diff.fields, diff.samples)}
    return whole if diff.stock is None else {**whole, "stock": {"total": diff.total, **asdict(diff.stock)}}


def _shape_kinds(
    counts: Mapping[Kind, int], fields: Mapping[str, int], samples: Mapping[Kind, tuple[ItemChange, ...]]
) -> dict[str, object]:
    told = {kind: [_shape_change(change) for change in samples[kind]] for kind in KINDS}
    return {"counts": {kind: counts[kind] for kind in KINDS}, "fields": dict(fields), "samples": told}


def _shape_change(change: ItemChange) -> dict[str, object]:
    item = {"id": change.item, "externalId": change.external_id, "vendorSku": change.vendor_sku, "name": change.name}
    return {**item, "stock": change.stock, "fields": _shape_fields(change.fields)}


def change_rows(change: ItemChange) -> Iterator[tuple[str, ...]]:
    """Yield the lines of a changed item as CSV, see `CHANGE_COLUMNS`: one a field, and one without a field where there is none."""
    head = (change.external_id, change.vendor_sku or "", change.name or "", change.kind)
    for each in change.fields:
        yield (*head, each.field, _cell(each.before), _cell(each.after))
    if not change.fields:
        yield (*head, "", "", "")


def _cell(value: object) -> str:
    return "" if value is None else str(value) if isinstance(value, str | Decimal) else dump(value)


def shape_undo(outcome: UndoOutcome, run: int) -> dict[str, object]:
    """Return the record of an undo, the run that it undoes, and the conflicts."""
    return {**shape_run(outcome.record), "undoes": run, "conflicts": [_shape_conflict(each) for each in outcome.conflicts]}


def _shape_conflict(conflict: Conflict) -> dict[str, object]:
    who = {"run": conflict.run, "call": conflict.call}
    item = {"id": conflict.item, "externalId": conflict.external_id, "did": conflict.did, "field": conflict.name}
    if conflict.column is None:
        return {**item, "left": None, "now": conflict.now, **who}
    attribute = SHOWN[conflict.column]
    return {**item, "left": attribute.to_json(conflict.left), "now": attribute.to_json(conflict.now), **who}


def shape_foreseen(foreseen: Foreseen) -> dict[str, object]:
    """Return what an undo would come to: its figures, the first conflicts, and what would become of the items."""
    counts, conflicts = foreseen.counts, [_shape_conflict(each) for each in foreseen.conflicts]
    items = {"updated": counts.updated, "created": counts.created, "removed": counts.removed, "skipped": counts.skipped}
    told = {"conflictCount": foreseen.met, "conflicts": conflicts}
    changes = foreseen.changes
    stock = {"total": foreseen.total, **asdict(changes.stock)}
    shaped = {**_shape_kinds(changes.counts, changes.fields, changes.samples), "stock": stock}
    return {"undoes": foreseen.run, **items, **told, "changes": shaped}


def undo_lines(outcome: UndoOutcome) -> Iterator[str]:
    """Yield what a person wants to know of an undo."""
    yield from run_lines(outcome.record)
    counts = outcome.record.counts
    yield f"  {counts.updated:,} items restored, {counts.created:,} brought back, {counts.removed:,} that the run had created deleted"
    for conflict in outcome.conflicts[:_PRINTED]:
        field = "" if conflict.name is None else f"{conflict.name} of "
        yield f"  left alone: {field}{conflict.reason}"
    if len(outcome.conflicts) > _PRINTED:
        yield f"  and {len(outcome.conflicts) - _PRINTED:,} more; --json lists them"


def history_lines(history: ItemHistory) -> Iterator[str]:
    """Yield the history of an item, newest first."""
    yield f"item {history.external_id!r} of {history.feed}, #{history.item}" + ("" if history.exists else ", deleted")
    for entry in history.entries:
        who = f"run {entry.run}" if entry.run is not None else entry.call or "somebody"
        yield f"{entry.at:%Y-%m-%d %H:%M:%S} UTC  {entry.action} by {who}" + ("" if entry.known else ", with values no longer known")
        yield from (f"  {line}" for line in _field_lines(entry.fields, entry.action))


def diff_lines(diff: RunDiff) -> Iterator[str]:
    """Yield what a run did or would do: figures, then the samples of each kind."""
    yield f"run {diff.run} of {diff.feed}, " + ("held: what it would do" if diff.held else "complete: what it did")
    yield "  " + "  ".join(f"{kind} {diff.counts[kind]:,}" for kind in KINDS)
    if diff.fields:
        yield "  by field: " + "  ".join(f"{field} {count:,}" for field, count in sorted(diff.fields.items(), key=lambda each: -each[1]))
    for kind in KINDS:
        samples = diff.samples[kind]
        if samples:
            yield f"{kind}, {len(samples)} of {diff.counts[kind]:,}, most stock first"
        for change in samples:
            yield f"  {change.external_id!r}" + (f" {change.name}" if change.name else "") + f", stock {change.stock:g}"
            yield from (f"    {line}" for line in _field_lines(change.fields, kind))


def _field_lines(fields: Iterable[FieldChange], action: str) -> Iterator[str]:
    for each in fields:
        before, after = dump(each.before), dump(each.after)
        yield f"{each.field} {after if action == 'created' else before if action == 'deleted' else f'{before} -> {after}'}"
