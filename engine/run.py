"""The record of a run: what was counted, and the identity that ties the figures together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import Enum
from typing import Final

from engine.batch import JsonValue, Reject
from engine.errors import InternalError
from engine.figures import Figures

_HOLDING: Final = ("held", "review")
"""The codes of the problems that say why a run is held: what the guard found, and that its feed has every run reviewed."""


class RunStatus(Enum):
    """Where a run stands, in the words of the API."""

    PENDING = "pending"
    STARTED = "started"
    HELD = "held"
    COMPLETE = "complete"
    ERROR = "error"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a store did for a run, in items; `removed` counts items that were taken out of stock, missing or said to be gone.

    `skipped` counts items that were not written for the store's own reasons: new ones that `restrictInventoryImport` keeps out or
    that the source says are gone, those that somebody wrote after the run had begun, and the `limited` ones, which are over the
    daily limit. A run's record counts them as its own.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    removed: int = 0
    skipped: int = 0
    limited: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How a stage of the pipeline spent a run, in seconds: at work, waiting for input, waiting for room downstream."""

    busy: float
    starved: float
    blocked: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know of a run. `code` is stable, `message` is for reading; the rest is where it was.

    `retry_after` is for how many seconds the source asked to be left alone.
    """

    code: str
    message: str
    record: int | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None
    retry_after: float | None = None

    @classmethod
    def of(cls, reject: Reject) -> Problem:
        """Return a rejected or skipped record as a problem; its code is the record's fate."""
        return cls(reject.fate, reject.reason, record=reject.record, line=reject.line, column=reject.column, value=reject.value)


def left_out(planned: Counts, done: Counts) -> tuple[Problem, ...]:
    """Return what a person should know of items that a run was to write and did not: those over the daily limit, and overtaken ones."""
    told = []
    if done.limited:
        what = f"{done.limited} items were left out: the daily limit of updated items is reached"
        told.append(Problem("daily-limit", f"{what}; the next run that may takes them, after midnight UTC"))
    if overtaken := done.skipped - done.limited - planned.skipped + planned.limited:
        told.append(
            Problem("overtaken", f"{overtaken} items were written by somebody else after the run had begun, and stay as they were written")
        )
    return tuple(told)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run. `read` counts records of the source, the others split it; `bytes` is what the source sent.

    `asked_at` is when the run first asked its source for anything, None when it never came to that. `figures` is what the guard
    judged, None where it did not come to that. Until a run is applied, `skipped` includes what the store is going to skip
    (`counts.skipped`); then it is one figure. `screened` of the unchanged records were known by their fingerprints and not parsed.
    """

    feed: str
    run: int
    status: RunStatus
    read: int = 0
    counts: Counts = field(default_factory=Counts)
    skipped: int = 0
    rejected: int = 0
    limited: int = 0
    screened: int = 0
    bytes: int = 0
    seconds: float = 0.0
    stages: Mapping[str, StageTimes] = field(default_factory=dict)
    dialect: Mapping[str, JsonValue] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    dry_run: bool = False
    asked_at: datetime | None = None
    figures: Figures | None = None

    def counted(self, counts: Counts) -> RunRecord:
        """Return the record with what the store really did; what that left out of its own accord is part of `skipped`, and of it alone."""
        skipped = self.skipped - self.counts.skipped + counts.skipped
        return replace(self, counts=replace(counts, skipped=0, limited=0), skipped=skipped, limited=counts.limited)

    def check_accounting(self) -> None:
        """Raise `InternalError` unless every record read is accounted for exactly once (API, section 6)."""
        counts = self.counts
        parts = {
            "created": counts.created,
            "updated": counts.updated,
            "unchanged": counts.unchanged,
            "duplicate": counts.duplicate,
            "skipped": self.skipped,
            "rejected": self.rejected,
        }
        if self.read != sum(parts.values()) or min(parts.values()) < 0:
            figures = " + ".join(f"{amount} {name}" for name, amount in parts.items())
            raise InternalError(
                f"run {self.run} of feed {self.feed!r} does not add up: {self.read} read, but {figures} = {sum(parts.values())}"
            )

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why the run was held, also when it has been decided since; nothing for one that never was."""
        return tuple(problem.message for problem in self.problems if problem.code in _HOLDING)

    @property
    def bottleneck(self) -> str | None:
        """Return the stage that was busy longest, None when no stage ran."""
        return max(self.stages, key=lambda name: self.stages[name].busy, default=None)
