"""The webhook that a feed has by its own attributes: `sendWebhook` with `webhookEndpoint` keep a row of `webhooks` in step."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

import structlog

from engine.errors import ConfigError, NotFound
from feedmill.service.definition.stored_feeds import read_stored_feed
from feedmill.service.outgoing import mask_url
from sinks.sqlite import clock
from sinks.sqlite.service.outbox.hooks import OF_FEED, NewHook, insert_hook, resume_hook
from sinks.sqlite.service.outbox.news import TOPICS

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.service.keys import KeyRing
    from sinks.sqlite.fence import Writer

_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """Return a secret that nobody guesses, to sign bodies with."""
    return secrets.token_urlsafe(_SECRET_BYTES)


async def keep_feed_hook(writer: Writer, keys: KeyRing, feed: int) -> None:
    """Make, change or delete the webhook of a feed as its attributes say; inside the transaction that changed them.

    So it is told of all that happens from then on. Raises `NotFound` when there is no such feed.
    """
    stored = await read_stored_feed(writer, keys, feed)
    endpoint = str(stored.secrets.get("webhookEndpoint") or "") if stored.definition.attributes.get("sendWebhook") else ""
    rows = await writer.connection.execute_fetchall("SELECT id, sealed FROM main.webhooks WHERE feed_id = ? AND name = ?", (feed, OF_FEED))
    known = next(iter(rows), None)
    if known is None:
        if endpoint:
            sealed = keys.seal({"location": endpoint, "secret": new_secret()})
            await insert_hook(writer, NewHook(OF_FEED, mask_url(endpoint), sealed, TOPICS, feed))
        return
    number, sealed = known
    if not endpoint:
        await writer.execute("DELETE FROM main.webhooks WHERE id = ?", number)
    elif (opened := keys.open(sealed))["location"] != endpoint:
        now = clock.now()
        await writer.connection.execute(
            "UPDATE main.webhooks SET location = ?, sealed = ?, updated_at = ? WHERE id = ?",
            (mask_url(endpoint), keys.seal({**opened, "location": endpoint}), now, number),
        )
        await resume_hook(writer, number, now=now)


class FeedHooks:
    """Keep the webhooks of all feeds in step, also with what changed behind this process's back."""

    def __init__(self) -> None:
        self._seen: dict[int, bytes] = {}

    async def keep(self, service: Service) -> None:
        """Look at the feeds that were changed since the last time."""
        async with service.store.reading() as reader:
            rows = await reader.connection.execute_fetchall(_SENDING)
            kept = await reader.query("SELECT feed_id FROM main.webhooks WHERE name = ? AND feed_id IS NOT NULL", OF_FEED)
        sending = {int(feed): bytes(sealed) for feed, sealed in rows}
        hooked = {int(str(feed)) for (feed,) in kept}
        due = {feed for feed, sealed in sending.items() if self._seen.get(feed) != sealed} | (hooked - sending.keys())
        for feed in sorted(due):
            try:
                async with service.store.writing() as writer:
                    await keep_feed_hook(writer, service.keys, feed)
            except NotFound:
                continue
            except ConfigError as error:
                structlog.get_logger("feedmill").warning("the webhook of a feed cannot be kept", feed=feed, reason=str(error))
        self._seen = sending


_SENDING = "SELECT id, sealed FROM main.inventory_feeds WHERE json_extract(settings, '$.sendWebhook') = 1 AND typeof(sealed) = 'blob'"
