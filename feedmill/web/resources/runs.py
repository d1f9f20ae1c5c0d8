"""Runs: asked for, foreseen, looked at, listed, and what they left out as files (`data-imports`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from aiohttp import web
from pydantic import Field, field_validator

from engine.contracts import PUSHED
from engine.errors import Conflict, NotFound
from engine.settings.resource import Resource
from feedmill.shapes import REJECT_COLUMNS, shape_reject
from feedmill.web.downloads import stream_csv
from feedmill.web.endpoint import Call, Endpoint, Parameter, Schema, answer
from feedmill.web.problems import FieldFault, Problem
from feedmill.web.queries import answer_list
from feedmill.web.run_rows import LISTED, SCHEMA, read_run, shape_row
from sinks.sqlite.fence import Writer
from sinks.sqlite.queries import open_queries
from sinks.sqlite.service.runs import enqueue_run
from sinks.sqlite.single.targets import WORKING

if TYPE_CHECKING:
    from feedmill.service.context import Service

"""Of what status a provider's feeds are fetched."""

_FEED: Final = (
    "SELECT f.name, f.enabled, json_extract(f.settings, '$.resourceType'), p.name, p.status FROM main.inventory_feeds AS f"
    " JOIN main.dropship_providers AS p ON p.id = f.dropship_provider_id WHERE f.id = ?"
)

_OBJECT: Final[Schema] = {"type": "object"}
_PLAN: Final[Schema] = {
    "type": "object",
    "title": "RunPlan",
    "description": "What a run would come to: its record, of no run.",
    "properties": {"run": {"type": "null"}, "feed": {"type": "string"}, "status": {"type": "string"}, "read": {"type": "integer"}},
    "required": ["run", "feed", "status", "read"],
}
PREVIEW: Final[Schema] = {
    "type": "object",
    "properties": {"dialect": _OBJECT, "records": {"type": "array", "items": _OBJECT}, "problems": {"type": "array", "items": _OBJECT}},
    "required": ["dialect", "records", "problems"],
}


class PreviewWish(Resource):
    """What of a source to show, and under which settings, by the API's names, beside those that are stored."""

    limit: Annotated[int, Field(ge=1, le=200)] = 20
    settings: dict[str, Any] = Field(default_factory=dict)
    replace: bool = Field(default=False, description="Whether the rows in `settings` are all there are, as in a PUT; ours.")
    reuse: bool = Field(
        default=False, description="Whether what was read of the source in the last two minutes will do, so that it is not fetched; ours."
    )

    @field_validator("settings")
    @classmethod
    def _check_rows(cls, settings: dict[str, Any]) -> dict[str, Any]:
        return check_rows(settings)


