"""Reading a source to its end as the engine does, through a connector alone."""

from __future__ import annotations

import pytest

from engine.contracts import Connector
from engine.errors import FeedmillError
from engine.source import Source


async def read(connector: Connector, source: Source) -> bytes:
    """Return the bytes of all documents, joined in order."""
    async with connector.fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def failure(connector: Connector, source: Source, *secrets: str) -> FeedmillError:
    """Return the error that reading ends with, in whose message none of the secrets stands."""
    with pytest.raises(FeedmillError) as caught:
        await read(connector, source)
    assert not any(secret in str(caught.value) for secret in secrets)
    return caught.value
