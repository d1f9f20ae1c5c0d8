"""The ways by which alerts reach a person: JSON to a webhook of the operator's, and mail."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final, Protocol

import orjson
from anyio import to_thread

from engine.errors import ConfigError, Retry
from engine.source import mask_location
from feedmill.service.outgoing import post_json
from sinks.sqlite import clock

if TYPE_CHECKING:
    import smtplib
    import ssl

    from engine.source import Egress
    from feedmill.service.outgoing import Answered
    from feedmill.service.settings import Alerts, Smtp
    from sinks.sqlite.service.alerts import Alert

SECONDS: Final = 15.0
"""For how long a webhook or a mail server may not answer."""

_TITLES: Final[Mapping[str, str]] = {
    "held": "a run waits for a decision",
    "failing": "imports fail",
    "limited": "the daily limit is reached",
    "poison": "a run was given up",
    "paused": "the schedule is paused",
    "schedule": "the schedule says nothing",
    "webhookPaused": "a webhook is paused",
    "webhookLost": "a webhook missed news",
}


class Post(Protocol):
    """What `feedmill.service.outgoing.post_json` does."""

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, egress: Egress, seconds: float, max_bytes: int = 4096
    ) -> Answered: ...


class Telling(Protocol):
    """A way to tell alerts."""

    def is_for(self, alert: Alert) -> bool:
        """Return whether an alert is told this way."""
        ...

    async def tell(self, alert: Alert) -> None:
        """Tell an alert, in seconds rather than minutes. Raises a `FeedmillError` when it was not told, or nobody knows."""
        ...


def ways(settings: Alerts, egress: Egress) -> dict[str, Telling]:
    """Return the ways that the settings name, by their names in the table of alerts."""
    found: dict[str, Telling] = {}
    if settings.webhook is not None:
        found["webhook"] = AlertWebhook(settings.webhook.get_secret_value(), egress)
    if settings.smtp is not None:
        found["mail"] = AlertMail(settings.smtp)
    return found


class AlertWebhook:
    """Tell every alert to one address, through `post`."""

    def __init__(self, url: str, egress: Egress, *, post: Post = post_json) -> None:
        self._url = url
        self._egress = egress
        self._post = post

    def is_for(self, alert: Alert) -> bool:
        return True

    async def tell(self, alert: Alert) -> None:
        # One that comes again, since its answer was lost, is known by its key.
        headers = {"Idempotency-Key": f"alert-{alert.id}"}
        answered = await self._post(self._url, orjson.dumps(document(alert)), headers, egress=self._egress, seconds=SECONDS)
        if not 200 <= answered.status < 300:
            raise Retry(f"the webhook of [alerts] answered {answered.status}", retry_after=answered.retry_after)


class AlertMail:
    """Tell by mail what is no feed's, and of feeds with `sendNotification`."""

    def __init__(self, settings: Smtp) -> None:
        self._settings = settings

    def is_for(self, alert: Alert) -> bool:
        return alert.feed is None or bool(_settings(alert).get("sendNotification"))

    async def tell(self, alert: Alert) -> None:
        try:
            # Left behind where the server stops: it ends by its own timeout.
            await to_thread.run_sync(self._send, compose(alert, self._settings), abandon_on_cancel=True)
        except ValueError:
            # Not passed on: the library's errors hold the login.
            cure = "user name and password have to be ASCII, and the addresses one line each"
            raise ConfigError(f"mail cannot be sent with what [alerts.smtp] says: {cure}") from None

    def _send(self, message: EmailMessage) -> None:
        # Here, for most servers never send mail.
        import smtplib
        import ssl

        settings = self._settings
        trusted = ssl.create_default_context()
        try:
            with _connect(settings, trusted) as server:
                if settings.security == "starttls":
                    server.starttls(context=trusted)
                if settings.username is not None:
                    server.login(settings.username, settings.password.get_secret_value() if settings.password else "")
                server.send_message(message)
        except smtplib.SMTPAuthenticationError as error:
            raise ConfigError(f"the mail server of [alerts.smtp] refused the login ({error.smtp_code})") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Retry(f"the mail server of [alerts.smtp], {settings.host}:{settings.port}: {type(error).__name__}: {error}") from None


def _connect(settings: Smtp, trusted: ssl.SSLContext) -> smtplib.SMTP:
    import smtplib

    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SECONDS, context=trusted)
    return smtplib.SMTP(settings.host, settings.port, timeout=SECONDS)


def document(alert: Alert) -> dict[str, object]:
    """Return an alert as a webhook is told it."""
    return {
        "id": alert.id,
        "key": alert.key,
        "kind": alert.kind,
        "title": title(alert),
        "message": alert.message,
        "feed": None if alert.feed is None else {"id": alert.feed, "name": alert.feed_name, "source": source(alert)},
        "run": alert.run,
        "count": alert.count,
        "since": clock.rfc3339(alert.created_at),
        "resolvedAt": clock.rfc3339(alert.resolved_at),
    }


def compose(alert: Alert, settings: Smtp) -> EmailMessage:
    """Return an alert as a mail."""
    message = EmailMessage()
    # A name is one line here, whatever is in it: what stands behind a line end would be a header of its own.
    message["Subject"] = " ".join(f"[Feedmill] {title(alert)}".split())
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message["Message-ID"] = f"<alert-{alert.id}.{alert.created_at}@feedmill>"
    message["Auto-Submitted"] = "auto-generated"
    told = {
        "Feed": None if alert.feed is None else f"{alert.feed_name} (id {alert.feed})",
        "Source": source(alert),
        "Run": alert.run,
        "Since": clock.rfc3339(alert.created_at),
        "Happened": f"{alert.count} times" if alert.count > 1 else None,
        "Resolved": clock.rfc3339(alert.resolved_at),
    }
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    message.set_content("\n".join((alert.message, "", *lines, "")))
    return message


def title(alert: Alert) -> str:
    """Return in a few words whose problem it is, and which."""
    what = _TITLES.get(alert.kind, alert.kind)
    return what if alert.feed_name is None else f"{alert.feed_name}: {what}"


def source(alert: Alert) -> str | None:
    """Return where the feed of an alert is fetched from, without any secret; None for one that is pushed to."""
    location = _settings(alert).get("resourceLocation")
    if not isinstance(location, str):
        return None
    try:
        return mask_location(location)
    except ConfigError:
        return None


def _settings(alert: Alert) -> Mapping[str, object]:
    settings: Mapping[str, object] = orjson.loads(alert.settings) if alert.settings else {}
    return settings
