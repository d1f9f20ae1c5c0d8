"""A mapping in the making: what a feed or an older version holds, and what a form sends. Pure.

Each row has a number, and so has each rule of a plugin in it, which it keeps wherever it is moved: what was pressed while an earlier answer
was still under way is meant for a row, not for the place where it stood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Final, TypeAlias

import orjson

from feedmill.dashboard.mapping.rules import KINDS, defaults_of, parse_value, parts_of
from feedmill.service.definition.differences import DEFAULTS
from sinks.sqlite.history.mappings import ATTRIBUTES

Row: TypeAlias = dict[str, Any]

SET: Final = tuple(name for name in ATTRIBUTES if name != "resourceType")
"""The attributes beside the rows that the editor sets."""

NUMBER: Final = "+number"
RULE_NUMBERS: Final = "+rules"
"""Where a row in the making holds its number, and those of its rules of plugins. No attribute of the API has such a name."""

_DIGITS: Final = 6
_FIELD: Final = re.compile(r"(fields|jsonFields|mappings)\.(\d{1,6})\.(\+?\w+)")
NEW_ROWS: Final[Mapping[str, Row]] = {
    "fields": {"name": "", "purpose": "sku"},
    "jsonFields": {"object": "variant", "path": "", "purpose": "inventoryQuantity"},
    "mappings": {"field": "optionName", "matchType": "matches", "transformFrom": [], "transformTo": ""},
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping that is not saved: attributes, rows by what they are of, what was shown when it was begun, and as of when.

    `unused` is the first number that no row has had; `focus` is where the work goes on, `fields.3.name` in the row of the number 3.
    """

    attributes: Mapping[str, Any]
    rows: Mapping[str, Sequence[Row]]
    base: Mapping[str, Any]
    updated_at: str
    unused: int = 0
    focus: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Return it as a PUT of the feed takes it: all rows, and null for an attribute that goes by the default."""
        return {**{name: self.attributes.get(name) for name in SET}, **{kind: list(self.rows[kind]) for kind in KINDS}}


def mapping_of(feed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping of a feed as the API shows it: what is not the default."""
    found = {name: feed[name] for name in SET if feed.get(name) not in (None, {})}
    return {**found, **{kind: rows for kind in KINDS if (rows := [_short(kind, row) for row in feed[kind]])}}


def draft_of(feed: Mapping[str, Any], version: Mapping[str, Any] | None = None) -> Draft:
    """Return the draft with which a feed's editor begins: its mapping, or that of an older version."""
    base = mapping_of(feed)
    shown = base if version is None else {**DEFAULTS, **version}
    rows = {kind: [_short(kind, row) for row in shown.get(kind, ())] for kind in KINDS}
    return Draft({name: shown[name] for name in SET if name in shown}, rows, base, feed["updatedAt"])


def draft_sent(sent: Sequence[tuple[str, str]]) -> Draft:
    """Return the draft that a form sends, its rows in the order in which they stand there."""
    form = dict(sent)
    rows: dict[str, dict[int, Row]] = {kind: {} for kind in KINDS}
    typed: dict[tuple[str, int, str], list[str]] = {}
    for name, value in sent:
        if (found := _FIELD.fullmatch(name)) is not None:
            typed.setdefault((found[1], int(found[2]), found[3]), []).append(value)
    base = read_object(form.get("base", "{}"))
    for (kind, at, name), values in typed.items():
        row = rows[kind].setdefault(at, {NUMBER: at})
        part = parts_of(kind).get(name)
        if name == "enabled":
            row[name] = values[-1] == "true"
        elif name == RULE_NUMBERS:
            row[name] = [int(value) for value in values if _is_number(value)]
        elif part is not None:
            row[name] = parse_value(part.kind, values)
    found_rows = {kind: [_tidy(kind, _typed_as_before(row, base.get(kind, ()))) for row in rows[kind].values()] for kind in KINDS}
    attributes: dict[str, Any] = {name: form[name].strip() for name in SET if form.get(name, "").strip()}
    if "xmlNamespaces" in attributes:
        attributes["xmlNamespaces"] = read_object(attributes["xmlNamespaces"])
    unused = form.get("unused", "")
    return number_rows(Draft(attributes, found_rows, base, form.get("updatedAt", ""), int(unused) if _is_number(unused) else 0))


