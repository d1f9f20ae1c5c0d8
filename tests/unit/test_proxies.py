"""Whose request it is behind proxies that are trusted, and behind those that are not."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from pydantic import ValidationError

from feedmill.service.settings import Server
from feedmill.web.transport.proxies import Client, client_of, is_trusted, network_of

TRUSTED = ("10.0.0.0/8", "2001:db8::/32", "127.0.0.1")


def seen(peer: str, headers: list[tuple[str, str]], trusted: tuple[str, ...] = TRUSTED) -> Client:
    """Return who a request from a peer with headers is taken to be from."""
    request = make_mocked_request("GET", "/", dict([("Host", "inner:8080"), *headers]))
    return client_of(request.clone(remote=peer), trusted)


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("198.51.100.9", [("X-Forwarded-For", "203.0.113.1")], "198.51.100.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.1")], "203.0.113.1"),
        ("::ffff:10.0.0.1", [("X-Forwarded-For", "203.0.113.1")], "203.0.113.1"),
        ("10.0.0.1", [("X-Forwarded-For", "1.1.1.1, 203.0.113.1, 10.9.9.9")], "203.0.113.1"),
        ("10.0.0.1", [("X-Forwarded-For", "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.1, unknown")], "10.0.0.1"),
        ("10.0.0.1", [("X-Forwarded-For", "203.0.113.1:4711")], "203.0.113.1"),
        ("10.0.0.1", [("Forwarded", 'for="[2001:db9::1]:4711";proto=https, for=10.2.2.2')], "2001:db9::1"),
        ("10.0.0.1", [("Forwarded", "for=203.0.113.1"), ("X-Forwarded-For", "203.0.113.1")], "203.0.113.1"),
        ("10.0.0.1", [("Forwarded", "for=1.1.1.1"), ("X-Forwarded-For", "203.0.113.1")], "10.0.0.1"),
    ],
)
def test_whom_a_request_is_from(peer: str, headers: list[tuple[str, str]], address: str) -> None:
    """Only a trusted peer's headers count, read from the right up to the first address that is not trusted, and only if they agree."""
    assert seen(peer, headers).address == address


def test_scheme_and_host() -> None:
    """A trusted proxy says how the client sees this server; nobody else does, and what is no host or scheme is left aside."""
    headers = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "api.example")]
    assert seen("10.0.0.1", headers) == Client("10.0.0.1", "https", "api.example")
    assert seen("8.8.8.8", headers) == Client("8.8.8.8", "http", "inner:8080")
    assert seen("10.0.0.1", [("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "a b/c")]) == Client("10.0.0.1", "http", "inner:8080")
    assert seen("10.0.0.1", [("Forwarded", "for=1.1.1.1;proto=https")]).scheme == "https"


def test_networks() -> None:
    """Nobody is trusted by default, what is no network is refused when the settings are read, and an IPv6 client counts as its /64."""
    assert not is_trusted("127.0.0.1", Server().trusted_proxies)
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Server(trusted_proxies=("10.0.0.0/33",))
    assert network_of("2001:db9::1:2:3:4") == network_of("2001:db9::5") == "2001:db9::/64"
    assert network_of("203.0.113.1") == "203.0.113.1"
