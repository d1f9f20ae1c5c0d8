"""The address and the headers of a request: path, parameters and credentials, and what can never be sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import pytest

from connectors.web.request import addressed, proxy_of, secret_headers, with_query
from engine.errors import ConfigError
from engine.source import Request, RequestParameter, Secret, Source, parse_location


def _source(url: str = "https://acme.example/feeds", *, path: str | None = None, request: Request | None = None) -> Source:
    return replace(parse_location(url), path=path, request=request or Request())


def _row(name: str, value: str, place: Literal["query", "header"] = "query") -> RequestParameter:
    return RequestParameter(name, Secret(value), place)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://acme.example/", "https://acme.example/?k%201=a%26b%3D%C3%BC%2B"),
        ("https://acme.example/?", "https://acme.example/?k%201=a%26b%3D%C3%BC%2B"),
        ("https://acme.example/?x=%2b+%7e", "https://acme.example/?x=%2b+%7e&k%201=a%26b%3D%C3%BC%2B"),
        ("https://acme.example/?x=1&", "https://acme.example/?x=1&k%201=a%26b%3D%C3%BC%2B"),
        ("https://acme.example/?x=1#top", "https://acme.example/?x=1&k%201=a%26b%3D%C3%BC%2B#top"),
    ],
)
def test_a_query_parameter_is_appended_and_nothing_else_touched(url: str, expected: str) -> None:
    """Signatures cover the bytes of a URL: those that stand there stay as they are."""
    assert with_query(url, "k 1", "a&b=ü+") == expected


def test_parameters_go_into_the_url_in_their_order() -> None:
    """Query parameters are in the address, where their values are masked when it is shown; headers stay for the request."""
    source = addressed(_source(request=Request(parameters=(_row("b", "hush-1"), _row("X-Key", "hush-2", "header"), _row("a", "hush-3")))))
    assert source.url == "https://acme.example/feeds?b=hush-1&a=hush-3"
    assert source.name == "https://acme.example/feeds?b=***&a=***"
    assert source.request.parameters == (_row("X-Key", "hush-2", "header"),)
    assert addressed(source) == source


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("https://acme.example/feeds", "stock.csv", "https://acme.example/feeds/stock.csv"),
        ("https://acme.example/feeds/", "/a b/100%.csv", "https://acme.example/feeds/a%20b/100%25.csv"),
        ("https://acme.example", "ä.csv", "https://acme.example/%C3%A4.csv"),
        ("https://acme.example/feeds?sig=%2F", "stock.csv", "https://acme.example/feeds/stock.csv?sig=%2F"),
    ],
)
def test_a_path_is_joined_below_the_url(url: str, path: str, expected: str) -> None:
    """`resourcePath` is a plain text below the address, whose query stays behind it."""
    assert addressed(_source(url, path=path)).url == expected


def test_a_date_in_a_path_is_written_out() -> None:
    """A file that is named for its day is found by the day in UTC."""
    before = datetime.now(UTC)
    url = addressed(_source(path="{date:%Y}/stock_{date:%Y%m%d}.csv")).url
    assert url in {f"https://acme.example/feeds/{day:%Y}/stock_{day:%Y%m%d}.csv" for day in (before, datetime.now(UTC))}


@pytest.mark.parametrize("path", ["stock_*.csv", "export?format=csv", "stock_[0-9].csv"])
def test_a_pattern_cannot_be_fetched(path: str) -> None:
    """HTTP has no listing to hold a pattern against."""
    with pytest.raises(ConfigError, match="HTTP cannot list files"):
        addressed(_source(path=path))


@pytest.mark.parametrize(
    ("auth", "userinfo", "expected"),
    [
        ("basic", "", []),
        ("basic", "shop:pw@", [("Authorization", "Basic c2hvcDpwdw==")]),
        ("bearer", "token-1@", [("Authorization", "Bearer token-1")]),
        ("bearer", "shop:token-1@", [("Authorization", "Bearer token-1")]),
        ("header", "token-1@", [("X-Api-Key", "token-1")]),
        ("oauth2", "id:secret@", []),
    ],
)
def test_credentials_are_sent_as_the_feed_says(
    auth: Literal["basic", "bearer", "header", "oauth2"], userinfo: str, expected: list[tuple[str, str]]
) -> None:
    """A token is the password, or the user where there is none; OAuth2 brings a header of its own."""
    assert secret_headers(_source(f"https://{userinfo}acme.example/", request=Request(auth=auth))) == expected


@pytest.mark.parametrize("auth", ["bearer", "header"])
def test_a_token_that_is_missing_is_a_setting_that_cannot_work(auth: Literal["bearer", "header"]) -> None:
    """Where a feed says that it sends a token, it needs one."""
    with pytest.raises(ConfigError, match="give authenticationToken"):
        secret_headers(_source(request=Request(auth=auth)))


def test_credentials_are_given_once() -> None:
    """Two `Authorization` headers would leave it to the server which of them counts."""
    request = Request(parameters=(_row("authorization", "Bearer hush", "header"),))
    assert secret_headers(_source(request=request)) == [("authorization", "Bearer hush")]
    with pytest.raises(ConfigError, match="keep one of them"):
        secret_headers(_source("https://shop:pw@acme.example/", request=request))


@pytest.mark.parametrize("value", ["hush\r\nX-Admin: 1", "hush\nx", "hush\0", "hush\x7f", "hush\u2028x"])
def test_a_value_that_would_begin_another_header_is_refused(value: str) -> None:
    """A line break in a value is an attack or an accident; the value is not quoted."""
    for request, user in (
        (Request(parameters=(_row("X-Key", value, "header"),)), None),
        (Request(auth="bearer"), value),
        (Request(auth="header"), value),
    ):
        with pytest.raises(ConfigError, match="control character") as caught:
            secret_headers(replace(_source(request=request), username=user))
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["X Key", "X-Key:", "X\r\nY", "", "Schlüssel"])
def test_a_name_that_is_no_header_is_refused(name: str) -> None:
    """RFC 9110, section 5.1."""
    with pytest.raises(ConfigError, match="cannot be the name of a header"):
        secret_headers(_source(request=Request(parameters=(_row(name, "x", "header"),))))
    with pytest.raises(ConfigError, match="cannot be the name of a header"):
        secret_headers(_source("https://t@acme.example/", request=Request(auth="header", auth_header=name)))


@pytest.mark.parametrize("name", ["Range", "if-none-match", "Accept-Encoding", "HOST", "Transfer-Encoding", "Proxy-Authorization"])
def test_a_header_that_decides_what_comes_is_not_a_feeds(name: str) -> None:
    """A feed that asked for a part of a file would be given half a feed."""
    with pytest.raises(ConfigError, match="Feedmill's own"):
        secret_headers(_source(request=Request(parameters=(_row(name, "x", "header"),))))


@pytest.mark.parametrize(
    ("proxy", "address", "authorization"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("HTTP://proxy.example", "http://proxy.example", None),
        ("http://shop:p%40ss@proxy.example:3128/", "http://proxy.example:3128", "Basic c2hvcDpwQHNz"),
        ("http://[::1]:3128", "http://[::1]:3128", None),
    ],
)
def test_a_proxy_is_a_host_with_its_own_credentials(proxy: str, address: str, authorization: str | None) -> None:
    """The credentials of a proxy's URL are percent-decoded, as everywhere."""
    found = proxy_of(_source(request=Request(proxy=Secret(proxy))))
    assert found is not None
    assert (str(found[0]), found[1]) == (address, authorization)


@pytest.mark.parametrize(
    "proxy", ["socks5://u:hush@proxy.example", "https://u:hush@proxy.example", "proxy.example:3128", "http://u:hush@", ""]
)
def test_a_proxy_of_another_kind_is_refused(proxy: str) -> None:
    """Only plain HTTP is spoken to a proxy; what cannot be parsed is not quoted."""
    with pytest.raises(ConfigError, match="proxyUrl must be") as caught:
        proxy_of(_source(request=Request(proxy=Secret(proxy))))
    assert "hush" not in str(caught.value)
