"""Bodies of a supplier's own making: what the feed's `parseWebhookEndpoint` answers to them are the items."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError, RefuseRun, Retry
from feedmill.service.definition.stored_feeds import read_stored_feed
from feedmill.service.outgoing import Answered, post_json
from feedmill.web.json_text import parse_json
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from sinks.sqlite.service.inbox import PendingBatch

MOST_ITEMS: Final = 50
"""Items of a batch."""

_SECONDS: Final = 30.0
_EXCERPT: Final = 200


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a body was not made into items, and when to try again at the earliest, in seconds."""

    reason: str
    retry_after: float | None = None

    def problem(self, attempts: int) -> dict[str, object]:
        """Return the problem of a batch that is given up."""
        return {
            "type": "urn:feedmill:problem:transformation",
            "title": HTTPStatus.BAD_GATEWAY.phrase,
            "status": HTTPStatus.BAD_GATEWAY.value,
            "detail": f"the body was not made into items in {attempts} attempts: {self.reason}",
        }


async def transform(service: Service, batch: PendingBatch) -> list[object] | Failed:
    """Return the items that a body stands for, or why it is not known."""
    headers = {"Feedmill-Batch": str(batch.id), "Feedmill-Feed": str(batch.feed)}
    most, depth = service.settings.server.max_body_bytes, service.settings.server.max_json_depth
    try:
        async with service.store.reading() as reader:
            stored = await read_stored_feed(reader, service.keys, batch.feed)
        url = stored.secrets.get("parseWebhookEndpoint")
        if not isinstance(url, str):
            return as_items(batch.body, "the feed has no parseWebhookEndpoint any more, and the body", depth)
        answered = await post_json(url, batch.body, headers, egress=service.egress, seconds=_SECONDS, max_bytes=most)
    except (Retry, RefuseRun, ConfigError) as error:
        return Failed(str(error).partition("\n")[0], error.retry_after if isinstance(error, Retry) else None)
    return _read(answered, depth)


def _read(answered: Answered, depth: int) -> list[object] | Failed:
    if not HTTPStatus.OK <= answered.status < HTTPStatus.MULTIPLE_CHOICES:
        excerpt = answered.body[:_EXCERPT].decode(errors="replace")
        return Failed(f"parseWebhookEndpoint answered {answered.status}: {excerpt!r}", answered.retry_after)
    if not answered.complete:
        return Failed(f"parseWebhookEndpoint answered more than {len(answered.body):,} bytes, as many as a body may have")
    return as_items(answered.body, "what parseWebhookEndpoint answered", depth)


def as_items(body: bytes, what: str, depth: int) -> list[object] | Failed:
    """Return the items of a body that is an array of 1 to 50 objects, or why it is none; `what` begins the sentence."""
    try:
        items = parse_json(body, depth)
    except Problem as problem:
        return Failed(f"{what} cannot be read: {problem.detail}")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS or not all(isinstance(item, dict) for item in items):
        return Failed(f"{what} is no array of 1 to {MOST_ITEMS} objects")
    return items
