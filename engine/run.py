"""The record of a run: what was counted, and the identity that ties the figures together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from engine.batch import JsonValue, Reject
from engine.errors import InternalError


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
    """What a store did for a run, in items; `removed` counts items that were missing and taken out of stock.

    `skipped` counts new items that the feed's `restrictInventoryImport` keeps out; a run's record counts them as its `skipped`.
    """

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    removed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class StageTimes:
    """How a stage of the pipeline spent a run, in seconds: at work, waiting for input, waiting for room downstream."""

    busy: float
    starved: float
    blocked: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know of a run. `code` is stable, `message` is for reading; the rest is where it was."""

    code: str
    message: str
    record: int | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None

    @classmethod
    def of(cls, reject: Reject) -> Problem:
        """Return a rejected or skipped record as a problem; its code is the record's fate."""
        return cls(reject.fate, reject.reason, record=reject.record, line=reject.line, column=reject.column, value=reject.value)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished run. `read` counts records of the source, the others split it; `bytes` is what the source sent.

    `asked_at` is when the run first asked its source for anything, None when it never came to that.
    """

    feed: str
    run: int
    status: RunStatus
    read: int = 0
    counts: Counts = field(default_factory=Counts)
    skipped: int = 0
    rejected: int = 0
    limited: int = 0
    bytes: int = 0
    seconds: float = 0.0
    stages: Mapping[str, StageTimes] = field(default_factory=dict)
    dialect: Mapping[str, JsonValue] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    dry_run: bool = False
    asked_at: datetime | None = None

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
    def bottleneck(self) -> str | None:
        """Return the stage that was busy longest, None when no stage ran."""
        return max(self.stages, key=lambda name: self.stages[name].busy, default=None)
