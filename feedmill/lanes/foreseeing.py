"""Whether a run will want a process for its mapper, by what can be told before anything is imported that could run it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

BIG_BYTES: Final = 16 * 1024 * 1024
"""From which announced size on a document is worth a process, which takes some tenths of a second to start."""

_SQLITE: Final = "sqlite:///"
_ELSEWHERE: Final = frozenset({"http", "https", "ftp", "ftps", "sftp"})


def foresees_process(source: str | None, sink: str | None) -> bool:
    """Return whether most of a source is new to an SQLite database, and the source is big, or elsewhere and may be. Blocks.

    A guess: a process that is not wanted is ended, and one that was not started early is started when its document is opened. So
    what nobody knows the size of is taken for big once, when there is no database yet, and not again at each of many small runs.
    """
    if source is None or sink is None or not can_start_python() or cores() < 2:
        return False
    database = sink[len(_SQLITE) :] if sink.lower().startswith(_SQLITE) else sink
    if "://" in database:
        return False
    if _is_elsewhere(source):
        return not os.path.lexists(database)
    size = _file_size(_path_of(source))
    return size >= BIG_BYTES and _file_size(database) < size // 2


def can_start_python() -> bool:
    """Return whether this program's interpreter can be started once more; one that has it inside would start itself."""
    return "py" in Path(sys.executable or "").name.lower() and not getattr(sys, "frozen", False)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _is_elsewhere(source: str) -> bool:
    scheme, mark, _ = source.partition("://")
    return bool(mark) and scheme.lower() in _ELSEWHERE


def _path_of(source: str) -> str:
    try:
        parts = urlsplit(source)
    except ValueError:
        return source
    return unquote(parts.path) if parts.scheme.lower() == "file" else source


def _file_size(path: str) -> int:
    try:
        facts = Path(path).stat()
    except (OSError, ValueError):
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0
