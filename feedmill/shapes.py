"""Runs, previews and rejects in the shapes that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from engine.batch import Reject
    from engine.figures import Figures
    from engine.flow.preview import Preview, PreviewField
    from engine.run import Problem, RunRecord, StageTimes
    from mappers.guessing.guess import Guess


COUNTS = ("read", "created", "updated", "unchanged", "duplicate", "skipped", "rejected", "removed")
"""The figures of a run, in the order in which they are shown."""

REJECT_COLUMNS = ("feed", "run", "document", "record", "line", "column", "value", "reason", "fate", "raw")
"""What is told of a rejected or skipped record, in order."""


def shape_run(record: RunRecord) -> dict[str, object]:
    """Return a run as one flat object. `run` is null where no run is stored, as in a dry run."""
    counts = record.counts
    return {
        "feed": record.feed,
        "run": record.run or None,
        "status": record.status.value,
        "read": record.read,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "duplicate": counts.duplicate,
        "skipped": record.skipped,
        "rejected": record.rejected,
        "limited": record.limited,
        "screened": record.screened,
        "removed": counts.removed,
        "bytes": record.bytes,
        "seconds": round(record.seconds, 3),
        "stages": {name: shape_times(times) for name, times in record.stages.items()},
        "dialect": dict(record.dialect),
        "figures": None if record.figures is None else shape_figures(record.figures),
        "guard": list(record.reasons),
        "problems": [shape_problem(problem) for problem in record.problems],
    }


def shape_figures(figures: Figures) -> dict[str, float]:
    """Return what the guard judged, by names as the API writes them."""
    return {_camel(name): value for name, value in asdict(figures).items()}


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))


def shape_times(times: StageTimes) -> dict[str, float]:
    """Return how a stage spent its time, in seconds."""
    return {"busy": round(times.busy, 3), "starved": round(times.starved, 3), "blocked": round(times.blocked, 3)}


def shape_problem(problem: Problem) -> dict[str, object]:
    """Return a problem with only the places it has."""
    place = {"record": problem.record, "line": problem.line, "column": problem.column, "value": problem.value}
    told = {**place, "retryAfter": problem.retry_after}
    return {"code": problem.code, "message": problem.message, **{name: at for name, at in told.items() if at is not None}}


def shape_reject(reject: Reject, *, feed: str, run: int) -> dict[str, object]:
    """Return a rejected or skipped record with its full address."""
    return {
        "feed": feed,
        "run": run,
        "document": reject.document,
        "record": reject.record,
        "line": reject.line,
        "column": reject.column,
        "value": reject.value,
        "reason": reject.reason,
        "fate": reject.fate,
        "raw": reject.raw,
    }


def shape_preview(preview: Preview) -> dict[str, object]:
    """Return a preview: dialect, records with raw, item, problems and fields, and the problems of the whole."""
    records = [
        {
            "record": record.record,
            "line": record.line,
            "raw": record.raw,
            "item": record.item,
            "problems": [shape_problem(problem) for problem in record.problems],
            "fields": [shape_field(field) for field in record.fields],
        }
        for record in preview.records
    ]
    return {"dialect": dict(preview.dialect), "records": records, "problems": [shape_problem(problem) for problem in preview.problems]}


def shape_field(field: PreviewField) -> dict[str, object]:
    """Return one column's way to one attribute; several raw values are a list."""
    raw = list(field.raw) if isinstance(field.raw, tuple) else field.raw
    shaped: dict[str, object] = {"attribute": field.attribute, "source": field.source, "raw": raw, "value": field.value}
    return shaped if field.problem is None else {**shaped, "problem": shape_problem(field.problem)}


def shape_guess(guess: Guess, *, name: str, source: str) -> dict[str, object]:
    """Return a guess; credentials of the source are the names of environment variables."""
    from feedmill.feedfile.draft import mask_source

    masked, variables = mask_source(name, source)
    return {
        "name": name,
        "source": masked,
        "variables": list(variables),
        **shape_choices(guess),
    }


def shape_choices(guess: Guess) -> dict[str, object]:
    """Return what a guess chose, and why."""
    return {
        "what": guess.what,
        "records": guess.records,
        "settings": [
            {"attribute": each.attribute, "value": each.value, "reason": each.reason, "sure": each.sure} for each in guess.settings
        ],
        "fields": [{"row": each.row, "reason": each.reason, "sure": each.sure, "alsoLookedAt": list(each.rivals)} for each in guess.fields],
        "notes": list(guess.notes),
    }


def shape_document(guess: Guess) -> dict[str, object]:
    """Return what a document has that is not chosen: every column with examples, and where records may stand."""
    return {
        "columns": [
            {
                "name": each.name,
                "label": each.label,
                "examples": list(each.examples),
                "filled": each.filled,
                "different": each.different,
            }
            for each in guess.columns
        ],
        "recordPaths": [{"path": each.path, "records": each.records} for each in guess.places],
    }


def dump(value: object) -> str:
    """Return JSON text; decimals stay exact numbers."""
    return dump_bytes(value).decode()


def dump_bytes(value: object) -> bytes:
    """Return JSON text in UTF-8; decimals stay exact numbers."""
    return orjson.dumps(value, default=_exact, option=orjson.OPT_UTC_Z)


def _exact(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(str(value))
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
