"""The digest of all that a source sends, comparable on the way with that of an earlier run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xxhash import xxh3_128

from engine.decode import Ended, Opened
from engine.flow.unchanged.limits import Limits

if TYPE_CHECKING:
    from engine.contracts import DocumentFacts
    from engine.decode import Part

_MARK_BYTES: Final = 4
"""Bytes kept of a mark. It only says how long to go on comparing: one that is equal by chance delays that, and decides nothing."""

_TEXT: Final = re.compile(rf"1 ([0-9]{{1,18}}) ([0-9]{{1,18}}) ([0-9a-f]{{32}}) ((?:[0-9a-f]{{{2 * _MARK_BYTES}}})*)", re.ASCII)


class SourceDigest:
    """One hash (xxh3, 128 bit) over the documents of a source as they were sent, in order, with what is known of each.

    `known` is the `text` of an earlier run. How the bytes were cut into chunks never changes the result. The name, the content
    type and the charset of a document are covered: the same bytes in another charset are other items.
    """

    def __init__(self, known: str = "", limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._hash = xxh3_128()
        self._size = 0
        self._document_size = 0
        self._documents = 0
        self._marks: list[str] = []
        self._next = self._limits.first_mark
        self._known = _Known.read(known)

    @property
    def text(self) -> str:
        """Return what stands for the bytes so far, empty where there are none or too many to be ever held back.

        It holds the version of its form, bytes, documents, the digest, and the first bytes of the digest at each mark.
        """
        if not self._documents or self._too_long:
            return ""
        return f"1 {self._size} {self._documents} {self._hash.hexdigest()} {''.join(self._marks)}"

    @property
    def may_equal(self) -> bool:
        """Return whether nothing so far differs from the earlier run's; the end is not judged."""
        return self._known is not None

    @property
    def equals(self) -> bool:
        """Return whether this is all that the earlier run read, and nothing else."""
        return self._known is not None and self._known.text == self.text

    def take(self, part: Part) -> None:
        """Cover the next part of the source."""
        if isinstance(part, Opened):
            self._documents += 1
            self._document_size = 0
            self._hash.update(frame(part.facts))
        elif isinstance(part, Ended):
            # With the size behind the bytes and a frame of fixed size before them no other documents come to the same bytes.
            self._hash.update(self._document_size.to_bytes(8, "little"))
        elif not self._too_long:
            self._document_size += len(part)
            self._update(part)
        if self._known is not None and (self._size > self._known.size or self._documents > self._known.documents):
            self._known = None

    @property
    def _too_long(self) -> bool:
        return self._size > self._limits.on_disk

    def _update(self, chunk: bytes) -> None:
        rest = memoryview(chunk)
        while self._size + len(rest) >= self._next:
            at = self._next - self._size
            self._hash.update(rest[:at])
            rest = rest[at:]
            self._size = self._next
            self._next += min(self._next, self._limits.mark_step)
            self._mark(self._hash.digest()[:_MARK_BYTES].hex())
        self._hash.update(rest)
        self._size += len(rest)

    def _mark(self, mark: str) -> None:
        if self._known is not None and not self._known.has_mark(len(self._marks), mark):
            self._known = None
        self._marks.append(mark)


class _Known:
    """The digest of an earlier run. A text of a form that is not known stands for nothing."""

    def __init__(self, text: str, found: re.Match[str]) -> None:
        self.text = text
        self.size, self.documents = int(found[1]), int(found[2])
        self._marks = found[4]

    @classmethod
    def read(cls, text: str) -> _Known | None:
        found = _TEXT.fullmatch(text)
        return cls(text, found) if found is not None else None

    def has_mark(self, nth: int, mark: str) -> bool:
        return self._marks.startswith(mark, nth * 2 * _MARK_BYTES)


def frame(facts: DocumentFacts) -> bytes:
    """Return what stands before a document's bytes: 16 bytes, the digest of what is known of it."""
    told = xxh3_128()
    for each in (facts.name, facts.content_type, facts.charset):
        text = b"" if each is None else each.encode("utf-8", "surrogatepass")
        told.update(b"-" if each is None else b"+")
        told.update(len(text).to_bytes(8, "little"))
        told.update(text)
    return told.digest()
