"""The rewriting of options and meta fields: `mappings`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from engine.mapping.derive.spelling import SPELLINGS
from engine.mapping.derive.table import Plan, Table
from engine.mapping.readers import Memo

if TYPE_CHECKING:
    from engine.feed import Rewrite

_MATCHES: Final[dict[str, Callable[[str, Sequence[str]], bool]]] = {
    "includes": lambda text, parts: any(part in text for part in parts),
    "excludes": lambda text, parts: not any(part in text for part in parts),
    "matches": lambda text, parts: text in parts,
    "startsWith": lambda text, parts: text.startswith(tuple(parts)),
    "endsWith": lambda text, parts: text.endswith(tuple(parts)),
}

Spell = Callable[[str], str]


def rewrite_options(plan: Plan) -> None:
    """Rewrite the names and values of options."""
    name, value = _spell(plan, "optionName"), _spell(plan, "optionValue")
    if (name or value) and "options" in plan.mapped:
        _add(plan, "options", lambda options: [_option(option, name or str, value or str) for option in options])


def rewrite_meta_fields(plan: Plan) -> None:
    """Rewrite the names and values of meta fields; of two that come to have one name the later stays."""
    name, value = _spell(plan, "metaFieldName"), _spell(plan, "metaFieldValue")
    if (name or value) and "metaFields" in plan.mapped:
        _add(plan, "metaFields", lambda fields: {(name or str)(key): _value(found, value or str) for key, found in fields.items()})


def _spell(plan: Plan, field: str) -> Spell | None:
    rows = [_compile(row) for row in plan.feed.mappings if row.field == field]

    def spell(text: str) -> str:
        for row in rows:
            text = row(text)
        return text

    return spell if rows else None


def _compile(row: Rewrite) -> Spell:
    parts = [part.strip().casefold() for part in row.transform_from]
    matches, spelling = _MATCHES[row.match_type], SPELLINGS[row.transform_type]
    return lambda text: spelling(row.transform_to or text) if matches(text.strip().casefold(), parts) else text


def _add(plan: Plan, attribute: str, rewrite: Callable[[Any], object]) -> None:
    memo = Memo(lambda text: orjson.dumps(rewrite(orjson.loads(text))).decode())

    def step(table: Table) -> None:
        table.columns[attribute] = [text if text is None else memo[text] for text in table.texts(attribute)]

    plan.add(step)


def _option(option: object, name: Spell, value: Spell) -> object:
    if not isinstance(option, dict):
        return option
    changed = {key: spell(option[key]) for key, spell in (("name", name), ("value", value)) if isinstance(option.get(key), str)}
    return {**option, **changed}


def _value(value: object, spell: Spell) -> object:
    if isinstance(value, list):
        return [_value(each, spell) for each in value]
    return spell(value) if isinstance(value, str) else value
