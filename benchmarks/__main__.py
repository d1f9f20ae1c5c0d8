"""`python -m benchmarks`: measure, print the page, say whether the promises were kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.catalogue import write_catalogue
from benchmarks.formats.compare import FORMATS_ONLY, compare_formats
from benchmarks.growth import GROWTH, measure_growth
from benchmarks.machine import describe_machine
from benchmarks.measure import SubjectFailed
from benchmarks.parts import PARTS, measure_part
from benchmarks.peers.command_line import find_command
from benchmarks.peers.compare import PEERS, compare_peers
from benchmarks.plots import draw_plots
from benchmarks.report import Results, check_promises, write_report
from benchmarks.server import serve
from benchmarks.service.whole import SERVICE, SMOKE, Extent, measure_service
from benchmarks.startup import STARTUP, TIMES, measure_startup
from benchmarks.transports.streams import TRANSPORTS, measure_streams
from benchmarks.whole import measure_whole

_SMOKE_ROWS, _SMOKE_PAIRS, _SMOKE_GIGABYTES = 5_000, 1, 0.01


def say(text: str) -> None:
    """Show progress on stderr; stdout is for the page."""
    sys.stderr.write(f"{text}\n")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Feedmill's speed and memory.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="items in the catalogue, a multiple of 1,000 (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=3, help="how often everything is measured (default: %(default)s)")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="what is streamed through each transport (default: %(default)s)")
    parser.add_argument(
        "--only", choices=[*PARTS, "sync", PEERS, GROWTH, STARTUP, FORMATS_ONLY, TRANSPORTS, SERVICE], help="measure this alone"
    )
    parser.add_argument("--smoke", action="store_true", help=f"{_SMOKE_ROWS:,} rows and a few megabytes, once: does everything run?")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there too")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="draw plots there and show them in the page, which lies beside it")
    chosen = parser.parse_args(arguments)
    if chosen.smoke:
        chosen.rows, chosen.pairs, chosen.gigabytes = _SMOKE_ROWS, _SMOKE_PAIRS, _SMOKE_GIGABYTES
    if chosen.rows < 1_000 or chosen.rows % 1_000 or chosen.pairs < 1:
        parser.error("--rows must be a multiple of 1,000 and --pairs at least 1")
    if chosen.gigabytes < _SMOKE_GIGABYTES:
        parser.error(f"--gigabytes must be at least {_SMOKE_GIGABYTES}")
    return chosen


def measure_all(chosen: argparse.Namespace) -> Results:
    """Measure what was chosen."""
    results = Results(chosen.pairs, describe_machine(), chosen.smoke)
    if chosen.only in (None, FORMATS_ONLY):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
            results.formats = compare_formats(Path(directory), chosen.rows, chosen.pairs, say)
    if chosen.only not in (PEERS, GROWTH, STARTUP, FORMATS_ONLY, TRANSPORTS, SERVICE):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
            measure_syncs(chosen, Path(directory), results)
    if chosen.only in (None, PEERS):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory, serve(Path(directory)) as url:
            results.peers = compare_peers(Path(directory), url, chosen.rows, chosen.pairs, say)
    if chosen.only in (None, GROWTH):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
            results.growth = measure_growth(Path(directory), chosen.rows, chosen.pairs, say)
    if chosen.only in (None, STARTUP):
        with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory, serve(Path(directory)) as url:
            results.startup = measure_startup(Path(directory), url, 1 if chosen.smoke else max(chosen.pairs, TIMES), say)
    if chosen.only in (None, TRANSPORTS):
        results.streams = measure_streams(int(chosen.gigabytes * 1e9), chosen.pairs, say)
    if chosen.only in (None, SERVICE):
        results.service = measure_service(SMOKE if chosen.smoke else Extent(), chosen.rows, chosen.pairs, say)
    return results


def measure_syncs(chosen: argparse.Namespace, directory: Path, results: Results) -> None:
    """Measure whole syncs and their stages, with every file in `directory`."""
    results.file = file = write_catalogue(directory, chosen.rows)
    say(f"{file.rows:,} rows, {file.size / 1e6:,.0f} MB")
    if chosen.only in (None, "sync"):
        if find_command() is None:
            say("WARNING: the sqlite3 command line is not installed (Debian and Ubuntu: apt install sqlite3): NOTHING IS COMPARED")
        with serve(directory) as url:
            results.whole = measure_whole(directory, file, chosen.pairs, url, say)
    results.parts = {name: measure_part(name, file, directory, chosen.pairs, say) for name in PARTS if chosen.only in (None, name)}


def main(arguments: list[str]) -> int:
    """Run the benchmarks. The code is 1 when a subject failed or a promise was not kept."""
    chosen = parse_arguments(arguments)
    try:
        results = measure_all(chosen)
    except SubjectFailed as error:
        say(str(error))
        return 1
    plots = draw_plots(results, chosen.plots) if chosen.plots is not None else {}
    page = write_report(results, plots, chosen.plots.name if chosen.plots is not None else "")
    sys.stdout.write(page)
    if chosen.write is not None:
        chosen.write.write_text(page, encoding="utf-8")
    return 0 if all(promise.kept for promise in check_promises(results)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
