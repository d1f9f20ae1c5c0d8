"""What a failing HTTP exchange means for a run: transport errors and statuses, each with its cure. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import aiohttp

from connectors.web.request import shown_proxy
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    from engine.source import Source

_Fate = type[Retry] | type[RefuseRun] | type[ConfigError]


class _CertificateDemanded(OSError):
    """The server wants a client certificate and got none, or another than it knows: a TLS alert, whatever error brought it."""


class _ProxyNotFound(OSError):
    """The proxy's own name does not resolve."""


_PROXY_GONE: Final = "is behind the proxy {proxy}, which cannot be reached ({reason}); check proxyUrl"
_TRANSPORT: Final[tuple[tuple[type[BaseException], _Fate, str], ...]] = (
    # The first entry that fits counts, so each class stands before its bases.
    (aiohttp.InvalidURL, ConfigError, "is not a valid URL; percent-encode blanks and reserved characters"),
    (aiohttp.NonHttpUrlClientError, ConfigError, "is no http or https URL"),
    (
        aiohttp.ClientConnectorCertificateError,
        RefuseRun,
        "shows a TLS certificate that is not trusted ({reason}); the supplier has to renew it, or, where it comes from an authority of "
        "the supplier's own, name that in transport.caFile",
    ),
    (_CertificateDemanded, RefuseRun, "does not let this client in ({reason}); check transport.clientCertificate and transport.clientKey"),
    (
        aiohttp.ClientConnectorSSLError,
        Retry,
        "failed the TLS handshake ({reason}); check that https is right for this port, and whether the server wants a client certificate",
    ),
    (aiohttp.ClientProxyConnectionError, Retry, _PROXY_GONE),
    (_ProxyNotFound, Retry, _PROXY_GONE),
    (aiohttp.ClientConnectorDNSError, Retry, "has a host name that does not resolve ({reason}); check its spelling and this machine's DNS"),
    (aiohttp.ClientConnectorError, Retry, "does not take connections ({reason}); check host and port, or try again later"),
    (aiohttp.ConnectionTimeoutError, Retry, "did not take a connection within {connect:g} s; try again later"),
    (TimeoutError, Retry, "sent nothing for {idle:g} s: nothing was applied; try again later"),
    (aiohttp.ClientResponseError, RefuseRun, "did not answer in HTTP ({reason}); check scheme and port"),
    (aiohttp.ServerDisconnectedError, Retry, "closed the connection without an answer; try again later"),
    (aiohttp.ClientPayloadError, Retry, "broke its answer off: nothing was applied; try again later"),
    (OSError, Retry, "lost the connection ({reason}): nothing was applied; try again later"),
    (ValueError, ConfigError, "is not a valid URL; percent-encode blanks and reserved characters"),
    (aiohttp.ClientError, Retry, "failed ({reason}): nothing was applied; try again later"),
)

_ALERTS: Final[Mapping[str, str]] = {
    "CERTIFICATE_REQUIRED": "it demands a certificate",
    "ALERT_BAD_CERTIFICATE": "it does not accept the certificate",
    "ALERT_UNKNOWN_CA": "it does not know the authority of the certificate",
    "ALERT_CERTIFICATE_UNKNOWN": "it does not accept the certificate",
    "ALERT_CERTIFICATE_EXPIRED": "the certificate has expired",
    "ALERT_CERTIFICATE_REVOKED": "the certificate was revoked",
}
"""What a server says of our certificate. OpenSSL's names; the client library passes on only the text that they stand in."""

_NO_DOCUMENT: Final = "that is no document; check the URL with the supplier"
_PROXY_CREDENTIALS: Final = "it asks for credentials; check user and password in proxyUrl"
_CURES: Final[Mapping[int, str]] = {
    202: "the supplier is still preparing the file; try again later",
    204: "no content: the supplier has nothing to send; ask for the right URL",
    205: "no content: the supplier has nothing to send; ask for the right URL",
    206: "a part of the file, though all of it was asked for; the server is faulty",
    304: "unchanged, though nothing was asked about changes; the server or a cache before it is faulty",
    400: "the server does not understand the URL; check its path and query",
    402: "the account with the supplier has to be paid or renewed",
    404: "nothing is there; check the path with the supplier",
    405: "the URL takes no GET; ask the supplier for the download address",
    406: "the server has no format it thinks we accept; ask the supplier for the download address",
    407: _PROXY_CREDENTIALS,
    408: "the server gave up waiting; try again later",
    410: "the file was removed for good; ask the supplier for the new address",
    414: "the URL is too long",
    421: "the server does not serve this host name; check the URL",
    425: "the server asks for a later attempt",
    429: "fetched too often; fetch less frequently",
    431: "the request's headers are too large; check the length of user and password",
    451: "withheld for legal reasons; ask the supplier",
    503: "the server is overloaded or in maintenance; try again later",
}
_PASSING: Final = frozenset({202, 408, 425, 429})


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of a response as far as judging needs it. `credentials_sent`, of whatever kind, is of the last hop, after redirects."""

    status: int
    headers: Mapping[str, str]
    credentials_sent: bool
    host: str


@contextmanager
def explained(source: Source) -> Iterator[None]:
    """Turn every error of the client library into one of Feedmill's that says what happened and what cures it."""
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # Not chained: the library's errors quote the whole URL, in whose query suppliers put tokens.
        raise explain(error, source) from None


