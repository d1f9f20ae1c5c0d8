"""Which address may be connected to, and the connection: the check is on the very address that the socket goes to.

A name is resolved once and only checked numbers are connected to, so a name that answers otherwise the second time (DNS
rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import urlsplit

import anyio

from connectors.wire.addresses import Reach, judge
from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.source import Source

_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}
_IMPLICIT_FTPS: Final = 990

_Found: TypeAlias = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int]]


def check_url(source: Source) -> None:
    """Raise `ConfigError` unless the scheme and the port of the URL are among those that `source.egress` allows.

    Without `allow_private` no `file:` URL passes: this machine's files are as private as its loopback. A URL that a server
    redirects to is checked by giving it as the source's.
    """
    egress, scheme = source.egress, source.scheme
    if egress.schemes is not None and scheme not in egress.schemes:
        raise ConfigError(f"{source.name}: {scheme} is not among the schemes that may be used ({_listed(egress.schemes)}); {_ALLOW}")
    if scheme == "file":
        if not egress.allow_private:
            raise ConfigError(f"{source.name}: files of this machine may not be read by this feed; {_ALLOW}")
        return
    if egress.ports is not None and (port := port_of(source)) not in egress.ports:
        shown = "no known port" if port is None else f"port {port}"
        raise ConfigError(f"{source.name}: {shown} is not among the ports that may be used ({_listed(egress.ports)}); {_ALLOW}")


_ALLOW: Final = "use another URL, or have the operator allow it in Feedmill's configuration"


def port_of(source: Source) -> int | None:
    """Return the port the URL names or its scheme stands for; None for an unknown scheme or what is no port."""
    try:
        port = urlsplit(source.url).port
    except ValueError:
        return None
    if port is not None:
        return port
    return _IMPLICIT_FTPS if source.scheme == "ftps" and source.tls.ftps == "implicit" else _PORTS.get(source.scheme)


def check_address(address: str, source: Source, *, host: str | None = None) -> None:
    """Raise `RefuseRun` when the source may not connect to a numeric address; `host` is the name it was found under.

    Link-local, metadata, unspecified, multicast and reserved addresses are always refused, loopback, private and other
    addresses that are not of the internet unless `source.egress.allow_private`. Cheap, without I/O.
    """
    reach, kind = judge(address)
    if reach is Reach.PUBLIC or (reach is Reach.PRIVATE and source.egress.allow_private):
        return
    host = host or urlsplit(source.url).hostname or address
    where = f"{host} has the address {address}, which is" if host != address else f"{address} is"
    if reach is Reach.PRIVATE:
        cure = "use the supplier's public address, or have the operator allow private addresses in Feedmill's configuration"
    else:
        cure = "no feed may use it: use the supplier's real address"
    raise RefuseRun(f"{source.name}: {where} {kind}; {cure}")


async def open_socket(host: str, port: int, source: Source) -> socket.socket:
    """Connect to a host within `patience.connect` seconds and return the socket, non-blocking and without Nagle's delay.

    Its addresses are tried in the resolver's order; those that are not allowed are left out. Raises `RefuseRun` when no
    allowed one is left, `ConfigError` for what can be no host name, `Retry` when the name does not resolve or no address
    takes the connection.
    """
    deadline = monotonic() + source.patience.connect
    found = _allowed(host, await _resolve(host, port, source), source)
    failure: OSError = TimeoutError()
    for index, address in enumerate(found):
        # One address that swallows packets may not use up the time of the others; what one leaves goes to them.
        share = (deadline - monotonic()) / (len(found) - index)
        try:
            with anyio.fail_after(share):
                return await _connect(address)
        except OSError as error:
            failure = error
    raise _unreachable(host, port, failure, source)


async def check_host(host: str, port: int, source: Source) -> None:
    """Resolve a name and raise as `open_socket` does when none of its addresses may be connected to. Nothing is connected to."""
    _allowed(host, await _resolve(host, port, source), source)


def _allowed(host: str, found: Sequence[_Found], source: Source) -> list[_Found]:
    allowed: list[_Found] = []
    refused: RefuseRun | None = None
    for address in found:
        try:
            check_address(address[4][0], source, host=host)
        except RefuseRun as error:
            refused = refused or error
        else:
            allowed.append(address)
    if not allowed and refused is not None:
        raise refused
    return allowed


async def _resolve(host: str, port: int, source: Source) -> Sequence[_Found]:
    loop = asyncio.get_running_loop()
    try:
        if not host.isprintable():
            # The C library would read it up to the first NUL and ask for another name.
            raise UnicodeError
        with anyio.fail_after(source.patience.connect):
            return cast("Sequence[_Found]", await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except socket.gaierror as error:
        reason = error.strerror or "unknown"
        cure = "check its spelling and this machine's DNS"
        raise Retry(f"{source.name}: the host name {host} does not resolve ({reason}); {cure}") from None
    except UnicodeError:
        raise ConfigError(f"{source.name}: {host[:80]!r} is no valid host name; check its spelling") from None
    except TimeoutError:
        raise Retry(f"{source.name}: the DNS gave no answer for {host} within {source.patience.connect:g} s; try again later") from None


async def _connect(address: _Found) -> socket.socket:
    family, kind, protocol, _, target = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


def _unreachable(host: str, port: int, failure: OSError, source: Source) -> FeedmillError:
    if isinstance(failure, TimeoutError):
        return Retry(f"{source.name}: {host} took no connection on port {port} within {source.patience.connect:g} s; try again later")
    # The event loop puts a text of its own into `strerror`.
    reason = os.strerror(failure.errno) if failure.errno else type(failure).__name__
    return Retry(f"{source.name}: {host} takes no connection on port {port} ({reason}); check host and port, or try again later")


def _listed(allowed: frozenset[int] | frozenset[str]) -> str:
    return ", ".join(str(entry) for entry in sorted(allowed)) or "none"
