"""How a process of ours is set up."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MEMORY_USED = """
import ctypes
{before}
import _sqlite3, sqlite3
connection = sqlite3.connect(":memory:")
library = ctypes.CDLL(_sqlite3.__file__)
library.sqlite3_memory_used.restype = ctypes.c_longlong
print(library.sqlite3_memory_used(), connection.execute("SELECT sum(value) FROM json_each('[1,2]')").fetchone()[0])
"""
_TUNE = "from feedmill.process import tune_process; tune_process()"


@pytest.mark.skipif(sys.platform != "linux", reason="SQLite is set up by hand on Linux alone")
def test_sqlite_works_without_counting_its_memory() -> None:
    """In a process that was set up SQLite takes no lock to count its memory; in one where it had started before, it goes on counting."""
    counted, answer = _run(_MEMORY_USED.format(before=_TUNE))
    counted_before, answer_before = _run(_MEMORY_USED.format(before=f"import sqlite3; {_TUNE}"))
    assert counted == 0
    assert counted_before > 0
    assert answer == answer_before == 3


def _run(program: str) -> tuple[int, int]:
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    return int(said[0]), int(said[1])
