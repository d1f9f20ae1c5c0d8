"""The stages of a run's pipeline as bars: what part of the time each was at work, without input, and without room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STAGES: Final = ("fetch", "decode", "map", "stage", "apply")
STATES: Final = ("busy", "starved", "blocked")

_LEAST_SECONDS: Final = 0.05
"""A run that was shorter has no bottleneck worth a word."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a stage's bar, in hundredths of its width."""

    state: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its seconds by state, and its bar, as long as its share of the stage that took longest."""

    name: str
    seconds: Mapping[str, float]
    bars: tuple[Bar, ...]

    def share(self, state: str) -> float:
        """Return the hundredths of its own time that a stage was in a state."""
        whole = sum(self.seconds.values())
        return 100 * self.seconds[state] / whole if whole else 0.0


def show_stages(told: Mapping[str, Mapping[str, float]]) -> list[Stage]:
    """Return the stages in the order of the pipeline, those too of which nothing is told yet."""
    times = {name: {state: told.get(name, {}).get(state, 0.0) for state in STATES} for name in STAGES}
    longest = max(sum(spent.values()) for spent in times.values())
    return [Stage(name, spent, _bars(spent, longest)) for name, spent in times.items()]


def find_bottleneck(told: Mapping[str, Mapping[str, float]]) -> str | None:
    """Return the stage that was busy longest, None where nothing took any time."""
    busy = {name: times.get("busy", 0.0) for name, times in told.items() if name in STAGES}
    longest = max(busy, key=lambda name: busy[name], default=None)
    return longest if longest is not None and busy[longest] >= _LEAST_SECONDS else None


def _bars(spent: Mapping[str, float], longest: float) -> tuple[Bar, ...]:
    bars: list[Bar] = []
    start = 0.0
    for state in STATES:
        width = 100 * spent[state] / longest if longest else 0.0
        bars.append(Bar(state, round(start, 2), round(width, 2)))
        start += width
    return tuple(bars)
