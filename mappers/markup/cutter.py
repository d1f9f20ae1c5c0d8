"""Bytes to pieces of whole records: where a stream of XML may be cut. Looks at tags, never into what they enclose.

A piece is a document of its own: what was open where it begins is opened again in front of it, and closed behind it. So a parser
that takes it proves that the tags in it match those before it, and a cutter that was fooled ends in a refusal, never in a
record read wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from engine.batch import KnownRecords, RawRecords
from engine.errors import RefuseRun
from mappers.markup.ancestry import Ancestry, OpenElement, Role
from mappers.markup.piece import pack
from mappers.markup.prolog import position_in
from mappers.markup.screen.passing import Here, Place, follow_places, make_piece
from mappers.splitter import PIECE_BYTES

if TYPE_CHECKING:
    from mappers.markup.screen.passing import Passing

UNIT_BYTES: Final = 16 * 1024 * 1024
TAG_BYTES: Final = 64 * 1024
KEPT_BYTES: Final = 256 * 1024
CONTEXT_BYTES: Final = 1024 * 1024
DEPTH_LIMIT: Final = 200
EARLY_BYTES: Final = 16 * 1024
SPACING_BYTES: Final = 256 * 1024
TAIL_BYTES: Final = 64 * 1024

_ATTRIBUTES: Final = rb"""(?:[^<>"']++|"[^<"]*+"|'[^<']*+')*+"""
_START: Final = re.compile(rb"<([^\s/>\"'<=!?&]++)(" + _ATTRIBUTES + rb")>")
_STARTING: Final = re.compile(rb"<[^\s/>\"'<=!?&]*+(?:" + _ATTRIBUTES + rb"""(?:"[^<"]*+|'[^<']*+)?)\Z""")
_END: Final = re.compile(rb"</([^\s<>]+)\s*>")
_HIDING: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_LONGEST_OPENING: Final = 9
_SLASH: Final = ord("/")


@dataclass(frozen=True, slots=True)
class CutterSizes:
    """The bounds of a cutter in bytes; tests make them small. `holder` is how long an ancestor is waited for.

    For a screen, `early` is how much of what follows a start tag that is no record's stays in its piece, once in `spacing` bytes: a
    piece in which an element was opened cannot be told apart into records. `tail` is what is never looked for among the known.
    """

    piece: int = PIECE_BYTES
    unit: int = UNIT_BYTES
    holder: int = PIECE_BYTES
    kept: int = KEPT_BYTES
    early: int = EARLY_BYTES
    spacing: int = SPACING_BYTES
    tail: int = TAIL_BYTES


@dataclass(slots=True)
class _Unit:
    """An element that must not be cut: where it began, how far it was scanned, and how deep in elements of its own name."""

    name: bytes
    start: int
    body: int
    at: int
    inner: tuple[tuple[int, int], ...]
    tag: bytes
    role: Role
    depth: int = 1


class Cutter:
    """Cut the bytes of a document, from its root's start tag on, into pieces that end where a record ends.

    Where the cuts fall depends on the bytes alone. Raises `RefuseRun` for what outgrows a bound and for tags that do not match.
    At most a unit, a piece and a chunk are held. With `passing` what it finds is left out, and where the cuts fall depends on that
    too. `context` is what is opened again before what comes next, `known` counts the records that were left out.
    """

    def __init__(
        self,
        ancestry: Ancestry,
        doctype: bytes,
        *,
        name: str,
        offset: int,
        line: int,
        column: int,
        sizes: CutterSizes | None = None,
        screened: bool = False,
        passing: Passing | None = None,
    ) -> None:
        self._ancestry = ancestry
        self._doctype = doctype
        self._name = name
        self._offset = offset
        self._line = line
        self._column = column
        self._sizes = sizes or CutterSizes()
        self._buffer = bytearray()
        self._at = 0
        self._sought = 0
        self._clear_until = 0
        self._slow_until = 0
        self._stack: list[OpenElement] = []
        self._unit: _Unit | None = None
        self._ended = False
        self._goal = self._sizes.piece
        self._screened = screened
        self._passing = passing
        self._entered = -self._sizes.spacing
        self._record = b""
        self.context = doctype
        self.known = 0

    @property
    def buffered_bytes(self) -> int:
        """Return how many bytes are held until more of the document arrives."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[RawRecords]:
        """Take the next bytes and yield the pieces they complete."""
        self._buffer += data
        while True:
            if self._passing is not None and not self._at and self._record and self._stack and self._unit is None:
                waits = yield from self._leave_known(self._passing)
                if waits:
                    # Going on now would lose the place at which a block begins.
                    return
            if not self._go_on():
                return
            if self._at >= self._goal and self._may_cut():
                yield self._cut(self._at)

    def finish(self) -> tuple[RawRecords, bool]:
        """Return the last piece, and whether the document is complete. What is incomplete is not closed in the piece."""
        while self._passing is not None and self._go_on():
            pass
        complete = self._ended and self._unit is None
        piece = self._cut(len(self._buffer), final=True, close=complete)
        return piece, complete

    def _leave_known(self, passing: Passing) -> Generator[RawRecords, None, bool]:
        """Move over blocks that need no scan; tell whether more bytes have to come before anything else is done."""
        here = Here(self.context, self._closing(), self._record)
        found, waits = passing.find(self._buffer, here)
        self._goal = passing.unknown
        if found:
            ends = [end for _, end in found]
            places = [*follow_places(self._buffer, ends, Place(self._offset, self._line, self._column))]
            self._line, self._column = places[-1].line, places[-1].column
            self._drop(ends[-1])
            for (stretch, _), place in zip(found, places, strict=False):
                self.known += stretch.records if isinstance(stretch, KnownRecords) else 0
                yield make_piece(stretch, here, place)
        return waits

    def _go_on(self) -> bool:
        """Move over the next token, or a row of records; tell whether there was one."""
        if self._unit is not None:
            return self._scan_unit(self._unit)
        if self._ended:
            if len(self._buffer) - self._at > CONTEXT_BYTES:
                raise self._refusal(f"more than {CONTEXT_BYTES:,} bytes behind the end of the root element", self._at)
            return False
        buffer = self._buffer
        start = buffer.find(b"<", max(self._at, self._sought))
        if start < 0 or start + 1 >= len(buffer):
            self._sought = start if start >= 0 else len(buffer)
            self._bound(self._at, self._sizes.unit)
            return False
        self._sought = start
        following = buffer[start + 1]
        if following == ord("/"):
            return self._end_tag(start)
        if following in b"!?":
            return self._skip_hidden(start)
        return self._start_tag(start)

    def _start_tag(self, start: int) -> bool:
        match = _START.match(self._buffer, start)
        if match is None:
            if len(self._buffer) - start > TAG_BYTES or _STARTING.match(self._buffer, start) is None:
                raise self._refusal("a start tag that cannot be read (is a quote or a < in it?)", start)
            return False
        if match.end() - start > TAG_BYTES:
            raise self._refusal(f"a start tag of more than {TAG_BYTES:,} bytes", start)
        name, closed = match[1], match[2].endswith(b"/")
        pending = self._stack[-1].pending if self._stack else self._ancestry.first
        inner, role = self._ancestry.enter(pending, name, len(self._stack) + 1)
        self._at = match.end()
        if role is not Role.PASSAGE:
            self._unit = _Unit(name, start, match.end(), match.end(), inner, match[0], role, 0 if closed else 1)
            return True
        element = OpenElement(name, match[0], inner, start)
        if closed:
            self._left(element, match.end())
        else:
            self._enter(element)
        return True

    def _enter(self, element: OpenElement) -> None:
        self._stack.append(element)
        if len(self._stack) > DEPTH_LIMIT:
            raise self._refusal(f"elements nested deeper than {DEPTH_LIMIT} levels", element.start)
        begun = self._offset + element.start
        if self._screened and begun - self._entered >= self._sizes.spacing:
            self._entered = begun
            self._goal = min(self._goal, element.start + self._sizes.early)

    def _end_tag(self, start: int) -> bool:
        match = _END.match(self._buffer, start)
        if match is None:
            if b">" in self._buffer[start : start + TAG_BYTES] or len(self._buffer) - start > TAG_BYTES:
                raise self._refusal("an end tag that cannot be read", start)
            return False
        element = self._stack[-1]
        if match[1] != element.name:
            found, wanted = (name.decode("utf-8", "replace") for name in (match[1], element.name))
            raise self._refusal(f"the end tag </{found}> where <{wanted}> should end", start)
        self._stack.pop()
        self._at = match.end()
        self._left(element, match.end())
        return True

    def _left(self, element: OpenElement, end: int) -> None:
        """Note an element that is no unit and has ended."""
        if not self._stack:
            self._ended = True
            return
        parent = self._stack[-1]
        if parent.kept is None or element.served:
            return
        if not parent.served:
            parent.kept += self._buffer[element.start : end]
            if len(parent.kept) > self._sizes.kept:
                raise self._refusal(
                    f"more than {self._sizes.kept:,} bytes stand before the records in <{_shown(parent)}>, of which a field needs some: "
                    "map what stands in the record, or an attribute",
                    element.start,
                )
        elif element.local in self._ancestry.wanted:
            raise self._refusal(
                f"<{_shown(element)}>, which a field needs, stands behind the records of <{_shown(parent)}>, and those are too many to "
                "wait for it: have the supplier put it first, or leave the field out",
                element.start,
            )

    def _skip_hidden(self, start: int) -> bool:
        opening = next((each for each in _HIDING if self._buffer.startswith(each, start)), None)
        if opening is None:
            if len(self._buffer) - start < _LONGEST_OPENING:
                return False
            raise self._refusal("a declaration where none may stand", start)
        end = self._buffer.find(_HIDING[opening], start + len(opening))
        if end < 0:
            self._bound(start, self._sizes.unit)
            return False
        self._at = end + len(_HIDING[opening])
        return True

    def _scan_unit(self, unit: _Unit) -> bool:
        closed = unit.depth == 0 or self._scan_inside(unit)
        size = (unit.at if closed else len(self._buffer)) - unit.start
        if unit.role is Role.HOLDER and size > self._sizes.holder and not unit.tag.endswith(b"/>"):
            self._demote(unit)
            return True
        if size > self._sizes.unit:
            raise self._refusal(
                f"<{unit.name.decode('utf-8', 'replace')}> is longer than {self._sizes.unit:,} bytes, too long for a record: check xmlPath",
                unit.start,
            )
        if not closed:
            return False
        self._unit = None
        self._at = self._sought = unit.at
        self._served(unit)
        if unit.body < unit.at:
            self._record = unit.name
        if self._stack and unit.role is Role.RECORD and self._at >= self._slow_until:
            self._skip_siblings(unit.name)
        return True

    def _scan_inside(self, unit: _Unit) -> bool:
        """Look for what may end a unit; tell whether it has ended."""
        _, _, careful = _patterns(unit.name)
        buffer = self._buffer
        while True:
            match = careful.search(buffer, unit.at)
            if match is None:
                unit.at = max(unit.at, len(buffer) - len(unit.name) - _LONGEST_OPENING)
                return False
            unit.at = match.start()
            if closing := _HIDING.get(match[0]):
                end = buffer.find(closing, match.end())
                if end < 0:
                    return False
                unit.at = end + len(closing)
                continue
            tag = (_END if match[1] else _START).match(buffer, match.start())
            if tag is None:
                if len(buffer) - match.start() > TAG_BYTES:
                    raise self._refusal("a tag that cannot be read", match.start())
                if buffer.find(b">", match.end()) < 0:
                    return False
                if not match[1] and _STARTING.match(buffer, match.start()):
                    return False
                raise self._refusal("a tag that cannot be read", match.start())
            unit.at = tag.end()
            if match[1]:
                unit.depth -= 1
                if unit.depth == 0:
                    return True
            elif not tag[2].endswith(b"/"):
                unit.depth += 1

    def _skip_siblings(self, name: bytes) -> None:
        """Move over records of the same name that follow at once, as far as a piece goes: the fast way through regular files."""
        if not self._skip_alike(name):
            self._skip_one_by_one(name)

    def _skip_alike(self, name: bytes) -> bool:
        """Move over records that stand behind one another with the same blanks in between, by counting.

        If nothing is hidden, and each that begins does so right behind the end of another, then no other element lies between them,
        none is in another of its name, and the parent is still the same. An end tag too many is for the parser to find.
        """
        buffer, at, limit = self._buffer, self._at, self._goal
        ending, opening = b"</" + name + b">", b"<" + name
        match = _patterns(name)[0].match(buffer, at)
        end = buffer.find(ending, max(at, limit - len(ending)))
        if end < 0:
            end = buffer.rfind(ending, at)
        if match is None or end < 0:
            return False
        end += len(ending)
        gap = bytes(buffer[at : match.start(1) - len(opening)])
        if (
            end - at > self._sizes.unit
            or buffer.count(opening, at, end) != buffer.count(ending + gap + opening, at - len(ending), end)
            or not self._is_clear(at, end)
        ):
            return False
        self._at = self._sought = end
        return True

    def _skip_one_by_one(self, name: bytes) -> None:
        following, start, _ = _patterns(name)
        ending, opening = b"</" + name + b">", b"<" + name
        buffer, first, limit, longest = self._buffer, self._at, self._goal, self._sizes.unit
        at, records, clear = first, 0, self._clear_until
        match, find = following.match, buffer.find
        while at < limit and (tag := match(buffer, at)):
            body = tag.end()
            if buffer[body - 2] == _SLASH:
                at, records = body, records + 1
                continue
            end = find(ending, body)
            if end < 0 or end - at > longest or (end > clear and not self._is_clear(at, end)):
                break
            clear = self._clear_until
            at, records = end + len(ending), records + 1
        # Whether one of them holds another of its name is asked once, of all together.
        if buffer.count(opening, first, at) != records and len(start.findall(buffer, first, at)) != records:
            self._slow_until = at
            return
        self._at = self._sought = at

    def _is_clear(self, start: int, end: int) -> bool:
        """Tell whether nothing that could hide a tag begins up to `end`. Each byte is looked at once."""
        if end <= self._clear_until:
            return True
        begin = max(start, self._clear_until)
        stop = min(len(self._buffer), max(end, self._goal) + 1)
        # A single byte is looked for ten times as fast as two.
        there = [opening for opening in (b"<!", b"<?") if self._buffer.find(opening[1:], begin, stop) >= 0]
        found = [at for at in (self._buffer.find(opening, begin, stop) for opening in there) if at >= 0]
        self._clear_until = min(found, default=stop - 1)
        return end <= self._clear_until

    def _served(self, unit: _Unit) -> None:
        if not self._stack:
            self._ended = True
            return
        inner = unit.name.rpartition(b":")[2]
        for element in reversed(self._stack):
            if element.kept is not None and inner in self._ancestry.wanted:
                raise self._refusal(
                    f"a field needs <{inner.decode('utf-8', 'replace')}> of <{_shown(element)}>, which holds the records themselves and is "
                    "too big to be held: map what stands in the record, or an attribute",
                    unit.start,
                )
            if element.served:
                break
            element.served = True
            inner = element.local

    def _demote(self, unit: _Unit) -> None:
        """Give up holding an ancestor whole: what stands in it before the records is kept, and what follows must not matter."""
        if self._ancestry.looks_at_records():
            raise self._refusal(
                f"a field needs all of <{unit.name.decode('utf-8', 'replace')}>, which is longer than {self._sizes.holder:,} bytes: "
                "name the child that is meant, or an attribute",
                unit.start,
            )
        self._unit = None
        self._at = self._sought = unit.body
        self._enter(OpenElement(unit.name, unit.tag, unit.inner, unit.start, bytearray()))

    def _may_cut(self) -> bool:
        if self._unit is not None or not self._stack:
            return False
        return not any(above.kept is not None and not below.served for above, below in zip(self._stack, self._stack[1:], strict=False))

    def _cut(self, end: int, *, final: bool = False, close: bool = True) -> RawRecords:
        body = bytes(self._buffer[:end])
        closing = self._closing() if close else b""
        piece = RawRecords(
            b"" if final and close and not body else pack(self.context, body, closing, self._column), self._offset, self._line, final
        )
        self._line, self._column = position_in(body, self._line, self._column)
        self._drop(end)
        self._goal = self._sizes.piece
        self.context = b"".join((self._doctype, *(part for each in self._stack for part in (each.tag, each.kept or b""))))
        if len(self.context) > CONTEXT_BYTES:
            raise self._refusal("start tags that are too long to be opened again for each piece", 0)
        return piece

    def _closing(self) -> bytes:
        return b"".join(b"</%b>" % element.name for element in reversed(self._stack))

    def _drop(self, end: int) -> None:
        """Let go of bytes that are settled."""
        del self._buffer[:end]
        self._offset += end
        self._at = max(0, self._at - end)
        self._sought = self._at
        self._clear_until = max(0, self._clear_until - end)
        self._slow_until = max(0, self._slow_until - end)

    def _bound(self, start: int, limit: int) -> None:
        if len(self._buffer) - start > limit:
            raise self._refusal(f"something longer than {limit:,} bytes that is no record", start)

    def _refusal(self, what: str, at: int) -> RefuseRun:
        line, column = position_in(bytes(self._buffer[:at]), self._line, self._column)
        return RefuseRun(f"{self._name}, line {line}, column {column}: {what}; nothing was applied")


def _shown(element: OpenElement) -> str:
    return element.name.decode("utf-8", "replace")


@lru_cache(maxsize=64)
def _patterns(name: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes], re.Pattern[bytes]]:
    """Return the patterns of a name: a start tag that follows at once, the beginning of one, and all that bears on an end."""
    literal = re.escape(name)
    following = re.compile(rb"\s*<" + literal + rb"(?=[\s/>])(" + _ATTRIBUTES + rb")>")
    start = re.compile(b"<" + literal + rb"(?=[\s/>])")
    careful = re.compile(rb"<!--|<!\[CDATA\[|<\?|<(/?)" + literal + rb"(?=[\s/>])")
    return following, start, careful
