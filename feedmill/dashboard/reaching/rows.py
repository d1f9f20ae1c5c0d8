"""Query parameters and headers as rows of a form: added, removed, and none of their values ever shown again."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from engine.source import MASK
from feedmill.dashboard.forms import whole_number

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

PREFIX: Final = "parameters."
"""What the names of these fields begin with, and those under which values are kept."""

_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """A query parameter or a header. `key` names its value among those that are kept, `stored` is what a feed has one under.

    `value` is what was typed, None where nothing was; `is_kept` tells that it was typed before, and may be gone.
    """

    kind: str
    name: str
    key: str
    value: str | None = field(default=None, repr=False)
    stored: str = ""
    is_kept: bool = False

    @property
    def is_stored(self) -> bool:
        """Return whether the feed's own value is meant."""
        return self.value is None and self.stored == f"{self.kind}:{self.name}"

    @property
    def has_value(self) -> bool:
        """Return whether there is a value that is not shown."""
        return self.value is not None or self.is_stored

    @property
    def is_blank(self) -> bool:
        """Return whether the row says nothing."""
        return not self.name and not self.has_value

    @property
    def setting(self) -> dict[str, str]:
        """Return the row as the API takes it, a mask for the value that the feed has."""
        return {"name": self.name, "type": self.kind, "value": MASK if self.is_stored else self.value or ""}


def blank_row() -> ParameterRow:
    """Return a row to be filled."""
    return ParameterRow("query", "", secrets.token_hex(6))


def rows_of(feed: Mapping[str, Any]) -> tuple[ParameterRow, ...]:
    """Return the rows of a feed as the API shows it."""
    return tuple(
        ParameterRow(str(row["type"]), str(row["name"]), secrets.token_hex(6), stored=f"{row['type']}:{row['name']}")
        for row in feed["parameters"]
    )


def read_rows(form: Mapping[str, str], kept: Mapping[str, str]) -> tuple[ParameterRow, ...]:
    """Return the rows that a form sends; a value that is left blank is the one that is `kept` of it."""
    found: list[ParameterRow] = []
    for at in range(_MOST):
        place = f"{PREFIX}{at}"
        if f"{place}.name" not in form:
            break
        key = form.get(f"{place}.key") or secrets.token_hex(6)
        typed = form.get(f"{place}.value")
        is_kept = not typed and form.get(f"{place}.kept") == "1"
        value = typed or (kept.get(f"{PREFIX}{key}") if is_kept else None)
        kind = "header" if form.get(f"{place}.type") == "header" else "query"
        found.append(ParameterRow(kind, form[f"{place}.name"].strip(), key, value, form.get(f"{place}.stored", ""), is_kept))
    return tuple(found)


def edit_rows(rows: Sequence[ParameterRow], act: str) -> tuple[tuple[ParameterRow, ...], str]:
    """Return rows after a button was pressed, and where the work goes on: `add`, or `remove.0` and its like."""
    if act == "add":
        return (*rows, blank_row())[:_MOST], f"{PREFIX}{len(rows)}.name"
    verb, _, number = act.partition(".")
    if verb == "remove" and (removed := whole_number(number)) is not None:
        return tuple(row for at, row in enumerate(rows) if at != removed), "add"
    return tuple(rows), ""


def find_faults(view: View, rows: Sequence[ParameterRow], stored: Sequence[ParameterRow] = ()) -> dict[str, str]:
    """Return what is wrong with rows, by field; nothing is with one that says nothing.

    `stored` are those of the feed, which gives a value back by its name.
    """
    before, now = (Counter(row.stored for row in each if row.stored) for each in (stored, rows))
    faults: dict[str, str] = {}
    for at, row in enumerate(rows):
        if row.is_blank:
            continue
        if not row.name:
            faults[f"{PREFIX}{at}.name"] = view.say("give it a name, or remove it")
        elif row.stored and row.value is None and not row.is_stored:
            kept_for = row.stored.partition(":")[2]
            faults[f"{PREFIX}{at}.value"] = view.say("what is kept was typed for %(name)s: type the value again", name=kept_for)
        elif row.is_stored and before[row.stored] > 1 and now[row.stored] != before[row.stored]:
            # The API gives values back by name, the first for the first: it could be the one that was removed.
            faults[f"{PREFIX}{at}.value"] = view.say("several had this name, and which is which is not known: type the value again")
    return faults


def row_settings(rows: Sequence[ParameterRow]) -> list[dict[str, str]]:
    """Return rows as the API takes them, those that say nothing left out."""
    return [row.setting for row in rows if not row.is_blank]


def to_keep(rows: Sequence[ParameterRow]) -> dict[str, str]:
    """Return the values that were typed, by the names under which they are kept."""
    return {f"{PREFIX}{row.key}": row.value for row in rows if row.value is not None}
