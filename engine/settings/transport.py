"""The feed's attributes of reaching its source, and the `Source` that a connector is given for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.errors import ConfigError
from engine.settings.resource import OptionalText, Resource
from engine.source import (
    Auth,
    Courtesy,
    Egress,
    Expansion,
    Paging,
    Patience,
    Persistence,
    Request,
    RequestParameter,
    Secret,
    Source,
    Ssh,
    Tls,
    parse_location,
)

if TYPE_CHECKING:
    from engine.feed import Feed

Seconds = Annotated[float, Field(ge=0)]
Span = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Pagination(Resource):
    """How a REST answer is cut into pages, see `engine.source.Paging`."""

    style: Literal["page", "offset", "cursor", "link"]
    parameter: OptionalText = None
    start: Annotated[int, Field(ge=0)] | None = None
    size_parameter: OptionalText = None
    size: Count | None = None
    cursor_path: OptionalText = None
    items_path: OptionalText = None
    max_pages: Count = 10_000
    max_items: Count | None = None
    check_total: bool = True

    @model_validator(mode="after")
    def _check_sense(self) -> Self:
        if (self.style == "cursor") != (self.cursor_path is not None):
            raise ValueError("style cursor needs cursorPath, the place of the next cursor in a page, and no other style does")
        if self.style == "offset" and self.size is None:
            raise ValueError("style offset needs size, the items of a full page")
        if self.size_parameter is not None and self.size is None:
            raise ValueError("sizeParameter needs size")
        return self


class Parameter(Resource):
    """One row of `inventory-feed-parameters`: a query parameter or a header of the request."""

    name: str = Field(min_length=1)
    value: str = Field(repr=False)
    type: Literal["query", "header"] = "query"


class Transport(Resource):
    """How the source is reached: patience, TLS, SSH, authentication, courtesy, what of it is read, and how much it may be."""

    connect_timeout: Span = 15.0
    idle_timeout: Span = 60.0
    min_bytes_per_second: Seconds = 64.0
    attempts: Count = 4
    retry_wait: Seconds = 0.5
    max_retry_wait: Seconds = 60.0
    max_connections: Count = 4
    min_interval: Seconds = 0.0
    jitter: Seconds = 0.0
    ca_file: OptionalText = None
    client_certificate: OptionalText = None
    client_key: OptionalText = None
    client_key_password: OptionalText = Field(default=None, repr=False)
    ftps: Literal["explicit", "implicit"] | None = None
    private_key: OptionalText = None
    private_key_passphrase: OptionalText = Field(default=None, repr=False)
    ssh_agent: bool = False
    known_hosts: OptionalText = None
    host_key: Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}=?$")] | None = None
    trust_first_use: bool = False
    block_bytes: Annotated[int, Field(ge=1024, le=1024 * 1024)] = 64 * 1024
    max_requests: Annotated[int, Field(ge=1, le=256)] = 32
    auth: Auth = "basic"
    auth_header: str = Field(default="X-Api-Key", min_length=1)
    token_url: OptionalText = None
    scope: OptionalText = None
    requests_per_second: Span | None = None
    select: Literal["newest", "all"] = "newest"
    member: OptionalText = None
    max_ratio: Count = 250
    max_bytes: Count = 16 * 1024**3

    @model_validator(mode="after")
    def _check_sense(self) -> Self:
        if (self.auth == "oauth2") != (self.token_url is not None):
            raise ValueError("auth oauth2 needs tokenUrl, and no other auth does")
        if self.client_key is not None and self.client_certificate is None:
            raise ValueError("clientKey needs clientCertificate")
        return self


TRANSPORT_SECRETS = {"client_key_password", "private_key_passphrase"}
"""Attributes of `Transport` that are never stored."""


def locate(feed: Feed, location: str, *, patience: Patience | None = None, egress: Egress | None = None) -> Source:
    """Return where to fetch a feed from and how, with the feed's credentials when the URL has none of its own.

    Raises `ConfigError` when the URL cannot work, or a proxy is asked for and none is named.
    """
    transport = feed.transport
    source = parse_location(location)
    # A token that is the secret needs no user beside it; a password without a user is nobody's.
    if source.username is None and (feed.authentication_token is not None or transport.auth in ("bearer", "header")):
        source = replace(source, username=feed.authentication_token, password=_secret(feed.authentication_secret), hides_user=True)
    return replace(
        source,
        patience=patience or Patience(transport.connect_timeout, transport.idle_timeout, transport.min_bytes_per_second),
        path=feed.resource_path,
        select=transport.select,
        persistence=Persistence(transport.attempts, transport.retry_wait, transport.max_retry_wait),
        courtesy=Courtesy(transport.max_connections, transport.jitter),
        egress=egress or Egress(),
        expansion=Expansion(transport.max_ratio, transport.max_bytes),
        tls=Tls(
            _path(transport.ca_file),
            _path(transport.client_certificate),
            _path(transport.client_key),
            _secret(transport.client_key_password),
            transport.ftps,
        ),
        ssh=_ssh(transport),
        request=_request(feed),
    )


def _ssh(transport: Transport) -> Ssh:
    return Ssh(
        key_file=_path(transport.private_key),
        key_passphrase=_secret(transport.private_key_passphrase),
        use_agent=transport.ssh_agent,
        known_hosts=_path(transport.known_hosts),
        host_key=transport.host_key,
        trust_first_use=transport.trust_first_use,
        block_bytes=transport.block_bytes,
        max_requests=transport.max_requests,
    )


def _request(feed: Feed) -> Request:
    transport = feed.transport
    if feed.use_proxy and feed.proxy_url is None:
        raise ConfigError(f"feed {feed.name!r} has useProxy without proxyUrl; give the proxy's URL, which is not stored, with every run")
    return Request(
        parameters=tuple(RequestParameter(row.name, Secret(row.value), row.type) for row in feed.parameters),
        auth=transport.auth,
        auth_header=transport.auth_header,
        token_url=transport.token_url,
        scope=transport.scope,
        proxy=_secret(feed.proxy_url) if feed.use_proxy is not False else None,
        paging=_paging(feed),
        requests_per_second=transport.requests_per_second,
    )


def _paging(feed: Feed) -> Paging | None:
    if feed.pagination is None:
        return None
    paging = Paging(**feed.pagination.model_dump())
    # The items that are counted have to be those that are read.
    return paging if paging.items_path is not None else replace(paging, items_path=_outer_list(feed.json_root))


def _outer_list(root: str | None) -> str | None:
    """Return the names on the way to the first list of a root; None where it is the page, or is not written in plain names."""
    names = (root or "").partition("[*]")[0].removeprefix("$").removeprefix(".")
    return names if names and "[" not in names and '"' not in names and "'" not in names else None


def _secret(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)


def _path(text: str | None) -> str | None:
    return None if text is None else str(Path(text).expanduser())
