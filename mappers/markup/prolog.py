"""What stands before the root of an XML document: its declaration, comments, and a DOCTYPE of which little is let through.

The internal subset is kept, for it may declare entities that texts use. Nothing else of a DTD is ever read: no external subset
is fetched, and a document that wants one to be read, or that could grow without bound by its entities, is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from engine.errors import RefuseRun

PROLOG_BYTES: Final = 1024 * 1024
SUBSET_BYTES: Final = 64 * 1024
ENTITIES: Final = 200
EXPANSION: Final = 16 * 1024
"""Characters that one entity may come to. That the document as a whole does not outgrow its bytes is libxml2's to see to."""

_DECLARATION: Final = re.compile(rb"<\?xml(?=[ \t\r\n?])", re.IGNORECASE)
_DECLARED: Final = re.compile(
    rb"""<\?xml\s+version\s*=\s*(?:"[\w.:-]+"|'[\w.:-]+')(?:\s+encoding\s*=\s*(?:"[A-Za-z][\w.-]*"|'[A-Za-z][\w.-]*'))?"""
    rb"""(?:\s+standalone\s*=\s*(?:"(?:yes|no)"|'(?:yes|no)'))?\s*\?>"""
)
_ROOT: Final = re.compile(rb"<[^!?/\s<>=\"']")
_LITERAL: Final = rb"""(?:"[^"]*+"|'[^']*+')"""
_DOCTYPE: Final = re.compile(
    rb"<!DOCTYPE[ \t\r\n]+([^\s\[<>&\"'=]+)[ \t\r\n]*(?:(?:SYSTEM|PUBLIC[ \t\r\n]+"
    + _LITERAL
    + rb")[ \t\r\n]+"
    + _LITERAL
    + rb"[ \t\r\n]*)?"
)
_SUBSET_PART: Final = re.compile(
    rb"[ \t\r\n]+|<!--(?:(?!--)[\s\S])*+-->|<\?(?:(?!\?>)[\s\S])*+\?>|<![A-Z]+(?:[^<>\"'\[\]]++|" + _LITERAL + rb")*+>|%[^;\s]+;"
)
_ENTITY: Final = re.compile(rb"<!ENTITY[ \t\r\n]+(%[ \t\r\n]+)?([^\s%\"'>]+)[ \t\r\n]+(SYSTEM|PUBLIC|" + _LITERAL + rb")")
_REFERENCE: Final = re.compile(rb"&([^;&\s]+);")
_MARKUP: Final = re.compile(rb"<|&#0*60;|&#x0*3[cC];")


@dataclass(frozen=True, slots=True)
class Prolog:
    """What was found: the `length` of it in bytes, the DOCTYPE that goes before each piece, empty where none is needed.

    `asides` are its comments and processing instructions, which a parser still has to find well-formed.
    """

    length: int
    doctype: bytes = b""
    asides: bytes = b""


def read_prolog(data: bytes, *, complete: bool, name: str) -> Prolog | None:
    """Read up to the root's start tag; None when the rest has to arrive first. Raises `RefuseRun` with the place of what is wrong."""
    at = 0
    doctype: bytes | None = None
    asides: list[bytes] = []
    while True:
        at = len(data) - len(data[at:].lstrip(b" \t\r\n"))
        here = data[at : at + 9]
        if _ROOT.match(here):
            return Prolog(at, doctype or b"", b"".join(asides))
        if here == b"<!DOCTYPE":
            if doctype is not None:
                raise _refusal(name, data, at, "a second DOCTYPE")
            found = _read_doctype(data, at, name)
            end, doctype = found if found is not None else (-1, None)
        elif here.startswith((b"<!--", b"<?")):
            end = _end_of_aside(data, at, name)
            if end >= 0 and not _DECLARATION.match(data, at):
                asides.append(data[at:end])
        elif len(here) < len(b"<!DOCTYPE") and not complete:
            return None
        else:
            shown = here.decode("utf-8", "replace")
            raise _refusal(name, data, at, f"{shown!r} where the root element should begin" if here else "no root element")
        if end < 0:
            if complete or len(data) - at > PROLOG_BYTES:
                raise _refusal(name, data, at, f"what begins here does not end{'' if complete else f' within {PROLOG_BYTES:,} bytes'}")
            return None
        at = end


def _end_of_aside(data: bytes, at: int, name: str) -> int:
    """Return where a comment or a processing instruction ends, -1 when that has not come."""
    if data.startswith(b"<?", at):
        end = data.find(b"?>", at + 2)
        if _DECLARATION.match(data, at):
            if at:
                raise _refusal(name, data, at, "an XML declaration that is not the first thing in the document")
            if end >= 0 and not _DECLARED.match(data):
                raise _refusal(name, data, at, "an XML declaration that cannot be read")
        return end + 2 if end >= 0 else -1
    end = data.find(b"--", at + 4)
    if end >= 0 and end + 2 < len(data) and data[end + 2] != ord(">"):
        raise _refusal(name, data, at, "a comment that holds '--'")
    return end + 3 if 0 <= end < len(data) - 2 else -1


