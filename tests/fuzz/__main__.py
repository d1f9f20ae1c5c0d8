"""`make fuzz`: every mapper for a while, one after the other. What is found lies in `.fuzz/`, one file an input."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz.seeds import write_seeds
from tests.fuzz.targets import SETUPS

FOUND: Final = Path(".fuzz")
_LARGEST: Final = 4_096
"""Bytes of the longest input: what depends on size has tests of its own."""

_MEMORY_MEGABYTES: Final = 1_024
_PATIENCE: Final = 10
"""Seconds that one input may take."""


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one mapper and return the fuzzer's exit code."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"feedmill-fuzz-{name}-") as corpus:
        seeds = write_seeds(name, Path(corpus))
        sys.stderr.write(f"{name}: {seeds} seeds, {seconds} s\n")
        options = [
            f"-max_total_time={seconds}",
            f"-max_len={_LARGEST}",
            f"-rss_limit_mb={_MEMORY_MEGABYTES}",
            f"-timeout={_PATIENCE}",
            f"-artifact_prefix={FOUND}/{name}-",
            "-print_final_stats=1",
            "-verbosity=0",
        ]
        return subprocess.run([sys.executable, "-m", "tests.fuzz.one", name, corpus, *options], check=False).returncode


def main(arguments: list[str]) -> int:
    """Fuzz the mappers that are named, all of them when none is. The code is 1 when anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the mappers.")
    parser.add_argument("mappers", nargs="*", choices=[*SETUPS, []], help="which (default: all)")
    parser.add_argument("--seconds", type=int, default=120, help="for each of them (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    codes = {name: fuzz(name, chosen.seconds) for name in chosen.mappers or SETUPS}
    for name, code in codes.items():
        sys.stderr.write(f"{name}: {'nothing found' if code == 0 else f'FOUND SOMETHING, see {FOUND}/ (exit {code})'}\n")
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
