"""The encoding of an XML document: what is declared, or UTF-8, and never a guess."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mappers.stream import Stream

if TYPE_CHECKING:
    from mappers.charset import Charset


class Undecodable(Exception):
    """Bytes that are no text in the document's encoding. `position` is that of the first of them."""

    def __init__(self, position: int, byte: int) -> None:
        super().__init__(f"byte 0x{byte:02X}")
        self.position = position


class Encoding(Stream):
    """The encoding of an XML document.

    XML without a declaration is UTF-8 (XML 1.0, 4.3.3), so nothing is guessed: bytes that are not what was declared are a fault
    with a position. `sample` is what the document begins with.
    """

    form = "xml"
    begins = (b"<",)
    sample: bytes

    @property
    def is_utf8(self) -> bool:
        """Tell whether pieces are UTF-8 as they are."""
        return self.charset.transcoded or self.charset.encoding in ("utf-8", "ascii")

    def text(self, data: bytes) -> str:
        """Decode a piece. Raises `Undecodable`."""
        try:
            return data.decode("utf-8" if self.is_utf8 else self.charset.encoding)
        except UnicodeDecodeError as fault:
            raise Undecodable(fault.start, data[fault.start]) from None

    def lenient(self, data: bytes) -> str:
        """Decode a piece for people to look at."""
        return data.decode("utf-8" if self.is_utf8 else self.charset.encoding, "backslashreplace")

    def _choose(self, found: Charset) -> Charset:
        if not found.guessed:
            return found
        return replace(found, encoding="utf-8", reason="XML that declares nothing is UTF-8", guessed=False)

    def _look(self, sample: bytes) -> None:
        self.sample = sample
