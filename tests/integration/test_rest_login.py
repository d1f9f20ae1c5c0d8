"""The REST connector's logins against real servers: each kind of credentials, tokens kept and renewed, and who gets to see them."""

from __future__ import annotations

import base64
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from connectors.rest import RestConnector
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import Egress, Paging, Persistence, Request, Secret, Source, parse_location
from tests.servers.rest import CLIENT, CLIENT_SECRET, Api, api, saying, sending
from tests.servers.web import Handler, serving

PAGING = Paging("page", size=100)


@pytest.fixture
async def shop() -> AsyncIterator[Api]:
    """Give an API of three pages that takes the newest token of its endpoint only."""
    async with api() as served:
        served.allows = served.newest_token_only
        yield served


def trading(served: Api, **changes: Any) -> Source:
    """Return the API's source with client id and secret; `changes` are of the request."""
    request = Request(auth="oauth2", token_url=f"http://{served.base}/token", paging=PAGING)
    return Source(
        f"http://{served.base}/page",
        CLIENT,
        Secret(CLIENT_SECRET),
        persistence=Persistence(2, 0.01, 0.5),
        request=replace(request, **changes),
    )


async def read(source: Source) -> bytes:
    """Return the bytes of all documents."""
    async with RestConnector().fetch(source) as documents:
        return b"".join([chunk async for document in documents async for chunk in document.chunks])


async def failure(source: Source) -> FeedmillError:
    """Return the error that reading ends with, which shows no secret."""
    with pytest.raises(FeedmillError) as caught:
        await read(source)
    shown = "".join(traceback.format_exception(caught.value))
    assert not [
        secret for secret in (CLIENT_SECRET, "s3cret%2F", "token-", base64.b64encode(b"shop%3Aclient").decode()[:12]) if secret in shown
    ]
    return caught.value


@pytest.mark.parametrize(
    ("userinfo", "request_", "header", "value"),
    [
        ("shop:hush", Request(), "Authorization", "Basic " + base64.b64encode(b"shop:hush").decode()),
        ("shop:hush", Request(auth="bearer"), "Authorization", "Bearer hush"),
        ("hush", Request(auth="bearer"), "Authorization", "Bearer hush"),
        (":hush", Request(auth="header"), "X-Api-Key", "hush"),
        (":hush", Request(auth="header", auth_header="X-Shop-Token"), "X-Shop-Token", "hush"),
    ],
    ids=["basic", "bearer", "bearer-user", "header", "named-header"],
)
async def test_every_page_is_asked_for_with_the_credentials(userinfo: str, request_: Request, header: str, value: str) -> None:
    """Basic, bearer and header authentication go along with each page."""
    async with api() as served:
        source = parse_location(f"http://{userinfo}@{served.base}/page")
        await read(replace(source, request=replace(request_, paging=PAGING)))
    assert [request.headers.get(header) for request in served.requests] == [value] * 4


async def test_a_token_is_fetched_once_and_kept(shop: Api) -> None:
    """Two runs of four requests are one token, asked for with id and secret as Basic credentials (RFC 6749, section 2.3.1)."""
    for _ in range(2):
        assert await read(trading(shop)) == shop.whole("page")
    assert len(shop.asked) == 8
    assert [form for _, form in shop.token_requests] == [{"grant_type": "client_credentials"}]
    assert not any("Cookie" in request.headers for request in shop.requests)


async def test_the_scope_is_asked_for_and_tokens_are_kept_apart_by_it(shop: Api) -> None:
    """Another scope is another token; so is another secret, which may be wrong."""
    await read(trading(shop, scope="stock:read"))
    await read(trading(shop, scope="stock:read prices:read"))
    assert [form["scope"] for _, form in shop.token_requests] == ["stock:read", "stock:read prices:read"]
    error = await failure(replace(trading(shop, scope="stock:read"), password=Secret("wrong")))
    assert isinstance(error, RefuseRun)
    assert "invalid_client" in str(error)


async def test_a_server_that_wants_the_secret_in_the_body_gets_it_there(shop: Api) -> None:
    """What Basic credentials do not open is tried with the body, and from then on with the body at once."""
    shop.secret_in_body = True
    for scope in ("a", "b"):
        assert await read(trading(shop, scope=scope)) == shop.whole("page")
    assert [(bool(basic), "client_secret" in form) for basic, form in shop.token_requests] == [(True, False), (False, True), (False, True)]


async def test_an_endpoint_that_takes_the_secret_elsewhere_now_is_asked_that_way(shop: Api) -> None:
    """Where the credentials were taken last is where to begin, not the only way."""
    shop.secret_in_body = True
    await read(trading(shop, scope="one"))
    shop.secret_in_body = False
    assert await read(trading(shop, scope="two")) == shop.whole("page")


@pytest.mark.parametrize("expires_in", [0, "0"])
async def test_a_token_is_not_used_beyond_its_time(shop: Api, expires_in: object) -> None:
    """A token that has run out is renewed before the request, not after a refusal; the time may be written as text."""
    shop.expires_in = expires_in
    await read(trading(shop))
    assert len(shop.tokens) == 4
    assert len(shop.asked) == 4


async def test_a_time_of_thousands_of_digits_is_no_time(shop: Api) -> None:
    """Nonsense in place of the token's life is as good as none: the token is used, and no traceback seen."""
    shop.expires_in = "9" * 5000
    assert await read(trading(shop)) == shop.whole("page")
    assert len(shop.tokens) == 1


