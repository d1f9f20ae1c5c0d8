"""The designs of the screen that are measured side by side: all read the same bytes, and none takes what changed for known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.generator import Kind
from benchmarks.measure import SubjectFailed
from benchmarks.screen import APART, KINDS, RECORDS, RUNS, know_as_runs, know_blocks, know_records
from benchmarks.screening.compare import Screened, _check
from benchmarks.screening.editions import EDITS, LITTLE, MOVED, NOTHING, SHUFFLED, frame_of, write_editions

ROWS = 9_000


@pytest.mark.parametrize("kind", KINDS)
def test_moved_records_are_the_same_records(kind: Kind, tmp_path: Path) -> None:
    """Every edit has its file; one that moves records has all of them, in another order, within the same frame."""
    before, behind = frame_of(kind)
    with write_editions(tmp_path, kind, 1_000) as editions:
        assert [*editions] == [*EDITS]
        lines = {edit: editions[edit].path.read_bytes().splitlines() for edit in (NOTHING, MOVED, SHUFFLED)}
        first = lines.pop(NOTHING)
        for moved in lines.values():
            assert moved != first
            assert sorted(moved) == sorted(first)
            assert (moved[:before], moved[len(moved) - behind :]) == (first[:before], first[len(first) - behind :])
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_design_takes_what_changed_for_known(kind: Kind, tmp_path: Path) -> None:
    """Looking at every record finds exactly the changed ones; runs know no more, and the same ones with blocks as without."""
    with write_editions(tmp_path, kind, ROWS) as editions:
        first, (path, changed) = editions[NOTHING].path, (editions[LITTLE].path, editions[LITTLE].changed)
        records, by_blocks = know_records(first), know_blocks(first)
        assert records(path).known == ROWS - changed + sum(frame_of(kind))
        assert by_blocks(first).left == 0
        assert records(path).left < by_blocks(path).left < path.stat().st_size
        runs = know_as_runs(first, kind)
        assert 0 < (known := runs[RUNS](path).known or 0) <= ROWS - changed
        assert known == runs[APART](path).known
        assert records(path).left < runs[RUNS](path).left < path.stat().st_size


@pytest.mark.parametrize(
    ("design", "known", "fails"), [(RECORDS, 99_001, False), (RECORDS, 99_002, True), (RUNS, 0, True), (RUNS, 99_001, True)]
)
def test_a_design_that_errs_is_no_result(design: str, known: int, fails: bool) -> None:
    """Of 100,000 records of which 1,000 changed a run may know 99,000, and has to know some."""
    case = Screened("CSV", LITTLE, 1)
    if fails:
        with pytest.raises(SubjectFailed, match="were known"):
            _check("csv", case, design, known, 100_000, 1_000)
    else:
        _check("csv", case, design, known, 100_000, 1_000)
