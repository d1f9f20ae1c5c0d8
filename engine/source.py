"""Where a feed comes from, and how it may be reached: everything a connector is told. Data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from engine.errors import ConfigError

MASK: Final = "***"

Auth: TypeAlias = Literal["basic", "bearer", "header", "oauth2"]


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
class Persistence:
    """How often a connector tries again, and how long it waits in between; waits are in seconds.

    `attempts` counts tries without progress, the first one included: a download that moved on before it broke starts the
    count anew. Waits grow from `wait_initial` by doubling, with jitter. A supplier that asks for a pause is given exactly
    that; one that asks for more than `wait_max` ends the run with its wish on the `Retry`.
    """

    attempts: int = 4
    wait_initial: float = 0.5
    wait_max: float = 60.0


@dataclass(frozen=True, slots=True)
class Courtesy:
    """What keeps a supplier from banning us: connections to one host at a time, seconds at most of a random delay before one."""

    max_connections: int = 4
    jitter: float = 0.0


@dataclass(frozen=True, slots=True)
class Egress:
    """Which addresses may be connected to.

    Link-local, metadata, multicast and unspecified addresses are refused whatever stands here. `allow_private` lets loopback
    and private ranges in; `ports` and `schemes` of None allow all.
    """

    allow_private: bool = True
    ports: frozenset[int] | None = None
    schemes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Expansion:
    """How much a body may unpack to that is packed for its way only, by a content coding of HTTP.

    `max_ratio` is in multiples of the bytes that were sent, `max_bytes` in bytes, see `engine.decode.settings.Decoding`.
    """

    max_ratio: int = 250
    max_bytes: int = 16 * 1024**3


@dataclass(frozen=True, slots=True)
class Tls:
    """How TLS is spoken: a CA of one's own in place of the system's, a client certificate. Paths of PEM files.

    Certificates and host names are always checked. `ftps` overrides what the port says of an `ftps:` URL.
    """

    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    key_password: Secret | None = None
    ftps: Literal["explicit", "implicit"] | None = None


@dataclass(frozen=True, slots=True)
class Ssh:
    """How SSH is spoken. `host_key` is a fingerprint as `SHA256:...`, which pins the server and stands for known_hosts.

    `trust_first_use` adds an unknown host to `known_hosts`; a changed one is refused all the same. `block_bytes` times
    `max_requests` is what is asked for ahead.
    """

    key_file: str | None = None
    key_passphrase: Secret | None = None
    use_agent: bool = False
    known_hosts: str | None = None
    host_key: str | None = None
    trust_first_use: bool = False
    block_bytes: int = 64 * 1024
    max_requests: int = 32


@dataclass(frozen=True, slots=True)
class Paging:
    """How a REST answer is cut into pages.

    `page` and `offset` count up a query parameter from `start`, `cursor` takes the value for it from `cursor_path` of the
    page before (a URL there is followed), `link` follows the `Link` header's `next` (RFC 8288). Paths are names joined by
    dots. More than `max_pages` pages or `max_items` items refuse the run: a feed cut off there would be half a feed.
    So do fewer items than the pages announce, unless `check_total` is switched off.
    """

    style: Literal["page", "offset", "cursor", "link"]
    parameter: str | None = None
    start: int | None = None
    size_parameter: str | None = None
    size: int | None = None
    cursor_path: str | None = None
    items_path: str | None = None
    max_pages: int = 10_000
    max_items: int | None = None
    check_total: bool = True


@dataclass(frozen=True, slots=True)
class RequestParameter:
    """A query parameter or a header that is added to every request. The value may be an API key."""

    name: str
    value: Secret
    place: Literal["query", "header"] = "query"


@dataclass(frozen=True, slots=True)
class Request:
    """What an HTTP request carries beside the URL.

    `auth` says how user and password are sent: `basic`; `bearer` and `header` send the password, or the user where there is no
    password, as the token; `oauth2` trades them as client id and secret at `token_url` (RFC 6749, section 4.4). `proxy` is a
    proxy's whole URL, credentials included.
    """

    parameters: tuple[RequestParameter, ...] = ()
    auth: Auth = "basic"
    auth_header: str = "X-Api-Key"
    token_url: str | None = None
    scope: str | None = None
    proxy: Secret | None = None
    paging: Paging | None = None
    requests_per_second: float | None = None


_WITHOUT_FRAGMENTS: Final = frozenset({"file", "ftp", "ftps", "sftp"})


def _keep_silent(message: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a feed comes from. `url` carries no userinfo; `name` is what may be shown.

    `path` is a path below the URL, whose last part may be a pattern (`stock_*.csv`) and which may hold dates
    (`{date:%Y%m%d}`); of several files that fit, `select` takes the newest or all. `known` holds, by document name, the
    `Document.version` of each document that the last complete run read: a connector that can tell that a fetch would bring
    the same again raises `NotModified`. `tell` takes a sentence that a person should read in the run's record, such as why a
    download was resumed; it holds no secret. `shown_as` is what to show in place of the masked URL, where even its path is secret.
    `hides_user` says that the user was not given in a URL, but as a secret.
    """

    url: str
    username: str | None = None
    password: Secret | None = None
    patience: Patience = field(default_factory=Patience)
    path: str | None = None
    select: Literal["newest", "all"] = "newest"
    known: Mapping[str, str] = field(default_factory=dict)
    persistence: Persistence = field(default_factory=Persistence)
    courtesy: Courtesy = field(default_factory=Courtesy)
    egress: Egress = field(default_factory=Egress)
    expansion: Expansion = field(default_factory=Expansion)
    tls: Tls = field(default_factory=Tls)
    ssh: Ssh = field(default_factory=Ssh)
    request: Request = field(default_factory=Request)
    tell: Callable[[str], None] = _keep_silent
    shown_as: str | None = None
    hides_user: bool = False

    @property
    def scheme(self) -> str:
        """Return the lower-case URL scheme, by which the connector is chosen."""
        return urlsplit(self.url).scheme

    @property
    def has_credentials(self) -> bool:
        """Return whether there is a user, a password, or a token that stands alone."""
        return self.username is not None or self.password is not None

    @property
    def name(self) -> str:
        """Return the URL fit for logs, errors and the database: user kept, password masked, query values masked.

        Suppliers put tokens into query strings, so no query value is ever shown; nor is a user who is the token, see `Request`, or
        who was given as a secret.
        """
        if self.shown_as is not None:
            return self.shown_as
        parts = urlsplit(self.url)
        hidden = self.hides_user or (self.request.auth in ("bearer", "header") and self.password is None)
        user = MASK if hidden else self.username
        userinfo = f"{user}{':' + MASK if self.password is not None else ''}@" if self.username is not None else ""
        query = "&".join(_mask_pair(pair) for pair in parts.query.split("&")) if parts.query else ""
        return urlunsplit((parts.scheme, userinfo + parts.netloc, self._shown_path(parts), query, ""))

    def _shown_path(self, parts: SplitResult) -> str:
        # A slash in a password that should have been written as %2F ends the host: `user:12/ss@host` is host `user`, port 12.
        looks_like_userinfo = self.username is None and ":" in parts.netloc and "@" in parts.path
        return f"/{MASK}@{parts.path.rpartition('@')[2]}" if looks_like_userinfo else parts.path


