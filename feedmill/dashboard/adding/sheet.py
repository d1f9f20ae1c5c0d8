"""What is shown of a guess: a choice for each setting, and a row for each column, both with the reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from feedmill.dashboard.adding.reading import TOP, ChosenColumn, Reading
from feedmill.dashboard.adding.words import purposes, types
from feedmill.dashboard.mapping.presets import columns_of_preset

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

_ENCODINGS: Final = (
    "utf-8",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-2",
    "windows-1250",
    "windows-1251",
    "utf-16",
    "cp437",
    "shift_jis",
    "gb18030",
)
_DETECTED: Final = frozenset({"delimiter", "encoding", "csvHasHeader", "columnWidths"})
"""Settings that are detected in each file unless they are set."""

_COUNT: Final = re.compile(r", \d+ records?(?= at )")
"""A number that stands beside what is said anyway."""

_SHOWN: Final = ("no key:", "no stock:", "stock stands in ")
"""Notes of what the table of columns and the first records show as well."""

_ASKED: Final = {"quote": '"', "headerRow": 1, "mapping": "custom", "xmlMapping": "custom"}
"""Settings that are not worth a word while they are what they usually are."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting as a select, or as a text where it has no `options`: a blank `value` leaves it to what `blank` says."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str
    reason: str
    blank: str


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column: its name, examples and figures, what it is for, and why; `doubts` are what else it may be for.

    `preset` is what a known format uses it for unless it is for something else here.

    `id` is that of its row in the page, which is another column's nowhere: what was chosen for one is not taken for the choice of the next.
    """

    id: str
    name: str
    label: str
    examples: tuple[str, ...]
    note: str
    purpose: str
    guessed: str
    reason: str
    doubts: tuple[str, ...]
    rivals: tuple[str, ...]
    rules: str
    preset: str

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is made of the column, and nobody thinks that something might be."""
        return not (self.purpose or self.preset or self.doubts)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A guess as the page shows it; `guessed` is what it is sure of, as JSON."""

    what: str
    records: int
    complete: bool
    size: int
    notes: tuple[str, ...]
    choices: tuple[Choice, ...]
    others: tuple[tuple[str, str, str], ...]
    columns: tuple[ColumnRow, ...]
    guessed: str
    preset: str
    doubtful: int
    sure: Mapping[str, object]

    def chosen(self) -> tuple[ChosenColumn, ...]:
        """Return the columns as the form would send them."""
        return tuple(ChosenColumn(row.name, row.purpose, row.guessed, orjson.loads(row.rules)) for row in self.columns)


def make_sheet(view: View, guess: Mapping[str, Any], reading: Reading) -> Sheet:
    """Return what is shown of a guess; what somebody has chosen for a column stays, as long as there is a column of that name."""
    said = {str(each["attribute"]): each for each in guess["settings"]}
    sure = {name: each["value"] for name, each in said.items() if each["sure"] and name not in reading.chosen}
    preset = next((str(sure[name]) for name in ("xmlMapping", "mapping") if sure.get(name) not in (None, "custom")), "")
    names = [str(column["name"]) for column in guess["columns"]]
    kind = str(reading.chosen.get("resourceType") or said["resourceType"]["value"])
    by_preset = columns_of_preset(view.service.registry, kind, preset, names) if preset else {}
    rows = _rows(view, guess, {each.name: each.purpose for each in reading.columns if each.purpose != each.guessed}, by_preset)
    choices = tuple(_choices(view, guess, said, reading))
    shown = {choice.name for choice in choices}
    others = tuple(
        (name, str(each["value"]), str(each["reason"]))
        for name, each in said.items()
        if name not in shown and _ASKED.get(name) != each["value"] and name != "mapping"
    )
    return Sheet(
        _COUNT.sub("", str(guess["what"])),
        int(guess["records"]),
        bool(guess["complete"]),
        int(guess["bytes"]),
        tuple(str(note) for note in guess["notes"] if not str(note).startswith(_SHOWN)),
        choices,
        others,
        tuple(rows),
        orjson.dumps(sure).decode(),
        preset,
        sum(bool(row.doubts) and not row.purpose for row in rows),
        sure,
    )


def _choices(view: View, guess: Mapping[str, Any], said: Mapping[str, Mapping[str, Any]], reading: Reading) -> list[Choice]:
    kind = str(reading.chosen.get("resourceType") or said["resourceType"]["value"])

    def choice(name: str, label: str, options: Sequence[tuple[str, str]] = (), usual: str = "") -> Choice:
        return _choice(view, name, label, dict(options), usual, said, reading.chosen.get(name))

    made = [choice("resourceType", view.say("Format"), types(view))]
    if kind == "ftpCsv":
        marks = ((";", view.say("semicolon")), (",", view.say("comma")), ("tab", view.say("tab")), ("|", view.say("vertical bar")))
        header = (("true", view.say("the first row names the columns")), ("false", view.say("there is no header")))
        if "columnWidths" in said:
            made.append(choice("columnWidths", view.say("Column positions")))
        else:
            made.append(choice("delimiter", view.say("Delimiter"), marks))
        made.append(choice("csvHasHeader", view.say("Header"), header, view.say("the first row names the columns")))
    elif kind == "xml":
        paths = [(str(each["path"]), _counted(view, each)) for each in guess["recordPaths"]]
        by_format = said.get("xmlMapping", {}).get("value") != "custom"
        usual = view.say("where the format has them") if by_format and "xmlMapping" not in reading.chosen else ""
        made.append(choice("xmlPath", view.say("Records stand at"), paths, usual))
        if by_format or reading.chosen.get("xmlMapping"):
            made.append(choice("xmlMapping", view.say("Mapping"), (("custom", view.say("my own, column by column")),)))
    elif kind == "json":
        roots = [(str(each["path"]) or TOP, _counted(view, each)) for each in guess["recordPaths"]]
        made.append(choice("jsonRoot", view.say("Records stand at"), roots, view.say("the usual place")))
    encodings = [(name, name) for name in _ENCODINGS]
    made.append(choice("encoding", view.say("Encoding"), encodings, view.say("detected in each file")))
    notations = (("decimal", view.say("1,234.50, a point before the cents")), ("comma", view.say("1.234,50, a comma before the cents")))
    made.append(choice("decimalNotation", view.say("Numbers"), notations, view.say("a point before the cents")))
    made.append(choice("currency", view.say("Currency")))
    return made


def _choice(
    view: View, name: str, label: str, options: dict[str, str], usual: str, said: Mapping[str, Mapping[str, Any]], chosen: object
) -> Choice:
    """Return a setting as it can be chosen; what a guess is not sure of counts only where every file is looked at anew."""
    each = said.get(name) or (said.get("headerRow", {}) if name == "csvHasHeader" else {})
    reason = str(each.get("reason", ""))
    found, value = _as_option(name, said.get(name, {}).get("value")), _as_option(name, chosen)
    blank = usual or view.say("none")
    if chosen is not None:
        blank = view.say("let Feedmill guess")
    elif found and (each["sure"] or name in _DETECTED):
        blank = view.say("%(value)s (guessed)", value=options.get(found, found))
    elif found:
        reason = view.say("perhaps %(value)s: %(reason)s", value=options.get(found, found), reason=reason)
    known = {**options, **({value: value} if value and value not in options else {})}
    return Choice(name, label, (("", blank), *known.items()) if options else (), value, reason, blank)


def _counted(view: View, place: Mapping[str, Any]) -> str:
    path = str(place["path"]) or view.say("the top")
    return view.say("%(path)s (%(records)s records)", path=path, records=place["records"])


def _as_option(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if name == "jsonRoot":
        return str(value) or TOP
    return "tab" if value == "\t" else str(value)


def _rows(view: View, guess: Mapping[str, Any], overridden: Mapping[str, str], by_preset: Mapping[str, str]) -> list[ColumnRow]:
    by_column: dict[str, list[Mapping[str, Any]]] = {}
    for each in guess["fields"]:
        by_column.setdefault(str(each["row"]["name"]), []).append(each)
    rows: list[ColumnRow] = []
    for column in guess["columns"]:
        guesses = by_column.get(column["name"], [])
        sure = [each for each in guesses if each["sure"]]
        unsure = [each for each in guesses if not each["sure"]]
        rows.append(_row(view, guess, column, sure[0] if sure else None, unsure, overridden, by_preset))
        rows += [_row(view, guess, column, each, (), overridden, {}) for each in sure[1:]]
    return _with_ids(rows)


def _with_ids(rows: Sequence[ColumnRow]) -> list[ColumnRow]:
    # A column may have two rows.
    seen = Counter[str]()
    found: list[ColumnRow] = []
    for row in rows:
        found.append(replace(row, id=f"{row.id}-{seen[row.id]}"))
        seen[row.id] += 1
    return found


def _row(
    view: View,
    guess: Mapping[str, Any],
    column: Mapping[str, Any],
    chosen: Mapping[str, Any] | None,
    unsure: Sequence[Mapping[str, Any]],
    overridden: Mapping[str, str],
    by_preset: Mapping[str, str],
) -> ColumnRow:
    known = dict(purposes(view))
    guessed = str(chosen["row"]["purpose"]) if chosen is not None else ""
    rules = {
        str(each["row"]["purpose"]): {name: value for name, value in each["row"].items() if name not in ("name", "purpose")}
        for each in (*unsure, *([chosen] if chosen is not None else []))
    }
    values = {"filled": column["filled"], "records": guess["records"], "different": column["different"]}
    return ColumnRow(
        id=sha256(str(column["name"]).encode()).hexdigest()[:12],
        name=str(column["name"]),
        label=str(column["label"] or column["name"]),
        examples=tuple(map(str, column["examples"])),
        note=view.say("%(filled)s of %(records)s filled, %(different)s different", **values),
        purpose=overridden.get(str(column["name"]), guessed),
        guessed=guessed,
        reason=str(chosen["reason"]) if chosen is not None else "",
        doubts=tuple(f"{known.get(str(each['row']['purpose']), each['row']['purpose'])}? {each['reason']}" for each in unsure),
        rivals=tuple(map(str, chosen["alsoLookedAt"])) if chosen is not None else (),
        rules=orjson.dumps(rules).decode(),
        preset="" if (purpose := by_preset.get(str(column["name"]))) is None else known.get(purpose, purpose),
    )
