"""What a process and all that it started take of the machine, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def family(process: int) -> list[int]:
    """Return a process and all that it started, and they, by their ids."""
    found = [process]
    for task in Path(f"/proc/{process}/task").iterdir():
        found += (each for child in (task / "children").read_text("ascii").split() for each in family(int(child)))
    return found


def spent(processes: Sequence[int]) -> float:
    """Return the CPU seconds that processes have spent until now."""
    # Behind the name, which may hold blanks: fields 14 and 15 count ticks in user and in system mode.
    fields = [Path(f"/proc/{each}/stat").read_text("utf-8").rpartition(")")[2].split() for each in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")


def memory(process: int) -> int:
    """Return the bytes of a process that are in memory."""
    return int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
