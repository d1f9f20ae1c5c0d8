"""One JSON document around its list: where that stands, what is said beside it, and what the document is when it has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from engine.batch import clip
from engine.errors import RefuseRun
from mappers.structured.answer import find_complaint, find_message, find_next
from mappers.structured.cursor import BrokenJson, Cursor
from mappers.structured.fields.columns import knows_record
from mappers.structured.fields.paths import Path
from mappers.structured.settings import DEFAULT_ROOT, JsonOptions
from mappers.structured.values import Json, describe, make_object

if TYPE_CHECKING:
    import json


class Span(NamedTuple):
    """Where the one element of a document without a list stands in its text."""

    start: int
    end: int


class Outline:
    """The text of a document, walked around the elements of its list.

    Raises `RefuseRun` for an answer that says it failed and for a document in which the list is not where it should be,
    `BrokenJson` for what is no JSON. An empty list is no fault here: the last page of several is often one.
    """

    def __init__(self, text: str, decoder: json.JSONDecoder, options: JsonOptions, name: str) -> None:
        self._cursor = Cursor(text, decoder)
        self._options = options
        self._name = name
        self._found = False
        self.keys: dict[str, bool] = {}
        """The document's own keys as far as they were walked, and whether a list begins there."""
        self.root = ""
        self.next_page: str | None = None

    def find_list(self) -> int | None:
        """Return where the list's first element may stand, None when the text ends before that or has no list."""
        try:
            return next((place for place in self._walk() if isinstance(place, int)), None)
        except BrokenJson:
            return None

    def walk(self) -> Span | None:
        """Walk over the whole document; return where its one element stands, None when it has a list."""
        return next((place for place in [*self._walk()] if isinstance(place, Span)), None)

    def _walk(self) -> Iterator[int | Span]:
        """Yield where the list begins, behind its bracket, or the one element."""
        cursor, way = self._cursor, self._options.way
        if cursor.peek() == "[":
            if way:
                raise RefuseRun(f"{self._name} is a list, so jsonRoot={self._options.root} leads nowhere: unset it; nothing was applied")
            self.root = "the document"
            yield from self._list()
        else:
            yield from self._object((DEFAULT_ROOT,) if way is None else way, "")
        if cursor.peek():
            raise BrokenJson("the document ends here, and something follows", cursor.at)

    def _list(self) -> Iterator[int]:
        self._found = True
        yield self._cursor.at + 1
        for _ in self._cursor.elements():
            self._cursor.value()

    def _object(self, way: Path, above: str) -> Iterator[int | Span]:
        cursor = self._cursor
        start = cursor.at
        others: list[tuple[str, Json]] = []
        for key in cursor.members():
            rest = _rest(way, key)
            if not above:
                self.keys[key] = cursor.peek() == "["
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
            self._require_item(members)
            yield Span(start, cursor.at)

    def _at_root(self, root: str) -> Iterator[int | Span]:
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
            yield Span(start, self._cursor.at)
        elif value is not None:
            raise RefuseRun(
                f"{self._name}: {root!r} is {describe(value)}, not a list of items: set jsonRoot to the names on the way to the list; "
                f"nothing was applied"
            )

    def _require_item(self, members: dict[str, Json]) -> None:
        """Refuse a document without a list that is not one item or product itself."""
        complaint = find_complaint({key: value for key, value in members.items() if key.lower() != "status"})
        if complaint is None and self._options.root is None and self._is_item(members):
            self.root = "the document, a single object"
            return
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
        if any(isinstance(value.get(way[0]), list) for way in self._options.nesting.ways[:1]):
            return True
        return knows_record(self._options.names, value)

    def _complained(self, complaint: str) -> RefuseRun:
        return RefuseRun(
            f"{self._name} is a JSON object that says {complaint!r}, so it is not the whole feed: check the address and the credentials, "
            f"or ask the supplier; nothing was applied"
        )


def _rest(way: Path, key: str) -> Path | None:
    """Return the names that remain of a way behind a key, None when the way does not go there."""
    return next((way[count:] for count in range(1, len(way) + 1) if ".".join(way[:count]) == key), None)


def _lists(members: dict[str, Json], above: str, depth: int = 0) -> Iterator[str]:
    for key, value in members.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield f"{above}{key}"
        elif isinstance(value, dict) and depth < 3:
            yield from _lists(value, f"{above}{key}.", depth + 1)
