"""The whole of the benchmarks on a few rows; apart from the suite (`make bench-smoke`), for it takes both cores for two minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.parts import PARTS
from benchmarks.peers.subjects import FEEDMILL, FIRST, STEPS, find_peers
from benchmarks.report import ORDER
from benchmarks.screening.compare import OTHER_SIZES, TITLES
from benchmarks.screening.editions import EDITS
from benchmarks.startup import AGAIN, IMPORTS, UNCHANGED, VERSION
from benchmarks.startup import FIRST as FIRST_SYNC
from benchmarks.whole import AGAIN as NOTHING_NEW
from benchmarks.whole import CHANGED, UNLOGGED
from benchmarks.whole import FIRST as FIRST_LOAD
from tests.integration.test_benchmarks_smoke import run

FORMATS = {"XML": "bare lxml.iterparse", "JSON": "bare ijson", "JSON Lines": "bare ijson"}


def sections(page: str) -> dict[str, list[list[str]]]:
    """Return the cells of the rows of figures of every section of a page; what is promised is left out."""
    found: dict[str, list[list[str]]] = {}
    for section in page.split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and " ---" not in line]
        found[title] = [[cell.strip() for cell in row] for row in rows]
    return found


@pytest.mark.timeout(900)
def test_a_smoke_run_measures_everything(tmp_path: Path) -> None:
    """Every subject ends, counts what it must and has its row in the page; the page is written only where it was asked for."""
    page, plots = tmp_path / "page.md", tmp_path / "plots"
    done = run("--smoke", "--write", str(page), "--plots", str(plots))
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == done.stdout
    found = sections(done.stdout)
    assert [row[0] for row in found["Formats"][1:]] == [
        f"{title}: {what}" for title, bare in FORMATS.items() for what in (bare, "mapper alone", "whole sync", "again, 1 % changed")
    ]
    titles = [f"{part.title}, {label}".removesuffix(", ") for part in PARTS.values() for label, _ in part.cases]
    assert [row[0] for row in found["The stages alone"][1:]] == titles
    assert [row[0] for row in found["Whole syncs"][1:]] == [FIRST_LOAD, NOTHING_NEW, CHANGED, UNLOGGED]
    synced = [row[0].partition(",")[0] for row in found["Whole syncs by transport"][1:]]
    assert [*found] == [*ORDER]
    assert synced == ["file", "http", "http", "https", "rest", "ftp", "ftps", "sftp"]
    assert [tuple(row[:2]) for row in found["The screen"] if row[0] in TITLES.values()] == [
        (title, edit) for title in TITLES.values() for edit in EDITS
    ]
    assert [row[0] for row in found["The screen"][-6:]] == [f"{size:,}" for size in OTHER_SIZES for _ in range(2)]
    streamed = [row[0].partition(",")[0] for row in found["Transports"] if row[-1].endswith(" MB")]
    assert streamed == ["file", "http", "http", "https", "rest", "ftp", "ftps", "sftp"]
    assert "5,000 rows loading" in done.stdout
    assert all(f"### {title}" in done.stdout for title in ("Pushes", "Reading while a run loads", "The schedule"))
    assert [row[0] for row in found["Starting"] if row[-1].endswith(" MB")] == [VERSION, FIRST_SYNC, AGAIN, UNCHANGED, IMPORTS]
    assert [row[1] for row in found["As work grows"][1:]] == ["50", "500", "5,000", "50,000"] * 2
    check_peers(found["Beside other programs"][1:])
    assert sorted(file.name for file in plots.iterdir()) == ["memory.svg", "ratios.svg", "speed.svg"]
    assert all(f"](plots/{file.name})" in done.stdout and b"<svg" in file.read_bytes() for file in plots.iterdir())


def check_peers(rows: list[list[str]]) -> None:
    """Everyone who is installed did every run of the job, from a file and over HTTP, and each has its ratio."""
    peers, _ = find_peers(())
    assert {tuple(row[:3]) for row in rows} == {
        (step, way, name)
        for way in ("file", "HTTP")
        for step in STEPS
        for name in (FEEDMILL, *(peer.name for peer in peers if step in peer.steps))
    }
    assert all(("(" in row[-1]) is (row[2] != FEEDMILL) for row in rows)
    assert any(row[0] == FIRST and row[2] != FEEDMILL for row in rows)
