"""Bytes of an XML document in whatever encoding to bytes in which every ASCII byte is that character, and on to UTF-8."""

from __future__ import annotations

import codecs
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.errors import RefuseRun
from mappers.charset import Charset, find_charset, settle
from mappers.content import refuse_foreign
from mappers.opening import undecodable

if TYPE_CHECKING:
    from engine.contracts import DocumentFacts


class Undecodable(Exception):
    """Bytes that are no text in the document's encoding. `position` is that of the first of them."""

    def __init__(self, position: int, byte: int) -> None:
        super().__init__(f"byte 0x{byte:02X}")
        self.position = position


class Encoding:
    """The encoding of a document, chosen from its first bytes, and the decoding that has to come before any cut.

    XML without a declaration is UTF-8 (XML 1.0, 4.3.3), so nothing is guessed: bytes that are not what was declared are a fault
    with a position. Raises `RefuseRun` for content that is plainly no XML.
    """

    def __init__(self, head: bytes, option: str | None, facts: DocumentFacts, *, complete: bool) -> None:
        self._facts = facts
        self.charset = self._unguessed(find_charset(head, complete=complete, option=option, declared=facts.charset))
        self._decoder: codecs.IncrementalDecoder | None = self.charset.transcoder() if self.charset.transcoded else None
        self._head = self.charset.bom
        self.offset = 0 if self.charset.transcoded else self.charset.bom
        self.sample = self._sample(head, complete=complete)
        refuse_foreign(self.sample, wanted="xml", name=facts.name)
        begins = self.sample.lstrip(b" \t\r\n")
        if not begins.startswith(b"<"):
            shown = begins[:40].decode("utf-8", "replace")
            raise RefuseRun(
                f"{facts.name} is no XML document: it begins with {shown!r} where < should stand; check the address, or set "
                f"resourceType to what it is; nothing was applied"
            )

    def decode(self, data: bytes, *, final: bool = False) -> bytes:
        """Take the next bytes of the document, the first ones again."""
        skipped, self._head = self._head, max(0, self._head - len(data))
        data = data[skipped:]
        if self._decoder is None:
            return data
        try:
            return self._decoder.decode(data, final).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise undecodable(fault, self.charset, self._facts.name) from None

    def settle(self, piece: bytes) -> None:
        """Choose again when the first bytes beyond ASCII come; `piece` ends where a character does."""
        if self.charset.assumed and not piece.isascii():
            self.charset = self._unguessed(settle(piece, self.charset, self._facts.charset))

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

    @staticmethod
    def _unguessed(found: Charset) -> Charset:
        if not found.guessed:
            return found
        return replace(found, encoding="utf-8", reason="XML that declares nothing is UTF-8", guessed=False)

    def _sample(self, head: bytes, *, complete: bool) -> bytes:
        sample = head[self.charset.bom :]
        if self._decoder is None:
            return sample
        if not self.charset.bom and not self.charset.encoding.startswith("utf-"):
            refuse_foreign(sample, wanted="xml", name=self._facts.name)
        try:
            return self.charset.transcoder().decode(sample, complete).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise undecodable(fault, self.charset, self._facts.name) from None
