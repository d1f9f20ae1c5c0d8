"""Sling: its `incremental` mode with a primary key, which upserts. Its package downloads a program, so it has to be there already."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from benchmarks.measure import Measurement, measure_command
from benchmarks.peers.values import TABLE


def find_sling() -> str | None:
    """Return the path of the program: that of `SLING_BINARY`, else `sling` on PATH, None where it is not installed."""
    return os.environ.get("SLING_BINARY") or shutil.which("sling")


def measure_sling(command: str, source: str, database: Path, *, rows: int) -> Measurement:
    """Upsert a path, or what `curl` fetches from an HTTP address and Sling reads from its standard input."""
    target = ["--tgt-conn", f"sqlite://{database}", "--tgt-object", f"main.{TABLE}", "--mode", "incremental", "--primary-key", "sku"]
    if "://" in source:
        fetch = shlex.join(["curl", "--silent", "--show-error", "--fail", source])
        script = f"set -o pipefail; {fetch} | {shlex.join([command, 'run', '--stdout=false', *target])} >&2"
    else:
        script = f"{shlex.join([command, 'run', '--src-stream', f'file://{source}', *target])} >&2"
    return measure_command(["bash", "-c", f"export SLING_DISABLE_TELEMETRY=true; {script}"], "", rows=rows)