def _mask_pair(pair: str) -> str:
    # What has no equals sign is no name either: it may be the token itself.
    name, equals, _ = pair.partition("=")
    return f"{name}={MASK}" if equals else MASK


def parse_location(location: str, *, patience: Patience | None = None) -> Source:
    """Split a URL or a path into a `Source`.

    Userinfo is percent-decoded as RFC 1738 section 3.1 says; an empty password is a password. A text without a scheme is
    a path of this machine. Raises `ConfigError` when the URL has no host where it needs one, a port out of range, or a `#` where
    only a name can be meant.
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
    if parts.fragment and parts.scheme in _WITHOUT_FRAGMENTS:
        # Left out, as a web address leaves it out, it would be another file that is read. Not quoted: it may be half a password.
        raise ConfigError(f"the {parts.scheme} URL holds a #, which would end it; write a # in a file name, user or password as %23")
    userinfo, at, hostport = parts.netloc.rpartition("@")
    user, colon, password = userinfo.partition(":")
    bare = urlunsplit((parts.scheme.lower(), hostport, parts.path, parts.query, ""))
    return Source(bare, unquote(user) if at else None, Secret(unquote(password)) if colon else None, patience)


def mask_location(location: str, *, auth: Auth = "basic") -> str:
    """Return a URL or path as it may be shown, see `Source.name`; with some ways of logging in the user is the secret."""
    return replace(parse_location(location), request=Request(auth=auth)).name
