"""The layers of a packed document, from the bytes as sent inwards: each finds out what it is and feeds the one within."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.contracts import DocumentFacts
from engine.decode.allowance import Allowance
from engine.decode.magic import MAGIC_BYTES, MAGICS, cut_packing, packing_of, undecided
from engine.decode.parts import Ended, Opened, Part
from engine.decode.settings import LAYERS, Decoding
from engine.errors import RefuseRun

if TYPE_CHECKING:
    from engine.decode.archive import Archive
    from engine.decode.series import Series


class Layer:
    """Bytes as they come from the source or out of the layer around them: plain, a series of members, or an archive.

    The first bytes are held until they tell. `feed` and `finish` are generators; see `engine.decode.stage.Decoder`.
    """

    def __init__(self, decoding: Decoding, facts: DocumentFacts, allowance: Allowance, depth: int = 0) -> None:
        self._decoding = decoding
        self._facts = facts
        self._allowance = allowance
        self._depth = depth
        self._held: list[bytes] = []
        self._opened = False
        self._packing: str | None = None
        self._series: Series | None = None
        self._archive: Archive | None = None
        self._inner: Layer | None = None
        self.plain = True if decoding.compression == "none" else None

    def steps(self) -> list[str]:
        """Return the names of the packings from here inwards, as far as they are known."""
        return [*([self._packing] if self._packing else []), *(self._inner.steps() if self._inner else [])]

    def feed(self, chunk: bytes) -> Iterator[Part]:
        """Take the next bytes and yield what they stand for."""
        if self.plain is not None or self._packing is not None:
            yield from self._take(chunk)
        else:
            self._held.append(chunk)
            yield from self._decide(complete=False)

    def finish(self) -> Iterator[Part]:
        """Yield the rest, having checked that nothing is missing."""
        if self.plain is None and self._packing is None:
            yield from self._decide(complete=True)
        if self._archive is not None:
            yield from self._read_archive(self._archive)
        elif self._series is not None and self._inner is not None:
            self._series.finish()
            yield from self._inner.finish()
        else:
            yield from self._open()
            yield Ended()

    def close(self) -> None:
        """Remove temporary files, those of inner layers too."""
        if self._archive is not None:
            self._archive.close()
        if self._inner is not None:
            self._inner.close()

    def _take(self, chunk: bytes) -> Iterator[Part]:
        if self._archive is not None:
            self._archive.feed(chunk)
        elif self._series is not None and self._inner is not None:
            for piece in self._series.feed(chunk):
                self._allowance.unpack(self._depth, len(piece))
                yield from self._inner.feed(piece)
        else:
            yield from self._open()
            if chunk:
                yield chunk

    def _open(self) -> Iterator[Part]:
        if not self._opened:
            self._opened = True
            yield Opened(self._facts)

    def _decide(self, *, complete: bool) -> Iterator[Part]:
        """Find out what this is once the bytes held can tell, and let them go: as they came, so that plain bytes are not copied."""
        head = b"".join(chunk[:MAGIC_BYTES] for chunk in self._held)
        if not complete and undecided(head):
            return
        self._packing = packing_of(head)
        if self._packing is None:
            self._refuse_cut(head, complete=complete)
        self._refuse_other()
        self._unpack()
        held, self._held = self._held, []
        for chunk in held:
            yield from self._take(chunk)

    def _refuse_cut(self, head: bytes, *, complete: bool) -> None:
        wanted = self._decoding.compression
        cut = wanted if wanted is not None and any(magic.startswith(head) for magic in MAGICS[wanted]) else cut_packing(head)
        if complete and cut is not None:
            from engine.decode.faults import ended_early

            raise ended_early(self._facts.name, cut)

    def _refuse_other(self) -> None:
        wanted = self._decoding.compression
        if wanted not in (None, self._packing):
            found = f"{self._packing} data" if self._packing else "not packed"
            raise RefuseRun(
                f"{self._facts.name} is {found}, going by its first bytes, but the setting compression says {wanted}: nothing was "
                f"applied; set compression to {self._packing or 'none'}, or leave it unset"
            )

    def _unpack(self) -> None:
        """Be ready to take the bytes as what they are."""
        if self._packing is None:
            self.plain = True
            return
        self.plain = False
        if self._depth == LAYERS:
            raise RefuseRun(
                f"{self._facts.name} is packed more than {LAYERS} times over: nothing was applied; ask the supplier to send it packed once"
            )
        # Imported when something packed comes: most documents are plain, and every start would pay for every format's library.
        if self._packing == "zip":
            from engine.decode.archive import Archive

            self._archive = Archive(self._facts.name, self._allowance)
        else:
            from engine.decode.series import Series

            self._series = Series(self._packing, self._facts.name)
            # Size and type were said of the packed bytes.
            self._inner = self._within(replace(self._facts, size=None, content_type=None), self._decoding.member)

    def _within(self, facts: DocumentFacts, member: str | None) -> Layer:
        return Layer(replace(self._decoding, compression=None, member=member), facts, self._allowance, self._depth + 1)

    def _read_archive(self, archive: Archive) -> Iterator[Part]:
        from engine.decode.archive import WORKBOOK, choose_members, printable

        members = archive.members()
        if self._decoding.member is None and any(member.filename == WORKBOOK for member in members):
            # An Office document is no archive of feeds: a mapper that reads it needs it whole, the others say what it is.
            self._packing = None
            yield Opened(self._facts)
            yield from archive.whole()
            yield Ended()
            return
        for member in choose_members(members, self._decoding.member, self._facts.name):
            label = f"{self._facts.name}!{printable(member.filename)}"
            # The pattern chose from this archive; of one within, everything is read.
            self._inner = inner = self._within(DocumentFacts(label, member.file_size), None)
            for piece in archive.read(member, label):
                self._allowance.unpack(self._depth, len(piece))
                yield from inner.feed(piece)
            yield from inner.finish()
            inner.close()