def number_rows(draft: Draft) -> Draft:
    """Return a draft of which each row, and each rule of a plugin, has a number."""
    numbers = count(max([draft.unused, *(at + 1 for rows in draft.rows.values() for row in rows for at in _numbers_of(row))]))

    def numbered(row: Row) -> Row:
        found = row if NUMBER in row else {**row, NUMBER: next(numbers)}
        if len(found.get(RULE_NUMBERS, ())) != len(found.get("rules", ())):
            found = {**found, RULE_NUMBERS: [next(numbers) for _ in found.get("rules", ())]}
        return found

    rows = {kind: [numbered(row) for row in draft.rows[kind]] for kind in KINDS}
    return replace(draft, rows=rows, unused=next(numbers))


def _numbers_of(row: Row) -> list[int]:
    return [*([row[NUMBER]] if NUMBER in row else ()), *row.get(RULE_NUMBERS, ())]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


def for_api(draft: Draft) -> Draft:
    """Return a draft without what was begun and left blank, which says nothing: a rule without a value, and a part of one."""
    return replace(draft, rows={kind: [_short(kind, _named(row)) for row in draft.rows[kind]] for kind in KINDS})


def without_blank(draft: Draft) -> tuple[Draft, dict[str, list[int]]]:
    """Return a draft without rows that have no name yet, and where each of the others stood: what is typed is tried before it is whole."""
    places = {kind: [at for at, row in enumerate(rows) if _is_begun(kind, row)] for kind, rows in draft.rows.items()}
    return replace(draft, rows={kind: [draft.rows[kind][at] for at in found] for kind, found in places.items()}), places


def _is_begun(kind: str, row: Row) -> bool:
    if kind == "mappings":
        return bool(row.get("transformTo")) or row.get("transformType", "none") != "none"
    return bool(str(row.get("path" if kind == "jsonFields" else "name", "")).strip())


def _named(row: Row) -> Row:
    return {**row, "rules": [name for name in row["rules"] if name]} if "rules" in row else row


def _short(kind: str, row: Mapping[str, Any]) -> Row:
    """Return a row without what is the default, and without the numbers that are the editor's own."""
    defaults = defaults_of(kind)
    kept = {name: value for name, value in row.items() if name not in ("id", NUMBER, RULE_NUMBERS)}
    return {name: value for name, value in kept.items() if name not in defaults or not _is_default(value, defaults[name])}


def _is_default(value: object, default: object) -> bool:
    return value is None or (value in ("", [], {}) and default in (None, "", [], {})) or (type(value) is type(default) and value == default)


def _tidy(kind: str, row: Row) -> Row:
    if kind == "fields" and row.get("enabled") is not False:
        row = {name: value for name, value in row.items() if name != "enabled"}
    return {**{name: value for name, value in NEW_ROWS[kind].items() if name not in row}, **row}


def _typed_as_before(row: Row, before: Sequence[Mapping[str, Any]]) -> Row:
    """Return a row whose looked up values are numbers or texts as they were: a form tells only how they are written."""
    table = row.get("lookup")
    known = next((each["lookup"] for each in before if each.get("name") == row.get("name") and "lookup" in each), None)
    if not isinstance(table, dict) or not isinstance(known, Mapping):
        return row
    return {**row, "lookup": {text: known[text] if str(known.get(text)) == str(value) else value for text, value in table.items()}}


def read_object(text: str) -> dict[str, Any]:
    """Return an object in JSON, an empty one where the text is none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
