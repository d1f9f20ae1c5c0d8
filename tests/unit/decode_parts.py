"""What the tests of the decode stage share: documents in, documents out."""

from __future__ import annotations

import io
import sys
import zipfile
from typing import Any

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Decoding, Ended, Opened

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["ROWS", "archive", "names", "read", "zstd"]

ROWS = b"sku;stock\r\n" + b"".join(b"A-%d;%d\r\n" % (number, number % 7) for number in range(2000))


def archive(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """Return a zip with these members, in this order."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as directory:
        for name, data in members:
            directory.writestr(zipfile.ZipInfo(name), data, method)
        directory.comment = comment
    return file.getvalue()


def read(data: bytes, *, step: int = 1000, facts: DocumentFacts | None = None, **settings: Any) -> list[tuple[DocumentFacts, bytes]]:
    """Feed a document in chunks of `step` bytes and return the documents that it is unpacked to; each must be closed."""
    decoder = Decoder(Decoding(**settings), facts or DocumentFacts("feed"))
    try:
        parts = [part for start in range(0, len(data), step) for part in decoder.feed(data[start : start + step])]
        parts += decoder.finish()
    finally:
        decoder.close()
    found: list[tuple[DocumentFacts, bytes]] = []
    for part in parts:
        if isinstance(part, Opened):
            found.append((part.facts, b""))
        elif isinstance(part, bytes):
            found[-1] = (found[-1][0], found[-1][1] + part)
    assert sum(isinstance(part, Ended) for part in parts) == len(found)
    return found


def names(documents: list[tuple[DocumentFacts, bytes]]) -> list[str]:
    """Return the documents' names."""
    return [facts.name for facts, _ in documents]
