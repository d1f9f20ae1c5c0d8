"""One JSON document: where its list stands, the elements of it, and what it is when it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.batch import clip
from engine.errors import RefuseRun
from mappers.structured.columns import VARIANTS, Entry, Shape
from mappers.structured.complaint import find_complaint, find_message
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.paging import find_next
from mappers.structured.settings import DEFAULT_ROOT, JsonOptions
from mappers.structured.values import Json, describe, make_object

if TYPE_CHECKING:
    import json


class WholeDocument:
    """The text of a document, walked once.

    Raises `RefuseRun` for what is no JSON, for an answer that says it failed, and for a document in which the list is not where
    it should be. An empty list is no fault here: the last page of several is often one.
    """

    def __init__(self, text: str, decoder: json.JSONDecoder, options: JsonOptions, name: str) -> None:
        self._cursor = Cursor(text, decoder)
        self._options = options
        self._name = name
        self._found = False
        self.root = ""
        self.next_page: str | None = None

    def elements(self) -> Iterator[tuple[int, int, Json]]:
        """Yield where each element of the list begins and ends in the text, and its value."""
        try:
            yield from self._walk()
        except BrokenJson as fault:
            raise self._broken(fault) from None

    def _walk(self) -> Iterator[tuple[int, int, Json]]:
        cursor = self._cursor
        if cursor.peek() == "[":
            if self._options.root is not None:
                raise RefuseRun(f"{self._name} is a list, so jsonRoot={self._options.root} leads nowhere: unset it; nothing was applied")
            self.root = "the document"
            yield from self._list()
        else:
            yield from self._object(self._options.root or DEFAULT_ROOT, "")
        if cursor.peek():
            raise BrokenJson("the document ends here, and something follows", cursor.at)

    def _list(self) -> Iterator[tuple[int, int, Json]]:
        for start in self._cursor.elements():
            value = self._cursor.value()
            yield start, self._cursor.at, value

    def _object(self, way: str, above: str) -> Iterator[tuple[int, int, Json]]:
        cursor = self._cursor
        start = cursor.at
        others: list[tuple[str, Json]] = []
        for key in cursor.members():
            rest = _rest(way, key)
            if rest is None:
                others.append((key, cursor.value()))
            elif not rest:
                yield from self._at_root(f"{above}{key}")
            elif cursor.peek() == "{":
                yield from self._object(rest, f"{above}{key}.")
            else:
                others.append((key, cursor.value()))
        members = make_object(others)
        if not above:
            self.next_page = find_next(members)
        # Also beside a list with items in it: what an answer brings that says it failed may be a part of them.
        if (self._found or above or self._options.root is not None) and (complaint := find_complaint(members)):
            raise self._complained(complaint)
        if not self._found and not above:
            yield start, cursor.at, self._single(members)

    def _at_root(self, root: str) -> Iterator[tuple[int, int, Json]]:
        if self._found:
            raise RefuseRun(f"{self._name} has {root!r} twice: only the supplier knows which is meant; nothing was applied")
        self._found, self.root = True, root
        opening = self._cursor.peek()
        if opening == "[":
            yield from self._list()
            return
        start = self._cursor.at
        value = self._cursor.value()
        if isinstance(value, dict) and self._is_item(value):
            yield start, self._cursor.at, value
        elif value is not None:
            raise RefuseRun(
                f"{self._name}: {root!r} is {describe(value)}, not a list of items: set jsonRoot to the names on the way to the list; "
                f"nothing was applied"
            )

    def _single(self, members: dict[str, Json]) -> dict[str, Json]:
        """Return the document as the one item or product that it is."""
        complaint = find_complaint({key: value for key, value in members.items() if key.lower() != "status"})
        if complaint is None and self._options.root is None and self._is_item(members):
            self.root = "the document, a single object"
            return members
        complaint = complaint or find_complaint(members) or find_message(members)
        if complaint is not None:
            raise self._complained(complaint)
        root = self._options.root
        where = f"has no list under jsonRoot={root}" if root else f"is an object without {DEFAULT_ROOT!r} and without a mapped key"
        lists = list(_lists(members, ""))[:5]
        keys = clip(", ".join(repr(key) for key in list(members)[:20]), 300)
        cure = f"set jsonRoot={lists[0]}" if lists else "check the address, or set jsonRoot"
        others = f" (lists stand under {', '.join(lists)})" if lists else ""
        raise RefuseRun(f"{self._name} {where}; it has {keys or 'nothing'}{others}: {cure}; nothing was applied")

    def _is_item(self, value: dict[str, Json]) -> bool:
        if self._options.nested and isinstance(value.get(VARIANTS), list):
            return True
        return Shape(self._options.names).knows(Entry(value))

    def _complained(self, complaint: str) -> RefuseRun:
        return RefuseRun(
            f"{self._name} is a JSON object that says {complaint!r}, so it is not the whole feed: check the address and the credentials, "
            f"or ask the supplier; nothing was applied"
        )

    def _broken(self, fault: BrokenJson) -> RefuseRun:
        return refuse_broken(fault, self._cursor.text, self._name)


def refuse_broken(fault: BrokenJson, text: str, name: str) -> RefuseRun:
    """Return the refusal of text that is no JSON, with line, column and what stands there."""
    at = min(fault.position, len(text))
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    if not text[at:].strip(" \t\r\n"):
        return RefuseRun(
            f"{name} ends at line {line}, column {column} before its JSON does ({fault}): it is cut short; fetch it again, or ask the "
            f"supplier whether the export ran through; nothing was applied"
        )
    return RefuseRun(
        f"{name}, line {line}, column {column} (character {at + 1:,}) is no JSON: {fault}, near {clip(text[at : at + 40], 60)!r}; have the "
        f"supplier write valid JSON; nothing was applied"
    )


def _rest(way: str, key: str) -> str | None:
    """Return the names that remain of a way behind a key, None when the way does not go there."""
    if way == key:
        return ""
    return way[len(key) + 1 :] if key and way.startswith(key + ".") else None


def _lists(members: dict[str, Json], above: str, depth: int = 0) -> Iterator[str]:
    for key, value in members.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{above}{key}"
        elif isinstance(value, dict) and depth < 3:
            yield from _lists(value, f"{above}{key}.", depth + 1)