def _read_doctype(data: bytes, at: int, name: str) -> tuple[int, bytes] | None:
    """Return where a DOCTYPE ends and what is kept of it, None when its end has not come."""
    match = _DOCTYPE.match(data, at)
    if match is None or match.end() == len(data):
        return None
    if data[match.end()] == ord(">"):
        return match.end() + 1, b""
    if data[match.end()] != ord("["):
        raise _refusal(name, data, match.end(), "a DOCTYPE that cannot be read")
    end = start = match.end() + 1
    while part := _SUBSET_PART.match(data, end):
        if part[0].startswith(b"%"):
            raise _refusal(name, data, end, f"the parameter entity {part[0].decode('utf-8', 'replace')}, which is never followed")
        end = part.end()
        if end - start > SUBSET_BYTES:
            raise _refusal(name, data, start, f"a DOCTYPE with more than {SUBSET_BYTES:,} bytes of declarations")
    close = re.compile(rb"\][ \t\r\n]*>").match(data, end)
    if close is None:
        if end == len(data) or len(data) - end < SUBSET_BYTES:
            return None
        raise _refusal(name, data, end, "a declaration in the DOCTYPE that cannot be read")
    _refuse_entities(data, start, end, name)
    subset = data[start:end].strip()
    return close.end(), b"<!DOCTYPE %b [%b]>" % (match[1], subset) if subset else b""


def _refuse_entities(data: bytes, start: int, end: int, name: str) -> None:
    values: dict[bytes, bytes] = {}
    for declaration in re.finditer(rb"<!ENTITY\b[^>]*", data[start:end]):
        at = start + declaration.start()
        match = _ENTITY.match(data, at)
        if match is None:
            raise _refusal(name, data, at, "an entity declaration that cannot be read")
        entity = match[2].decode("utf-8", "replace")
        if match[1]:
            raise _refusal(name, data, at, f"the parameter entity %{entity};, which is never followed")
        if match[3] in (b"SYSTEM", b"PUBLIC"):
            raise _refusal(name, data, at, f"the external entity &{entity};, which is never fetched")
        if _MARKUP.search(match[3]):
            raise _refusal(name, data, at, f"the entity &{entity}; holds markup, which is not followed")
        # The first declaration of an entity is the one that counts.
        values.setdefault(match[2], match[3][1:-1])
        if len(values) > ENTITIES:
            raise _refusal(name, data, at, f"more than {ENTITIES} entities")
    sizes: dict[bytes, int] = {}
    for entity in values:
        if _expanded(entity, values, sizes, ()) > EXPANSION:
            shown = entity.decode("utf-8", "replace")
            raise _refusal(
                name, data, start, f"the entity &{shown}; comes to more than {EXPANSION:,} characters, or to itself (an entity bomb)"
            )


def _expanded(entity: bytes, values: dict[bytes, bytes], sizes: dict[bytes, int], above: tuple[bytes, ...]) -> int:
    if entity in above or len(above) > ENTITIES:
        return EXPANSION + 1
    if entity not in sizes:
        value = values.get(entity, b"")
        inner = (_expanded(found, values, sizes, (*above, entity)) for found in _REFERENCE.findall(value))
        sizes[entity] = min(EXPANSION + 1, len(value) + sum(inner))
    return sizes[entity]


def _refusal(name: str, data: bytes, at: int, what: str) -> RefuseRun:
    line, column = position_in(data[:at])
    return RefuseRun(f"{name}, line {line}, column {column}: {what}; ask the supplier for a plain export; nothing was applied")


def count_lines(data: bytes) -> int:
    """Count line ends: LF, CR LF, or CR alone."""
    return data.count(b"\n") + (data.count(b"\r") - data.count(b"\r\n") if b"\r" in data else 0)


def position_in(before: bytes, line: int = 1, column: int = 1) -> tuple[int, int]:
    """Return line and column behind some bytes that began at `line` and `column`; characters of UTF-8 count as one."""
    start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
    return line + count_lines(before), (1 if start else column) + count_characters(before[start:])


def count_characters(data: bytes) -> int:
    """Count characters of UTF-8; a byte of another encoding counts as one unless it could be the rest of one."""
    return len(data) if data.isascii() else len(data) - len(data.translate(None, _NO_CONTINUATION))


_NO_CONTINUATION: Final = bytes(byte for byte in range(256) if not 0x80 <= byte < 0xC0)
