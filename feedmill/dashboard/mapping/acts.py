"""What the buttons of the mapping editor do to a mapping in the making. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from feedmill.dashboard.mapping.draft import NEW_ROWS, NUMBER, RULE_NUMBERS, Draft, Row, number_rows, read_object
from feedmill.dashboard.mapping.rules import parse_value, rule_named

_PLACE: Final = re.compile(r"(\w[\w-]*):(fields|jsonFields|mappings)(?:\.(\d{1,6}))?(?:\.(\w+))?(?:\.(\d{1,6}))?")


def edit(draft: Draft, act: str, form: Mapping[str, str]) -> Draft:
    """Return a draft after a button was pressed, with where the work goes on; what is no button of the editor changes nothing.

    `act` is a verb and a row by its number: `add:fields`, `remove:fields.0`, `up:fields.1`, `down:fields.0`, `rule:fields.0` for the rule
    that is chosen there, `drop:fields.0.strip`, `earlier:fields.0.rules.1`; or `take:` and a row in JSON. A row or a rule that is gone is
    left alone, and so is a column that has the row already: whoever has pressed twice meant it once.
    """
    draft = number_rows(draft)
    if act.startswith("take:"):
        return _take(draft, read_object(act.removeprefix("take:")))
    found = _PLACE.fullmatch(act)
    if found is None:
        return draft
    verb, kind, number, name, rule = found.groups()
    rows = list(draft.rows[kind])
    if verb == "add":
        return _add(draft, kind, NEW_ROWS[kind], next(iter(NEW_ROWS[kind])))
    at = next((at for at, row in enumerate(rows) if str(row[NUMBER]) == number), None)
    if at is None:
        return draft
    if verb == "remove":
        return _with(draft, kind, rows[:at] + rows[at + 1 :], f"add-{kind}")
    if verb in ("up", "down"):
        to = min(max(at + (1 if verb == "down" else -1), 0), len(rows) - 1)
        rows.insert(to, rows.pop(at))
        # At either end the button is gone that has led there.
        verb = "down" if to == 0 else "up" if to == len(rows) - 1 else verb
        return _with(draft, kind, rows, f"{verb}-{kind}.{number}")
    row, focus = _edit_row(rows[at], verb, name or form.get(f"{kind}.{number}.+rule", ""), int(rule or 0), draft.unused)
    return number_rows(_with(draft, kind, [*rows[:at], row, *rows[at + 1 :]], f"{kind}.{number}.{focus}"))


def _take(draft: Draft, row: Row) -> Draft:
    wanted = (row.get("name"), row.get("purpose"))
    if not row or wanted in [(each.get("name"), each.get("purpose")) for each in draft.rows["fields"]]:
        return draft
    return _add(draft, "fields", {name: value for name, value in row.items() if not name.startswith("+")}, "purpose")


def _add(draft: Draft, kind: str, row: Row, focus: str) -> Draft:
    return number_rows(_with(draft, kind, [*draft.rows[kind], {**row, NUMBER: draft.unused}], f"{kind}.{draft.unused}.{focus}"))


def _edit_row(row: Row, verb: str, name: str, number: int, unused: int) -> tuple[Row, str]:
    rule = rule_named(name)
    if rule is None:
        return row, "+rule"
    if name == "rules":
        return _edit_names(row, verb, number, unused)
    if verb == "rule" and not rule.is_in(row):
        begun = {part.name: parse_value(part.kind, [part.empty or ("true" if part.kind == "flag" else "")]) for part in rule.parts}
        return {**row, **begun}, rule.parts[0].name
    if verb == "drop":
        return {key: value for key, value in row.items() if key not in {part.name for part in rule.parts}}, "+rule"
    return row, "+rule"


def _edit_names(row: Row, verb: str, number: int, unused: int) -> tuple[Row, str]:
    """Return a row after a button of its rules of plugins, which have an order and may be there more than once."""
    names = list(zip(row.get(RULE_NUMBERS, ()), row.get("rules", ()), strict=True))
    at = next((at for at, (each, _) in enumerate(names) if each == number), None)
    focus = "+rule"
    if verb == "rule":
        names.append((unused, ""))
        focus = f"rules.{unused}"
    elif verb == "earlier" and at:
        names.insert(at - 1, names.pop(at))
        focus = f"rules.{number}"
    elif verb == "drop" and at is not None:
        del names[at]
    rest = {name: value for name, value in row.items() if name not in ("rules", RULE_NUMBERS)}
    return {**rest, **({"rules": [name for _, name in names], RULE_NUMBERS: [each for each, _ in names]} if names else {})}, focus


def _with(draft: Draft, kind: str, rows: Sequence[Row], focus: str) -> Draft:
    return replace(draft, rows={**draft.rows, kind: rows}, focus=focus)
