"""The plan: how many items may be updated a day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from engine.settings.resource import Resource
from feedmill.web.endpoint import LARGEST, Call, Endpoint, answer
from sinks.sqlite.single.plan import PlanState, read_state, write_limit

if TYPE_CHECKING:
    from aiohttp import web

_PATH: Final = "/api/plan.json"
_Limit = Annotated[int, Field(ge=0, le=LARGEST)]


class Plan(Resource):
    """How many distinct items may be updated a UTC day, null where there is no limit; how many were, and when that begins anew."""

    sku_limit: int | None
    used_today: int
    resets_at: datetime


class PlanChange(Resource):
    """The limit of items a day, or null to take it away."""

    sku_limit: _Limit | None = None


async def _get(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        return answer(_shape(await read_state(reader)))


async def _change(call: Call) -> web.Response:
    sent = call.body(PlanChange)
    async with call.service.store.writing() as writer:
        if "sku_limit" in sent.model_fields_set:
            await write_limit(writer, sent.sku_limit)
        state = await read_state(writer)
    return answer(_shape(state))


def _shape(state: PlanState) -> dict[str, object]:
    return {"skuLimit": state.sku_limit, "usedToday": state.used_today, "resetsAt": state.resets_at}


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", _PATH, _get, "Return the plan.", "plan", "read", answer=Plan),
    Endpoint("PUT", _PATH, _change, "Set the daily limit, or take it away.", "plan", "admin", body=PlanChange, answer=Plan),
)
