"""The whole of the benchmarks on a few rows; apart from the suite (`make bench-smoke`), for it takes both cores for two minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.parts import PARTS
from benchmarks.peers.command_line import find_command
from benchmarks.peers.subjects import FEEDMILL, FIRST, STEPS, find_peers
from benchmarks.startup import AGAIN, IMPORTS, UNCHANGED, VERSION
from benchmarks.startup import FIRST as FIRST_SYNC
from tests.integration.test_benchmarks_smoke import run

FORMATS = {"XML": "bare lxml.iterparse", "JSON": "bare ijson"}


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
    assert len(found["Whole syncs"]) == 1 + 5 + (find_command() is not None)
    assert ("equal tables" if find_command() else "nothing was compared") in done.stdout
    streamed = [row[0].partition(",")[0] for row in found["Transports"] if row[-1].endswith(" MB")]
    assert streamed == ["file", "http", "http", "https", "rest", "ftp", "ftps", "sftp"]
    assert "5,000 rows loading" in done.stdout
    assert len(found["The schedule"]) > 1
    assert [row[0] for row in found["Starting"] if row[-1].endswith(" MB")] == [VERSION, FIRST_SYNC, AGAIN, UNCHANGED, IMPORTS]
    assert [row[1] for row in found["As work grows"][1:]] == ["500", "5,000", "50,000"] * 2
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
