"""Runs as the API shows them (`data-imports`): one row of the table each, whoever began it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from engine.errors import NotFound
from sinks.sqlite.service.listing import Column, Listed, ListQuery, Scope, select_page

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.web.endpoint import Schema

COUNTERS: Final = ("read", "created", "updated", "unchanged", "duplicate", "skipped", "rejected", "limited", "removed", "bytes")

_TOLD: Final = (
    "(SELECT json_group_array(json_extract(p.value, '$.message')) FROM json_each(r.problems) AS p"
    " WHERE json_extract(p.value, '$.code') IN ('held', 'review'))"
)
_SUPERSEDED: Final = (
    "(SELECT CAST(json_extract(p.value, '$.value') AS INTEGER) FROM json_each(r.problems) AS p"
    " WHERE json_extract(p.value, '$.code') = 'superseded' AND json_extract(p.value, '$.value') IS NOT NULL LIMIT 1)"
)
PLANNED: Final = ("created", "updated", "unchanged", "duplicate", "skipped", "limited", "removed")
_PLANNED: Final = (
    "CASE WHEN r.plan IS NOT NULL THEN json_set(json_extract(r.plan, '$.planned'), '$.skipped',"
    " json_extract(r.plan, '$.skipped') + json_extract(r.plan, '$.planned.skipped')) END"
)
"""What a plan would do. Those of its skipped that are no items are counted beside what the store is to skip."""


def _download(fate: str, name: str) -> Column:
    kept = f"SELECT 1 FROM main.data_import_rejects AS k WHERE k.run_id = r.id AND k.fate = '{fate}'"
    return Column(f"CASE WHEN EXISTS ({kept}) THEN '/api/data-imports/' || r.id || '/{name}.csv' END")


LISTED: Final = Listed(
    "main.data_imports AS r",
    {
        "id": Column("r.id", "integer"),
        "inventoryFeedId": Column("r.feed_id", "integer"),
        "status": Column("r.status"),
        "kind": Column("r.kind"),
        "undoes": Column("r.undoes", "integer"),
        "trigger": Column("json_extract(r.requested, '$.trigger')"),
        **{name: Column(f"r.{name}", "integer") for name in COUNTERS},
        "planned": Column(_PLANNED, "json"),
        "supersededBy": Column(_SUPERSEDED, "integer"),
        "seconds": Column("round(r.seconds, 3)", "number"),
        "messages": Column("r.problems", "json"),
        "guard": Column(_TOLD, "json"),
        "figures": Column("r.figures", "json"),
        "dialect": Column("r.dialect", "json"),
        "stages": Column("r.stages", "json"),
        "enqueuedAt": Column("r.enqueued_at", "time"),
        # A row that waits, or was cancelled before anybody began it, has not started, though its table wants a moment.
        "startedAt": Column("CASE WHEN r.epoch > 0 AND r.status <> 'pending' THEN r.started_at END", "time"),
        "finishedAt": Column("r.finished_at", "time"),
        "errorUri": _download("rejected", "rejects"),
        "skippedUri": _download("skipped", "skipped"),
        "createdAt": Column("coalesce(r.enqueued_at, r.started_at)", "time"),
        "updatedAt": Column("max(r.started_at, coalesce(r.decided_at, 0), coalesce(r.finished_at, 0))", "time"),
    },
    key="r.id",
)

_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_MAYBE_TIME: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
_MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_FIGURES: Final[Schema] = {"type": "object", "additionalProperties": {"type": "number"}}
_PLAN: Final[Schema] = {
    "type": "object",
    "description": "What applying the run would do: of one that is held or being applied, and of one that was held and not applied.",
    "properties": {name: {"type": "integer"} for name in PLANNED},
    "required": list(PLANNED),
}
_MESSAGE: Final[Schema] = {
    "type": "object",
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "record": {"type": "integer"},
        "line": {"type": "integer"},
        "column": {"type": "string"},
        "value": {"type": "string"},
    },
}

SCHEMA: Final[Schema] = {
    "type": "object",
    "title": "DataImport",
    "description": "A run. read = created + updated + unchanged + duplicate + skipped + rejected, once it has ended.",
    "properties": {
        "id": {"type": "integer"},
        "inventoryFeedId": {"type": "integer"},
        "status": {"enum": ["pending", "started", "held", "complete", "error", "skipped", "cancelled"]},
        "kind": {"enum": ["sync", "undo"]},
        "undoes": {"type": ["integer", "null"]},
        "trigger": {"enum": ["schedule", "call", None]},
        **{name: {"type": "integer"} for name in COUNTERS},
        "planned": {"anyOf": [_PLAN, {"type": "null"}]},
        "supersededBy": {"type": ["integer", "null"], "description": "The later run that took the place of one that was held."},
        "seconds": {"type": "number"},
        "messages": {"type": "array", "items": _MESSAGE},
        "guard": {"type": "array", "items": {"type": "string"}},
        "figures": {"anyOf": [_FIGURES, {"type": "null"}]},
        "dialect": {"type": "object"},
        "stages": {"type": "object", "additionalProperties": _FIGURES},
        **dict.fromkeys(("enqueuedAt", "startedAt", "finishedAt"), _MAYBE_TIME),
        "errorUri": _MAYBE_TEXT,
        "skippedUri": _MAYBE_TEXT,
        "createdAt": _TIME,
        "updatedAt": _TIME,
    },
    "additionalProperties": False,
}


def shape_row(row: Mapping[str, Any]) -> Mapping[str, object]:
    """Return a row as it is shown: names as the API writes them, seconds to the millisecond."""
    shown: dict[str, object] = dict(row)
    if figures := row.get("figures"):
        shown["figures"] = {_camel(name): value for name, value in figures.items()}
    if stages := row.get("stages"):
        shown["stages"] = {name: {part: round(spent, 3) for part, spent in times.items()} for name, times in stages.items()}
    return shown


async def read_run(service: Service, run: int) -> Mapping[str, object]:
    """Return a run. Raises `NotFound` when there is none."""
    async with service.store.reading() as reader:
        page = await select_page(reader, LISTED, ListQuery(limit=1), Scope("r.id = ?", (run,)))
    if not page.rows:
        raise NotFound(f"there is no run {run}")
    return shape_row(page.rows[0])


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))
