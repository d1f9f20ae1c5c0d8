"""A piece of an XML document as a document of its own, and a parser that is given nothing but its bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.errors import InternalError, RefuseRun

if TYPE_CHECKING:
    from lxml import etree

_NOTE: Final = b"<!--%010x %010x %016x-->"
_NOTE_BYTES: Final = len(_NOTE % (0, 0, 0))
_NOTED: Final = re.compile(rb"<!--([0-9a-f]{10}) ([0-9a-f]{10}) ([0-9a-f]{16})-->")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece taken apart: what was opened again for it, its own bytes, what was closed behind it; all in the document's encoding.

    `column` is where it began in its line of the document, counted from 1.
    """

    context: bytes
    body: bytes
    closing: bytes
    column: int


def pack(context: bytes, body: bytes, closing: bytes, column: int) -> bytes:
    """Make a document of a piece. The comment in front says what of it is the document's own."""
    return b"".join((_NOTE % (len(context), len(closing), column), context, body, closing))


def unpack(data: bytes) -> Piece:
    """Take a packed piece apart."""
    note = _NOTED.match(data)
    if note is None:
        raise InternalError("a piece of an XML document without its note")
    context, closing, column = (int(number, 16) for number in note.groups())
    start, end = _NOTE_BYTES + context, len(data) - closing
    return Piece(data[_NOTE_BYTES:start], data[start:end], data[end:], column)


def make_parser() -> etree.XMLParser:
    """Return a parser that reads the bytes it is given as UTF-8 and nothing else: no network, no DTD, no external entity.

    Comments and processing instructions are dropped, so that a text with one inside is one text.
    """
    from lxml import etree

    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities="internal",
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


def unreadable(fault: etree.XMLSyntaxError, piece: Piece, *, name: str, line: int, whole: bool = True) -> RefuseRun:
    """Return the refusal of a piece that is not well-formed, with the place in the document. Line ends in the piece are LF."""
    at, column = fault.position
    opened = piece.context.count(b"\n")
    if at - 1 <= opened:
        # The first line of the body stands behind what was opened again.
        lead = len(piece.context.rpartition(b"\n")[2].decode("utf-8", "replace"))
        column = max(1, column - lead) + piece.column - 1
    at = line + max(0, at - 1 - opened)
    what = (fault.msg or "not well-formed").strip()
    what = re.sub(r",? line \d+, column \d+.*$", "", what, flags=re.DOTALL)
    what = re.sub(r" line \d+ and ", " and ", re.sub(r"\bin tag (\S+) line \d+", r"in tag \1", what))
    if not whole and (fault.code in _UNFINISHED or "Premature end" in what):
        return RefuseRun(
            f"{name} ends inside <{_open_tag(what)}> (line {at}): it is cut short; fetch it again, or ask the supplier whether the "
            "export ran through; nothing was applied"
        )
    if "character encoding" in what or "not proper UTF-8" in what:
        what += "; set encoding to the one the feed is written in"
    if "amplification" in what:
        what = "entities that come to far more than the document itself (an entity bomb)"
    return RefuseRun(f"{name}, line {at}, column {column}: not well-formed XML: {what}; nothing was applied")


_UNFINISHED: Final = frozenset({77})


def _open_tag(what: str) -> str:
    found = re.search(r"in tag (\S+)", what)
    return found[1] if found else "an element"
