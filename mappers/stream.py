"""Bytes of a document in whatever encoding to bytes in which every ASCII byte is that character. Shared by XML and JSON."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from engine.errors import RefuseRun
from mappers.charset import Charset, find_charset, settle
from mappers.content import refuse_foreign
from mappers.opening import undecodable

if TYPE_CHECKING:
    from engine.contracts import DocumentFacts

SAMPLE_BYTES: Final = 256 * 1024
_SHOWN: Final = 40
_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")
_HIGH: Final = bytes(range(0x80, 0x100))


class Stream:
    """The encoding of a document, chosen from its first bytes, and the decoding that has to come before any cut.

    `window` is by how many bytes the encoding is chosen when the first ones of the document were nothing but ASCII.

    Raises `RefuseRun` for content that is plainly not of the `form`, or begins with none of the characters that one begins with.
    """

    form: str
    begins: tuple[bytes, ...]

    def __init__(self, head: bytes, option: str | None, facts: DocumentFacts, *, complete: bool, window: int = SAMPLE_BYTES) -> None:
        self._facts = facts
        self._window = window
        self._held = bytearray()
        self.charset = self._choose(find_charset(head, complete=complete, option=option, declared=facts.charset))
        self._decoder: codecs.IncrementalDecoder | None = self.charset.transcoder() if self.charset.transcoded else None
        self._head = self.charset.bom
        # Every offset is one of these bytes; those before the first are the byte order mark.
        self.offset = 0 if self.charset.transcoded else self.charset.bom
        sample = self._sample(head, complete=complete)
        self._refuse_foreign(sample)
        self._look(sample)

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

    def hold(self, data: bytes, *, final: bool = False) -> bytes:
        """Return the decoded bytes whose encoding is chosen: from the first one beyond ASCII on, none until a window of them is there.

        So it is chosen by the document's bytes alone. How they come, how they are cut and what of them a screen knows has no part in it:
        the same records must not be read otherwise because others have changed.
        """
        if not self.charset.assumed:
            return data
        clear = b""
        if not self._held:
            found = _BEYOND_ASCII.search(data)
            if found is None:
                return data
            clear, data = data[: found.start()], data[found.start() :]
        self._held += data
        if len(self._held) < self._window and not final:
            return clear
        held, self._held = bytes(self._held), bytearray()
        window = held[: self._window]
        if len(window) == self._window:
            # A character that the window cuts in two is none of an encoding, and nobody knows whether the last one is whole.
            window = window.rstrip(_HIGH) or window
        self.settle(window)
        return clear + held

    @property
    def held_bytes(self) -> int:
        """Return how many bytes are held until the encoding is chosen."""
        return len(self._held)

    def settle(self, piece: bytes) -> None:
        """Choose again when the first bytes beyond ASCII come; `piece` ends where a character does."""
        if self.charset.assumed and not piece.isascii():
            self.charset = self._choose(settle(piece, self.charset, self._facts.charset))

    def _choose(self, found: Charset) -> Charset:
        """Take the encoding that was found, or the one that the format asks for in its place."""
        return found

    def _look(self, sample: bytes) -> None:
        """Look at the first bytes of the document, decoded."""

    def _sample(self, head: bytes, *, complete: bool) -> bytes:
        sample = head[self.charset.bom :]
        if self._decoder is None:
            return sample
        # Foreign content that a wrong setting would turn into letters is told apart before it is decoded.
        if not self.charset.bom and not self.charset.encoding.startswith("utf-"):
            refuse_foreign(sample, wanted=self.form, name=self._facts.name)
        try:
            return self.charset.transcoder().decode(sample, complete).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as fault:
            raise undecodable(fault, self.charset, self._facts.name) from None

    def _refuse_foreign(self, sample: bytes) -> None:
        refuse_foreign(sample, wanted=self.form, name=self._facts.name)
        start = sample.lstrip(b" \t\r\n")
        if not start.startswith(self.begins):
            shown, wanted = start[:_SHOWN].decode("utf-8", "replace"), b" or ".join(self.begins).decode()
            raise RefuseRun(
                f"{self._facts.name} is no {self.form.upper()} document: it begins with {shown!r} where {wanted} should stand; check the "
                f"address, or set resourceType to what it is; nothing was applied"
            )
