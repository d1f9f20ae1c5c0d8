"""What the figures were measured on: they mean nothing without it."""

from __future__ import annotations

import compileall
import os
import platform
import sqlite3
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.peers.command_line import command_version, find_command

_ROOT: Final = Path(__file__).parents[1]
_MEASURED: Final = ("benchmarks", "connectors", "engine", "feedmill", "mappers", "plugins", "sinks")


def describe_machine() -> str:
    """Return processor, cores, Python, both SQLites and the commit in one line."""
    command = find_command()
    parts = (
        _processor(),
        f"{os.cpu_count()} cores",
        f"{platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"sqlite3 command line {command_version(command)}" if command else "no sqlite3 command line",
        f"commit {_commit()}",
    )
    return ", ".join(parts)


def compile_sources() -> None:
    """Compile what is measured, as installing it does: otherwise every process that is measured would compile it anew, and be slower."""
    for package in _MEASURED:
        compileall.compile_dir(_ROOT / package, quiet=2)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", *_MEASURED)
    return f"{commit} with changes" if commit and changed else commit or "unknown"


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], cwd=_ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
