"""The rows of a custom mapping, a resource for each kind: fields, JSON fields, mappings, parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from engine.errors import ConfigError, NotFound
from feedmill.service.definition.masks import unmask
from feedmill.service.definition.showing import ROW_MODELS, show_row
from feedmill.service.feeds import change_rows
from feedmill.web.bodies import validate
from feedmill.web.endpoint import LARGEST, Call, Endpoint, answer
from feedmill.web.problems import FieldFault, Problem
from feedmill.web.queries import answer_list
from feedmill.web.resources.feeds import sent_object
from feedmill.web.resources.providers import refuse_computed
from feedmill.web.schemas import ID, TIME, body, properties_of, shown
from sinks.sqlite.definitions import ROW_KINDS
from sinks.sqlite.service.listing import ListQuery, Scope, select_page
from sinks.sqlite.service.resources.feed_lists import ROWS
from sinks.sqlite.service.resources.feeds import FIELDS

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.definition.merging import State

Handler = Callable[[Call], Awaitable["web.StreamResponse"]]

_PATHS: Final = {
    FIELDS: "inventory-feed-fields",
    "jsonFields": "inventory-feed-json-fields",
    "mappings": "inventory-feed-mappings",
    "parameters": "inventory-feed-parameters",
}
_NOUNS: Final = {FIELDS: "field", "jsonFields": "JSON field", "mappings": "mapping", "parameters": "parameter"}


def _scope(kind: str, number: int | None = None) -> Scope:
    sql = ["1", *([] if kind == FIELDS else ["r.kind = ?"]), *([] if number is None else ["r.id = ?"])]
    values: list[str | int] = [] if kind == FIELDS else [kind]
    return Scope(" AND ".join(sql), (*values, *([] if number is None else [number])))


def _shown(kind: str, row: Mapping[str, Any]) -> dict[str, object]:
    own = {name: value for name, value in row.items() if name not in ("id", "inventoryFeedId", "settings", "createdAt", "updatedAt")}
    head = {"id": row["id"], "inventoryFeedId": row["inventoryFeedId"]}
    return {**head, **show_row(kind, {**own, **row["settings"]}), "createdAt": row["createdAt"], "updatedAt": row["updatedAt"]}


async def _read(call: Call, kind: str, number: int) -> dict[str, object]:
    async with call.service.store.reading() as reader:
        page = await select_page(reader, ROWS[kind], ListQuery(limit=1), _scope(kind, number))
    if not page.rows:
        raise NotFound(f"there is no inventory feed {_NOUNS[kind]} {number}")
    return _shown(kind, page.rows[0])


def _all_rows(state: State) -> dict[str, Any]:
    """Return all rows of a feed with their ids; parameters with the values that are sealed beside them."""
    rows: dict[str, Any] = {each: list(state.rows.get(each, ())) for each in (FIELDS, *ROW_KINDS)}
    known = cast("list[Mapping[str, Any]]", state.attributes().get("parameters") or [])
    if len(known) != len(rows["parameters"]):
        raise ConfigError("the values of the feed's parameters are not known to this server: PUT the feed with all of its parameters")
    rows["parameters"] = [(number, whole) for (number, _), whole in zip(rows["parameters"], known, strict=True)]
    return rows


def _validate(kind: str, row: Mapping[str, object]) -> dict[str, object]:
    """Refuse what the row's own model refuses, by the names of its attributes; the feed as a whole is looked at afterwards."""
    validate(ROW_MODELS[kind], dict(row))
    return dict(row)


def _lists(kind: str) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        return await answer_list(call, _scope(kind), lambda row: _shown(kind, row))

    return handle


def _gets(kind: str) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        return answer(await _read(call, kind, call.id))

    return handle


