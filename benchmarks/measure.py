"""One subject in a fresh process: wall and CPU seconds and peak memory, of it and of all its children together."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread
from time import perf_counter
from typing import Final

import orjson

_SAMPLE_SECONDS: Final = 0.02
_SAME_BYTES: Final = 1_000_000
"""By how much the memory of one process differs when it is looked at twice in a row."""


class SubjectFailed(Exception):
    """Report that a measured process did not end well; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one process took. `wall` and `cpu` are in seconds from its start to its exit, `peak_rss` in bytes.

    `rows` is how many records it dealt with, `seconds` how long that took by its own clock, without starting Python; `facts` is
    whatever else it reported.
    """

    rows: int
    seconds: float
    wall: float
    cpu: float
    peak_rss: int
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Return the records per second by the subject's own clock."""
        return self.rows / self.seconds if self.seconds else 0.0


def measure_module(name: str, *arguments: str) -> Measurement:
    """Run `python -m benchmarks.NAME`, which prints one JSON object with `rows`, `seconds` and its own facts."""
    run = _run([sys.executable, "-m", f"benchmarks.{name}", *arguments], "")
    facts: dict[str, object] = orjson.loads(run.output)
    rows, seconds = facts.pop("rows"), facts.pop("seconds")
    return Measurement(int(str(rows)), float(str(seconds)), run.wall, run.cpu, run.peak_rss, facts)


def measure_command(command: list[str], script: str, *, rows: int) -> Measurement:
    """Run a foreign program on a script; its seconds are its wall seconds."""
    run = _run(command, script)
    return Measurement(rows, run.wall, run.wall, run.cpu, run.peak_rss)


def middle(runs: list[Measurement]) -> Measurement:
    """Return the median of each figure, and the highest peak of memory: a limit is kept always or not at all."""
    return Measurement(
        rows=runs[0].rows,
        seconds=median(run.seconds for run in runs),
        wall=median(run.wall for run in runs),
        cpu=median(run.cpu for run in runs),
        peak_rss=max(run.peak_rss for run in runs),
        facts=runs[-1].facts,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    output: bytes
    wall: float
    cpu: float
    peak_rss: int


def _run(command: list[str], script: str) -> _Run:
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as output:
        given.write(script.encode())
        given.seek(0)
        begun = perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=output)
        watch = _MemoryWatch(process.pid)
        # wait4 and not Popen.wait: it tells the CPU time of exactly this child and of those that the child has waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall = perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        peak = watch.stop()
        output.seek(0)
        if process.returncode != 0:
            raise SubjectFailed(f"{' '.join(command[:3])} ... ended with {process.returncode}: {output.read().decode()}")
        return _Run(output.read(), wall, usage.ru_utime + usage.ru_stime, peak)


class _MemoryWatch:
    """Sample a process and its children from a thread until it has ended.

    What is summed is each process's own high-water mark, which the kernel keeps, so nothing between two samples is missed: the
    sum is never less than the true peak. (The mark that wait4 tells is no use: it holds that of our own process at the fork.)
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = Event()
        self._peak = 0
        self._thread = Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _sample(self) -> None:
        while True:
            self._peak = max(self._peak, _high_water(self._pid))
            if self._ended.wait(_SAMPLE_SECONDS):
                return


def _high_water(pid: int) -> int:
    own, command = _high_water_of_one(pid), _command_line(pid)
    # The program before the memory: one that is another program already has a memory of its own.
    children = [(_command_line(child), _high_water(child)) for child in _children(pid)]
    # A child on its way to another program is still its parent, memory and all: it would be counted twice.
    return own + sum(peak for program, peak in children if program != command or abs(peak - own) > _SAME_BYTES)


def _command_line(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline")


def _high_water_of_one(pid: int) -> int:
    # A process that has ended but was not waited for yet has no memory and no such line.
    lines = _read(f"/proc/{pid}/status").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    try:
        threads = [task.name for task in tasks.iterdir()]
    except OSError:
        return []
    return [int(child) for thread in threads for child in _read(f"/proc/{pid}/task/{thread}/children").split()]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended meanwhile
        return ""
