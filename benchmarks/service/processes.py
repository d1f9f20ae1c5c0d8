"""What a process and all that it started take of the machine, as the kernel counts it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path


def family(process: int) -> list[int]:
    """Return a process and all that it started, and they, by their ids."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        found += (each for child in (task / "children").read_text("ascii").split() for each in family(int(child)))
    return found


def spent(processes: Sequence[int]) -> float:
    """Return the CPU seconds that processes have spent until now.

    By the clocks of the processes, not by the ticks in /proc: whoever is woken by timers runs when it ticks, and is charged whole ticks.
    """
    return sum(time.clock_gettime(_process_clock(each)) for each in processes)


def _process_clock(process: int) -> int:
    """Return the id of the clock that counts what a process runs, as clock_getcpuclockid(3) makes it on Linux."""
    return ~process << 3 | 2


def memory(process: int) -> int:
    """Return the bytes of a process that are in memory."""
    return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
