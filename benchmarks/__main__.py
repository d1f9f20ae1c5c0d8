"""`python -m benchmarks`: measure, print the page, say whether the promises were kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.catalogue import write_catalogue
from benchmarks.machine import describe_machine
from benchmarks.measure import SubjectFailed
from benchmarks.parts import PARTS, measure_part
from benchmarks.peers import find_command
from benchmarks.report import Results, check_promises, write_report
from benchmarks.server import serve
from benchmarks.whole import Whole, measure_whole

_SMOKE_ROWS, _SMOKE_PAIRS = 5_000, 1


def say(text: str) -> None:
    """Show progress on stderr; stdout is for the page."""
    sys.stderr.write(f"{text}\n")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Feedmill's speed and memory.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="items in the catalogue, a multiple of 1,000 (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=3, help="how often everything is measured (default: %(default)s)")
    parser.add_argument("--only", choices=[*PARTS, "sync"], help="measure this alone")
    parser.add_argument("--smoke", action="store_true", help=f"{_SMOKE_ROWS:,} rows once: does everything run?")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there too")
    chosen = parser.parse_args(arguments)
    if chosen.smoke:
        chosen.rows, chosen.pairs = _SMOKE_ROWS, _SMOKE_PAIRS
    if chosen.rows < 1_000 or chosen.rows % 1_000 or chosen.pairs < 1:
        parser.error("--rows must be a multiple of 1,000 and --pairs at least 1")
    return chosen


def measure_all(chosen: argparse.Namespace, directory: Path) -> Results:
    """Measure what was chosen, with every file in `directory`."""
    file = write_catalogue(directory, chosen.rows)
    say(f"{file.rows:,} rows, {file.size / 1e6:,.0f} MB")
    whole: Whole | None = None
    if chosen.only in (None, "sync"):
        if find_command() is None:
            say("WARNING: the sqlite3 command line is not installed (Debian and Ubuntu: apt install sqlite3): NOTHING IS COMPARED")
        with serve(directory) as url:
            whole = measure_whole(directory, file, chosen.pairs, url, say)
    parts = {name: measure_part(name, file, directory, chosen.pairs, say) for name in PARTS if chosen.only in (None, name)}
    return Results(file.rows, file.size, chosen.pairs, describe_machine(), parts, whole)


def main(arguments: list[str]) -> int:
    """Run the benchmarks. The code is 1 when a subject failed or a promise was not kept."""
    chosen = parse_arguments(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
            results = measure_all(chosen, Path(directory))
    except SubjectFailed as error:
        say(str(error))
        return 1
    page = write_report(results)
    sys.stdout.write(page)
    if chosen.write is not None:
        chosen.write.write_text(page, encoding="utf-8")
    return 0 if all(promise.kept for promise in check_promises(results)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