def check_rows(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings that are tried. Raises `ValueError` where their mapping rows are none."""
    rows = settings.get("fields", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("fields is no array of objects")
    return settings


async def fetch(call: Call) -> web.Response:
    """Ask for a run, or with `dryRun` foresee one."""
    refetch = _flag(call, "refetch")
    if _flag(call, "dryRun"):
        async with call.service.store.reading() as reader:
            await require_source(reader, call.id)
        return as_json(await call.service.workers.call("plan-run", {"feed": call.id, "refetch": refetch}))
    async with call.service.store.writing() as writer:
        await _require_fetched(writer, call.id)
        run = await enqueue_run(writer, call.id, trigger="call", refetch=refetch)
    call.service.bells.jobs.ring()
    return answer(await read_run(call.service, run), 202)


async def preview(call: Call) -> web.Response:
    """Show the first records of a source, raw beside mapped."""
    wish = call.body(PreviewWish)
    async with call.service.store.reading() as reader:
        await require_source(reader, call.id, chosen=wish.settings.get("resourceType"))
    arguments = {"limit": wish.limit, "settings": wish.settings, "replace": wish.replace, "reuse": wish.reuse}
    return as_json(await call.service.workers.call("preview", {"feed": call.id, **arguments}))


async def list_runs(call: Call) -> web.Response:
    """List runs."""
    return await answer_list(call, shape=shape_row)


async def get_run(call: Call) -> web.Response:
    """Show a run."""
    return answer(await read_run(call.service, call.id))


async def rejects(call: Call) -> web.StreamResponse:
    """Answer the rejected records of a run that are kept."""
    return await _download(call, "rejected", "rejects")


async def skipped(call: Call) -> web.StreamResponse:
    """Answer the skipped records of a run that are kept."""
    return await _download(call, "skipped", "skipped")


async def _download(call: Call, fate: Literal["rejected", "skipped"], name: str) -> web.StreamResponse:
    await read_run(call.service, call.id)
    async with aclosing(_kept(call.service, call.id, fate)) as rows:
        return await stream_csv(call, f"run-{call.id}-{name}.csv", REJECT_COLUMNS, rows)


async def _kept(service: Service, run: int, fate: str) -> AsyncGenerator[list[object], None]:
    # On a connection of its own: whoever reads slowly holds nobody up.
    async with open_queries(service.url) as queries:
        feed = await queries.feed_of(run)
        async for reject in queries.rejects(run):
            if reject.fate == fate:
                shaped = shape_reject(reject, feed=feed, run=run)
                yield [shaped[name] for name in REJECT_COLUMNS]


async def require_source(reader: Writer, feed: int, chosen: object = None) -> tuple[str, bool, str, str]:
    """Return a feed's name, whether it is enabled, its provider and that one's status. Raises `Conflict` for one that is pushed to."""
    rows = await reader.query(_FEED, feed)
    if not rows:
        raise NotFound(f"there is no inventory feed {feed}")
    name, enabled, kind, provider, status = rows[0]
    if (chosen or kind) in PUSHED:
        raise Conflict(f"feed {str(name)!r} has resourceType={chosen or kind}: it is pushed to, there is nothing to fetch")
    return str(name), bool(enabled), str(provider), str(status)


async def _require_fetched(reader: Writer, feed: int) -> None:
    name, enabled, provider, status = await require_source(reader, feed)
    if not enabled:
        raise Conflict(f"feed {name!r} is not enabled: set enabled first")
    if status not in WORKING:
        raise Conflict(f"feed {name!r} is of the provider {provider!r}, which is {status}: its feeds are paused")


def _flag(call: Call, name: str) -> bool:
    said = call.request.query.get(name, "false").lower()
    if said not in ("true", "false", "1", "0"):
        raise Problem(422, "invalid", "the query cannot be taken as it is", faults=[FieldFault(name, "is neither true nor false")])
    return said in ("true", "1")


def as_json(text: str) -> web.Response:
    """Answer the JSON text that a worker has given."""
    return web.Response(text=text, content_type="application/json")


_FETCH_QUERY: Final = (
    Parameter("dryRun", "Whether to do all but the effects, and answer what a run would come to.", {"type": "boolean", "default": False}),
    Parameter("refetch", "Whether to read the source though it has not changed.", {"type": "boolean", "default": False}),
)
NO_SOURCE: Final[Mapping[int, str]] = {
    409: "The feed is pushed to: there is nothing to fetch.",
    503: "The source, or a worker, failed in passing.",
}

ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/inventory-feeds/{id}/fetch.json", fetch),
        summary="Fetch a feed now.",
        tag="data-imports",
        scope="admin",
        answer={"anyOf": [SCHEMA, _PLAN]},
        status=202,
        statuses={
            200: "What a run would come to (dryRun).",
            409: "A run of the feed is under way (`run` is its id), the feed is not enabled or is pushed to, or its provider is paused.",
            503: "A worker, or with dryRun the source, failed in passing.",
        },
        query=_FETCH_QUERY,
        aliases=("/api/inventory-feed/{id}/fetch.json",),
    ),
    Endpoint(
        *("POST", "/api/inventory-feeds/{id}/preview.json", preview),
        summary="Show the first records of a feed's source, raw beside mapped.",
        tag="data-imports",
        scope="admin",
        body=PreviewWish,
        optional=True,
        answer=PREVIEW,
        statuses=NO_SOURCE,
        aliases=("/api/inventory-feed/{id}/preview.json",),
    ),
    Endpoint(
        *("GET", "/api/data-imports.json", list_runs),
        summary="List runs.",
        tag="data-imports",
        scope="read",
        answer=SCHEMA,
        lists=LISTED,
        many=True,
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}.json", get_run),
        summary="Show a run.",
        tag="data-imports",
        scope="read",
        answer=SCHEMA,
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}/rejects.csv", rejects),
        summary="Download the records that a run rejected, with place and reason.",
        tag="data-imports",
        scope="read",
        answer={"type": "string"},
        media="text/csv",
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}/skipped.csv", skipped),
        summary="Download the records that a run skipped, with place and reason.",
        tag="data-imports",
        scope="read",
        answer={"type": "string"},
        media="text/csv",
    ),
)
