"""The payloads of webhooks: the log of what was told, and telling it once more."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from engine.settings.resource import Resource
from feedmill.web.endpoint import Call, Endpoint, answer
from feedmill.web.queries import answer_list
from sinks.sqlite.service.outbox.hooks import read_one
from sinks.sqlite.service.outbox.payloads import PAYLOADS, redeliver

if TYPE_CHECKING:
    from aiohttp import web


class WebhookPayload(Resource):
    """What a webhook is told, and what came of it."""

    id: int
    webhook_id: int
    topic: str
    resource_id: int | None
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    next_attempt_at: datetime | None
    response_status: int | None
    response_excerpt: str | None
    error: str | None
    body: dict[str, Any]
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


async def list_payloads(call: Call) -> web.Response:
    """Answer a page of the log of what was told."""
    return await answer_list(call)


async def show_payload(call: Call) -> web.Response:
    """Answer one payload."""
    async with call.service.store.reading() as reader:
        return answer(await read_one(reader, PAYLOADS, call.id, "webhook payload"))


async def redeliver_payload(call: Call) -> web.Response:
    """Send a payload once more, whether it was delivered or given up; answer it."""
    async with call.service.store.writing() as writer:
        await redeliver(writer, call.id)
        payload = await read_one(writer, PAYLOADS, call.id, "webhook payload")
    call.service.bells.outbox.ring()
    return answer(payload, status=202)


_LOG: Final = "/api/webhook-payloads"

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        f"{_LOG}.json",
        list_payloads,
        "List what webhooks were told",
        "webhook-payloads",
        "read",
        answer=WebhookPayload,
        lists=PAYLOADS,
        many=True,
    ),
    Endpoint("GET", f"{_LOG}/{{id}}.json", show_payload, "Show a payload", "webhook-payloads", "read", answer=WebhookPayload),
    Endpoint(
        "POST",
        f"{_LOG}/{{id}}/redeliver.json",
        redeliver_payload,
        "Send a payload once more",
        "webhook-payloads",
        "admin",
        answer=WebhookPayload,
        status=202,
    ),
)
