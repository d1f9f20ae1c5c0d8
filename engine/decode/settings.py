"""How a feed's documents are unpacked, and how much may come of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engine.feed import Feed

LAYERS: Final = 3
"""How many times over a document may be packed: `stock.csv.gz` in a zip is two."""

MEMBERS: Final = 10_000
"""How many members the archives of one document may have together."""

GRACE_BYTES: Final = 64 * 1024**2
"""Up to here the ratio is not judged: small files of equal rows pack a thousand to one and harm nobody."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How documents are unpacked.

    `compression` of None goes by the bytes; a name (`gzip`, `zip`, `bzip2`, `xz`, `zstd`) has to fit them, and `none` hands
    them on as they are. `member` is a pattern for the members of an archive. `max_bytes` bounds what a document may unpack to,
    all members together, `max_ratio` the same in multiples of the bytes as sent.
    """

    compression: str | None = None
    member: str | None = None
    max_ratio: int = 250
    max_bytes: int = 16 * 1024**3

    @classmethod
    def of(cls, feed: Feed) -> Decoding:
        """Return how a feed asks for it."""
        transport = feed.transport
        return cls(feed.compression, transport.member, transport.max_ratio, transport.max_bytes)
