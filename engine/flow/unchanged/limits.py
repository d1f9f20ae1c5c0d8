"""How much of a source is held back, and where its digest is compared on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.document import CHUNK_BYTES

_MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes, in bytes.

    The digest is compared after `first_mark` bytes, then each time their number has doubled until that is `mark_step` more:
    a feed of which one record in a hundred changed is found out by the first. What is held back stays in memory up to
    `in_memory`, and twice that while it is written; beyond it goes to disk up to `on_disk`; a longer source is never held
    back. While what was held back is passed on, `replayed` bytes leave for each chunk that arrives, and are read from the
    disk `piece` at a time.
    """

    first_mark: int = CHUNK_BYTES
    mark_step: int = 4 * _MIB
    in_memory: int = 2 * _MIB
    on_disk: int = 2048 * _MIB
    replayed: int = 4 * _MIB
    piece: int = _MIB
