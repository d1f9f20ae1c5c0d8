"""Webhooks: where what happens is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field

from engine.batch import JsonValue
from engine.errors import ConfigError, Conflict, InvalidItem, RefuseRun
from engine.settings.resource import Resource
from feedmill.service.outbox.bodies import body_of
from feedmill.service.outbox.feed_hooks import new_secret
from feedmill.service.outgoing import check_destination, mask_url
from feedmill.shapes import dump
from feedmill.web.endpoint import LARGEST, Call, Endpoint, answer, changes
from feedmill.web.queries import answer_list
from feedmill.web.resources.webhook_payloads import WebhookPayload
from sinks.sqlite import clock
from sinks.sqlite.service.alerts import resolve_alerts
from sinks.sqlite.service.outbox.hooks import OF_FEED, WEBHOOKS, NewHook, insert_hook, read_one, resume_hook, start_item_marks
from sinks.sqlite.service.outbox.news import TOPICS, Topic
from sinks.sqlite.service.outbox.payloads import NOTHING, PAYLOADS, PING, NewPayload, insert_payloads

if TYPE_CHECKING:
    from aiohttp import web

    from sinks.sqlite.fence import Writer


def _each_once(topics: tuple[Topic, ...]) -> tuple[Topic, ...]:
    return tuple(dict.fromkeys(topics))


Name = Annotated[str, Field(min_length=1, max_length=200)]
Location = Annotated[str, Field(min_length=1, max_length=2000)]
Topics = Annotated[tuple[Topic, ...], Field(min_length=1), AfterValidator(_each_once)]
FeedId = Annotated[int, Field(ge=1, le=LARGEST)]
SigningSecret = Annotated[str, Field(min_length=16, max_length=200)]


class NewWebhook(Resource):
    """What a webhook is created with. A secret is made where none is given."""

    name: Name | None = None
    location: Location = Field(repr=False)
    topics: Topics = TOPICS
    inventory_feed_id: FeedId | None = None
    enabled: bool = True
    secret: SigningSecret | None = Field(default=None, repr=False)


class WebhookChanges(Resource):
    """What of a webhook can be changed. `enabled` true lets one that is paused go on."""

    # What is not sent is not looked at.
    model_config = ConfigDict(validate_default=False)

    name: Name | None = None
    location: Location = Field(default="", repr=False)
    topics: Topics = TOPICS
    inventory_feed_id: FeedId | None = None
    enabled: bool = True
    secret: SigningSecret = Field(default="", repr=False)


class Webhook(Resource):
    """A webhook as it is shown. `secret` is there once, in the answer to its creation, and never again."""

    id: int
    name: str | None
    location: str
    topics: tuple[Topic, ...]
    inventory_feed_id: int | None
    enabled: bool
    failures: int
    paused_at: datetime | None
    pause_reason: str | None
    created_at: datetime
    updated_at: datetime


class CreatedWebhook(Webhook):
    """A webhook with its secret."""

    secret: str


async def list_webhooks(call: Call) -> web.Response:
    """Answer a page of webhooks."""
    return await answer_list(call)


async def create_webhook(call: Call) -> web.Response:
    """Create a webhook and answer it with its secret, this once."""
    sent = call.body(NewWebhook)
    _refuse_reserved(sent.name)
    await _check_location(call, sent.location)
    secret = sent.secret or new_secret()
    sealed = call.service.keys.seal({"location": sent.location, "secret": secret})
    async with call.service.store.writing() as writer:
        await _check_feed(writer, sent.inventory_feed_id)
        masked = mask_url(sent.location)
        number = await insert_hook(writer, NewHook(sent.name, masked, sealed, sent.topics, sent.inventory_feed_id, sent.enabled))
        made = await read_one(writer, WEBHOOKS, number, "webhook")
    call.service.bells.outbox.ring()
    return answer({**made, "secret": secret})


async def show_webhook(call: Call) -> web.Response:
    """Answer one webhook."""
    async with call.service.store.reading() as reader:
        return answer(await read_one(reader, WEBHOOKS, call.id, "webhook"))


async def change_webhook(call: Call) -> web.Response:
    """Change what was sent of a webhook and answer it whole."""
    sent = changes(call.body(WebhookChanges))
    _refuse_reserved(sent.get("name"))
    async with call.service.store.reading() as reader:
        known = await read_one(reader, WEBHOOKS, call.id, "webhook")
    if known["name"] == OF_FEED and not sent.keys() <= {"enabled", "secret"}:
        raise Conflict(f"webhook {call.id} is a feed's own: change sendWebhook or webhookEndpoint of feed {known['inventoryFeedId']}")
    if sent.get("location") == known["location"]:
        # As it is shown, so it is not meant to be another.
        del sent["location"]
    if "location" in sent:
        await _check_location(call, str(sent["location"]))
    async with call.service.store.writing() as writer:
        await _change(call, writer, sent)
        changed = await read_one(writer, WEBHOOKS, call.id, "webhook")
    call.service.bells.outbox.ring()
    return answer(changed)


async def _change(call: Call, writer: Writer, sent: Mapping[str, object]) -> None:
    model, now = call.body(WebhookChanges), clock.now()
    before = await read_one(writer, WEBHOOKS, call.id, "webhook")
    ((sealed,),) = await writer.connection.execute_fetchall("SELECT sealed FROM main.webhooks WHERE id = ?", (call.id,))
    opened = call.service.keys.open(sealed)
    kept: dict[str, JsonValue] = {name: str(sent.get(name) or opened[name]) for name in ("location", "secret")}
    feed = model.inventory_feed_id if "inventoryFeedId" in sent else before["inventoryFeedId"]
    await _check_feed(writer, model.inventory_feed_id if "inventoryFeedId" in sent else None)
    topics = sent.get("topics", before["topics"])
    await writer.connection.execute(
        "UPDATE main.webhooks SET name = ?, location = ?, topics = ?, feed_id = ?, enabled = ?, sealed = ?, updated_at = ? WHERE id = ?",
        (
            sent.get("name", before["name"]),
            mask_url(str(kept["location"])),
            dump(topics),
            feed,
            sent.get("enabled", before["enabled"]),
            call.service.keys.seal(kept),
            now,
            call.id,
        ),
    )
    if "topics" in sent or "inventoryFeedId" in sent:
        await start_item_marks(writer, call.id)
    if sent.get("enabled"):
        await resume_hook(writer, call.id, now=now)
        await resolve_alerts(writer, [f"webhook:{call.id}:paused"])


async def delete_webhook(call: Call) -> web.Response:
    """Delete a webhook, with what it was not told yet, and answer it."""
    async with call.service.store.writing() as writer:
        known = await read_one(writer, WEBHOOKS, call.id, "webhook")
        if known["name"] == OF_FEED:
            raise Conflict(f"webhook {call.id} is a feed's own: set sendWebhook of feed {known['inventoryFeedId']} to false")
        await writer.execute("DELETE FROM main.webhooks WHERE id = ?", call.id)
    return answer(known)


async def test_webhook(call: Call) -> web.Response:
    """Send a webhook a ping, once, also where it is paused or not enabled; answer the payload, whose status tells what came of it."""
    async with call.service.store.writing() as writer:
        known = await read_one(writer, WEBHOOKS, call.id, "webhook")
        ping = NewPayload(call.id, PING, NOTHING, body_of(PING, {"webhookId": known["id"]}))
        (number,) = await insert_payloads(writer, [ping], now=clock.now())
        payload = await read_one(writer, PAYLOADS, number, "webhook payload")
    call.service.bells.outbox.ring()
    return answer(payload, status=202)


def _refuse_reserved(name: object) -> None:
    if name == OF_FEED:
        raise InvalidItem("the webhook cannot be stored:", {"name": f"{OF_FEED} is kept for the webhooks that feeds have themselves"})


async def _check_location(call: Call, location: str) -> None:
    try:
        await check_destination(location, call.service.egress)
    except (ConfigError, RefuseRun) as error:
        raise InvalidItem("the webhook cannot be stored:", {"location": str(error)}) from None


async def _check_feed(writer: Writer, feed: int | None) -> None:
    if feed is not None and not await writer.query("SELECT 1 FROM main.inventory_feeds WHERE id = ?", feed):
        raise InvalidItem("the webhook cannot be stored:", {"inventoryFeedId": f"is {feed}, and there is no such inventory feed"})


_HOOKS: Final = "/api/webhooks"
_OWN: Final = {409: "It is the webhook that a feed has itself"}

ENDPOINTS: Final = (
    Endpoint("GET", f"{_HOOKS}.json", list_webhooks, "List webhooks", "webhooks", "read", answer=Webhook, lists=WEBHOOKS, many=True),
    Endpoint("POST", f"{_HOOKS}.json", create_webhook, "Create a webhook", "webhooks", "admin", body=NewWebhook, answer=CreatedWebhook),
    Endpoint("GET", f"{_HOOKS}/{{id}}.json", show_webhook, "Show a webhook", "webhooks", "read", answer=Webhook),
    Endpoint(
        "PUT",
        f"{_HOOKS}/{{id}}.json",
        change_webhook,
        "Change a webhook, rotate its secret, let it go on",
        "webhooks",
        "admin",
        body=WebhookChanges,
        answer=Webhook,
        statuses=_OWN,
    ),
    Endpoint("DELETE", f"{_HOOKS}/{{id}}.json", delete_webhook, "Delete a webhook", "webhooks", "admin", answer=Webhook, statuses=_OWN),
    Endpoint(
        "POST", f"{_HOOKS}/{{id}}/test.json", test_webhook, "Send a webhook a ping", "webhooks", "admin", answer=WebhookPayload, status=202
    ),
)
