"""Undoing the content coding of an HTTP body (RFC 9110, section 8.4), strictly: a coded body that ends early is an error.

The client library could do this, but it takes a gzip body whose end is missing for whole, and half a feed for a feed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Protocol

from engine.document import CHUNK_BYTES
from engine.errors import RefuseRun, Retry

if TYPE_CHECKING:
    from engine.source import Source

ACCEPTED: Final = "gzip, deflate"
"""What we ask for: the codings of the standard library's zlib."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


class Coding(Protocol):
    """Undo one body's coding."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` stands for in non-empty pieces of at most `CHUNK_BYTES`; raises `Retry` when it is damaged."""
        ...

    def finish(self) -> None:
        """Raise `Retry` unless the coded body is complete."""
        ...


class Identity:
    """A body that is not coded."""

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """Know nothing of an end: the transport counts."""


class Zlib:
    """A gzip body of one or more members, or a deflate body with or without the zlib header that it should have."""

    __slots__ = ("_fresh", "_gzip", "_inflater", "_name")

    def __init__(self, source: Source, *, gzip: bool) -> None:
        self._name = source.name
        self._gzip = gzip
        self._inflater = zlib.decompressobj(_GZIP)
        self._fresh = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if not self._begin(data):
                    return
                # Bounded, so that a few kilobytes which inflate to gigabytes never stand in memory at once.
                piece = self._inflater.decompress(data, CHUNK_BYTES)
                data = self._inflater.unconsumed_tail or self._inflater.unused_data
                if piece:
                    yield piece
            yield from self._held_back()
        except zlib.error as error:
            raise Retry(f"{self._name}: the compressed body is damaged ({error}): nothing was applied; try again later") from None

    def finish(self) -> None:
        if not self._fresh and not self._inflater.eof:
            raise Retry(f"{self._name}: the compressed body ended before its end mark: nothing was applied; try again later")

    def _begin(self, data: bytes) -> bool:
        """Be ready for `data`; False when it is only the padding that may follow a finished body."""
        if self._inflater.eof or self._fresh:
            if self._inflater.eof and not data.strip(b"\0"):
                return False
            # RFC 1950: the low four bits of the first byte say 8 in a zlib header; without one it is bare deflate.
            self._inflater = zlib.decompressobj(_GZIP if self._gzip else _ZLIB if data[0] & 0x0F == 8 else _RAW)
            self._fresh = False
        return True

    def _held_back(self) -> Iterator[bytes]:
        """Yield output the inflater kept because a piece was full just as its input ran out."""
        while not self._fresh and not self._inflater.eof and (piece := self._inflater.decompress(b"", CHUNK_BYTES)):
            yield piece


def coding_of(header: str, source: Source) -> Coding:
    """Return the coding a Content-Encoding header names; raises `RefuseRun` for one that was not asked for."""
    name = header.strip().lower()
    if name in ("", "identity"):
        return Identity()
    if name in ("gzip", "x-gzip", "deflate"):
        return Zlib(source, gzip=name != "deflate")
    raise RefuseRun(f"{source.name}: the body is coded as {name[:40]!r}, which was not asked for; the server is faulty")
