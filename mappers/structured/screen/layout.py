"""How the elements of a list are written: the bytes that all of them begin with, and those between two of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from mappers.structured.reading import QuickReader
    from mappers.structured.stream import JsonStream
    from mappers.structured.values import Json

_HEAD: Final = re.compile(rb'\{[ \t\r\n]*+"[^"\\\x00-\x1f\x80-\xff]*+"')
_TRIED: Final = 64
"""How many places are tried for the end of the first element: more than this many objects it has in it only where none is regular."""


class Told(NamedTuple):
    """Elements told apart: the bytes of each with the head of the next behind it and without its own, and their values."""

    parts: Sequence[bytes]
    values: Sequence[Json]


@dataclass(frozen=True, slots=True)
class Layout:
    """Each element begins with `head`, a bracket and its first key, and ends with a bracket; `gap` lies between two, a comma and blanks.

    An element ends where `ending` does, behind which the next one has begun. No other two bytes would tell the end of an element from
    that of an object in it. Where one is laid out otherwise, nothing is told apart.
    """

    head: bytes
    gap: bytes

    @property
    def ending(self) -> bytes:
        """Return what lies between the insides of two elements."""
        return b"}%b%b" % (self.gap, self.head)

    def tell_apart(self, inside: bytes, quick: QuickReader, stream: JsonStream) -> Told | None:
        """Return the elements of a stretch that begins and ends behind a head; None where it does not tile into whole values.

        Each is read alone. So none is less than a value or more, whatever stands in its texts, and between two lies nothing but the gap.
        """
        ending, text = self.ending, stream.as_utf8(inside)
        if text is None or not inside.endswith(ending):
            return None
        insides = inside.split(ending)
        insides.pop()
        # Every byte of ASCII is that character, so the text has its ends where the bytes have them.
        texts = insides if text is inside else text.split(ending)[:-1]
        head = self.head
        values = quick.lines([head + each + b"}" for each in texts])
        if values is None or len(values) != len(insides):
            return None
        return Told([each + ending for each in insides], values)

    def join(self, parts: Sequence[bytes]) -> bytes:
        """Return elements with commas between them, of parts that were told apart."""
        return b"%b%b}" % (self.head, b"".join(parts)[: -len(self.ending)])


def learn_layout(elements: bytes, quick: QuickReader, stream: JsonStream) -> Layout | None:
    """Return how the first two elements of a list are laid out; None where they are no objects that begin with the same key."""
    found = _HEAD.match(elements)
    if found is None:
        return None
    head = found[0]
    following = re.compile(rb"\}([ \t\r\n]*+,[ \t\r\n]*+)" + re.escape(head))
    for between in islice(following.finditer(elements, found.end()), _TRIED):
        text = stream.as_utf8(elements[: between.start() + 1])
        if text is not None and quick.lines([text]):
            return Layout(head, between[1])
    return None
