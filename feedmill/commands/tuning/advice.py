"""What holds a feed up, and the one thing to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from feedmill.commands.tuning.trial import AGAIN, DRY, LOAD, MEBIBYTE, Outcome, Trial

_TOO_SHORT: Final = 0.5
_WORTH: Final = 1.1
"""How many times as fast a way must be before it is worth a word: two runs of one kind differ by some per cent."""

_TUNED: Final[Mapping[str, str]] = {
    "map": "parsing and the field rules limit it: map only the columns that the shop needs, and leave out rules that change nothing",
    "stage": "the database limits it: keep it on a local disk, and give it to no other run at the same time",
    "apply": "writing the changes limits it: keep the database on a local disk, and give it to no other run at the same time",
}


def advise(outcomes: Mapping[Trial, Outcome]) -> str:
    """Return a sentence that says what to do. The first trial is the way in which `sync` runs."""
    usual, base = next(iter(outcomes.items()))
    if not base.measured:
        return "Nothing was measured: " + (base.problems[0] if base.problems else f"the run ended as {base.status}") + "."
    if base.seconds < _TOO_SHORT:
        return f"A run takes {base.seconds:.2f} s, most of it for starting: there is nothing to tune."
    faster = _fastest(usual, base, outcomes)
    if faster is not None:
        trial, times = faster
        return f"With {describe(trial, usual)} a run is {times - 1:.0%} faster than with {describe(usual)}."
    return _of_stage(base, outcomes)


def describe(trial: Trial, usual: Trial | None = None) -> str:
    """Return a way of running in words; beside the usual one only in what it differs."""
    lane = f"the mapper in lane {trial.lane}"
    buffers = f"{trial.buffered_bytes // MEBIBYTE} MiB of buffers"
    if usual is None or (trial.lane != usual.lane and trial.buffered_bytes != usual.buffered_bytes):
        return f"{lane} and {buffers}"
    return lane if trial.lane != usual.lane else buffers


def _fastest(usual: Trial, base: Outcome, outcomes: Mapping[Trial, Outcome]) -> tuple[Trial, float] | None:
    others = {trial: outcome for trial, outcome in outcomes.items() if trial.kind == DRY and trial != usual and outcome.measured}
    if not others:
        return None
    best = max(others, key=lambda trial: others[trial].rows_per_second)
    times = others[best].rows_per_second / base.rows_per_second if base.rows_per_second else 0.0
    return (best, times) if times >= _WORTH else None


def _of_stage(base: Outcome, outcomes: Mapping[Trial, Outcome]) -> str:
    # A dry run applies nothing, so where the throw-away database was filled it is the load that tells of the sink.
    load = next((outcome for trial, outcome in outcomes.items() if trial.kind in (LOAD, AGAIN) and outcome.measured), base)
    for outcome in (base, load):
        stage = outcome.bottleneck
        if stage == "fetch":
            wish = "for one with the changes alone" if outcome.compression else "for a compressed file, or for one with the changes alone"
            return f"The source limits it, which sent {outcome.megabytes_per_second:.1f} MB/s: ask the supplier {wish}."
        if stage == "decode":
            return f"Unpacking ({outcome.compression}) limits it: ask the supplier for gzip or zstd, which unpack fastest."
    which = "A run" if base.bottleneck == load.bottleneck else "A first load"
    told = _TUNED.get(load.bottleneck or "", f"stage {load.bottleneck} limits it")
    return f"{which}: {told}."
