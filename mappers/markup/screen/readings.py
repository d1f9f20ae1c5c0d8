"""What the bytes of a record mean beside themselves: a short text that is another one wherever they could mean anything else."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from engine.batch import RawRecords, Records
from engine.errors import InternalError
from mappers.markup.piece import Piece, pack
from mappers.markup.screen.parts import take_apart

_DECLARING: Final = re.compile(b"xmlns")
"""As a pattern, for that is looked for five times as fast as a text whose letters are frequent."""

_KEPT: Final = 16
"""How many contexts are kept: one is of the unit that is gathered, the other of the piece that was split last."""


@dataclass(frozen=True, slots=True)
class _Place:
    context: bytes
    closing: bytes
    holds: bool


class Readings:
    """Split pieces into records under a reading, and join records under one.

    A reading stands for the start tags of all open ancestors (`context`), the record's own name, the encoding, and what is `said` of
    the feed. `holds` tells, by the parser, whether an element of a name is a record there.
    """

    def __init__(self, said: str, encoding: Callable[[], str], holds: Callable[[bytes, bytes, bytes], bool]) -> None:
        self._said = said.encode()
        self._encoding = encoding
        self._holds = holds
        self._places: OrderedDict[bytes, _Place] = OrderedDict()
        self._last: tuple[bytes, bytes, str, bytes] = (b"", b"", "", b"")

    def of(self, context: bytes, name: bytes) -> bytes:
        """Return the reading of records of a name behind this context."""
        encoding = self._encoding()
        if self._last[:3] != (context, name, encoding):
            head = b"%d %d %b %b" % (len(self._said), len(name), encoding.encode(), self._said)
            reading = blake2b(b"".join((head, name, context)), digest_size=16).digest()
            self._last = (context, name, encoding, reading)
        return self._last[3]

    def split(self, piece: Piece, *, block: bool = False) -> Records | None:
        """Return a piece's records; None where its bytes do not tell them apart, or its elements are none. `block`: it is one.

        A declaration of a namespace inside a record has a part in what names mean in others of its piece: no record stands by itself.
        """
        if _DECLARING.search(piece.body):
            return None
        found = take_apart(piece.body)
        if found is None:
            return None
        reading = self.of(piece.context, found.name)
        place = self._places.get(reading)
        if place is None:
            if len(self._places) >= _KEPT:
                self._places.popitem(last=False)
            place = _Place(piece.context, piece.closing, self._holds(piece.context, found.name, piece.closing))
            self._places[reading] = place
        self._places.move_to_end(reading)
        return Records(piece.body, found.parts, found.lines, reading, b"</%b>" % found.name, block) if place.holds else None

    def join(self, parts: Sequence[bytes], reading: bytes, offset: int) -> RawRecords:
        """Make a piece of records that were split under a reading."""
        place = self._places.get(reading)
        if place is None:
            raise InternalError("records are joined under a reading that none of the last pieces had")
        return RawRecords(pack(place.context, b"".join(parts), place.closing, 1), offset, 1)
