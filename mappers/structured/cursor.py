"""A walk through the text of one JSON document: into objects and lists on the way to the records, over everything else.

And where in the document a fault stands, for people, also when only a part of its text is left.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, cast

from engine.batch import clip
from engine.errors import RefuseRun

if TYPE_CHECKING:
    from mappers.structured.values import Json

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_NEXT: Final = re.compile(r"[ \t\n\r]*(?:,[ \t\n\r]*)?")

ENDLESS: Final = "a text without an end"
"""Line ends are no end of a text here, so one without a closing quote reaches to the end of the document."""


class BrokenJson(Exception):
    """Text that is no JSON, with where that shows. `position` is an index of the text."""

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.position = position


class Cursor:
    """A position in a text. What is read moves it on; whoever is given a value's place has to read the value.

    Raises `BrokenJson`.
    """

    def __init__(self, text: str, decoder: json.JSONDecoder, at: int = 0) -> None:
        self.text = text
        self.at = at
        # Typed as JSON, which is what the decoder's hooks make of it.
        self._decode = cast("Callable[[str, int], tuple[Json, int]]", decoder.raw_decode)

    def peek(self) -> str:
        """Move over white space; return the next character, empty at the end of the text."""
        self.at = cast("re.Match[str]", _BLANKS.match(self.text, self.at)).end()
        return self.text[self.at : self.at + 1]

    def value(self) -> Json:
        """Read the value that begins here."""
        try:
            value, self.at = self._decode(self.text, self.at)
        except json.JSONDecodeError as fault:
            reason = ENDLESS if fault.msg.startswith("Unterminated string") else fault.msg[0].lower() + fault.msg[1:]
            raise BrokenJson(reason, fault.pos) from None
        except RecursionError:
            raise BrokenJson("a value nested too deep to be read", self.at) from None
        return value

    def elements(self) -> Iterator[int]:
        """Walk a list: yield where each element begins, and go on from where the reader of it left off."""
        self._expect("[", "a list")
        if self.peek() == "]":
            self.at += 1
            return
        while True:
            yield self.at
            if self._ends("]"):
                return

    def members(self) -> Iterator[str]:
        """Walk an object: yield each key with the cursor at its value, and go on from where the reader of it left off."""
        self._expect("{", "an object")
        if self.peek() == "}":
            self.at += 1
            return
        while True:
            if self.peek() != '"':
                raise BrokenJson("expecting a key in double quotes", self.at)
            key = str(self.value())
            self._expect(":", "':' behind a key")
            self.peek()
            yield key
            if self._ends("}"):
                return

    def _ends(self, closing: str) -> bool:
        comma = self.peek() == ","
        if comma:
            self.at += 1
            if self.peek() == closing:
                raise BrokenJson(f"a comma with nothing behind it before '{closing}'", self.at)
            return False
        self._expect(closing, f"',' or '{closing}'")
        return True

    def _expect(self, character: str, what: str) -> None:
        if self.peek() != character:
            raise BrokenJson(f"expecting {what}", self.at)
        self.at += 1

    def skip_comma(self) -> bool:
        """Move over white space and a comma between values; tell whether anything follows."""
        self.at = cast("re.Match[str]", _NEXT.match(self.text, self.at)).end()
        return self.at < len(self.text)


class Place:
    """A place in the text of a document, moved on by what was read. All from 0."""

    def __init__(self) -> None:
        self.line = 0
        self.column = 0
        self.character = 0

    def move(self, text: str) -> None:
        """Go to the end of some text that begins here."""
        self.character += len(text)
        last = text.rfind("\n")
        if last < 0:
            self.column += len(text)
            return
        self.line += text.count("\n")
        self.column = len(text) - last - 1

    def behind(self, text: str) -> Place:
        """Return the place at the end of some text that begins here."""
        place = Place()
        place.line, place.column, place.character = self.line, self.column, self.character
        place.move(text)
        return place


def refuse_broken(fault: BrokenJson, text: str, begin: Place, name: str) -> RefuseRun:
    """Return the refusal of text that is no JSON, with line, column and what stands there. `begin` is where the text begins."""
    at = min(fault.position, len(text))
    place = begin.behind(text[:at])
    line, column = place.line + 1, place.column + 1
    if not text[at:].strip(" \t\r\n") or str(fault) == ENDLESS:
        return RefuseRun(
            f"{name} ends at line {line}, column {column} before its JSON does ({fault}): it is cut short; fetch it again, or ask the "
            f"supplier whether the export ran through; nothing was applied"
        )
    return RefuseRun(
        f"{name}, line {line}, column {column} (character {place.character + 1:,}) is no JSON: {fault}, near "
        f"{clip(text[at : at + 40], 60)!r}; have the supplier write valid JSON; nothing was applied"
    )
