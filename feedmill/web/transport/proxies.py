"""Who is behind a proxy: its headers count only where the operator trusts the address that sent them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiohttp import web

_FORWARDED: Final = re.compile(r'(?:^|[;,])\s*for\s*=\s*("[^"]*"|[^;,\s]*)', re.IGNORECASE)
_PROTO: Final = re.compile(r'(?:^|[;,])\s*proto\s*=\s*"?(https?)\b', re.IGNORECASE)
_HOST: Final = re.compile(r"[A-Za-z0-9.\-_\[\]:]{1,255}")

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request, and how it names this server: address, scheme and host as the client sees them."""

    address: str
    scheme: str
    host: str


def client_of(request: web.BaseRequest, trusted: tuple[str, ...]) -> Client:
    """Return who sent a request: the peer, or whom a trusted proxy names.

    Addresses are read from the right, since what stands left of an address that is not trusted is whatever the client wrote. Where
    `Forwarded` and `X-Forwarded-For` name different clients one of them was only let through, so that neither counts.
    """
    peer = request.remote or ""
    if not is_trusted(peer, trusted):
        return Client(peer, request.scheme, request.host)
    chains = (list(_forwarded(request)), _split(request, "X-Forwarded-For"))
    found = {address for chain in chains if chain and (address := _last_untrusted(chain, trusted)) is not None}
    address = found.pop() if len(found) == 1 else peer
    return Client(address, _scheme(request), _host(request))


def is_trusted(address: str, trusted: tuple[str, ...]) -> bool:
    """Return whether an address is in one of the networks that the operator trusts."""
    if not trusted:
        return False
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in _networks(trusted))


def network_of(address: str) -> str:
    """Return by what a client is counted: its address, of IPv6 the network that one customer is given."""
    parsed = _parse(address)
    return str(ip_network((parsed, 64), strict=False)) if isinstance(parsed, IPv6Address) else address


@lru_cache(maxsize=8)
def _networks(trusted: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in trusted)


def _parse(text: str) -> _Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _split(request: web.BaseRequest, name: str) -> list[str]:
    return [part.strip() for value in request.headers.getall(name, ()) for part in value.split(",")]


def _forwarded(request: web.BaseRequest) -> Iterator[str]:
    for found in _FORWARDED.finditer(",".join(request.headers.getall("Forwarded", ()))):
        yield found[1].strip('"')


def _last_untrusted(chain: list[str], trusted: tuple[str, ...]) -> str | None:
    """Return the rightmost address that is no trusted proxy's, the leftmost where all are; None as soon as one is no address."""
    address = None
    for text in reversed(chain):
        address = _without_port(text)
        if _parse(address) is None:
            return None
        if not is_trusted(address, trusted):
            return address
    return address


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _scheme(request: web.BaseRequest) -> str:
    standard = _PROTO.search(request.headers.get("Forwarded", ""))
    named = standard[1] if standard else request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
    return named.lower() if named.lower() in ("http", "https") else request.scheme


def _host(request: web.BaseRequest) -> str:
    named = request.headers.get("X-Forwarded-Host", "").partition(",")[0].strip()
    return named if _HOST.fullmatch(named) else request.host
