"""Runs and previews as lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.run import RunStatus
from feedmill.shapes import COUNTS, shape_run

if TYPE_CHECKING:
    from engine.run import Problem, RunRecord


def run_lines(record: RunRecord) -> Iterator[str]:
    """Yield what a person wants to know of a run: outcome, figures, how it was read, problems."""
    title = "dry run" if record.dry_run else f"run {record.run}" if record.run else "run"
    yield f"{title} of {record.feed}: {'refused or failed' if record.status is RunStatus.ERROR else record.status.value}"
    shaped = shape_run(record)
    yield "  " + "  ".join(f"{name} {shaped[name]:,}" for name in COUNTS)
    yield f"  {record.bytes:,} bytes in {record.seconds:.2f} s" + (f", bottleneck {record.bottleneck}" if record.bottleneck else "")
    if record.dialect:
        yield f"  read as {describe_dialect(record.dialect)}"
    for problem in record.problems:
        yield f"  {describe_problem(problem)}"


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
