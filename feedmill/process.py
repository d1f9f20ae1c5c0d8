"""How a Python process that belongs to Feedmill is set up: the command line, a worker, a benchmark."""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.0005
_COLLECT_EVERY = (100_000, 50, 50)


def tune_process() -> None:
    """Set the interpreter up for streaming; call it once, at the start of a process that does little else.

    A library must not do this behind a program's back, so `sync` does not. Together it is worth a quarter of the speed of a
    first load (measured, `docs/benchmarks.md`).
    """
    # The database's thread asks for the interpreter lock after every statement and would wait 5 ms for it each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # A batch is some 50,000 new objects without a cycle among them; the default looks through them again and again.
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)
