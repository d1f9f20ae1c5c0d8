"""The floor under a source's speed, and the one-document iterator: what every connector of a stream needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from engine.errors import Retry

if TYPE_CHECKING:
    from engine.document import Document
    from engine.source import Source


class Pace:
    """Count bytes against the time spent waiting for them.

    Only waiting counts: while the engine is busy or its channels are full the source is not at fault, however long it takes.
    """

    __slots__ = ("_bytes", "_patience", "_source", "_waited")

    def __init__(self, source: Source) -> None:
        self._source = source
        self._patience = source.patience
        self._bytes = 0
        self._waited = 0.0

    def note(self, received: int, waited: float) -> None:
        """Count one read; raise `Retry` when a whole `idle` window of waiting brought fewer bytes than the floor asks for."""
        self._bytes += received
        self._waited += waited
        if self._waited < self._patience.idle:
            return
        rate = self._bytes / self._waited
        if rate < self._patience.min_bytes_per_second:
            raise Retry(
                f"{self._source.name}: sent {rate:.1f} bytes a second over {self._waited:.0f} s, fewer than the "
                f"{self._patience.min_bytes_per_second:g} that count as alive: nothing was applied; try again later"
            )
        self._bytes, self._waited = 0, 0.0


class OneDocument(AsyncIterator["Document"]):
    """Iterate a single document.

    A class, not an async generator: a generator left half-way is closed by the event loop whenever it gets round to it, in a
    task that no scope owns.
    """

    __slots__ = ("_document",)

    def __init__(self, document: Document) -> None:
        self._document: Document | None = document

    async def __anext__(self) -> Document:
        document, self._document = self._document, None
        if document is None:
            raise StopAsyncIteration
        return document
