"""JSON: where the list of items stands in a sample that may break off, and what its records hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from engine.batch import SEVERAL, JsonValue, clip
from engine.contracts import DocumentFacts
from engine.errors import RefuseRun
from mappers.charset import find_charset
from mappers.guessing.columns import Column
from mappers.guessing.guess import Guess, Setting, conclude
from mappers.guessing.shown import PLACES, RecordPlace
from mappers.structured.answer import find_complaint, find_message
from mappers.structured.fields.presets import INHERITED

Json: TypeAlias = "str | bool | list[Json] | dict[str, Json] | None"
"""A parsed value. A number is its text."""

RECORDS: Final = 20_000
_DEPTH: Final = 4
_COLUMNS: Final = 400
_VARIANTS: Final = "variants"
_PRODUCT: Final = "product."
_DEFAULT_ROOT: Final = "products"
_BLANK: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, strict=False)


class _CutShort(Exception):
    """The sample ends inside a value."""


@dataclass(frozen=True, slots=True)
class _Tree:
    """The records of a document, the names on the way to them, and whether each is a line, or a product with variants."""

    root: str
    objects: list[dict[str, Json]]
    lines: bool
    variants: bool
    sample: _Sample

    @property
    def columns(self) -> list[Column]:
        return _columns(list(_variants(self.objects) if self.variants else map(_flatten, self.objects)))


def guess_tree(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> Guess:
    """Guess a JSON document or JSON Lines. Raises `RefuseRun` for what is no JSON, with its place, and for JSON without a list."""
    tree = _read(data, facts, attributes, complete=complete)
    settings = [Setting("resourceType", "json", "JSON Lines, an object a line" if tree.lines else "the content is JSON")]
    if tree.root not in ("", _DEFAULT_ROOT):
        settings.append(Setting("jsonRoot", tree.root, f"the list of {len(tree.objects)} records stands there"))
    if tree.variants:
        settings.append(Setting("jsonStructure", "nested", "products hold a list of variants, and each of them is an item"))
    settings.append(Setting("mapping", "custom", "the mapping rows below are the whole mapping"))
    columns = tree.columns
    notes = [] if tree.variants else _other_lists(tree.objects)
    return replace(conclude(f"JSON of {len(columns)} keys", settings, columns, notes=notes), places=tree.sample.places())


def tree_columns(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> list[Column]:
    """Return the keys of a JSON document or of JSON Lines, as the mapper names them. Raises as `guess_tree` does."""
    return _read(data, facts, attributes, complete=complete).columns


def _read(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> _Tree:
    option = attributes.get("encoding")
    charset = find_charset(data, complete=complete, option=str(option) if option else None, declared=facts.charset)
    text = data[charset.bom :].decode(charset.encoding, "replace")
    sample = _Sample(text, facts.name, complete=complete)
    lines = sample.lines()
    chosen = attributes.get("jsonRoot")
    root, records = ("", lines) if lines is not None else sample.longest_list(None if chosen is None else str(chosen))
    if not records:
        complaint = sample.complaint()
        what = f"is a JSON object that says {complaint!r}" if complaint else "has no list with objects in it"
        raise RefuseRun(f"{facts.name} {what}, so there is nothing to guess by: check the address and the credentials")
    objects = [record for record in records[:RECORDS] if isinstance(record, dict)]
    nested = lines is None or any(_VARIANTS in record for record in objects)
    variants = nested and any(isinstance(record.get(_VARIANTS), list) for record in objects)
    return _Tree(root, objects, lines is not None, variants, sample)


class _Sample:
    """The text of a document, or the beginning of it."""

    def __init__(self, text: str, name: str, *, complete: bool) -> None:
        self._text = text
        self._name = name
        self._complete = complete
        self._lists: dict[tuple[str, ...], list[Json]] = {}

    def lines(self) -> list[Json] | None:
        """Return the records of JSON Lines, None when the document is none."""
        lines = self._text.strip().split("\n")
        if len(lines) < 2 or not lines[0].startswith("{") or not lines[1].lstrip().startswith("{"):
            return None
        found: list[Json] = []
        for line in lines if self._complete else lines[:-1]:
            try:
                found += [_DECODER.decode(line.strip())] if line.strip() else []
            except json.JSONDecodeError:
                if not found:
                    return None
        return found

    def longest_list(self, chosen: str | None) -> tuple[str, list[Json]]:
        """Return the names on the way to the longest list of objects, or the chosen one, and its elements; nothing when there is none."""
        try:
            self._walk(0, ())
        except _CutShort:
            pass
        except json.JSONDecodeError as error:
            raise RefuseRun(
                f"{self._name}, line {error.lineno}, column {error.colno} is no JSON: {error.msg}, near "
                f"{clip(self._text[error.pos : error.pos + 40], 60)!r}; have the supplier write valid JSON; nothing was applied"
            ) from None
        if chosen is not None:
            return chosen, self._lists.get(tuple(chosen.split(".")) if chosen else (), [])
        if not self._lists:
            return "", []
        way = max(self._lists, key=lambda each: (len(self._lists[each]), -len(each)))
        return ".".join(way), self._lists[way]

    def places(self) -> tuple[RecordPlace, ...]:
        """Return where lists of objects stand, the longest first."""
        ranked = sorted(self._lists, key=lambda each: (-len(self._lists[each]), len(each)))
        return tuple(RecordPlace(".".join(way), len(self._lists[way])) for way in ranked[:PLACES])

    def complaint(self) -> str | None:
        """Return what a whole document says in the place of a feed, None when it says nothing."""
        try:
            value = _DECODER.decode(self._text.strip())
        except json.JSONDecodeError:
            return None
        return find_complaint(value) or find_message(value) if isinstance(value, dict) else None

    def _walk(self, at: int, way: tuple[str, ...]) -> int:
        at = self._skip(at)
        if self._text[at] == "[":
            return self._elements(at + 1, way)
        if self._text[at] == "{" and len(way) < _DEPTH:
            return self._members(at + 1, way)
        return self._value(at)[1]

    def _elements(self, at: int, way: tuple[str, ...]) -> int:
        while self._text[at := self._skip(at)] != "]":
            value, at = self._value(at)
            if isinstance(value, dict):
                self._lists.setdefault(way, []).append(value)
            at = self._after(at, "]")
        return at + 1

    def _members(self, at: int, way: tuple[str, ...]) -> int:
        while self._text[at := self._skip(at)] != "}":
            key, at = self._value(at)
            at = self._skip(at)
            if not isinstance(key, str) or self._text[at] != ":":
                raise json.JSONDecodeError("Expecting a key and ':'", self._text, at)
            at = self._after(self._walk(at + 1, (*way, key)), "}")
        return at + 1

    def _after(self, at: int, end: str) -> int:
        """Step over the comma behind an entry; one with nothing behind it is a fault."""
        at = self._skip(at)
        if self._text[at] == end:
            return at
        if self._text[at] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", self._text, at)
        following = self._skip(at + 1)
        if self._text[following] == end:
            raise json.JSONDecodeError("Illegal trailing comma", self._text, at)
        return following

    def _skip(self, at: int) -> int:
        found = _BLANK.match(self._text, at)
        at = found.end() if found is not None else at
        if at < len(self._text):
            return at
        if self._complete:
            raise json.JSONDecodeError("The document ends before its JSON does", self._text, at)
        raise _CutShort

    def _value(self, at: int) -> tuple[Json, int]:
        try:
            value, end = _DECODER.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            # In a sample a value may end with the text; a fault that is met before its end is a fault of the document.
            if self._complete or (error.pos < len(self._text) - 1 and not error.msg.startswith("Unterminated")):
                raise
            raise _CutShort from None
        except RecursionError:
            raise RefuseRun(f"{self._name} is nested too deep to be a list of items; nothing was applied") from None
        if end >= len(self._text) and not self._complete:
            raise _CutShort
        return value, end


def _flatten(record: Mapping[str, Json], above: str = "", depth: int = 0) -> dict[str, str]:
    """Return the values of a record by their ways, names joined by dots."""
    found: dict[str, str] = {}
    for key, value in record.items():
        way = f"{above}{key}"
        if isinstance(value, dict) and depth < _DEPTH:
            found |= _flatten(value, f"{way}.", depth + 1)
        else:
            found[way] = _cell(value)
    return found


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value.replace(SEVERAL, "")
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return SEVERAL.join(str(each) for each in value)
    return json.dumps(value, ensure_ascii=False)


def _variants(products: Sequence[Mapping[str, Json]]) -> Iterator[dict[str, str]]:
    """Yield each variant with what its product says, named as the mapper names it."""
    for product in products:
        shared = _flatten({key: value for key, value in product.items() if key != _VARIANTS})
        named = {name if name in INHERITED else f"{_PRODUCT}{name}": value for name, value in shared.items()}
        variants = product.get(_VARIANTS)
        if not isinstance(variants, list):
            yield shared
            continue
        for variant in variants:
            if isinstance(variant, dict):
                own = _flatten(variant)
                yield {**named, **{name: value for name, value in own.items() if value or name not in named}}


def _columns(rows: Sequence[Mapping[str, str]]) -> list[Column]:
    names = list(dict.fromkeys(name for row in rows for name in row))[:_COLUMNS]
    columns = []
    for name in names:
        *above, label = name.split(".")
        columns.append(Column(name, label, [row.get(name, "") for row in rows], " ".join(above), shared=name.startswith(_PRODUCT)))
    # What a variant says itself stands before what its product says.
    return sorted(columns, key=lambda column: column.shared)


def _other_lists(records: Sequence[Mapping[str, Json]]) -> list[str]:
    """Say which keys hold lists of objects, as variants and places of stock do under other names."""
    keys = dict.fromkeys(
        key for record in records for key, value in record.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    )
    return [f"{key!r} holds a list of objects: if these are the items, they have to be mapped by jsonFields" for key in keys][:5]
