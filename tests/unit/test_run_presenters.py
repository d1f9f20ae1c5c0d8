"""What pages make of a run: its stages as bars, its messages by what can be done about them."""

from __future__ import annotations

import pytest

from feedmill.dashboard.presenters.changes import LONGEST, show_value
from feedmill.dashboard.presenters.run_problems import find_cause, show_notes
from feedmill.dashboard.presenters.stages import STAGES, find_bottleneck, show_stages
from feedmill.dashboard.rendering import NOTHING


def test_bars_are_as_long_as_their_stage_took() -> None:
    """The stage that took longest fills the width, another one its share of it; states follow each other without a gap."""
    stages = show_stages({"fetch": {"busy": 2.0, "starved": 0.0, "blocked": 2.0}, "map": {"busy": 1.0, "starved": 1.0, "blocked": 0.0}})
    assert [stage.name for stage in stages] == list(STAGES)
    fetch, decode, map_, *_ = stages
    assert [(bar.state, bar.start, bar.width) for bar in fetch.bars] == [("busy", 0, 50), ("starved", 50, 0), ("blocked", 50, 50)]
    assert [(bar.start, bar.width) for bar in map_.bars] == [(0, 25), (25, 25), (50, 0)]
    assert {bar.width for bar in decode.bars} == {0}
    assert (map_.share("starved"), decode.share("busy")) == (50, 0)


def test_a_bottleneck_is_named_once_it_took_time() -> None:
    """It is the stage that was busy longest, not the one that waited longest; of a moment nothing is said."""
    assert find_bottleneck({"fetch": {"busy": 1.0, "starved": 9.0}, "map": {"busy": 2.0}}) == "map"
    assert find_bottleneck({"fetch": {"busy": 0.01}}) is None
    assert find_bottleneck({}) is None


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("ftp://host/x: the login was not accepted for this user", "login"),
        ("http://host/x: answered 401 Unauthorized; check user and password", "login"),
        ("http://host/x: answered 404 Not Found: nothing is there; check the path with the supplier", "address"),
        ("http://host/x is an HTML page (a login or error page?), not csv: check the address, the credentials", "page"),
        ("no valid record among 30 read (30 rejected, 0 skipped): nothing was applied", "records"),
        ("http://host/x: the body ended after 10 of 20 bytes: nothing was applied; try again later", "broken"),
        ("http://host/x: sent nothing for 60 s: nothing was applied; try again later", "silent"),
        ("http://host/x: does not take connections; check host and port, or try again later", "silent"),
        ("sftp://host/x: the server shows the host key SHA256:abc, which is not known", "hostkey"),
        ("something nobody has foreseen", None),
    ],
)
def test_a_failure_is_known_by_what_it_speaks_of(message: str, cause: str | None) -> None:
    """Words of the engine's and the connectors' messages lead to the cure; the first cause that fits counts."""
    assert find_cause(message) == cause


def test_samples_and_what_is_said_on_top_are_no_notes() -> None:
    """Rejected records are shown by reason; the words of who rejected a held run stay. What failed comes first."""
    sample = {"code": "rejected", "message": "is blank", "record": 7}
    decided = {"code": "rejected", "message": "held, and rejected: no"}
    failed = {"code": "refused", "message": "no valid record"}
    held = {"code": "held", "message": "half of it is missing"}
    assert [note.text for note in show_notes([sample, {"code": "source", "message": "page 2"}, failed], "error")] == [
        "no valid record",
        "page 2",
    ]
    assert [note.text for note in show_notes([decided, held, sample], "cancelled")] == ["half of it is missing", "held, and rejected: no"]
    assert show_notes([held, sample], "held") == []


def test_values_are_short_texts() -> None:
    """Nothing is a dash, a list is JSON, a number has thousands, and a long text is cut."""
    assert [show_value(value) for value in (None, "", [], 12_345, True, ["a"])] == [NOTHING] * 3 + ["12\u202f345", "true", '["a"]']
    assert len(show_value("x" * 1_000)) == LONGEST
