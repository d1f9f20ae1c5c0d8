"""The queries of lists, in nested (`qs`) style: `where[inventoryQuantity][$gt]=0&order[attribute]=id&limit=50&from=2`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, cast

from feedmill.web.endpoint import LARGEST, Call, Parameter, answer
from feedmill.web.problems import FieldFault, Problem
from sinks.sqlite.service.listing import MOST, USUAL, Comparison, Condition, ListQuery, Page, Scope, select_page

if TYPE_CHECKING:
    from aiohttp import web

    from sinks.sqlite.fence import Writer

T = TypeVar("T")

_KEY: Final = re.compile(r"(?P<head>[A-Za-z]+)(?P<rest>(?:\[[^\]\[]*\])*)")
_PART: Final = re.compile(r"\[([^\]]*)\]")
_COMPARISONS: Final = ("eq", "ne", "in", "gt", "gte", "lt", "lte", "like", "null")
_AS_IT_IS: Final = ("is", "like", "null")
"""Comparisons to which the text null is a text like others."""

LIST_PARAMETERS: Final = (
    Parameter(
        "where",
        "Conditions by attribute: where[status]=connected, where[inventoryQuantity][$gt]=0; $eq $ne $in $gt $gte $lt $lte $like."
        " where[barcode][$null]=true finds what has none, false what has one; so do null alone and behind $ne."
        " Behind $eq and $like, and in texts behind $in, null is the text.",
        {"type": "object", "additionalProperties": True},
    ),
    Parameter("attributes[]", "The attributes to answer with; all where none is named.", {"type": "array", "items": {"type": "string"}}),
    Parameter("order[attribute]", "The attribute to order by; the id where none is named.", {"type": "string"}),
    Parameter("order[descending]", "Whether the largest comes first.", {"type": "boolean"}),
    Parameter("limit", "Rows of a page.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
    Parameter("from", "The page, counted from 0.", {"type": "integer", "minimum": 0, "default": 0}),
    Parameter("after", "The id behind which the page begins; for lists too long to be counted through.", {"type": "integer", "minimum": 0}),
)


def parse_list(pairs: Iterable[tuple[str, str]]) -> ListQuery:
    """Return what a query string asks of a list. Raises `Problem` 422 naming everything in it that cannot be."""
    faults: list[FieldFault] = []
    lists: dict[tuple[str, Comparison], list[str | None]] = {}
    attributes: list[str] = []
    single: dict[str, str] = {}
    for key, value in pairs:
        if not key and not value:
            # Of a & at the end, which some versions of yarl tell and others do not.
            continue
        found = _KEY.fullmatch(key)
        parts = _PART.findall(found["rest"]) if found else []
        head = found["head"] if found else ""
        if head == "where" and (where := _where(parts)) is not None:
            lists.setdefault(where, []).append(None if value == "null" and where[1] not in _AS_IT_IS else value)
        elif head == "attributes" and len(parts) <= 1:
            attributes.append(value)
        elif head == "order" and parts in (["attribute"], ["descending"]):
            single[f"order[{parts[0]}]"] = value
        elif head in ("limit", "from", "after") and not parts:
            single[head] = value
        else:
            faults.append(FieldFault(key[:80], "is no query of this list"))
    numbers = {name: _number(name, single.get(name), faults) for name in ("limit", "from", "after")}
    descending = single.get("order[descending]", "false").lower()
    if descending not in ("true", "false", "1", "0"):
        faults.append(FieldFault("order[descending]", "is neither true nor false"))
    if faults:
        raise Problem(422, "invalid", "the list cannot be queried so", faults=faults)
    limit, page = numbers["limit"], numbers["from"]
    return ListQuery(
        tuple(Condition(attribute, comparison, tuple(values)) for (attribute, comparison), values in lists.items()),
        tuple(attributes),
        single.get("order[attribute]"),
        descending in ("true", "1"),
        USUAL if limit is None else limit,
        page or 0,
        numbers["after"],
    )


def _where(parts: Sequence[str]) -> tuple[str, Comparison] | None:
    """Return attribute and comparison: [attribute], [attribute][$gt], [attribute][$in][], [attribute][$in][0]."""
    if not parts or not parts[0]:
        return None
    if len(parts) == 1:
        return parts[0], "eq"
    operator = parts[1].removeprefix("$")
    if not parts[1].startswith("$") or operator not in _COMPARISONS or (len(parts) > 2 and (operator != "in" or len(parts) > 3)):
        return None
    return parts[0], "is" if operator == "eq" else cast("Comparison", operator)


def _number(name: str, text: str | None, faults: list[FieldFault]) -> int | None:
    if text is None:
        return None
    least, most = (1, MOST) if name == "limit" else (0, LARGEST)
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
        faults.append(FieldFault(name, f"is no number from {least} to {most}"))
        return None
    return int(text)


async def answer_list(
    call: Call,
    scope: Scope | None = None,
    shape: Callable[[Mapping[str, object]], Mapping[str, object]] | None = None,
    shape_page: Callable[[Writer, Sequence[Mapping[str, object]]], Awaitable[Sequence[Mapping[str, object]]]] | None = None,
) -> web.Response:
    """Answer a page of the list of an endpoint (`Endpoint.lists`), with how many rows there are and where the next page is.

    `shape` makes a row what is shown; `shape_page` does so with all rows of the page at once, and may read what it needs beside them.
    """
    listed = call.endpoint.lists
    if listed is None:
        raise TypeError(f"{call.endpoint.path} is no list")
    query = parse_list(call.request.query.items())
    async with call.service.store.reading() as reader:
        page = await select_page(reader, listed, query, scope)
        rows = page.rows if shape_page is None else await shape_page(reader, page.rows)
    rows = rows if shape is None else list(map(shape, rows))
    if listed.parts is not None and query.attributes:
        rows = [{name: value for name, value in row.items() if name in query.attributes} for row in rows]
    return answer_page(call, query, page, rows)


def answer_page(call: Call, query: ListQuery, page: Page, rows: Sequence[Mapping[str, object]]) -> web.Response:
    """Answer rows of a page of a list as `answer_list` does."""
    headers = {} if page.total is None else {"X-Total-Count": str(page.total)}
    if page.more:
        headers["Link"] = f'<{_next(call, query, page)}>; rel="next"'
    return answer(rows, headers=headers)


def parse_history(call: Call) -> ListQuery:
    """Return which page of a history a call asks for. Raises `Problem` 422 for any query but `limit` and `from`."""
    asked = parse_list(call.request.query.items())
    if asked != ListQuery(limit=asked.limit, page=asked.page):
        raise Problem(422, "invalid", "a history is asked for by limit and from alone")
    return asked


def answer_history(call: Call, asked: ListQuery, entries: Sequence[T], shape: Callable[[T], Mapping[str, object]]) -> web.Response:
    """Answer a page of a history whose entries are all at hand, as `answer_list` does."""
    first = asked.page * asked.limit
    rows = list(map(shape, entries[first : first + asked.limit]))
    return answer_page(call, asked, Page(rows, len(entries), first + asked.limit < len(entries)), rows)


def _next(call: Call, query: ListQuery, page: Page) -> str:
    where = {"after": str(page.last)} if query.after is not None else {"from": str(query.page + 1)}
    return str(call.request.rel_url.update_query(where))
