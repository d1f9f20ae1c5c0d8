"""`python -m benchmarks`: measure, print the page, say whether the promises were kept."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.catalogue import write_catalogue
from benchmarks.formats.compare import FORMATS_ONLY, compare_formats
from benchmarks.growth import GROWTH, measure_growth
from benchmarks.machine import compile_sources, describe_machine
from benchmarks.measure import SubjectFailed
from benchmarks.page import put_in
from benchmarks.parts import PARTS, STAGES, measure_part
from benchmarks.peers.compare import PEERS, compare_peers
from benchmarks.plots import draw_plots
from benchmarks.report import ORDER, Results, check_promises, write_report
from benchmarks.screening.compare import SCREEN, compare_designs
from benchmarks.server import serve
from benchmarks.service.whole import SERVICE, SMOKE, Extent, measure_service
from benchmarks.startup import ROUNDS_A_PAIR, STARTUP, measure_starts
from benchmarks.transports.streams import TRANSPORTS, measure_streams
from benchmarks.transports.syncs import STEPS, measure_syncs
from benchmarks.whole import SYNC, measure_whole

_SUBJECTS: Final = (PEERS, GROWTH, SYNC, FORMATS_ONLY, SCREEN, STAGES, STARTUP, SERVICE, TRANSPORTS)

_SMOKE_ROWS, _SMOKE_PAIRS, _SMOKE_GIGABYTES = 5_000, 1, 0.01


def say(text: str) -> None:
    """Show progress on stderr; stdout is for the page."""
    sys.stderr.write(f"{text}\n")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure Feedmill's speed and memory.")
    parser.add_argument("--rows", type=int, default=1_000_000, help="items in the catalogue, a multiple of 1,000 (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="how often everything is measured (default: %(default)s)")
    parser.add_argument("--gigabytes", type=float, default=4.0, help="what is streamed through each transport (default: %(default)s)")
    parser.add_argument("--only", choices=[*_SUBJECTS, *PARTS], help="measure this alone")
    parser.add_argument("--smoke", action="store_true", help=f"{_SMOKE_ROWS:,} rows and a few megabytes, once: does everything run?")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there; with --only, its own sections of the page there")
    parser.add_argument("--plots", type=Path, metavar="DIRECTORY", help="draw plots there and show them in the page, which lies beside it")
    chosen = parser.parse_args(arguments)
    if chosen.smoke:
        chosen.rows, chosen.pairs, chosen.gigabytes = _SMOKE_ROWS, _SMOKE_PAIRS, _SMOKE_GIGABYTES
    if chosen.rows < 1_000 or chosen.rows % 1_000 or chosen.pairs < 1:
        parser.error("--rows must be a multiple of 1,000 and --pairs at least 1")
    if chosen.write is not None and chosen.only in PARTS:
        parser.error(f"a section is written whole: --only {STAGES} measures all stages")
    if chosen.gigabytes < _SMOKE_GIGABYTES:
        parser.error(f"--gigabytes must be at least {_SMOKE_GIGABYTES}")
    return chosen


def measure_all(chosen: argparse.Namespace) -> Results:
    """Measure what was chosen, with every file in a directory that is removed behind each subject."""
    compile_sources()
    results = Results(chosen.rows, chosen.pairs, describe_machine())
    wanted = set(_SUBJECTS) if chosen.only is None else {chosen.only}
    rows, pairs = chosen.rows, chosen.pairs
    if PEERS in wanted:
        with _directory() as directory, serve(directory) as url:
            results.peers = compare_peers(directory, url, rows, pairs, say)
    if GROWTH in wanted:
        with _directory() as directory:
            results.growth = measure_growth(directory, rows, pairs, say)
    if SYNC in wanted:
        with _directory() as directory, serve(directory) as url:
            results.whole = measure_whole(directory, write_catalogue(directory, rows), pairs, url, say)
        with _directory() as directory:
            results.syncs = measure_syncs(directory, rows, pairs, say, STEPS[:1] if chosen.smoke else STEPS)
    if FORMATS_ONLY in wanted:
        with _directory() as directory:
            results.formats = compare_formats(directory, rows, pairs, say)
    if SCREEN in wanted:
        with _directory() as directory:
            results.screens = compare_designs(directory, rows, pairs, say)
    if parts := [name for name in PARTS if name in wanted or STAGES in wanted]:
        with _directory() as directory:
            file = write_catalogue(directory, rows)
            results.parts = {name: measure_part(name, file, directory, pairs, say) for name in parts}
    if STARTUP in wanted:
        results.starts = measure_starts(1 if chosen.smoke else pairs * ROUNDS_A_PAIR, say)
    if SERVICE in wanted:
        results.service = measure_service(SMOKE if chosen.smoke else Extent(), rows, pairs, say)
    if TRANSPORTS in wanted:
        results.streams = measure_streams(int(chosen.gigabytes * 1e9), pairs, say)
    return results


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as name:
        # Whoever serves SFTP may be another user than the one who measures.
        Path(name).chmod(0o755)
        yield Path(name)


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
        before = chosen.write.read_text(encoding="utf-8") if chosen.only is not None and chosen.write.exists() else ""
        chosen.write.write_text(put_in(before, page, ORDER) if before else page, encoding="utf-8")
    return 0 if all(promise.kept for promise in check_promises(results)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
