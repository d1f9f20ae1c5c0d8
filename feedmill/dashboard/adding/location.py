"""An address as somebody pastes it: what may be shown of it, and the user and the password that stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from engine.errors import ConfigError
from engine.source import mask_location, parse_location

_LOOSE: Final = re.compile(r"([a-z][a-z0-9+.-]*://)([^:/@?#\s]*):(.+)@([^@/?#\s]+(?:[/?#].*)?)", re.IGNORECASE | re.DOTALL)
"""A password with a slash or a # in it, which should have been percent-encoded: all up to the last @ belongs to it."""

_SECRET_HEAD: Final = re.compile(r"(://).*@", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Location:
    """A URL without userinfo, and what stood in it; None where there was none."""

    url: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)


def split_location(text: str) -> Location:
    """Return what was pasted in its parts; what can be no URL comes back without whatever may be a password in it."""
    text = text.strip()
    if "://" not in text:
        return Location(text)
    try:
        source = parse_location(text)
    except ConfigError:
        return _split_loosely(text)
    if source.username is None and ":" in urlsplit(source.url).netloc and "@" in urlsplit(source.url).path:
        return _split_loosely(text)
    return Location(source.url, source.username, source.password.reveal() if source.password is not None else None)


def _split_loosely(text: str) -> Location:
    found = _LOOSE.fullmatch(text)
    if found is None:
        return Location(_SECRET_HEAD.sub(r"\1", text, count=1))
    scheme, username, password, rest = found.groups()
    return Location(f"{scheme.lower()}{rest}", username, password)


def join_location(url: str, username: str, password: str | None) -> str:
    """Return a URL with a user in it, and with a password where there is one."""
    parts = urlsplit(url)
    userinfo = quote(username, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
    return urlunsplit((parts.scheme, f"{userinfo}@{parts.netloc}", parts.path, parts.query, parts.fragment))


def show_location(url: str) -> str:
    """Return a URL as a page may show it: no value of its query, which may be a token."""
    try:
        return mask_location(url) if "://" in url else url
    except ConfigError:
        return url.partition("?")[0]
