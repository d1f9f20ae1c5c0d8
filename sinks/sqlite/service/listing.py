"""Lists of resources: what a caller asks for, checked by name and kind, as one SELECT with its parameters and nothing pasted in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final, Literal, TypeAlias

import orjson

from engine.errors import InvalidItem
from engine.schema import MONEY_SCALE, money_to_decimal
from sinks.sqlite import clock
from sinks.sqlite.fence import Writer

MOST: Final = 1000
USUAL: Final = 100

Kind: TypeAlias = Literal["text", "integer", "number", "money", "flag", "time", "json"]
Comparison: TypeAlias = Literal["eq", "is", "ne", "in", "gt", "gte", "lt", "lte", "like", "null"]

_OPERATORS: Final[Mapping[Comparison, str]] = {
    "eq": "IS", "is": "IS", "ne": "IS NOT", "in": "IN", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "LIKE", "null": "IS",
}  # fmt: skip
_LARGEST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Column:
    """What an attribute of the API is in the database: an SQL expression and the kind of its values; JSON can only be shown."""

    sql: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Listed:
    """A resource as it is listed: `source` is what stands behind FROM, `key` the id by which pages follow each other.

    A `long` one is counted with its first page only: whoever goes through a million rows by their ids would wait for as many counts.
    Where `parts` are given, pages are made of them, by whoever shapes the rows: `columns` then only say what may be asked for.
    """

    source: str
    columns: Mapping[str, Column]
    key: str = "id"
    long: bool = False
    parts: Mapping[str, Column] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """One `where`: `values` holds the texts as they came, one but for `in`; None is null.

    `is` takes each text as it is, `null` says by true or false whether there is no value.
    """

    attribute: str
    comparison: Comparison
    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a caller asks of a list. `page` counts from 0; with `after` pages follow the id, and nothing else may order them."""

    where: tuple[Condition, ...] = ()
    attributes: tuple[str, ...] = ()
    order: str | None = None
    descending: bool = False
    limit: int = USUAL
    page: int = 0
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by attribute, and how many there are in all, None where that is not counted.

    `more` says whether another page follows, `last` is the id of the last row.
    """

    rows: Sequence[Mapping[str, object]]
    total: int | None
    more: bool = False
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What narrows a list whatever the caller asks: SQL with its parameters, as `v.inventory_feed_id = ?`."""

    sql: str = "1"
    parameters: tuple[str | int, ...] = field(default=())


async def select_page(reader: Writer, listed: Listed, query: ListQuery, scope: Scope | None = None) -> Page:
    """Return a page of a resource: each row holds its columns, or those asked for, shaped by their kinds as the API shows them.

    Raises `InvalidItem` naming every `where`, `order` and attribute that cannot be: unknown ones, values of another kind.
    """
    scope = scope or Scope()
    faults: dict[str, str] = {}
    clauses, parameters = _conditions(listed, query, faults)
    order = _order(listed, query, faults)
    shown = _shown(listed, query, faults)
    if faults:
        raise InvalidItem("the list cannot be queried so:", faults)
    where = " AND ".join((f"({scope.sql})", *clauses))
    values = (*scope.parameters, *parameters)
    after = "" if query.after is None else f" AND {listed.key} > ?"
    behind = () if query.after is None else (query.after,)
    columns = ", ".join((listed.key, *(column.sql for column in shown.values())))
    select = f"SELECT {columns} FROM {listed.source} WHERE {where}{after} ORDER BY {order} LIMIT ? OFFSET ?"
    offset = 0 if query.after is not None else query.page * query.limit
    found = await reader.query(select, *values, *behind, query.limit + 1, min(offset, _LARGEST - 1))
    if not offset and not query.after and len(found) <= query.limit:
        total = len(found)
    elif listed.long and query.after:
        total = None
    else:
        total = await reader.number(f"SELECT count(*) FROM {listed.source} WHERE {where}", *values)
    kept = found[: query.limit]
    rows = [{name: shape(column.kind, value) for (name, column), value in zip(shown.items(), row[1:], strict=True)} for row in kept]
    return Page(rows, total, len(found) > query.limit, int(str(kept[-1][0])) if kept else None)