async def test_a_token_refused_in_mid_paging_is_renewed_once(shop: Api) -> None:
    """A 401 on page 2 costs one token and one request, and no page."""
    shop.faults[2].append(saying(401))
    assert await read(trading(shop)) == shop.whole("page")
    assert shop.asked == [1, 2, 2, 3, 4]
    assert len(shop.tokens) == 2


async def test_a_fresh_token_that_is_refused_ends_the_run(shop: Api) -> None:
    """After one renewal the fault is not the token's."""
    shop.allows = lambda _: False
    error = await failure(trading(shop))
    assert isinstance(error, RefuseRun)
    assert "transport.scope" in str(error)
    assert len(shop.tokens) == 2


async def test_an_api_that_is_not_paged_takes_tokens_as_well(shop: Api) -> None:
    """One document under a token, renewed when the cached one is refused."""
    source = trading(shop, paging=None)
    assert await read(source) == shop.body(1)
    shop.tokens.append("token-9")
    assert await read(source) == shop.body(1)
    assert len(shop.token_requests) == 2


@pytest.mark.parametrize(
    ("answer", "family", "says"),
    [
        (sending({"error": "invalid_scope", "error_description": CLIENT_SECRET}), RefuseRun, "transport.scope"),
        (sending({"error": "unauthorized_client"}), RefuseRun, "allow it"),
        (sending(b"<!doctype html><title>Sign in</title>"), RefuseRun, "HTML page"),
        (sending({"token": CLIENT_SECRET}), RefuseRun, "without a token"),
        (sending({"access_token": "token-\r\nX: 1"}), RefuseRun, "without a token"),
        (sending({"access_token": "token-1", "token_type": "mac"}), RefuseRun, "bearer"),
        (saying(302, Location="http://elsewhere.invalid/token"), RefuseRun, "redirects"),
        (saying(403), RefuseRun, "authenticationSecret"),
        (saying(404), RefuseRun, "404"),
        (saying(503), Retry, "503"),
        (sending({"error": "temporarily_unavailable"}), Retry, "temporarily_unavailable"),
    ],
    ids=["scope", "client", "html", "none", "break", "mac", "redirect", "forbidden", "missing", "down", "busy"],
)
async def test_what_a_token_endpoint_says_instead_is_explained(answer: Handler, family: type[FeedmillError], says: str) -> None:
    """Each refusal names the endpoint and its cure, quotes no free text, and the API itself is not asked."""
    async with api(token_answer=answer) as served:
        error = await failure(trading(served))
    assert type(error) is family
    assert says in str(error)
    assert "/token" in str(error)
    assert not served.asked


async def test_a_busy_token_endpoint_is_asked_again(shop: Api) -> None:
    """What passes at the token endpoint is tried again like any page."""
    answers: list[Handler | None] = [saying(503), None]

    async def once(request: web.Request) -> web.StreamResponse:
        shop.token_answer = answers.pop()
        return web.Response(status=503)

    shop.token_answer = once
    assert await read(trading(shop)) == shop.whole("page")


@pytest.mark.parametrize("lacking", [{"username": None}, {"password": None}], ids=["id", "secret"])
async def test_tokens_need_id_and_secret(shop: Api, lacking: dict[str, Any]) -> None:
    """The message names the attributes to give."""
    error = await failure(replace(trading(shop), **lacking))
    assert isinstance(error, ConfigError)
    assert "authenticationToken" in str(error)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/token", "http://shop:hush@127.0.0.1/token"])
async def test_a_token_url_that_cannot_work_is_refused(shop: Api, url: str) -> None:
    """The endpoint is an http or https URL, and id and secret do not stand in it."""
    error = await failure(trading(shop, token_url=url))
    assert isinstance(error, ConfigError)
    assert "hush" not in str(error)


async def test_a_feed_over_tls_sends_its_secret_over_tls(shop: Api) -> None:
    """An https feed with an http token endpoint is a wrong setting, said before anything is sent."""
    error = await failure(replace(trading(shop), url=f"https://{shop.base}/page"))
    assert isinstance(error, ConfigError)
    assert not shop.requests


async def test_egress_holds_for_the_token_endpoint(shop: Api) -> None:
    """A feed that may use one port only cannot send its secret to another."""
    async with serving(saying(200)) as other:
        source = trading(shop, token_url=f"http://127.0.0.1:{other}/token")
        error = await failure(replace(source, egress=Egress(ports=frozenset({shop.port}))))
    assert isinstance(error, ConfigError)
    assert str(other) in str(error)


async def test_a_token_does_not_follow_a_redirect_to_another_host(shop: Api) -> None:
    """The token belongs to the feed's host: elsewhere the request goes without it."""
    seen: list[str | None] = []

    async def other(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.json_response([])

    async with serving(other) as port:
        shop.allows = lambda _: True
        shop.faults[1].append(saying(302, Location=f"http://localhost:{port}/"))
        await read(trading(shop))
    assert seen == [None]


async def test_one_connection_to_the_host_is_enough(shop: Api) -> None:
    """The token endpoint on the feed's own host asks for no second slot, which would never come."""
    source = trading(shop)
    assert await read(replace(source, courtesy=replace(source.courtesy, max_connections=1))) == shop.whole("page")
