"""What `feedmill bench` suggests."""

from __future__ import annotations

import pytest

from engine.flow.channel import MAX_BUFFERED_BYTES
from feedmill.commands.tuning.advice import advise
from feedmill.commands.tuning.bench import plan_trials
from feedmill.commands.tuning.trial import DRY, Outcome, Trial, known_lanes

USUAL, SMALL, LARGE, INLINE, LOADED, _ = TRIALS = plan_trials(("thread", "inline"))


def outcome(seconds: float = 2.0, busiest: str = "map", compression: str | None = None) -> Outcome:
    """Return a run of 100,000 records in which one stage was busy almost all the time."""
    stages = {name: {"busy": 0.1, "starved": 1.0, "blocked": 0.0} for name in ("fetch", "decode", "map", "stage", "apply")}
    stages[busiest] = {"busy": 1.9, "starved": 0.0, "blocked": 0.0}
    return Outcome("complete", 100_000, 20_000_000, seconds, stages, compression)


def test_the_usual_run_comes_first_and_every_lane_has_its_turn() -> None:
    """The first way is that of a sync; all others differ from it in one thing; each lane that the engine has is tried."""
    assert Trial(DRY, known_lanes()[0], MAX_BUFFERED_BYTES) == USUAL
    assert {trial.lane for trial in plan_trials(known_lanes())} == set(known_lanes()) >= {"thread", "inline"}
    for trial in TRIALS[1:]:
        same = (trial.kind == USUAL.kind, trial.lane == USUAL.lane, trial.buffered_bytes == USUAL.buffered_bytes)
        assert sum(same) == 2


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {USUAL: outcome(), LARGE: outcome(1.6)},
            "With 64 MiB of buffers a run is 25% faster than with the mapper in lane thread and 16 MiB",
        ),
        ({USUAL: outcome(), INLINE: outcome(1.0), LARGE: outcome(1.6)}, "With the mapper in lane inline a run is 100% faster"),
        ({USUAL: outcome(), SMALL: outcome(1.9), LOADED: outcome()}, "A run: parsing and the field rules limit it"),
        ({USUAL: outcome(), LOADED: outcome(busiest="stage")}, "A first load: the database limits it"),
        ({USUAL: outcome(busiest="fetch")}, "sent 10.0 MB/s: ask the supplier for a compressed file, or for one with the changes alone"),
        ({USUAL: outcome(busiest="fetch", compression="gzip")}, "ask the supplier for one with the changes alone"),
        ({USUAL: outcome(busiest="decode", compression="xz")}, "Unpacking (xz) limits it"),
        ({USUAL: outcome(0.2)}, "there is nothing to tune"),
        ({USUAL: Outcome("error", problems=["refused: no such file"])}, "Nothing was measured: refused: no such file."),
    ],
)
def test_one_thing_is_suggested(found: dict[Trial, Outcome], said: str) -> None:
    """A way that is a tenth faster comes before all else; then the bottleneck decides, of the load where the sink is slower."""
    assert said in advise(found)
    assert advise(found).count(".") - advise(found).count("10.0") - advise(found).count("0.20") == 1
