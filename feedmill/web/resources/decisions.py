"""What people decide of runs: approve, reject, cancel, undo; and what they look at before (`data-imports`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final

import orjson
from aiohttp import web
from pydantic import Field

from engine.errors import Conflict, NotFound
from engine.run import Problem
from engine.settings.resource import Resource
from feedmill import operations
from feedmill.changes import CHANGE_COLUMNS, change_rows
from feedmill.web.downloads import stream_csv
from feedmill.web.endpoint import Call, Endpoint, Schema, answer
from feedmill.web.run_rows import SCHEMA, read_run
from sinks.sqlite.service.runs import end_undecided, job_of, read_asked_run

ANSWER_SECONDS: Final = 10.0
"""How long a caller waits for what he decided to be done; it goes on after that, and the run tells."""

_LAST_UNDO: Final = "SELECT max(id) FROM main.data_imports WHERE undoes = ?"


class Decision(Resource):
    """Why it was decided so, for whoever reads the run later."""

    comment: Annotated[str, Field(max_length=1000)] | None = None


class UndoWish(Resource):
    """Whether only to say what an undo would come to."""

    dry_run: bool = False


async def approve(call: Call) -> web.Response:
    """Apply a held run."""
    return await _decide(call, "approve")


async def reject(call: Call) -> web.Response:
    """End a held run."""
    return await _decide(call, "reject")


async def cancel(call: Call) -> web.Response:
    """End a run that is not decided: at once, whatever its worker does."""
    service = call.service
    ended = False
    async with service.store.writing() as writer:
        asked = await read_asked_run(writer, call.id)
        if asked is None:
            raise NotFound(f"there is no run {call.id}")
        if asked.status in ("pending", "started") and not asked.decided:
            ended = await end_undecided(
                writer, call.id, "cancelled", Problem("cancelled", "cancelled by a call; nothing of it was applied")
            )
    if ended:
        key = job_of(call.id, asked.feed).key
        if key is not None:
            await service.jobs.cancel(key)
        for bell in (service.bells.schedule, service.bells.outbox):
            bell.ring()
        return answer(await read_run(service, call.id))
    if asked.status == "held":
        return await _at_desk(call, "reject", {"comment": "cancelled by a call"})
    what = "decided, and is being applied" if asked.status == "started" else asked.status
    raise Conflict(f"run {call.id} cannot be cancelled: it is {what}")


async def undo(call: Call) -> web.Response:
    """Take back what a complete run did, but for what was written since."""
    wish = call.body(UndoWish)
    if wish.dry_run:
        await read_run(call.service, call.id)
        foreseen = await call.service.workers.call("undo", {"run": call.id, "dryRun": True})
        return web.Response(text=foreseen, content_type="application/json")
    await _require(call, "complete")
    text = await call.service.workers.call_within(ANSWER_SECONDS, "undo", {"run": call.id})
    _ring(call)
    if text is not None:
        return answer(await read_run(call.service, int(orjson.loads(text)["run"])))
    async with call.service.store.reading() as reader:
        ((number,),) = await reader.query(_LAST_UNDO, call.id)
    return answer(await read_run(call.service, call.id if number is None else int(str(number))), 202)


async def diff(call: Call) -> web.Response:
    """Show what a run did, or would do."""
    await read_run(call.service, call.id)
    return web.Response(text=await call.service.workers.call("diff", {"run": call.id}), content_type="application/json")


async def changes(call: Call) -> web.StreamResponse:
    """Answer every field that a run changed, or would."""
    await read_run(call.service, call.id)
    async with aclosing(_changes(call)) as rows:
        return await stream_csv(call, f"run-{call.id}-changes.csv", CHANGE_COLUMNS, rows)


async def _changes(call: Call) -> AsyncGenerator[tuple[str, ...], None]:
    async with aclosing(operations.changes(call.id, db=call.service.url)) as found:
        async for change in found:
            for row in change_rows(change):
                yield row


async def _decide(call: Call, op: str) -> web.Response:
    decision = call.body(Decision)
    return await _at_desk(call, op, {} if decision.comment is None else {"comment": decision.comment})


async def _at_desk(call: Call, op: str, arguments: Mapping[str, Any]) -> web.Response:
    await _require(call, "held")
    text = await call.service.workers.call_within(ANSWER_SECONDS, op, {"run": call.id, **arguments})
    _ring(call)
    return answer(await read_run(call.service, call.id), 202 if text is None else 200)


async def _require(call: Call, status: str) -> None:
    run = await read_run(call.service, call.id)
    if run["status"] != status:
        raise Conflict(f"run {call.id} is {run['status']}, not {status}; nothing was done")


def _ring(call: Call) -> None:
    for bell in (call.service.bells.schedule, call.service.bells.outbox, call.service.bells.alerts):
        bell.ring()


_DECIDED: Final[Mapping[int, str]] = {
    202: "It is decided, and takes longer; the run tells when it is done.",
    409: "The run is not held, or another run of its feed is under way (`run` is its id).",
    503: "A worker ended meanwhile; what is decided is finished.",
}
_OBJECT: Final[Schema] = {"type": "object"}

ENDPOINTS: Final = (
    Endpoint(
        *("POST", "/api/data-imports/{id}/approve.json", approve),
        summary="Apply a held run; what it leaves is what the next one is judged against.",
        tag="data-imports",
        scope="admin",
        body=Decision,
        optional=True,
        answer=SCHEMA,
        statuses=_DECIDED,
    ),
    Endpoint(
        *("POST", "/api/data-imports/{id}/reject.json", reject),
        summary="End a held run; nothing of it is applied.",
        tag="data-imports",
        scope="admin",
        body=Decision,
        optional=True,
        answer=SCHEMA,
        statuses=_DECIDED,
    ),
    Endpoint(
        *("POST", "/api/data-imports/{id}/cancel.json", cancel),
        summary="End a run that waits, that is being read, or that is held.",
        tag="data-imports",
        scope="admin",
        answer=SCHEMA,
        statuses={**_DECIDED, 409: "The run has ended, or is decided and being applied."},
    ),
    Endpoint(
        *("POST", "/api/data-imports/{id}/undo.json", undo),
        summary="Take back what a complete run did, but for what was written since; answers the run that does so.",
        tag="data-imports",
        scope="admin",
        body=UndoWish,
        optional=True,
        answer={"anyOf": [SCHEMA, _OBJECT]},
        statuses={**_DECIDED, 409: "The run is not complete, is undone already, or what it did is not known any more."},
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}/diff.json", diff),
        summary="Show what a complete run did or a held one would do: figures and samples.",
        tag="data-imports",
        scope="read",
        answer=_OBJECT,
        statuses={409: "The run changed nothing that could be shown.", 503: "A worker ended meanwhile."},
    ),
    Endpoint(
        *("GET", "/api/data-imports/{id}/changes.csv", changes),
        summary="Download every field that a complete run changed or a held one would.",
        tag="data-imports",
        scope="read",
        answer={"type": "string"},
        media="text/csv",
        statuses={409: "The run changed nothing that could be shown."},
    ),
)
