"""OAuth 2.0 client credentials (RFC 6749, section 4.4): a token for id and secret, kept while it lasts, renewed when refused.

Of what a token endpoint says only the error codes of the RFC are ever shown: its free text may quote what was sent.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote_plus

import anyio
import orjson

from connectors.web.client import get, post
from connectors.web.errors import Answer, explained, judge
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import Request, Secret, Source, parse_location

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import aiohttp

_Key: TypeAlias = tuple[str, str, Secret, str | None]

_MARGIN_SECONDS: Final = 30.0
_DEFAULT_SECONDS: Final = 300.0
"""How long a token is kept whose answer does not say how long it lasts; a refused one is renewed in any case."""
_ANSWER_BYTES: Final = 1024 * 1024
_MAX_DIGITS: Final = 18

_WRONG_CLIENT: Final = "does not accept the client id and secret; check authenticationToken and authenticationSecret"
_ERRORS: Final[dict[str, str]] = {
    "invalid_client": _WRONG_CLIENT,
    "invalid_scope": "does not grant the scope that was asked for; check transport.scope",
    "unauthorized_client": "does not let this client use client credentials; ask the supplier to allow it",
    "unsupported_grant_type": "does not know client credentials; ask the supplier how else to authenticate",
    "invalid_grant": "does not grant a token to this client; ask the supplier",
    "invalid_request": "does not understand the request; check transport.tokenUrl, and whether transport.scope is needed",
    "access_denied": "denies this client access; ask the supplier",
}
_PASSING: Final = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_IN_BODY_ERRORS: Final = frozenset({"invalid_client", "invalid_request"})


@dataclass(frozen=True, slots=True)
class _Token:
    text: Secret
    good_until: float


_TOKENS: Final[dict[_Key, _Token]] = {}
_IN_BODY: Final[set[str]] = set()
"""Token endpoints that took id and secret in the body only: asked otherwise again, they would count a failed login each time."""


async def get_authorised(
    session: aiohttp.ClientSession,
    source: Source,
    url: str | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    accept: Collection[int] = (),
) -> aiohttp.ClientResponse:
    """Send a GET as `connectors.web.client.get` does, under a token where the feed asks for OAuth 2.0.

    A token that is refused with 401 is renewed once; a fresh one that is refused too raises `RefuseRun`.
    """
    if source.request.auth != "oauth2":
        return await get(session, source, url, headers, accept=accept)
    bearer = await bearer_of(session, source)
    response = await get(session, bearer, url, headers, accept={401, *accept})
    if response.status != 401:
        return response
    response.close()
    forget(source, bearer)
    response = await get(session, await bearer_of(session, source), url, headers, accept={401, *accept})
    if response.status == 401:
        response.close()
        raise RefuseRun(
            f"{source.name}: answered 401 to a fresh token of {_endpoint(source).name}; check transport.scope, and that the client may "
            "read this address"
        )
    return response


async def bearer_of(session: aiohttp.ClientSession, source: Source) -> Source:
    """Return the source with a token in place of id and secret, from the cache while it lasts.

    The token is kept for the process, by endpoint, id, secret and scope. Raises `ConfigError` without id and secret, `RefuseRun`
    when the endpoint refuses, `Retry` when it fails in passing.
    """
    key = _key(source)
    token = _TOKENS.get(key)
    if token is None or monotonic() >= token.good_until:
        token = _TOKENS[key] = await _fetch(session, source, key)
    return replace(source, password=token.text, request=replace(source.request, auth="bearer"))


def forget(source: Source, bearer: Source) -> None:
    """Drop the token under which a request was refused, unless somebody has renewed it already."""
    key = _key(source)
    token = _TOKENS.get(key)
    if token is not None and token.text == bearer.password:
        del _TOKENS[key]


def _key(source: Source) -> _Key:
    request = source.request
    if request.token_url is None or not source.username or source.password is None:
        raise ConfigError(
            f"{source.name}: auth oauth2 needs transport.tokenUrl, the client id as authenticationToken and its secret as "
            "authenticationSecret; id and secret are not stored, so give them with every run"
        )
    return request.token_url, source.username, source.password, request.scope


def _endpoint(source: Source) -> Source:
    """Return the token endpoint as a source of its own, which takes nothing along of what the feed sends to its supplier."""
    endpoint = parse_location(source.request.token_url or "")
    if endpoint.scheme not in ("http", "https") or endpoint.username is not None:
        raise ConfigError(f"{source.name}: transport.tokenUrl must be an http or https URL without user and password")
    if (source.scheme, endpoint.scheme) == ("https", "http"):
        raise ConfigError(f"{source.name}: transport.tokenUrl is http, where anybody in between may read the secret; give its https URL")
    return replace(source, url=endpoint.url, username=None, password=None, path=None, request=Request(proxy=source.request.proxy))


async def _fetch(session: aiohttp.ClientSession, source: Source, key: _Key) -> _Token:
    endpoint = _endpoint(source)
    asked = monotonic()
    in_body = key[0] in _IN_BODY
    answer = await _ask(session, endpoint, key, in_body=in_body)
    if answer.wants_other_way:
        # An endpoint may change its mind: what was found once is where to begin, not the only way.
        answer = await _ask(session, endpoint, key, in_body=not in_body)
        if answer.succeeded:
            (_IN_BODY.discard if in_body else _IN_BODY.add)(key[0])
    return answer.token(endpoint, asked)


async def _ask(session: aiohttp.ClientSession, endpoint: Source, key: _Key, *, in_body: bool) -> _Answered:
    _, client, secret, scope = key
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    if in_body:
        form |= {"client_id": client, "client_secret": secret.reveal()}
    else:
        # RFC 6749, section 2.3.1: both are form-encoded before they become Basic credentials.
        pair = f"{quote_plus(client)}:{quote_plus(secret.reveal())}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"
    response = await post(session, endpoint, form, headers)
    try:
        with explained(endpoint), anyio.fail_after(endpoint.patience.idle):
            data = await _read(response)
    finally:
        response.close()
    return _Answered(response.status, response.headers, data)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    data = b""
    while len(data) <= _ANSWER_BYTES and (piece := await response.content.read(_ANSWER_BYTES)):
        data += piece
    return data


@dataclass(frozen=True, slots=True)
class _Answered:
    """What a token endpoint said."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def content(self) -> Mapping[str, object]:
        try:
            content: object = orjson.loads(self.data)
        except orjson.JSONDecodeError:
            return {}
        return content if isinstance(content, dict) else {}

    @property
    def error(self) -> str | None:
        """Return the error code (RFC 6749, section 5.2), None where there is none that is known."""
        code = self.content.get("error")
        return code if isinstance(code, str) and (code in _ERRORS or code in _PASSING) else None

    @property
    def succeeded(self) -> bool:
        return self.status == 200 and self._text() is not None

    @property
    def wants_other_way(self) -> bool:
        """Return whether the answer may mean that the credentials are not taken from there: some read the head only, some the body."""
        return not self.succeeded and (self.status == 401 or self.error in _IN_BODY_ERRORS)

    def token(self, endpoint: Source, asked: float) -> _Token:
        text = self._text()
        kind = self.content.get("token_type", "bearer")
        if self.status != 200 or text is None:
            raise self._explain(endpoint)
        if not isinstance(kind, str) or kind.lower() != "bearer":
            raise RefuseRun(f"{endpoint.name}: gives tokens that are no bearer tokens; ask the supplier how else to authenticate")
        lasts = _seconds(self.content.get("expires_in"))
        return _Token(Secret(text), asked + lasts - min(_MARGIN_SECONDS, lasts / 10))

    def _text(self) -> str | None:
        text = self.content.get("access_token")
        # What is not visible ASCII cannot stand in a header (RFC 6750, section 2.1).
        return text if isinstance(text, str) and text and all("!" <= character <= "~" for character in text) else None

    def _explain(self, endpoint: Source) -> FeedmillError:
        judged = judge(Answer(self.status, self.headers, credentials_sent=True, host=""), endpoint)
        if isinstance(judged, Retry):
            return judged
        if self.error in _PASSING:
            return Retry(f"{endpoint.name}: has no token for us at the moment ({self.error}); try again later")
        if self.error is not None:
            return RefuseRun(f"{endpoint.name}: {_ERRORS[self.error]} ({self.error})")
        if self.status in (401, 403):
            return RefuseRun(f"{endpoint.name}: answered {self.status}: {_WRONG_CLIENT}")
        if 300 <= self.status < 400:
            return RefuseRun(f"{endpoint.name}: redirects; secrets are not sent on, so set transport.tokenUrl to the address it leads to")
        if self.data.lstrip()[:1] == b"<":
            return RefuseRun(f"{endpoint.name}: answered with an HTML page, not with a token; check transport.tokenUrl")
        return judged or RefuseRun(f"{endpoint.name}: answered without a token; check transport.tokenUrl")


def _seconds(value: object) -> float:
    """Return how long a token lasts; some servers write the number as text."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else _DEFAULT_SECONDS
