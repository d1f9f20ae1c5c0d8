"""The first bytes of a source, fetched and unpacked as a run does it: what a guess of its format looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.decode import Ended, Opened
from engine.errors import RefuseRun
from engine.flow.unpacking import Unpacking, unpack_source

if TYPE_CHECKING:
    from engine.contracts import Connector, DocumentFacts
    from engine.decode import Decoding
    from engine.source import Source

SAMPLE_BYTES: Final = 1024 * 1024
"""Enough for thousands of records, so that what is unique or never blank there says something of the rest."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first plain bytes of the first document. `complete` when it has no more; `unpacked` is how it was packed, or None."""

    facts: DocumentFacts
    data: bytes
    complete: bool
    unpacked: str | None = None


async def sample_source(decoding: Decoding, connector: Connector, source: Source, *, size: int = SAMPLE_BYTES) -> Sample:
    """Read the first `size` bytes of a source, no further. Raises what the connector and the decoder raise."""
    facts: DocumentFacts | None = None
    data = bytearray()
    with Unpacking(decoding) as unpacking:
        async with unpack_source(unpacking, connector, source) as parts:
            async for part in parts:
                if isinstance(part, Opened):
                    facts = part.facts
                elif facts is not None:
                    ended = isinstance(part, Ended)
                    if not isinstance(part, Ended):
                        data += part
                    if ended or len(data) > size:
                        return Sample(facts, bytes(data[:size]), ended, unpacking.how)
    raise RefuseRun(f"{source.name} holds no document")
