"""How the command line ends its process: at once, but not before what has to be done is done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

_END: Final = "from feedmill.process import end_process; end_process(3)"
_VERSION: Final = "from feedmill.cli import main; main()"
_TELLS: Final = """
import atexit, sys, threading
class Told:
    def __del__(self):
        print("taken apart")
told = Told()
told.itself = told
atexit.register(print, "registered")
print("printed")
"""
_WAITS: Final = "threading.Thread(target=lambda: (threading.main_thread().join(), print('thread done'))).start()"
"""A thread that has work as long as the main one has not come to its own end."""


def run(*arguments: str, output: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    """Run an interpreter, which buffers what it prints, to its end."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, stdout=output, stderr=subprocess.PIPE, env=environment, text=True, check=False, timeout=60)


def test_what_is_registered_is_done_and_nothing_is_taken_apart() -> None:
    """The process ends with the code, after what is registered for its end, and without finalizing what is left."""
    done = run("-c", f"{_TELLS}\n{_END}")
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (3, ["printed", "registered"], "")


@pytest.mark.parametrize(("more", "options"), [(_WAITS, ()), ("", ("-X", "dev"))])
def test_it_ends_in_the_ordinary_way_where_that_is_of_use(more: str, options: tuple[str, ...]) -> None:
    """A thread is waited for, and who develops sees the interpreter end."""
    done = run(*options, "-c", f"{_TELLS}\n{more}\n{_END}")
    assert done.returncode == 3
    assert done.stdout.splitlines() == ["printed", *(["thread done"] if more == _WAITS else []), "registered", "taken apart"]


def test_a_profiler_of_the_command_line_has_its_say(tmp_path: Path) -> None:
    """`cProfile` around the whole of a command writes what it has found."""
    script = tmp_path / "version.py"
    script.write_text(_VERSION)
    done = run("-m", "cProfile", str(script), "--version")
    assert done.returncode == 0
    assert "function calls" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="there is no device that is always full")
def test_a_full_disk_is_told_by_the_exit_code() -> None:
    """Where what was printed cannot be stored, the command says so and does not end with 0."""
    with Path("/dev/full").open("w") as full:
        done = run("-c", _VERSION, "--version", output=full.fileno())
    assert done.returncode == 4
    assert done.stderr == "feedmill: what was printed could not be written: No space left on device; the command itself has done its work\n"


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    """A pipe that is closed at its other end costs neither a word nor the code."""
    reading, writing = os.pipe()
    os.close(reading)
    done = run("-c", _VERSION, "--version", output=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