def _creates(kind: str) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        sent = {name: value for name, value in sent_object(call).items() if value is not None}
        feed = sent.pop("inventoryFeedId", None)
        if not isinstance(feed, int) or isinstance(feed, bool) or not 0 < feed <= LARGEST:
            faults = [FieldFault("inventoryFeedId", "is mandatory: the id of the feed that the row is of")]
            try:
                _validate(kind, sent)
            except Problem as problem:
                faults += problem.faults
            raise Problem(422, "invalid", "the row cannot be taken so", faults=faults)
        row = _validate(kind, sent)
        if kind == "parameters":
            _unmask_value(row, None)

        def edit(state: State) -> dict[str, Any]:
            rows = _all_rows(state)
            return {**rows, kind: [*rows[kind], (None, row)]}

        try:
            made = await change_rows(call.service, feed, edit, call.author)
        except NotFound as error:
            raise Problem(422, "invalid", str(error), faults=[FieldFault("inventoryFeedId", str(error))]) from None
        return answer(await _read(call, kind, made[kind][-1]))

    return handle


def _changes(kind: str) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        before = await _read(call, kind, call.id)
        sent = dict(sent_object(call))
        refuse_computed(sent, before)

        def edit(state: State) -> dict[str, Any]:
            rows = _all_rows(state)
            rows[kind] = [(number, _merged(kind, row, sent) if number == call.id else row) for number, row in rows[kind]]
            return rows

        await change_rows(call.service, int(str(before["inventoryFeedId"])), edit, call.author)
        return answer(await _read(call, kind, call.id))

    return handle


def _merged(kind: str, row: Mapping[str, object], sent: Mapping[str, object]) -> dict[str, object]:
    merged = {name: value for name, value in {**row, **sent}.items() if value is not None}
    if kind == "parameters":
        _unmask_value(merged, row.get("value"))
    return _validate(kind, merged)


def _unmask_value(row: dict[str, object], stored: object) -> None:
    try:
        row["value"] = unmask(row.get("value"), stored)
    except ConfigError as error:
        raise Problem(422, "invalid", "the row cannot be taken so", faults=[FieldFault("value", str(error))]) from None


def _deletes(kind: str) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        removed = await _read(call, kind, call.id)

        def edit(state: State) -> dict[str, Any]:
            rows = _all_rows(state)
            return {**rows, kind: [(number, row) for number, row in rows[kind] if number != call.id]}

        await change_rows(call.service, int(str(removed["inventoryFeedId"])), edit, call.author)
        return answer(removed)

    return handle


def _endpoints(kind: str) -> tuple[Endpoint, ...]:
    tag, noun = _PATHS[kind], _NOUNS[kind]
    every, one = f"/api/{tag}.json", f"/api/{tag}/{{id}}.json"
    settable = properties_of(ROW_MODELS[kind])
    mandatory = tuple(field.alias or name for name, field in ROW_MODELS[kind].model_fields.items() if field.is_required())
    times = {"createdAt": TIME, "updatedAt": TIME}
    whole = {"id": ID, "inventoryFeedId": ID, **settable, **times}
    new = body({"inventoryFeedId": ID, **settable}, ("inventoryFeedId", *mandatory), given=("inventoryFeedId", *mandatory))
    changed = body(whole, given=("id", "inventoryFeedId", *mandatory))
    full = shown(whole, whole=True)
    of_feed = "of an inventory feed"
    listed = shown(whole, whole=False)
    return (
        Endpoint("GET", every, _lists(kind), f"List {noun}s {of_feed}", tag, "read", answer=listed, lists=ROWS[kind], many=True),
        Endpoint("POST", every, _creates(kind), f"Add a {noun} {of_feed}", tag, "admin", new, full),
        Endpoint("GET", one, _gets(kind), f"Show a {noun} {of_feed}", tag, "read", answer=full),
        Endpoint("PUT", one, _changes(kind), f"Change a {noun} {of_feed}", tag, "admin", changed, full),
        Endpoint("DELETE", one, _deletes(kind), f"Remove a {noun} {of_feed}", tag, "admin", answer=full),
    )


ENDPOINTS: Final = tuple(endpoint for kind in _PATHS for endpoint in _endpoints(kind))