def shape(kind: Kind, value: object) -> object:
    """Return a stored value as the API shows it."""
    if value is None:
        return None
    if kind == "flag":
        return bool(value)
    if kind == "money":
        return money_to_decimal(int(str(value)))
    if kind == "time":
        return clock.rfc3339(int(str(value)))
    return orjson.loads(str(value)) if kind == "json" else value


def _shown(listed: Listed, query: ListQuery, faults: dict[str, str]) -> Mapping[str, Column]:
    unknown = [name for name in query.attributes if name not in listed.columns]
    if unknown:
        faults["attributes"] = f"{unknown[0][:80]!r} is no attribute of this list"
    if listed.parts is not None or not query.attributes:
        return listed.columns if listed.parts is None else listed.parts
    return {name: column for name, column in listed.columns.items() if name in query.attributes}


def _order(listed: Listed, query: ListQuery, faults: dict[str, str]) -> str:
    way = " DESC" if query.descending else ""
    if query.after is not None and (query.descending or query.order not in (None, "id")):
        faults["after"] = "pages by id, so that nothing else can order them"
    if query.order is None:
        return f"{listed.key}{way}"
    column = listed.columns.get(query.order)
    if column is None or column.kind == "json":
        faults["order[attribute]"] = f"{query.order[:80]!r} is no attribute that this list can be ordered by"
        return listed.key
    # By the id as well, so that pages neither repeat nor leave out what is equal.
    return f"{column.sql}{way}, {listed.key}{way}"


def _conditions(listed: Listed, query: ListQuery, faults: dict[str, str]) -> tuple[list[str], tuple[str | int | float | None, ...]]:
    clauses: list[str] = []
    parameters: list[str | int | float | None] = []
    for condition in query.where:
        where = f"where[{condition.attribute[:80]}]"
        column = listed.columns.get(condition.attribute)
        if column is None or column.kind == "json":
            faults[where] = "is no attribute that this list can be asked for"
            continue
        kind: Kind = "flag" if condition.comparison == "null" else column.kind
        try:
            values = [_compared(kind, condition.comparison, text) for text in condition.values]
        except (ValueError, InvalidOperation, OverflowError):
            faults[where] = f"is compared with {condition.values[0]!r:.80}, which is no {kind}"
            continue
        operator = _OPERATORS[condition.comparison]
        if condition.comparison != "in" and len(values) != 1:
            faults[where] = "is given twice; ask with $in for one of several"
        elif condition.comparison == "in":
            clauses.append(f"{column.sql} IN ({', '.join('?' * len(values))})")
        elif condition.comparison == "null":
            clauses.append(f"({column.sql} IS NULL) {operator} ?")
        elif condition.comparison in ("eq", "is", "ne"):
            clauses.append(f"{column.sql} {operator} ?")
        elif None in values:
            faults[where] = "can be null or not, but nothing is more or less than null"
        else:
            clauses.append(f"{column.sql} {operator} ?")
        parameters.extend(values)
    return clauses, tuple(parameters)


def _compared(kind: Kind, comparison: Comparison, text: str | None) -> str | int | float | None:
    # Nothing equals null, so that among several it can only be meant as a text.
    return _value(kind, "null" if text is None and comparison == "in" and kind == "text" else text)


def _value(kind: Kind, text: str | None) -> str | int | float | None:
    if text is None:
        return None
    if kind == "text":
        return text
    if kind == "flag":
        return {"true": 1, "1": 1, "false": 0, "0": 0}.get(text.lower()) if text.lower() in ("true", "1", "false", "0") else _refuse(text)
    if kind == "time":
        moment = datetime.fromisoformat(text)
        return clock.microseconds(moment) if moment.tzinfo is not None else _refuse(text)
    number = Decimal(text)
    if not number.is_finite() or abs(number) >= _LARGEST:
        return _refuse(text)
    if kind == "money":
        number *= MONEY_SCALE
        if abs(number) >= _LARGEST:
            return _refuse(text)
    return int(number) if number == number.to_integral_value() else float(number)


def _refuse(text: str) -> int:
    raise ValueError(text)
