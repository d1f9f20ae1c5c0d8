"""Bytes that a run need not hold in memory, put behind each other: in a file without a name where they are many."""

from __future__ import annotations

import os
import tempfile
from mmap import ACCESS_READ, mmap
from typing import Final
from weakref import finalize

_IN_MEMORY: Final = 1 << 20
"""Bytes that wait in memory to be written at once: what is less altogether needs no file."""


class Scratch:
    """Bytes by their places, of one run. Not for several threads at once.

    The file lies where `TMPDIR` says, is readable to its owner alone and gone with the process, however that ends. It never takes more
    than half of what is free on its disk. `put` never blocks; `flush`, `read`, `whole` and `close` do, and raise `OSError` when the disk
    fails or is too full. Whoever gets that can do without: a screen is an optimisation.
    """

    def __init__(self) -> None:
        self._fresh: list[bytes] = []
        self._fresh_bytes = 0
        self._written = 0
        self._file: int | None = None

    @property
    def heavy(self) -> bool:
        """Return whether so much waits in memory that it should be flushed."""
        return self._fresh_bytes >= _IN_MEMORY

    def put(self, data: bytes) -> int:
        """Take bytes and return their place."""
        place = self._written + self._fresh_bytes
        self._fresh.append(data)
        self._fresh_bytes += len(data)
        return place

    def flush(self) -> None:
        """Write what waits in memory."""
        if self._file is None:
            self._file = _open_nameless()
            # Whoever is cancelled in the middle of a run closes nothing.
            self._closing = finalize(self, os.close, self._file)
        disk = os.fstatvfs(self._file)
        if self._fresh_bytes > disk.f_bavail * disk.f_frsize // 2:
            raise OSError(f"less than {2 * self._fresh_bytes:,} bytes are free in {tempfile.gettempdir()}")
        fresh, self._fresh, self._fresh_bytes = self._fresh, [], 0
        for data in fresh:
            rest = memoryview(data)
            while rest:
                done = os.pwrite(self._file, rest, self._written)
                self._written, rest = self._written + done, rest[done:]

    def read(self, place: int, size: int) -> bytes:
        """Return bytes that were put together at a place."""
        if place >= self._written:
            if len(self._fresh) > 1:
                self._fresh = [b"".join(self._fresh)]
            place -= self._written
            return self._fresh[0][place : place + size] if size else b""
        found = os.pread(self._file, size, place) if self._file is not None else b""
        if len(found) != size:
            raise OSError(f"of {size:,} bytes in {tempfile.gettempdir()} {len(found):,} can be read again")
        return found

    def whole(self) -> bytes | mmap:
        """Return all that was put, as the file itself where there is one."""
        if self._file is None:
            return b"".join(self._fresh)
        if self._fresh:
            self.flush()
        return mmap(self._file, self._written, access=ACCESS_READ)

    def close(self) -> None:
        """Let go of everything. What `whole` returned stays good."""
        self._fresh, self._fresh_bytes = [], 0
        if self._file is not None:
            self._file = None
            self._closing()


def _open_nameless() -> int:
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())
