"""The decode stage: one document as it was sent, fed in chunks, comes out as documents of plain bytes."""

from __future__ import annotations

from collections.abc import Iterator

from engine.contracts import DocumentFacts
from engine.decode.allowance import Allowance
from engine.decode.layer import Layer
from engine.decode.parts import Part
from engine.decode.settings import Decoding
from engine.errors import InternalError


class Decoder:
    """Unpack one document. Synchronous; called from one thread at a time, which may wait for a disk.

    `feed` and `finish` return iterators which work lazily: each step yields at most 1 MiB, so a consumer that waits between
    steps holds no more than that. Every iterator has to be read to its end before the next call. What is packed is told by the
    bytes, up to three layers deep; each member of an archive is a document of its own, named `<document>!<member>`.

    Raises `Retry` when packed bytes end early or are damaged; `RefuseRun` when they are not what the feed's setting says, are
    followed by others, cannot be unpacked, or unpack to more than `Decoding` allows. The engine applies nothing then.
    """

    def __init__(self, decoding: Decoding, facts: DocumentFacts) -> None:
        self._allowance = Allowance(decoding, facts.name)
        self._root = Layer(decoding, facts, self._allowance)
        self._set = decoding.compression is not None
        self._unread = False

    @property
    def passthrough(self) -> bool | None:
        """Tell whether chunks come out as they went in, the very same objects; None until it is known."""
        return self._root.plain

    @property
    def reason(self) -> str | None:
        """Return how the document was unpacked, and why so, for people; None while it is not known, or when it was not."""
        steps = self._root.steps()
        if not steps:
            return None
        return ", then ".join(steps) + (" (set by the feed)" if self._set else " (magic bytes)")

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Return what the next chunk of the document unpacks to."""
        self._allowance.receive(len(chunk))
        return self._whole(self._root.feed(chunk))

    def finish(self) -> Iterator[Part]:
        """Return the rest, having checked that nothing is missing; the document is complete when this ends without an error."""
        return self._whole(self._root.finish())

    def close(self) -> None:
        """Remove temporary files; call it on every path, any number of times."""
        self._root.close()

    def _whole(self, parts: Iterator[Part]) -> Iterator[Part]:
        if self._unread:
            raise InternalError("the decoder was fed while it still had something to say: a part of the document would be lost")
        self._unread = True
        return self._until_read(parts)

    def _until_read(self, parts: Iterator[Part]) -> Iterator[Part]:
        yield from parts
        self._unread = False
