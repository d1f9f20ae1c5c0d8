"""Bytes of a JSON document in whatever encoding to bytes in which every ASCII byte is that character."""

from __future__ import annotations

import codecs
from typing import Final

from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from mappers.charset import find_charset, settle
from mappers.content import refuse_foreign
from mappers.opening import undecodable

SAMPLE_BYTES: Final = 256 * 1024
_SHOWN: Final = 40


class Stream:
    """The encoding of a document, chosen from its first bytes, and the decoding that has to come before any cut.

    Raises `RefuseRun` for content that is plainly no JSON.
    """

    def __init__(self, head: bytes, option: str | None, facts: DocumentFacts, *, complete: bool) -> None:
        self._facts = facts
        self.charset = find_charset(head, complete=complete, option=option, declared=facts.charset)
        self._decoder: codecs.IncrementalDecoder | None = self.charset.transcoder() if self.charset.transcoded else None
        self._head = self.charset.bom
        # Every offset is one of these bytes; those before the first are the byte order mark.
        self.offset = 0 if self.charset.transcoded else self.charset.bom
        self._refuse_foreign(self._sample(head, complete=complete))

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
            self.charset = settle(piece, self.charset, self._facts.charset)

    def encode(self, text: str) -> bytes:
        """Return the bytes that `Charset.decode` made this text of."""
        if self.charset.transcoded:
            return text.encode("utf-8", "surrogatepass")
        return text.encode(self.charset.encoding, "surrogateescape")

    def as_utf8(self, data: bytes) -> bytes | None:
        """Return whole records in UTF-8, None where some byte of them does not decode."""
        if self.charset.transcoded or self.charset.encoding == "utf-8" or data.isascii():
            return data
        text, valid = self.charset.decode(data)
        return text.encode() if valid else None

    def warnings(self) -> list[str]:
        """Return what a person should look at."""
        if not self.charset.guessed:
            return []
        return [f"the encoding was guessed as {self.charset.encoding}; keys beyond ASCII depend on it: set encoding to make sure"]

    def _sample(self, head: bytes, *, complete: bool) -> bytes:
        sample = head[self.charset.bom :]
        if self._decoder is None:
            return sample
        if not self.charset.bom and not self.charset.encoding.startswith("utf-"):
            refuse_foreign(sample, wanted="json", name=self._facts.name)
        try:
            return self.charset.transcoder().decode(sample, complete).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise undecodable(fault, self.charset, self._facts.name) from None

    def _refuse_foreign(self, sample: bytes) -> None:
        refuse_foreign(sample, wanted="json", name=self._facts.name)
        begins = sample.lstrip(b" \t\r\n")
        if begins[:1] not in (b"{", b"["):
            shown = begins[:_SHOWN].decode("utf-8", "replace")
            raise RefuseRun(
                f"{self._facts.name} is no JSON document: it begins with {shown!r} where {{ or [ should stand; check the address, or set "
                f"resourceType to what it is; nothing was applied"
            )
