"""What `feedmill bench` found, as tables for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from feedmill.commands.tuning.advice import advise
from feedmill.commands.tuning.trial import AGAIN, DRY, LOAD, MEBIBYTE, Outcome, Trial

_HEAD: Final = ("run", "lane", "buffers", "rows/s", "MB/s", "peak RSS", "bottleneck")
_STATES: Final = ("busy", "starved", "blocked")


def bench_lines(outcomes: Mapping[Trial, Outcome]) -> Iterator[str]:
    """Yield a line for every way, how the stages spent their time in three of them, the bottleneck, and one suggestion."""
    base = next(iter(outcomes.values()))
    yield f"{base.read:,} records, {base.bytes:,} bytes"
    yield from _align([_HEAD, *(_cells(trial, outcome) for trial, outcome in outcomes.items())])
    yield ""
    if base.measured:
        yield from _align(list(_stage_rows(outcomes)))
        yield ""
    yield from dict.fromkeys(problem for outcome in outcomes.values() if not outcome.measured for problem in outcome.problems)
    yield f"bottleneck: {_bottleneck(base) or 'none'}"
    yield advise(outcomes)


def shape_bench(outcomes: Mapping[Trial, Outcome]) -> dict[str, object]:
    """Return all that was found as one object."""
    base = next(iter(outcomes.values()))
    return {
        "runs": [_shape(trial, outcome) for trial, outcome in outcomes.items()],
        "bottleneck": _bottleneck(base),
        "suggestion": advise(outcomes),
    }


def _shape(trial: Trial, outcome: Outcome) -> dict[str, object]:
    return {
        "kind": trial.kind,
        "lane": trial.lane,
        "maxBufferedBytes": trial.buffered_bytes,
        "status": outcome.status,
        "read": outcome.read,
        "bytes": outcome.bytes,
        "seconds": round(outcome.seconds, 3),
        "rowsPerSecond": round(outcome.rows_per_second),
        "megabytesPerSecond": round(outcome.megabytes_per_second, 3),
        "peakRss": outcome.peak_rss,
        "bottleneck": _bottleneck(outcome),
        "stages": {name: {state: round(times[state], 3) for state in _STATES} for name, times in outcome.stages.items()},
        "problems": list(outcome.problems),
    }


def _bottleneck(outcome: Outcome) -> str | None:
    return outcome.bottleneck if outcome.measured else None


def _cells(trial: Trial, outcome: Outcome) -> tuple[str, ...]:
    rates = (f"{outcome.rows_per_second:,.0f}", f"{outcome.megabytes_per_second:.1f}") if outcome.measured else (outcome.status, "")
    memory = f"{outcome.peak_rss / 1e6:.0f} MB"
    return (trial.kind, trial.lane, f"{trial.buffered_bytes // MEBIBYTE} MiB", *rates, memory, _bottleneck(outcome) or "")


def _stage_rows(outcomes: Mapping[Trial, Outcome]) -> Iterator[tuple[str, ...]]:
    """Yield the seconds of each stage in the first run of each kind; the other ways are in the JSON."""
    firsts = {kind: next((each for trial, each in outcomes.items() if trial.kind == kind), None) for kind in (DRY, LOAD, AGAIN)}
    shown = {kind: outcome for kind, outcome in firsts.items() if outcome is not None}
    yield ("stage", *(f"{kind}: busy, starved, blocked" for kind in shown))
    for name in next(iter(shown.values())).stages:
        yield (name, *(" ".join(f"{outcome.stages[name][state]:.2f} s" for state in _STATES) for outcome in shown.values()))


def _align(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
