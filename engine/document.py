"""What a connector yields: documents of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

CHUNK_BYTES: Final = 512 * 1024
"""The chunk size connectors aim at: big enough that per-chunk costs vanish, small enough that budgets stay meaningful."""


@dataclass(frozen=True, slots=True)
class Document:
    """One byte stream with what is known of it before its bytes are read.

    `chunks` yields non-empty `bytes` of at most 1 MiB and is iterated once, by the engine. It raises `Retry` or `RefuseRun`
    when the bytes end before the source said they would: a document that ends quietly is complete. `size` is in bytes as
    sent, None when the source did not say; `charset` is what the transport declared, which may be wrong.

    `version` is a text of the connector's own by which it will know these bytes again (an ETag, a size with a time): two
    documents of one name and version are the same to the last byte, or it is None. `buffer_bytes` is what the connector holds
    of the document beyond the chunks it has yielded, such as blocks asked for ahead; it counts against the process's budget.
    """

    name: str
    chunks: AsyncIterator[bytes]
    size: int | None = None
    mtime: datetime | None = None
    etag: str | None = None
    content_type: str | None = None
    charset: str | None = None
    version: str | None = None
    buffer_bytes: int = 0
