"""A page of which one subject was measured again: its sections are new, and the others stay as they were."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import parse_arguments
from benchmarks.growth import CHANGED, FIRST, Growth
from benchmarks.measure import Measurement
from benchmarks.page import put_in
from benchmarks.peers.compare import Comparison
from benchmarks.report import Results, check_promises, write_report

OLD = (
    "# Benchmarks\n\nold opening\n\n## One\n\n1 at commit a\n\n## Two\n\n2 at commit a\n\n### Part\n\nof two\n\n## Three\n\n3 at commit a\n"
)
TITLES = ("Zero", "One", "Two", "New", "Other", "Three")


def grown(rows: int) -> Growth:
    """Return what was measured of a growth in which nothing grows."""
    sizes = (rows // 100, rows // 10, rows, rows * 10)
    runs = {(step, size): Measurement(size, size / 1e6, 1.0, 1.0, 100_000_000) for step in (FIRST, CHANGED) for size in sizes}
    return Growth(sizes, runs, {FIRST: (1.0,), CHANGED: (1.0,)})


def test_a_section_is_replaced_where_it_stands() -> None:
    """The sections before and behind it keep every byte, and its own parts go with it."""
    page = put_in(OLD, "# Benchmarks\n\nopening\n\n## Two\n\n2 at commit b\n", TITLES)
    assert page == OLD.replace("old opening", "opening").replace("2 at commit a\n\n### Part\n\nof two", "2 at commit b")


def test_a_new_section_goes_behind_the_one_that_it_follows() -> None:
    """What the page does not have yet gets the place that the order gives it, measured alone or not; nothing is lost."""
    page = put_in(OLD, "# Benchmarks\n\nopening\n\n## New\n\nnew at commit b\n", TITLES)
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## One", "## Two", "## New", "## Three"]
    assert page.replace("## New\n\nnew at commit b\n\n", "") == OLD.replace("old opening", "opening")
    assert put_in("", "# Benchmarks\n\n## New\n\nx\n", TITLES) == "# Benchmarks\n\n## New\n\nx\n"


def test_every_section_says_what_it_was_measured_on() -> None:
    """A section that is put into an older page tells its own machine, commit, pairs and command."""
    results = Results(1_000, 3, "a machine, commit abc", growth=grown(1_000), peers=Comparison(1_000, 1_000, [], []))
    page = write_report(results, {})
    assert page.count("Measured in 3 pairs on a machine, commit abc") == page.count("\n## ") == 2
    assert "--only growth`" in page
    assert "--only peers`" in page


def test_little_runs_promise_nothing() -> None:
    """Below a million rows starting Python is most of the work, so nothing is judged."""
    assert check_promises(Results(100_000, 3, "", growth=grown(100_000))) == []
    assert [promise.kept for promise in check_promises(Results(1_000_000, 3, "", growth=grown(1_000_000)))] == [True] * 6


def test_a_section_is_never_written_in_part(capsys: pytest.CaptureFixture[str]) -> None:
    """One stage alone would take the others out of the page."""
    with pytest.raises(SystemExit):
        parse_arguments(["--only", "map", "--write", "page.md"])
    assert "--only stages" in capsys.readouterr().err
