"""What a mapping comes to on real records, seen from its rows: before and after, problems, columns that no row names. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from feedmill.web.problems import FieldFault

if TYPE_CHECKING:
    from feedmill.dashboard.mapping.draft import Draft
    from feedmill.web.problems import Problem

SAMPLES: Final = 3
ROW_KINDS: Final = ("fields", "jsonFields")
_ATTRIBUTES: Final = {"sku": "vendorSku", "inventoryQuantityBoolean": "inventoryQuantity", "weight": "grams", "option": "options"}
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Pair:
    """A cell and what came of it, with what is wrong with it."""

    record: int
    before: str
    after: str
    fault: str = ""


@dataclass(slots=True)
class Seen:
    """What the records of a preview show of one row: the first pairs, those with a fault first, and how many are faulty."""

    pairs: list[Pair] = field(default_factory=list)
    faulty: int = 0
    filled: int = 0


def see_rows(draft: Draft, records: Sequence[Mapping[str, Any]]) -> dict[str, Seen]:
    """Return what the records of a preview show of each row, by its place (`fields.0`)."""
    return {f"{kind}.{at}": see_row(row, kind, records) for kind in ROW_KINDS for at, row in enumerate(draft.rows[kind])}


def see_row(row: Mapping[str, Any], kind: str, records: Sequence[Mapping[str, Any]]) -> Seen:
    """Return what the records of a preview show of one row."""
    seen = Seen()
    found: list[Pair] = []
    for record in records:
        pair = _pair(row, kind, record)
        if pair is not None:
            found.append(pair)
            seen.faulty += bool(pair.fault)
            seen.filled += bool(pair.before)
    faulty, good = [pair for pair in found if pair.fault], [pair for pair in found if not pair.fault]
    seen.pairs = sorted([*faulty[:SAMPLES], *good[: max(SAMPLES - len(faulty), 0)]], key=lambda pair: pair.record)
    return seen


def _pair(row: Mapping[str, Any], kind: str, record: Mapping[str, Any]) -> Pair | None:
    attribute = _ATTRIBUTES.get(str(row.get("purpose")), row.get("purpose"))
    columns = list(record["raw"])
    name = column_of(row, kind, columns)
    for each in record["fields"]:
        if each["attribute"] == attribute and each["source"] is not None and _plain(each["source"]) == _plain(name):
            fault = each.get("problem", {}).get("message", "")
            return Pair(record["record"], show_cell(each["raw"]), show_cell(each["value"]), fault)
    for column, cell in record["raw"].items():
        if _plain(column) == _plain(name):
            return Pair(record["record"], show_cell(cell), "")
    return None


def column_of(row: Mapping[str, Any], kind: str, columns: Sequence[str]) -> str:
    """Return the column that a row names: by its header, its path, or its number counted from 1."""
    if kind == "jsonFields":
        path = str(row.get("path", ""))
        return f"product.{path}" if row.get("object") == "product" else path
    name = str(row.get("name", "")).strip()
    if name.isascii() and name.isdecimal() and name not in columns and 0 < int(name) <= len(columns):
        return columns[int(name) - 1]
    return name


def _plain(name: str) -> str:
    return name.strip().casefold()


def show_cell(value: object) -> str:
    """Return a cell or a value for people, cut short."""
    if value is None:
        return ""
    if isinstance(value, list):
        text = " · ".join(_entry(each) for each in value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}: {each}" for name, each in value.items())
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text.replace("\x1f", " · ")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _entry(value: object) -> str:
    if isinstance(value, Mapping) and {"name", "value"} <= value.keys():
        return f"{value['name']}: {value['value']}"
    return str(value)


def left_over(draft: Draft, columns: Sequence[Mapping[str, Any]], used: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the columns of a source that no row names, and that no preset (`used`) has taken."""
    names = [str(column["name"]) for column in columns]
    mapped = {_plain(column_of(row, kind, names)) for kind in ROW_KINDS for row in draft.rows[kind]}
    mapped |= {_plain(name) for name in used}
    mapped |= {_plain(str(row["priceOperatorField"])) for row in draft.rows["fields"] if "priceOperatorField" in row}
    return [column for column in columns if _plain(str(column["name"])) not in mapped and column["name"] not in _numbers(draft)]


def _numbers(draft: Draft) -> set[str]:
    return {str(row.get("name", "")).strip() for row in draft.rows["fields"]}


def place_faults(draft: Draft, problem: Problem | None) -> tuple[dict[str, list[str]], list[FieldFault]]:
    """Return the faults of a problem by the row they concern (`fields.0`), and those that concern none."""
    of_rows: dict[str, list[str]] = {}
    rest: list[FieldFault] = []
    for fault in () if problem is None else problem.faults:
        place = _place(draft, fault)
        if place is None:
            rest.append(fault)
        else:
            inner = fault.field.removeprefix(place).lstrip(".") if fault.field.startswith(place) else ""
            of_rows.setdefault(place, []).append(f"{inner}: {fault.message}" if inner else fault.message)
    return of_rows, rest


def _place(draft: Draft, fault: FieldFault) -> str | None:
    kind, _, rest = fault.field.partition(".")
    number = rest.partition(".")[0]
    if kind in draft.rows and number.isdecimal() and int(number) < len(draft.rows[kind]):
        return f"{kind}.{number}"
    # The mapper tells which path it cannot read by the path alone.
    said = f"{fault.field}: {fault.message}"
    for kind in ROW_KINDS:
        for at, row in enumerate(draft.rows[kind]):
            name = row.get("path" if kind == "jsonFields" else "name")
            if name and repr(name) in said:
                return f"{kind}.{at}"
    return None
