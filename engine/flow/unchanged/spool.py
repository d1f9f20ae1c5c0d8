"""Where the parts of a source wait that are held back: a little in memory, the rest in a file without a name."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING

from anyio import CancelScope, to_thread

from engine.decode import Ended, Opened
from engine.document import CHUNK_BYTES
from engine.errors import Retry

if TYPE_CHECKING:
    from concurrent.futures import Future

    from engine.decode import Part
    from engine.flow.channel import Budget
    from engine.flow.unchanged.limits import Limits


class Spool:
    """Keep parts and give them back, first in, first out; also while more are put in.

    What is put in is written while more of it arrives, in a thread of its own that ends with `aclose`; until it is known to be written it
    stays in memory as well.

    The file lies where `TMPDIR` says, is readable to its owner alone, and has no name: it is gone with the process, however that
    ends. It never takes more than half of what was free on its disk. What is in memory counts against the budget.
    Bytes may come out in other chunks than they went in, at most 512 KiB each where they were on disk.
    """

    def __init__(self, budget: Budget, limits: Limits) -> None:
        self._budget = budget
        self._limits = limits
        self._file: IO[bytes] | None = None
        # Positions count the bytes of all documents. [_taken, _loaded_to) is in `_loaded`, up to `_written` in the file, the rest in
        # `_fresh`; a joint stands before the byte of its position.
        self._joints: deque[tuple[int, Opened | Ended]] = deque()
        self._loaded = b""
        self._loaded_to = 0
        self._fresh: deque[bytes] = deque()
        self._fresh_bytes = 0
        self._taken = 0
        self._written = 0
        # A write under way, of so many chunks at the head of `_fresh`, which are so many bytes.
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[bool] | None = None
        self._chunks = self._bytes = 0

    @property
    def is_empty(self) -> bool:
        """Return whether all that was put in was taken."""
        return not self._joints and self._taken == self._end

    async def put(self, part: Part) -> bool:
        """Take a part in, always; False when there was no room for more, so that parts have to be taken now."""
        if isinstance(part, Opened | Ended):
            self._joints.append((self._end, part))
            return True
        self._fresh.append(part)
        self._count(len(part))
        if self._fresh_bytes - self._bytes <= self._limits.in_memory:
            return True
        if not await self._settle():
            return False
        self._thread = self._thread or ThreadPoolExecutor(1, "held-back")
        self._chunks, self._bytes = len(self._fresh), self._fresh_bytes
        self._writing = self._thread.submit(self._write, tuple(self._fresh), self._bytes, self._written)
        return True

    async def _settle(self) -> bool:
        """Wait for the write under way and drop from memory what it wrote; False when it could not."""
        if self._writing is None:
            return True
        written = self._writing.result() if self._writing.done() else await to_thread.run_sync(self._writing.result)
        if written:
            for _ in range(self._chunks):
                self._fresh.popleft()
            self._written += self._bytes
            self._count(-self._bytes)
        self._writing = None
        self._chunks = self._bytes = 0
        return written

    async def take(self) -> Part | None:
        """Return the oldest part, None when nothing is left. Raises `Retry` when the disk does not give back what was written."""
        if self._joints and self._joints[0][0] == self._taken:
            return self._joints.popleft()[1]
        await self._settle()
        if self._taken < self._written:
            return await self._take_written()
        if not self._fresh:
            return None
        chunk = self._fresh.popleft()
        self._count(-len(chunk))
        # What never was on disk leaves a hole in the file if more follows, which takes no room there.
        self._taken += len(chunk)
        self._written = self._loaded_to = self._taken
        return chunk

    async def aclose(self) -> None:
        """Drop everything and let go of the file; call it on every path."""
        if self._thread is not None:
            with CancelScope(shield=True):
                await self._settle()
            self._thread.shutdown(wait=False)
            self._thread = None
        self._joints.clear()
        self._fresh.clear()
        self._count(-self._fresh_bytes)
        self._loaded = b""
        self._taken = self._loaded_to = self._written
        file, self._file = self._file, None
        if file is not None:
            with CancelScope(shield=True):
                await to_thread.run_sync(file.close)

    @property
    def _end(self) -> int:
        return self._written + self._fresh_bytes

    def _count(self, size: int) -> None:
        self._fresh_bytes += size
        if size > 0:
            self._budget.take(size)
        elif size:
            self._budget.release(-size)

    async def _take_written(self) -> bytes:
        if self._taken == self._loaded_to:
            size = min(self._limits.piece, self._written - self._taken)
            self._loaded = await to_thread.run_sync(self._read, self._taken, size)
            self._loaded_to += size
        end = min(self._loaded_to, self._taken + CHUNK_BYTES, self._joints[0][0] if self._joints else self._loaded_to)
        begin = len(self._loaded) - (self._loaded_to - self._taken)
        chunk = self._loaded[begin : begin + end - self._taken]
        self._taken = end
        return chunk

    def _write(self, chunks: Iterable[bytes], size: int, place: int) -> bool:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed by `aclose`
            disk = os.fstatvfs(self._file.fileno())
            room = min((disk.f_bavail * disk.f_frsize - place) // 2, self._limits.on_disk - place)
            if size > room:
                return False
            for chunk in chunks:
                rest = memoryview(chunk)
                while rest:
                    done = os.pwrite(self._file.fileno(), rest, place)
                    place, rest = place + done, rest[done:]
        except OSError:
            # No place to hold anything back is no fault of the source: the run goes on as one that knows nothing of it.
            return False
        return True

    def _read(self, place: int, size: int) -> bytes:
        try:
            found = os.pread(self._file.fileno(), size, place) if self._file is not None else b""
        except OSError as error:
            found, reason = b"", error.strerror
        else:
            reason = f"{len(found):,} bytes of {size:,}"
        if len(found) != size:
            raise Retry(
                f"what was held back in {tempfile.gettempdir()} cannot be read again ({reason}): nothing was applied; look after that "
                "disk, or point TMPDIR elsewhere"
            )
        return found
