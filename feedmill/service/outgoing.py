"""Requests that the service sends of its own accord: webhooks, alerts, transformations. Each within the rules of `[egress]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import anyio

from engine.errors import ConfigError, FeedmillError, Retry
from engine.source import MASK, Egress, Patience, Source, parse_location

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_LOOKUP_SECONDS: Final = 5.0
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answered:
    """What an address answered: the status and the body, of which at most so much was read as was asked for.

    `complete` is False where there was more of it. `retry_after` is in seconds.
    """

    status: int
    body: bytes
    retry_after: float | None = None
    complete: bool = True


async def post_json(
    url: str, body: bytes, headers: Mapping[str, str], *, egress: Egress, seconds: float, max_bytes: int = 4096
) -> Answered:
    """POST JSON to an address and return its answer, whatever its status. No redirect is followed.

    User and password of the URL go along as Basic credentials; no proxy and no netrc of the environment is used. Raises `RefuseRun`
    when `egress` forbids the address, `ConfigError` for a URL that is none or of a scheme or port that may not be used, `Retry` when
    nothing answers within `seconds`, all in all. Of the URL errors name the host alone: in the rest of it there may be a secret.
    """
    from aiohttp import ClientError

    from connectors.web.client import open_unadmitted, send

    source = _destination(url, egress, Patience(connect=seconds, idle=seconds))
    try:
        with anyio.fail_after(seconds):
            async with open_unadmitted(source) as session:
                response = await send(session, source, body, _fields(source, headers))
                try:
                    return await _read(response, max_bytes)
                finally:
                    response.close()
    except TimeoutError:
        raise Retry(f"{mask_url(url)} gave no answer within {seconds:g} s") from None
    except (ClientError, OSError, ValueError) as error:
        raise _explained(error, url) from None


async def check_destination(url: str, egress: Egress) -> None:
    """Raise what `post_json` would raise before it connects. A name that does not resolve now is let pass: later it may."""
    from connectors.web.request import secret_headers, wire_url
    from connectors.wire.egress import check_host, check_url, port_of

    source = _destination(url, egress, Patience(connect=_LOOKUP_SECONDS))
    check_url(source)
    secret_headers(source)
    try:
        host = wire_url(source.url).host
    except ValueError:
        host = None
    if not host:
        raise ConfigError(_NO_URL)
    try:
        await check_host(host, port_of(source) or 0, source)
    except Retry:
        return


def mask_url(url: str) -> str:
    """Return a URL as it may be shown, as `https://hooks.example/***`: who knows the path of a webhook may often call it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    hidden = bool(parts.path.strip("/") or parts.query or parts.fragment)
    userinfo, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme.lower()}://{MASK + '@' if at and userinfo else ''}{host}{'/' + MASK if hidden else ''}"


_NO_URL: Final = "the location is no http or https URL; percent-encode blanks and reserved characters"


def _destination(url: str, egress: Egress, patience: Patience) -> Source:
    if not url.lower().startswith(("http://", "https://")):
        raise ConfigError(_NO_URL)
    source = parse_location(url, patience=patience)
    if source.username is None and ":" in urlsplit(source.url).netloc and "@" in urlsplit(source.url).path:
        # A password with a slash in it ends the host, which would be shown.
        raise ConfigError(f"{_NO_URL}: / is %2F and @ is %40")
    return replace(source, egress=egress, shown_as=mask_url(url))


def _fields(source: Source, headers: Mapping[str, str]) -> dict[str, str]:
    from connectors.web.request import secret_headers

    return {"Content-Type": "application/json", "Accept-Encoding": "identity", **dict(secret_headers(source)), **headers}


async def _read(response: ClientResponse, max_bytes: int) -> Answered:
    from connectors.web.errors import retry_after

    data = b""
    while len(data) <= max_bytes and (piece := await response.content.read(_READ_BYTES)):
        data += piece
    wait = retry_after(response.headers, datetime.now(UTC))
    return Answered(response.status, data[:max_bytes], wait, complete=len(data) <= max_bytes)


def _explained(error: Exception, url: str) -> FeedmillError:
    """Return what a failed exchange means. Not chained: the library's errors quote the whole URL."""
    from aiohttp import ClientError, InvalidURL

    from connectors.web.errors import reason_of

    # An untrusted certificate is a ValueError too.
    if isinstance(error, InvalidURL) or not isinstance(error, ClientError | OSError):
        return ConfigError(_NO_URL)
    return Retry(f"{mask_url(url)} gave no answer ({reason_of(error)})")
