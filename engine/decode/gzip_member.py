"""One member of a gzip file (RFC 1952), header to check sum.

ISA-L inflates three times as fast as zlib, but its own reading of the header accepts reserved flags, which RFC 1952 tells
decoders to refuse, and fails on a header with a check sum that arrives in several chunks. So it is given bare deflate here.
"""

from __future__ import annotations

import struct
from typing import Final

from isal import igzip_lib, isal_zlib

from engine.decode.faults import Damaged

_HEADER_LIMIT: Final = 256 * 1024
"""No header is longer: the extra field has at most 64 KiB, and the name and the comment are lines of text."""

_HCRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0


class GzipMember:
    """Unpack one member; see `engine.decode.series.Unpacking`. Raises `Damaged` when it is not what its sums say."""

    __slots__ = ("_crc", "_held", "_inflater", "_size", "eof", "needs_input", "unused_data")

    def __init__(self) -> None:
        self._held = bytearray()
        self._inflater: igzip_lib.IgzipDecompressor | None = None
        self._crc = 0
        self._size = 0
        self.eof = False
        self.needs_input = True
        self.unused_data = b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self._inflater is None:
            self._held += data
            length = header_length(bytes(self._held))
            if length is None:
                return b""
            self._inflater, data = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE), bytes(self._held[length:])
            self._held.clear()
        behind = self._inflater.eof
        if behind:
            self._end(data)
            return b""
        piece = self._inflater.decompress(data, max_length)
        self._crc = isal_zlib.crc32(piece, self._crc)
        self._size += len(piece)
        self.needs_input = self._inflater.needs_input
        if self._inflater.eof:
            self._end(self._inflater.unused_data)
        return piece

    def _end(self, data: bytes) -> None:
        self._held += data
        self.needs_input = len(self._held) < 8
        if self.needs_input:
            return
        crc, size = struct.unpack_from("<II", self._held)
        if crc != self._crc:
            raise Damaged("its check sum does not fit")
        if size != self._size & 0xFFFFFFFF:
            raise Damaged("its length does not fit")
        self.eof = True
        self.unused_data = bytes(self._held[8:])


def header_length(data: bytes) -> int | None:
    """Return the length of the header that `data` begins with, None while its end is missing; raises `Damaged`."""
    if len(data) < 10:
        return None
    flags = data[3]
    if not data.startswith(b"\x1f\x8b\x08") or flags & _RESERVED:
        raise Damaged("its header has flags that mean nothing")
    end = 10
    if flags & _EXTRA:
        end += 2 + (int.from_bytes(data[10:12], "little") if len(data) >= 12 else 0)
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            found = data.find(b"\0", end)
            end = len(data) + 1 if found < 0 or end > len(data) else found + 1
    if flags & _HCRC:
        end += 2
    if end > _HEADER_LIMIT:
        raise Damaged("its header does not end")
    # What follows is at least a byte of deflate, so waiting for it holds nothing up.
    if end >= len(data):
        return None
    if flags & _HCRC and int.from_bytes(data[end - 2 : end], "little") != isal_zlib.crc32(data[: end - 2]) & 0xFFFF:
        raise Damaged("the check sum of its header does not fit")
    return end
