"""How a Python process that belongs to Feedmill is set up and ended: the command line, a worker, a mapper, a benchmark."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from typing import Final, NoReturn

_SWITCH_SECONDS = 0.0005
_COLLECT_EVERY = (100_000, 50, 50)

_MOMENT: Final = 0.1
"""Seconds for which a thread that was told to end is waited for: those of the event loop's library are told as the loop ends."""

_MEMSTATUS: Final = 9
"""The number of SQLITE_CONFIG_MEMSTATUS in `sqlite3.h`: whether SQLite counts the memory it takes, under a lock."""

_MALLOPT: Final = {-8: 1, -1: 16 * 1024 * 1024, -3: 4 * 1024 * 1024}
"""Options of glibc's allocator by their numbers in `malloc.h`: how many heaps threads share (M_ARENA_MAX; with one each, what one has freed
is of no use to the others), how much has to lie free at the end of a heap before it is given back (M_TRIM_THRESHOLD), and from which size
on a block is mapped by itself (M_MMAP_THRESHOLD): far above what a batch consists of, far below the arrays of a screen."""


def tune_process() -> None:
    """Set the interpreter up for streaming; call it once, at the start of a process that does little else.

    A library must not do this behind a program's back, so `sync` does not. Together it is worth a quarter of the speed of a
    first load (measured, `docs/benchmarks.md`).
    """
    # The database's thread asks for the interpreter lock after every statement and would wait 5 ms for it each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    spare_threads()
    # A batch is some 50,000 new objects without a cycle among them; the default looks through them again and again.
    gc.freeze()
    gc.set_threshold(*_COLLECT_EVERY)
    _keep_pages()
    _spare_locks()


def spare_threads() -> None:
    """Have numpy start no threads for linear algebra, of which there is none here: they take 0.07 s of CPU to start, and then spin.

    Of use before numpy is imported. What a person has set counts.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _keep_pages() -> None:
    """Keep the pages of a batch for the next one: given back after each, every page of it is faulted in again."""
    if sys.platform != "linux":
        return
    import ctypes

    # Other C libraries have none, and what they do instead is their own business.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _MALLOPT.items():
            mallopt(option, value)


def _spare_locks() -> None:
    """Have SQLite not count its memory: nobody asks, and for each text that is bound it would take a lock twice.

    Of use only before the module that starts SQLite is imported; afterwards SQLite declines. The lock of a connection stays, on which a
    plugin may rely.
    """
    if sys.platform != "linux" or "_sqlite3" in sys.modules:
        return
    import ctypes
    from importlib.util import find_spec

    module = find_spec("_sqlite3")
    if module is None or module.origin is None or not module.has_location:
        return
    # Through the module: what it was linked with is set up, whatever else is installed.
    config = getattr(ctypes.CDLL(module.origin), "sqlite3_config", None)
    if config is not None:
        config(_MEMSTATUS, 0)


def end_process(code: int) -> NoReturn:
    """End the process with an exit code: what is registered for its end is done and what was printed is out, but nothing is taken apart.

    Call it last, from the main thread, with everything closed: freeing each object and each module takes a tenth of a second, and the
    kernel has the memory back at once. Raises `SystemExit`, and so ends the process in the ordinary way, where that way has a point of
    its own: a thread is to be waited for, somebody watches, or what was printed cannot be written.
    """
    if _is_awaited() or _is_watched():
        sys.exit(code)
    atexit._run_exitfuncs()
    try:
        # Last: what was registered for the end may have printed something.
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)
    os._exit(code)


def _is_awaited() -> bool:
    """Return whether another thread has work that the process may not end without: one that was told to end is given a moment for it."""
    others = [each for each in threading.enumerate() if not each.daemon and each is not threading.current_thread()]
    for each in others:
        each.join(_MOMENT)
    return any(each.is_alive() for each in others)


def _is_watched() -> bool:
    """Return whether a debugger, a profiler or a measure of coverage follows, or a developer who wants to be told at the end."""
    tools = getattr(sys, "monitoring", None)
    return (
        sys.gettrace() is not None
        or sys.getprofile() is not None
        or bool(sys.flags.inspect or sys.flags.dev_mode or sys.flags.verbose)
        or (tools is not None and any(tools.get_tool(number) is not None for number in range(6)))
    )
