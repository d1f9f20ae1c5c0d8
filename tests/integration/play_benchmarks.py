"""The whole of the benchmarks on a few rows; apart from the suite (`make bench-smoke`), for it takes both cores for half a minute."""

from __future__ import annotations

from pathlib import Path

from benchmarks.parts import PARTS
from benchmarks.peers.command_line import find_command
from benchmarks.startup import AGAIN, FIRST, IMPORTS, UNCHANGED, VERSION
from tests.integration.test_benchmarks_smoke import run

BARE = {"XML": ("bare lxml.iterparse",), "JSON": ("bare ijson",)}


def test_a_smoke_run_measures_everything(tmp_path: Path) -> None:
    """Every subject ends, counts what it must and has its row in the page; the page is written only where it was asked for."""
    page = tmp_path / "page.md"
    done = run("--smoke", "--write", str(page))
    assert done.returncode == 0, done.stderr
    assert page.read_text(encoding="utf-8") == done.stdout
    page_of_syncs, _, of_service = done.stdout.partition("## Pushes")
    assert [line for line in of_service.splitlines() if line.startswith("## ")] == ["## Reading while a run loads", "## The schedule"]
    assert "5,000 rows loading" in of_service
    rows = [line for line in page_of_syncs.splitlines() if line.startswith("| ") and " ---" not in line]
    measured = [row.split(" | ")[0].removeprefix("| ") for row in rows if "5,000" in row]
    assert measured[-6:] == [f"{title}: {what}" for title in ("XML", "JSON") for what in (*BARE[title], "mapper alone", "whole sync")]
    assert measured[:-6][-len(PARTS) :] == list(PARTS.values())
    assert len(measured) == 6 + len(PARTS) + 4 + (find_command() is not None)
    assert ("equal tables" if find_command() else "nothing was compared") in done.stdout
    streamed = page_of_syncs.partition("## Transports")[2].splitlines()
    titles = [line.split(" | ")[0].removeprefix("| ").partition(",")[0] for line in streamed if " MB/s |" not in line and " MB |" in line]
    assert titles == ["file", "http", "http", "https", "rest", "ftp", "ftps", "sftp"]
    started = page_of_syncs.partition("## Starting")[2].partition("\n## ")[0].splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in started if line.endswith(" MB |")] == [
        VERSION,
        FIRST,
        AGAIN,
        UNCHANGED,
        IMPORTS,
    ]
