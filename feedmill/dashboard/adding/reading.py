"""How the source of a new feed is read: what was guessed, what somebody has chosen instead, and the mapping rows out of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

TYPES: Final = ("ftpCsv", "xml", "json")
TOP: Final = "$"
"""Stands for the top of a JSON document, where a blank means that it is guessed."""

_OF_TYPE: Final[Mapping[str, tuple[str, ...]]] = {
    "ftpCsv": ("delimiter", "csvHasHeader", "encoding", "columnWidths", "mapping"),
    "xml": ("encoding", "xmlMapping", "xmlPath"),
    "json": ("encoding", "jsonRoot"),
}
_OF_EVERY: Final = ("decimalNotation", "currency")
_MOST_COLUMNS: Final = 1000


@dataclass(frozen=True, slots=True)
class ChosenColumn:
    """A column of the form: what it is for now, what was guessed, and the rules of its row by what it may be for."""

    name: str
    purpose: str
    guessed: str
    rules: Mapping[str, Mapping[str, Any]]

    def row(self) -> dict[str, object]:
        """Return its mapping row."""
        rules = dict(self.rules.get(self.purpose, {}))
        if self.purpose == "option":
            rules.setdefault("optionName", self.name.rpartition("/")[2].rpartition(".")[2] or self.name)
        return {"name": self.name, "purpose": self.purpose, **rules}


@dataclass(frozen=True, slots=True)
class Reading:
    """`guessed` are the settings that a guess is sure of, `chosen` those that a person has set, `columns` the table of columns."""

    guessed: Mapping[str, object]
    chosen: Mapping[str, object]
    columns: tuple[ChosenColumn, ...]

    @property
    def settings(self) -> dict[str, object]:
        """Return what is set of the feed, its rows aside."""
        kind = str(self.chosen.get("resourceType") or self.guessed.get("resourceType") or "")
        foreign = {name for each, names in _OF_TYPE.items() if each != kind for name in names} - set(_OF_TYPE.get(kind, ()))
        return {name: value for name, value in {**self.guessed, **self.chosen}.items() if name not in foreign and value != ""}

    @property
    def fields(self) -> list[dict[str, object]]:
        """Return the mapping rows."""
        return [column.row() for column in self.columns if column.purpose]


def read_reading(view: View) -> Reading:
    """Return what the form says of how the source is read. What somebody has made of its hidden fields, the API judges."""
    form = view.form
    guessed = _object(form.get("guessed", ""))
    kind = form.get("s.resourceType") or str(guessed.get("resourceType") or "")
    # Before anything is guessed, what is set is for whatever it will be.
    names = _OF_TYPE[kind] if kind in _OF_TYPE else tuple(name for each in _OF_TYPE.values() for name in each)
    chosen = {name: value for name in (*names, *_OF_EVERY) if (value := _chosen(name, form.get(f"s.{name}", ""))) is not None}
    if form.get("s.resourceType") in TYPES:
        chosen["resourceType"] = form["s.resourceType"]
    return Reading(guessed, chosen, tuple(_columns(form)))


def _chosen(name: str, sent: str) -> object | None:
    if not sent.strip():
        return None
    if name == "csvHasHeader":
        return sent == "true"
    if name == "jsonRoot":
        return "" if sent == TOP else sent
    return sent.strip().upper() if name == "currency" else sent


def _columns(form: Mapping[str, str]) -> list[ChosenColumn]:
    found: list[ChosenColumn] = []
    for number in range(_MOST_COLUMNS):
        name = form.get(f"c.{number}")
        if name is None:
            break
        rules = {key: rule for key, rule in _object(form.get(f"x.{number}", "")).items() if isinstance(rule, dict)}
        found.append(
            ChosenColumn(name, form.get(f"p.{number}", ""), form.get(f"g.{number}", ""), cast("Mapping[str, Mapping[str, Any]]", rules))
        )
    return found


def _object(text: str) -> dict[str, object]:
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
