"""What is promised of Feedmill, and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Promise:
    """A promise, what was found, and whether it was kept."""

    text: str
    found: str
    kept: bool


def write_promises(promises: Sequence[Promise]) -> Iterator[str]:
    """Yield the lines of their table, none where nothing was promised."""
    if promises:
        yield from ("", "| promised | measured | kept |", "| --- | --- | --- |")
    for promise in promises:
        yield f"| {promise.text} | {promise.found} | {'yes' if promise.kept else '**no**'} |"


def format_ratios(ratios: Sequence[float]) -> str:
    """Return the median of some ratios, and all of them."""
    return f"{_short(median(ratios))} ({', '.join(map(_short, ratios))})"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
