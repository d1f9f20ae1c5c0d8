"""What suppliers send in: one item, many, and the inbound API that knows a feed by its secret; and what became of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from aiohttp import web

from feedmill.service.definition.stored_feeds import read_stored_feed
from feedmill.service.push_group import KeyReused, Reply, Request
from feedmill.service.transforming import MOST_ITEMS
from feedmill.web.access import authenticate_inbound
from feedmill.web.endpoint import Call, Endpoint, Parameter, answer
from feedmill.web.item_schema import ACCEPTED, BATCH, SENT_ITEM, SHOWN_ITEM
from feedmill.web.problems import FieldFault, Problem
from sinks.sqlite.service.idempotency import Once
from sinks.sqlite.service.inbox import NewBatch, show_batch
from sinks.sqlite.single.group import Push
from sinks.sqlite.single.removal import Removal

if TYPE_CHECKING:
    from sinks.sqlite.service.inbox import Origin

_TAG: Final = "pushes"
_LONGEST_KEY: Final = 255
_KEY: Final = Parameter(
    "Idempotency-Key",
    "The same key with the same body within 24 hours is answered as it was the first time, and does nothing; with another body it is 409.",
    {"type": "string", "minLength": 1, "maxLength": _LONGEST_KEY},
)
_HASH: Final = Parameter(
    "feedmill-webhook-hash", "The secret of the feed; jetti-webhook-hash is the same.", {"type": "string", "minLength": 1}
)
_CONFLICT: Final = "The feed is paused or loaded for the first time, or the Idempotency-Key was used for another body."
_LIMITED: Final = "The daily limit is reached, or the token sends too fast; see Retry-After."
_FULL: Final = "Too much waits to be stored; see Retry-After."


async def put_item(call: Call) -> web.StreamResponse:
    """Create or update one item; answer it as it is on disk."""
    return await _ask(call, Request(Push(call.id, check_item(call.sent)), await _once(call)))


async def remove_item(call: Call) -> web.StreamResponse:
    """Delete an item by its external id, and answer it as it was."""
    sent = call.sent
    if not isinstance(sent, dict) or sent.keys() != {"externalId"} or not isinstance(sent["externalId"], str):
        raise Problem(422, "invalid", "the body is no {externalId}", faults=[FieldFault("externalId", "is the only attribute, a text")])
    reply = await call.service.pushing.ask(call.service, Request(Removal(call.id, sent["externalId"])))
    return web.Response(status=reply.status, body=reply.body, content_type="application/json")


async def put_batch(call: Call) -> web.StreamResponse:
    """Store a batch; it is applied in its turn."""
    count = _count_items(call.sent)
    batch = NewBatch(call.id, "api", await call.request.read(), count)
    return await _ask(call, Request(batch, await _once(call)))


async def post_inbound(call: Call) -> web.StreamResponse:
    """Store what a supplier sends, for the feed whose secret it shows."""
    feed = await authenticate_inbound(call.service, call.request)
    count = None if await _is_transformed(call, feed) else _count_items(call.sent)
    origin: Origin = "inbound"
    batch = NewBatch(feed, origin, await call.request.read(), count)
    return await _ask(call, Request(batch, await _once(call)))


async def get_batch(call: Call) -> web.StreamResponse:
    """Answer what became of a batch, to who may read, or push to its feed."""
    async with call.service.store.reading() as reader:
        feed, batch = await show_batch(reader, call.id)
    scopes = call.caller.scopes if call.caller else frozenset[str]()
    if scopes.isdisjoint(("admin", "read", f"feed:{feed}:push")):
        raise Problem(403, "forbidden", "the token's scopes do not admit this call, which needs read, or push to the batch's feed")
    return answer(batch)


async def _ask(call: Call, request: Request) -> web.Response:
    try:
        reply = await call.service.pushing.ask(call.service, request)
    except KeyReused as error:
        raise Problem(409, "idempotency-key-reused", str(error)) from None
    return web.Response(status=reply.status, body=reply.body, content_type="application/json", headers=_headers(reply))


def _headers(reply: Reply) -> dict[str, str] | None:
    if reply.replayed:
        return {"Idempotency-Replayed": "true"}
    return None if reply.outcome is None else {"Feedmill-Outcome": reply.outcome}


async def _once(call: Call) -> Once | None:
    """Return who a call says it is. The digest is of path and body: the same key asks for one thing only."""
    key = call.request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
        fault = FieldFault("Idempotency-Key", f"is not 1 to {_LONGEST_KEY} printable characters")
        raise Problem(422, "invalid", "the call cannot be known again by its Idempotency-Key", faults=[fault])
    body = hashlib.sha256(await call.request.read()).digest()
    return Once(key, hashlib.sha256(call.endpoint.path.encode() + b"\0" + body).digest())


def _count_items(sent: object) -> int:
    if not isinstance(sent, list) or not sent:
        raise Problem(422, "invalid", f"the body is no array of 1 to {MOST_ITEMS} items", faults=[FieldFault("", "is no array of items")])
    if len(sent) > MOST_ITEMS:
        raise Problem(413, "batch-too-large", f"the body has {len(sent)} items, and at most {MOST_ITEMS} are taken: send them in several")
    faults = [FieldFault(str(index), "is no object") for index, item in enumerate(sent) if not isinstance(item, dict)]
    if faults:
        raise Problem(422, "invalid", "the batch cannot be taken as it is; nothing of it was", faults=faults)
    return len(sent)


async def _is_transformed(call: Call, feed: int) -> bool:
    async with call.service.store.reading() as reader:
        stored = await read_stored_feed(reader, call.service.keys, feed)
    return bool(stored.secrets.get("parseWebhookEndpoint"))


def check_item(sent: object) -> Mapping[str, object]:
    """Return the body of a push. Raises `Problem` 422 for what is no object."""
    if not isinstance(sent, dict):
        raise Problem(422, "invalid", "the body is no item", faults=[FieldFault("", "is no object")])
    return sent


_ITEMS: Final = {"type": "array", "minItems": 1, "maxItems": MOST_ITEMS, "items": {"type": "object"}}

PUT_ITEM: Final = Endpoint(
    "PUT",
    "/api/inventory-feeds/{id}/parse-webhook.json",
    put_item,
    "Create or update one item of a feed; the answer of success means that it is on disk",
    _TAG,
    "push",
    body=SENT_ITEM,
    answer=SHOWN_ITEM,
    statuses={409: _CONFLICT, 429: _LIMITED, 503: _FULL},
    headers=(_KEY,),
    aliases=("/api/inventory-feed/{id}/parse-webhook.json",),
)

ENDPOINTS: Final = (
    PUT_ITEM,
    Endpoint(
        "PUT",
        "/api/inventory-feeds/{id}/parse-webhooks.json",
        put_batch,
        "Store a batch of items of a feed, to be applied in its turn",
        _TAG,
        "push",
        body=_ITEMS,
        answer=ACCEPTED,
        status=202,
        statuses={409: _CONFLICT, 413: f"More than {MOST_ITEMS} items, or too many bytes.", 429: _LIMITED, 503: _FULL},
        headers=(_KEY,),
        aliases=("/api/inventory-feed/{id}/parse-webhooks.json",),
    ),
    Endpoint(
        "DELETE",
        "/api/inventory-feeds/{id}/remove-by-external-id.json",
        remove_item,
        "Delete an item of a feed by its external id",
        _TAG,
        "push",
        body={
            "type": "object",
            "required": ["externalId"],
            "additionalProperties": False,
            "properties": {"externalId": {"type": "string", "minLength": 1}},
        },
        answer=SHOWN_ITEM,
        statuses={409: _CONFLICT, 503: _FULL},
        aliases=("/api/inventory-feed/{id}/remove-by-external-id.json",),
    ),
    Endpoint(
        "POST",
        "/webhooks/inventory-feeds/parse-webhooks.json",
        post_inbound,
        "Store what a supplier sends for its feed: 1 to 50 items, or whatever the feed's parseWebhookEndpoint makes items of",
        _TAG,
        "inbound",
        body={"type": ["array", "object", "string", "number", "boolean", "null"]},
        answer=ACCEPTED,
        status=202,
        statuses={
            401: "No feed has this secret.",
            409: _CONFLICT,
            413: f"More than {MOST_ITEMS} items, or too many bytes.",
            422: "The body is no array of items, and the feed has no parseWebhookEndpoint.",
            429: _LIMITED,
            503: _FULL,
        },
        headers=(_HASH, _KEY),
    ),
    Endpoint(
        "GET",
        "/api/batches/{id}.json",
        get_batch,
        "What became of a batch and of each of its items",
        _TAG,
        "token",
        answer=BATCH,
    ),
)
