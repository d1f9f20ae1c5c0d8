"""A mapping in the making: what a feed or an older version holds, what a form sends, and what its buttons do to it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import orjson

from feedmill.dashboard.mapping.rules import KINDS, defaults_of, parse_value, parts_of, rule_named
from feedmill.service.definition.differences import DEFAULTS
from sinks.sqlite.history.mappings import ATTRIBUTES

Row: TypeAlias = dict[str, Any]

SET: Final = tuple(name for name in ATTRIBUTES if name != "resourceType")
"""The attributes beside the rows that the editor sets."""

_FIELD: Final = re.compile(r"(fields|jsonFields|mappings)\.(\d{1,4})\.(\w+)")
_PLACE: Final = re.compile(r"(\w[\w-]*):(fields|jsonFields|mappings)(?:\.(\d{1,4}))?(?:\.(\w+))?(?:\.(\d{1,4}))?")
_NEW: Final[Mapping[str, Row]] = {
    "fields": {"name": "", "purpose": "sku"},
    "jsonFields": {"object": "variant", "path": "", "purpose": "inventoryQuantity"},
    "mappings": {"field": "optionName", "matchType": "matches", "transformFrom": [], "transformTo": ""},
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A mapping that is not saved: attributes, rows by what they are of, what was shown when it was begun, and as of when."""

    attributes: Mapping[str, Any]
    rows: Mapping[str, Sequence[Row]]
    base: Mapping[str, Any]
    updated_at: str
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
    """Return the draft that a form sends."""
    form = dict(sent)
    rows: dict[str, dict[int, Row]] = {kind: {} for kind in KINDS}
    typed: dict[tuple[str, int, str], list[str]] = {}
    for name, value in sent:
        if (found := _FIELD.fullmatch(name)) is not None:
            typed.setdefault((found[1], int(found[2]), found[3]), []).append(value)
    base = _read_base(form.get("base", "{}"))
    for (kind, at, name), values in typed.items():
        row = rows[kind].setdefault(at, {})
        part = parts_of(kind).get(name)
        if name == "enabled":
            row[name] = values[-1] == "true"
        elif part is not None:
            row[name] = parse_value(part.kind, values)
    found_rows = {kind: [_tidy(kind, _typed_as_before(row, base.get(kind, ()))) for _, row in sorted(rows[kind].items())] for kind in KINDS}
    attributes: dict[str, Any] = {name: form[name].strip() for name in SET if form.get(name, "").strip()}
    if "xmlNamespaces" in attributes:
        attributes["xmlNamespaces"] = _read_base(attributes["xmlNamespaces"])
    return Draft(attributes, found_rows, base, form.get("updatedAt", ""))


def edit(draft: Draft, act: str, form: Mapping[str, str]) -> Draft:
    """Return a draft after a button was pressed, with where the work goes on; what is no button of the editor changes nothing.

    `act` is a verb and a place: `add:fields`, `remove:fields.0`, `up:fields.1`, `down:fields.0`, `rule:fields.0` for the rule that is
    chosen there, `drop:fields.0.strip`, `earlier:fields.0.rules.1`; or `take:` and a row in JSON.
    """
    if act.startswith("take:"):
        row = _read_base(act.removeprefix("take:"))
        return _with(draft, "fields", [*draft.rows["fields"], row], f"fields.{len(draft.rows['fields'])}.purpose") if row else draft
    found = _PLACE.fullmatch(act)
    if found is None:
        return draft
    verb, kind, number, name, place = found.groups()
    rows = list(draft.rows[kind])
    if verb == "add":
        return _with(draft, kind, [*rows, dict(_NEW[kind])], f"{kind}.{len(rows)}.{next(iter(_NEW[kind]))}")
    at = int(number or 0)
    if not number or at >= len(rows):
        return draft
    if verb == "remove":
        return _with(draft, kind, rows[:at] + rows[at + 1 :], f"add-{kind}")
    if verb in ("up", "down"):
        to = min(max(at + (1 if verb == "down" else -1), 0), len(rows) - 1)
        rows.insert(to, rows.pop(at))
        return _with(draft, kind, rows, f"{verb}-{kind}.{to}")
    row, focus = _edit_row(rows[at], verb, name or form.get(f"{kind}.{at}.+rule", ""), int(place or 0))
    return _with(draft, kind, [*rows[:at], row, *rows[at + 1 :]], f"{kind}.{at}.{focus}")


def _edit_row(row: Row, verb: str, name: str, place: int) -> tuple[Row, str]:
    rule = rule_named(name)
    if rule is None:
        return row, "+rule"
    names = list(row.get("rules", ()))
    if verb == "rule" and name == "rules":
        return {**row, "rules": [*names, ""]}, f"rules.{len(names)}"
    if verb == "rule" and not rule.is_in(row):
        begun = {part.name: parse_value(part.kind, [part.empty or ("true" if part.kind == "flag" else "")]) for part in rule.parts}
        return {**row, **begun}, rule.parts[0].name
    if verb == "earlier" and name == "rules" and 0 < place < len(names):
        names.insert(place - 1, names.pop(place))
        return {**row, "rules": names}, f"rules.{place - 1}"
    if verb == "drop" and name == "rules":
        left = names[:place] + names[place + 1 :]
        return {**{key: value for key, value in row.items() if key != "rules"}, **({"rules": left} if left else {})}, "+rule"
    if verb == "drop":
        return {key: value for key, value in row.items() if key not in {part.name for part in rule.parts}}, "+rule"
    return row, "+rule"


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


def _with(draft: Draft, kind: str, rows: Sequence[Row], focus: str) -> Draft:
    return replace(draft, rows={**draft.rows, kind: rows}, focus=focus)


def _short(kind: str, row: Mapping[str, Any]) -> Row:
    """Return a row without what is the default."""
    defaults = defaults_of(kind)
    kept = {name: value for name, value in row.items() if name != "id"}
    return {name: value for name, value in kept.items() if name not in defaults or not _is_default(value, defaults[name])}


def _is_default(value: object, default: object) -> bool:
    return value is None or (value in ("", [], {}) and default in (None, "", [], {})) or (type(value) is type(default) and value == default)


def _tidy(kind: str, row: Row) -> Row:
    if kind == "fields" and row.get("enabled") is not False:
        row = {name: value for name, value in row.items() if name != "enabled"}
    return {**{name: value for name, value in _NEW[kind].items() if name not in row}, **row}


def _typed_as_before(row: Row, before: Sequence[Mapping[str, Any]]) -> Row:
    """Return a row whose looked up values are numbers or texts as they were: a form tells only how they are written."""
    table = row.get("lookup")
    known = next((each["lookup"] for each in before if each.get("name") == row.get("name") and "lookup" in each), None)
    if not isinstance(table, dict) or not isinstance(known, Mapping):
        return row
    return {**row, "lookup": {text: known[text] if str(known.get(text)) == str(value) else value for text, value in table.items()}}


def _read_base(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