def explain(error: BaseException, source: Source) -> FeedmillError:
    """Return what a transport error means for the run."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _proxy_answered(error, source)
    error = _recognised(error, source)
    fate, text = next((fate, text) for kind, fate, text in _TRANSPORT if isinstance(error, kind))
    patience, proxy = source.patience, shown_proxy(source)
    return fate(f"{source.name}: {text.format(reason=reason_of(error), connect=patience.connect, idle=patience.idle, proxy=proxy)}")


def _recognised(error: BaseException, source: Source) -> BaseException:
    """Return the error as the table knows it, where its class alone does not tell what happened."""
    if isinstance(error, aiohttp.ClientConnectorDNSError) and source.request.proxy is not None:
        # The supplier's name is the proxy's to resolve: what does not resolve here is the proxy's own.
        return _ProxyNotFound(0, reason_of(error))
    if isinstance(error, OSError):
        said = next((meaning for alert, meaning in _ALERTS.items() if alert in str(error)), None)
        return error if said is None else _CertificateDemanded(0, said)
    return error


def _proxy_answered(error: aiohttp.ClientHttpProxyError, source: Source) -> FeedmillError:
    text = f"{source.name}: the proxy {shown_proxy(source)} answered {error.status} {_phrase(error.status)} instead of a tunnel"
    if error.status == 407:
        return RefuseRun(f"{text}: {_PROXY_CREDENTIALS}")
    if error.status in _PASSING or error.status >= 500:
        wish = retry_after(error.headers or {}, datetime.now(UTC))
        return Retry(f"{text}: it cannot reach the supplier now; try again later", retry_after=wish)
    return RefuseRun(f"{text}: it does not let this feed through; ask whoever runs it")


def reason_of(error: BaseException) -> str:
    """Return in a few words why a request failed; no part of its URL is in them."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    if isinstance(cause, aiohttp.ClientResponseError):
        return "the answer cannot be parsed"
    reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or getattr(cause, "strerror", None)
    return str(reason or type(cause).__name__)


def judge(answer: Answer, source: Source) -> FeedmillError | None:
    """Return the error that a status is, None for a document (200, and 203 from a proxy that rewrote it).

    429, 503, other server errors, and 202, 408 and 425 pass: they are `Retry`, with the supplier's Retry-After where it sent
    one. Everything else will not change by itself and is `RefuseRun` (RFC 9110, section 15).
    """
    status = answer.status
    if status in (200, 203):
        return None
    text = f"{source.name}: answered {status} {_phrase(status)}: {_cure(answer, source)}"
    if status in _PASSING or status >= 500:
        return Retry(text, retry_after=retry_after(answer.headers, datetime.now(UTC)))
    return RefuseRun(text)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a supplier asks to wait (RFC 9110, section 10.2.3), None when it says nothing readable.

    A date is held against the server's own Date header where there is one, so that a wrong clock on either side does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    # Nine digits are thirty years; more is an accident, not a request.
    if text.isascii() and text.isdigit() and len(text) <= 9:
        return float(text)
    until = http_date(text)
    if until is None:
        return None
    return max(0.0, (until - (http_date(headers.get("Date", "")) or now)).total_seconds())


def http_date(text: str) -> datetime | None:
    """Parse an HTTP date (RFC 9110, section 5.6.7) as UTC, None when it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "(no standard status)"


def _cure(answer: Answer, source: Source) -> str:
    if answer.status in (401, 403):
        return _credentials_cure(answer, source)
    if answer.status in _CURES:
        return _CURES[answer.status]
    if answer.status >= 500:
        return "the server failed; try again later"
    if answer.status >= 400:
        return "the server refuses the request; check the URL with the supplier"
    if answer.status >= 300:
        return "it points elsewhere without saying where; use the address that finally serves the file"
    return _NO_DOCUMENT


def _credentials_cure(answer: Answer, source: Source) -> str:
    if not source.has_credentials and not source.request.parameters and not answer.credentials_sent:
        return "no credentials were sent; put them into the URL as user:password@host, reserved characters percent-encoded"
    if not answer.credentials_sent:
        return f"credentials were not passed on, because it redirects to another host, {answer.host}; use that address itself"
    sent = "user and password" if source.request.auth == "basic" and source.username is not None else "credentials"
    return f"the {sent} that were sent are not accepted; check them, and that this machine's address is allowed"
