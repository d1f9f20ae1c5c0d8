"""Runs and previews as lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING, Final

from engine.batch import clip
from engine.run import RunStatus
from feedmill.shapes import COUNTS, dump, shape_run

if TYPE_CHECKING:
    from engine.flow.preview import Preview, PreviewField, PreviewRecord
    from engine.run import Problem, RunRecord

_CELL: Final = 48
_MAPPED: Final = 160
"""Characters of a cell and of a mapped value that a table shows; `--json` shows all."""


def run_lines(record: RunRecord, to: str = "...") -> Iterator[str]:
    """Yield what a person wants to know of a run: outcome, figures, how it was read, problems; of a held one what to do next.

    `to` is where the items go, as the commands that decide take it.
    """
    title = "dry run" if record.dry_run else f"run {record.run}" if record.run else "run"
    yield f"{title} of {record.feed}: {'refused or failed' if record.status is RunStatus.ERROR else record.status.value}"
    shaped = shape_run(record)
    yield "  " + "  ".join(f"{name} {shaped[name]:,}" for name in COUNTS)
    yield f"  {record.bytes:,} bytes in {record.seconds:.2f} s" + (f", bottleneck {record.bottleneck}" if record.bottleneck else "")
    if record.dialect:
        yield f"  read as {describe_dialect(record.dialect)}"
    for problem in record.problems:
        yield f"  {describe_problem(problem)}"
    if record.status is RunStatus.HELD:
        yield f"  {_next_step(record, to)}"


def _next_step(record: RunRecord, to: str) -> str:
    """Say what a person does with a held run."""
    if record.dry_run:
        return "a real run would be held for a decision, and nothing applied before it is approved"
    run, where = record.run, f"--db {quote(to)}"
    look = f"nothing was applied; look with: feedmill diff {run} {where}"
    return f"{look}; then decide with: feedmill approve {run} {where}, or: feedmill reject {run} {where}"


def preview_lines(preview: Preview) -> Iterator[str]:
    """Yield how a source is read, then each record: every field from raw to mapped, and what is wrong with it."""
    for name, value in preview.dialect.items():
        yield f"{name}: {value if isinstance(value, str) else dump(value)}"
    for record in preview.records:
        yield from ("", f"record {record.record}, line {record.line}" + ("" if record.item is not None else ": no item"))
        yield from _field_lines(record)
    for problem in preview.problems:
        yield from ("", describe_problem(problem))


def _field_lines(record: PreviewRecord) -> Iterator[str]:
    rows = [_field_cells(field) for field in record.fields]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    shown = {field.source for field in record.fields}
    rest = {name: cell for name, cell in record.raw.items() if name not in shown and cell}
    if rest:
        yield "  not mapped: " + ", ".join(f"{name} {_cell(cell)}" if name else _cell(cell) for name, cell in rest.items())
    told = {field.problem.message for field in record.fields if field.problem is not None}
    yield from (f"  {describe_problem(problem)}" for problem in record.problems if problem.message not in told)


def _field_cells(field: PreviewField) -> tuple[str, str, str, str, str]:
    raw = "" if field.raw is None else _cell(field.raw) if isinstance(field.raw, str) else " | ".join(map(_cell, field.raw))
    mapped = describe_problem(field.problem) if field.problem is not None else clip(dump(field.value), _MAPPED)
    return (field.attribute, field.source or "", raw, "->", mapped)


def _cell(text: str) -> str:
    return repr(clip(text, _CELL))


def describe_dialect(dialect: object) -> str:
    """Return a dialect on one line, without its columns and reasons."""
    if not isinstance(dialect, dict):
        return str(dialect)
    return ", ".join(f"{name} {value!r}" for name, value in dialect.items() if not isinstance(value, dict | list | tuple))


def describe_problem(problem: Problem) -> str:
    """Return a problem on one line with its place."""
    places = {"record": problem.record, "line": problem.line, "column": problem.column, "value": problem.value}
    place = ", ".join(f"{name} {at!r}" if isinstance(at, str) else f"{name} {at}" for name, at in places.items() if at is not None)
    return f"{problem.code}: {problem.message}" + (f" ({place})" if place else "")
