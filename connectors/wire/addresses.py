"""What kind of address an IP address is, once every disguise is off. Pure; no name is resolved here."""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple, TypeAlias

_Address: TypeAlias = IPv4Address | IPv6Address
_Network: TypeAlias = IPv4Network | IPv6Network


class Reach(Enum):
    """Who may connect to an address: everybody, the operator's own feeds, nobody."""

    PUBLIC = auto()
    PRIVATE = auto()
    FORBIDDEN = auto()


class Verdict(NamedTuple):
    """What an address is; `kind` is a noun phrase."""

    reach: Reach
    kind: str


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ip_network(text) for text in texts)


_SPECIAL_USE: Final = "an address for special use, not of the internet"

_FORBIDDEN: Final[tuple[tuple[tuple[_Network, ...], str], ...]] = (
    # Metadata services hand out the machine's credentials to whoever asks. Those outside link-local are listed one by one.
    (
        _networks(
            "169.254.169.254/32",  # most clouds
            "169.254.170.2/32",  # container credentials
            "100.100.100.200/32",
            "192.0.0.192/32",
            "168.63.129.16/32",  # in a public range, yet answered by the host below the machine
            "fd00:ec2::/32",
            "fd20:ce::254/128",
            "fd00:42::42/128",
            "fd00:c1::a9fe:a9fe/128",
        ),
        "a metadata service of a cloud",
    ),
    (_networks("169.254.0.0/16", "fe80::/10"), "a link-local address"),
    (_networks("0.0.0.0/8", "::/128"), "an unspecified address"),
    (_networks("224.0.0.0/4", "ff00::/8"), "a multicast address"),
    (_networks("255.255.255.255/32"), "a broadcast address"),
    (_networks("240.0.0.0/4"), "a reserved address"),
)

_PRIVATE: Final[tuple[tuple[tuple[_Network, ...], str], ...]] = (
    (_networks("127.0.0.0/8", "::1/128"), "this machine itself"),
    (_networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"), "a private address"),
    (_networks("100.64.0.0/10"), "a shared address behind a provider's NAT (RFC 6598)"),
    # Named here as well as asked of the standard library: its tables differ from patch release to patch release.
    (
        _networks("192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        _SPECIAL_USE,
    ),
    (_networks("100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"), _SPECIAL_USE),
)

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_SPECIAL: Final = Verdict(Reach.PRIVATE, _SPECIAL_USE)
_RESERVED: Final = Verdict(Reach.FORBIDDEN, "a reserved address")


@lru_cache(maxsize=4096)
def judge(text: str) -> Verdict:
    """Return what a numeric address is.

    An IPv4 address in an IPv6 one (mapped, NAT64 of RFC 6052, 6to4 of RFC 3056) is where the packet ends up, so it is what
    counts; a scope id is dropped. What is no address is forbidden.
    """
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return Verdict(Reach.FORBIDDEN, "no IP address")
    inner = _embedded(address)
    if inner is None:
        return _judge(address)
    verdict = _judge(inner)
    if verdict.reach is not Reach.PUBLIC:
        return Verdict(verdict.reach, f"{verdict.kind} ({inner}) inside an IPv6 one")
    # A translator of one's own network (RFC 8215) may put the IPv4 address elsewhere, so its whole range stays private.
    return _SPECIAL if address in _LOCAL_NAT64 else verdict


def _embedded(address: _Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64 or address in _LOCAL_NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _judge(address: _Address) -> Verdict:
    for reach, table in ((Reach.FORBIDDEN, _FORBIDDEN), (Reach.PRIVATE, _PRIVATE)):
        for networks, kind in table:
            if any(address in network for network in networks):
                return Verdict(reach, kind)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return _RESERVED
    return Verdict(Reach.PUBLIC, "a public address") if address.is_global else _SPECIAL
