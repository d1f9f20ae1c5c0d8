"""What a request carries: the address with path and parameters, and the credentials in the way the feed wants. No I/O here."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from yarl import URL

from connectors.wire.choosing import expand_dates, is_pattern
from engine.errors import ConfigError
from engine.source import Secret, Source, mask_location

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "proxy-authorization",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that decide which bytes come and how they are framed: a feed that set them would be read wrongly."""


def addressed(source: Source) -> Source:
    """Return the source with its path and its query parameters in the URL, and nothing left to add.

    The URL's own bytes stay as they are, since a signature may cover them. Raises `ConfigError` for a path that is a pattern:
    HTTP has no listing.
    """
    url = source.url if source.path is None else _below(source, source.path)
    for parameter in source.request.parameters:
        if parameter.place == "query":
            url = with_query(url, parameter.name, parameter.value.reveal())
    headers = tuple(parameter for parameter in source.request.parameters if parameter.place == "header")
    return replace(source, url=url, path=None, request=replace(source.request, parameters=headers))


def with_query(url: str, name: str, value: str) -> str:
    """Return the URL with one more query parameter at its end; what stands there already is not touched."""
    bare, hash_sign, fragment = url.partition("#")
    joint = "?" if "?" not in bare else "" if bare.endswith(("?", "&")) else "&"
    return f"{bare}{joint}{quote(name, safe='')}={quote(value, safe='')}{hash_sign}{fragment}"


def wire_url(text: str) -> URL:
    """Return a URL as it goes over the wire. Raises `ValueError` when it is none.

    One that is written out in ASCII goes as it stands: signatures in it cover every byte. Anything else (blanks, umlauts,
    international host names) has to be encoded first.
    """
    written_out = text.isascii() and text.isprintable() and " " not in text
    return URL(text, encoded=written_out)


def secret_headers(source: Source) -> list[tuple[str, str]]:
    """Return the headers that only the source's own host may see: credentials, and the feed's header parameters.

    Raises `ConfigError` for what cannot be sent, such as a line break in a value. Credentials of `oauth2` are not made here.
    """
    credentials = _credentials(source)
    rows = [_parameter(source, row.name, row.value) for row in source.request.parameters if row.place == "header"]
    twice = {name.lower() for name, _ in credentials} & {name.lower() for name, _ in rows}
    if twice:
        raise ConfigError(f"{source.name}: the header {', '.join(twice)} is set by the credentials and by a parameter; keep one of them")
    return [*credentials, *rows]


def proxy_of(source: Source) -> tuple[URL, str | None] | None:
    """Return the address of the feed's proxy and the `Proxy-Authorization` it wants, None where no proxy is to be used.

    Raises `ConfigError` for a proxy that is not spoken to in plain HTTP (TLS goes through it as a tunnel).
    """
    if source.request.proxy is None:
        return None
    text = source.request.proxy.reveal()
    parts = _proxy_parts(source, text)
    user, colon, password = parts[1].partition(":")
    authorization = _basic_text(unquote(user), unquote(password)) if user or colon else None
    return URL(f"http://{parts[0]}"), authorization


def shown_proxy(source: Source) -> str:
    """Return the proxy's URL as it may be shown."""
    return "none" if source.request.proxy is None else mask_location(source.request.proxy.reveal())


def _proxy_parts(source: Source, text: str) -> tuple[str, str]:
    """Return host with port, and userinfo."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme.lower() != "http" or not host:
        # The text is not quoted: what cannot be parsed cannot be masked.
        raise ConfigError(f"{source.name}: proxyUrl must be http://host:port or http://user:password@host:port; no other kind is supported")
    userinfo, _, hostport = parts.netloc.rpartition("@")
    return hostport, userinfo


def _below(source: Source, path: str) -> str:
    if is_pattern(path):
        raise ConfigError(
            f"{source.name}: resourcePath {path!r} is a pattern, and HTTP cannot list files; name one file (a date may stand in it as "
            "{date:%Y%m%d}), and put a query into the URL or into the feed's parameters"
        )
    parts = urlsplit(source.url)
    below = quote(expand_dates(path, datetime.now(UTC)).lstrip("/"), safe="/!$&'()*+,;=:@~")
    return urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{below}", parts.query, ""))


def _credentials(source: Source) -> list[tuple[str, str]]:
    request = source.request
    match request.auth:
        case "basic":
            return [] if source.username is None else [("Authorization", _basic(source))]
        case "bearer":
            return [_parameter(source, "Authorization", Secret(f"Bearer {_token(source)}"), "authenticationToken")]
        case "header":
            return [_parameter(source, request.auth_header, Secret(_token(source)), "authenticationToken")]
        case "oauth2":
            return []


def _token(source: Source) -> str:
    token = source.password.reveal() if source.password is not None else source.username
    if not token:
        raise ConfigError(
            f"{source.name}: auth {source.request.auth} needs a token; give authenticationToken, which is not stored, with every run"
        )
    return token


def _basic(source: Source) -> str:
    """Return the Basic credentials in UTF-8 (RFC 7617)."""
    username = source.username or ""
    if ":" in username:
        raise ConfigError(f"{urlsplit(source.url).netloc}: a user name with a colon cannot be sent over HTTP (RFC 7617, section 2)")
    return _basic_text(username, source.password.reveal() if source.password is not None else "")


def _basic_text(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode("ascii")


def _parameter(source: Source, name: str, value: Secret, shown: str | None = None) -> tuple[str, str]:
    """Return one header; a name or a value that would end the header and begin another is refused (RFC 9110, section 5.5)."""
    if not _TOKEN.fullmatch(name):
        raise ConfigError(f"{source.name}: {name!r} cannot be the name of a header; use letters, digits and hyphens")
    if name.lower() in _OURS:
        raise ConfigError(f"{source.name}: the header {name} is Feedmill's own and cannot be set by a feed")
    text = value.reveal()
    if _CONTROL.search(text) or not text.isprintable():
        raise ConfigError(f"{source.name}: the value of {shown or name} holds a line break or another control character; give it without")
    return name, text.strip(" ")
