"""What listeners are told of a run. Data only; the engine says when, `plugins` carries it to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from engine.run import RunRecord


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run has begun. `run` is its number in the store, 0 where runs are not stored; `source` is masked, fit to be shown."""

    feed: str
    run: int
    source: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run has ended, well or not; what it did is final and stored. A held one waits, for the `reasons` its record gives."""

    record: RunRecord


RunEvent: TypeAlias = RunStarted | RunFinished
