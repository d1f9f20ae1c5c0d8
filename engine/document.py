"""What a connector is given and what it yields: a source, and documents of bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from engine.errors import ConfigError

CHUNK_BYTES: Final = 256 * 1024
"""The chunk size connectors aim at: big enough that per-chunk costs vanish, small enough that budgets stay meaningful."""

MASK: Final = "***"


class Secret:
    """Hold a password so that neither `repr`, `str` nor a traceback with locals can show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself; call it only where it is put on the wire."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connector waits. All in seconds, but `min_bytes_per_second`.

    `idle` bounds the wait for the next byte; a source that sends fewer than `min_bytes_per_second` over a whole `idle`
    window counts as stalled too, so that one byte a second cannot hold a run open for ever.
    """

    connect: float = 15.0
    idle: float = 60.0
    min_bytes_per_second: float = 64.0


@dataclass(frozen=True, slots=True)
class Source:
    """Where a feed comes from. `url` carries no userinfo; `name` is what may be shown."""

    url: str
    username: str | None = None
    password: Secret | None = None
    patience: Patience = field(default_factory=Patience)

    @property
    def scheme(self) -> str:
        """Return the lower-case URL scheme, by which the connector is chosen."""
        return urlsplit(self.url).scheme

    @property
    def name(self) -> str:
        """Return the URL fit for logs, errors and the database: user kept, password masked, query values masked.

        Suppliers put tokens into query strings, so no query value is ever shown.
        """
        parts = urlsplit(self.url)
        userinfo = f"{self.username}{':' + MASK if self.password is not None else ''}@" if self.username is not None else ""
        query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
        return urlunsplit((parts.scheme, userinfo + parts.netloc, parts.path, query, ""))


def _mask_pair(pair: str) -> str:
    # What has no equals sign is no name either: it may be the token itself.
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals else MASK


def parse_location(location: str, *, patience: Patience | None = None) -> Source:
    """Split a URL or a path into a `Source`.

    Userinfo is percent-decoded as RFC 1738 section 3.1 says; an empty password is a password. A text without a scheme is
    a path of this machine. Raises `ConfigError` when the URL has no host where it needs one or a port out of range.
    """
    patience = patience or Patience()
    if "://" not in location:
        if not location.strip():
            raise ConfigError("the source is empty: give a URL or a path")
        return Source(Path(location).absolute().as_uri(), patience=patience)
    try:
        parts = urlsplit(location)
        host, _ = parts.hostname, parts.port
    except ValueError:
        # The parser's own message may quote a piece of the password, so it is not passed on.
        raise ConfigError(
            f"the {location.partition('://')[0]} URL has no valid host and port; "
            "percent-encode reserved characters in user and password (/ is %2F, @ is %40)"
        ) from None
    if not host and parts.scheme != "file":
        raise ConfigError(f"the URL of scheme {parts.scheme!r} names no host")
    userinfo, at, hostport = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    bare = urlunsplit((parts.scheme.lower(), hostport, parts.path, parts.query, ""))
    return Source(bare, unquote(user) if at else None, Secret(unquote(password)) if colon else None, patience)


def mask_location(location: str) -> str:
    """Return a URL or path as it may be shown, see `Source.name`."""
    return parse_location(location).name


@dataclass(frozen=True, slots=True)
class Document:
    """One byte stream with what is known of it before its bytes are read.

    `chunks` yields non-empty `bytes` of at most 1 MiB and is iterated once, by the engine. It raises `Retry` or `RefuseRun`
    when the bytes end before the source said they would: a document that ends quietly is complete. `size` is in bytes as
    sent, None when the source did not say; `charset` is what the transport declared, which may be wrong.
    """

    name: str
    chunks: AsyncIterator[bytes]
    size: int | None = None
    mtime: datetime | None = None
    etag: str | None = None
    content_type: str | None = None
    charset: str | None = None
