"""Files that are members one after the other: gzip, bzip2, xz and zstd, unpacked strictly and in bounded pieces."""

from __future__ import annotations

import bz2
import lzma
import sys
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from engine.decode.faults import FAULTS, ended_early, translate
from engine.decode.gzip_member import GzipMember
from engine.decode.magic import MAGICS
from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_MEMORY: Final = 128 * 1024**2
"""The window that unpacking may hold: twice what `xz -9` needs, and what `zstd` itself allows without being asked."""

_SLICE: Final = 64 * 1024
"""How much a member is given at once: it hands back what is not its own, a copy for each member in files of tiny members."""


class Unpacking(Protocol):
    """Unpack one member, as the standard library's decompressors do.

    With `needs_input` False there is more to come for `b""`; with `eof` the member was whole and its sums fit.
    """

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _xz_stream() -> Unpacking:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)


def _zstd_frame() -> Unpacking:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MEMORY.bit_length() - 1})


SERIES: Final[dict[str, Callable[[], Unpacking]]] = {
    "gzip": GzipMember,
    "bzip2": bz2.BZ2Decompressor,
    "xz": _xz_stream,
    "zstd": _zstd_frame,
}
"""How a member of each packing is unpacked."""


class Series:
    """Unpack all members of a document. NULs may follow a member, as padding; other bytes may not.

    Raises `Retry` when the bytes end early or are damaged, `RefuseRun` for what follows the last member.
    """

    __slots__ = ("_head", "_magics", "_make", "_member", "_name", "_packing")

    def __init__(self, packing: str, name: str) -> None:
        self._packing = packing
        self._name = name
        self._make = SERIES[packing]
        self._magics = MAGICS[packing]
        self._member: Unpacking | None = None
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` stands for in non-empty pieces of at most `CHUNK_BYTES`, each unpacked when it is asked for."""
        for start in range(0, len(data), _SLICE):
            yield from self._feed(data[start : start + _SLICE])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        while member := self._member or self._begin(data):
            if self._head:
                data, self._head = self._head, b""
            try:
                # Bounded, so that a few kilobytes which unpack to gigabytes never stand in memory at once.
                piece = member.decompress(data, CHUNK_BYTES)
            except FAULTS as error:
                raise translate(error, self._name, self._packing) from None
            data = b""
            if piece:
                yield piece
            if member.eof:
                self._member, data = None, member.unused_data
            elif member.needs_input:
                return

    def finish(self) -> None:
        """Raise `Retry` unless the last member was whole."""
        if self._member is not None or self._head:
            raise ended_early(self._name, self._packing)

    def _begin(self, data: bytes) -> Unpacking | None:
        """Begin the next member, whose first bytes are then held in `_head`; None while they are not all there."""
        head = self._head + data if self._head else data.lstrip(b"\0")
        self._head = head
        if any(head.startswith(magic) for magic in self._magics):
            self._member = self._make()
            return self._member
        if not any(magic.startswith(head) for magic in self._magics):
            raise RefuseRun(
                f"{self._name}: bytes that are no {self._packing} follow the end of its {self._packing} data: nothing was applied; ask the "
                "supplier to send the packed file alone"
            )
        return None
