"""What is shown in place of a secret, and how a caller who sends that back keeps the secret, but never for another host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import SplitResult, urlsplit, urlunsplit

from engine.errors import ConfigError
from engine.source import MASK, Auth, mask_location, parse_location

if TYPE_CHECKING:
    from engine.batch import JsonValue

WHOLE: Final = ("authenticationToken", "authenticationSecret", "proxyUrl", "webhookEndpoint", "parseWebhookEndpoint")
"""Attributes of a feed that are masked as a whole."""

INNER: Final = ("clientKeyPassword", "privateKeyPassphrase")
"""Attributes of `transport` that are."""

_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}


def is_masked(location: str) -> bool:
    """Return whether a URL has a mask where a secret would be."""
    if MASK not in location:
        return False
    source = parse_location(location)
    parts = urlsplit(source.url)
    values = [pair.partition("=")[2] if "=" in pair else pair for pair in parts.query.split("&")]
    password = source.password.reveal() if source.password is not None else None
    return MASK in (source.username, password, *values) or parts.path.startswith(f"/{MASK}@")


def unmask_location(sent: str, stored: str | None, auth: Auth) -> str:
    """Return the URL that a caller means by one with masks: the stored one's secrets stay where scheme, host and port do.

    `auth` is by what the stored one is shown. Raises `ConfigError` where a mask stands for nothing, or would follow to another host.
    """
    if stored is not None and sent == mask_location(stored, auth=auth):
        return stored
    if not is_masked(sent):
        return sent
    if stored is None or is_masked(stored):
        raise ConfigError("holds a mask, but no secret is stored that it could stand for: send the whole URL")
    if not same_host(sent, stored):
        raise ConfigError("is on another host than before, where the masked secret does not follow: send the whole URL")
    new, old = urlsplit(sent), urlsplit(stored)
    user, colon, password = new.netloc.rpartition("@")[0].partition(":")
    old_user, _, old_password = old.netloc.rpartition("@")[0].partition(":")
    kept = ":".join([_kept(user, old_user), *([_kept(password, old_password)] if colon else [])])
    host = new.netloc.rpartition("@")[2]
    whole = urlunsplit((new.scheme, f"{kept}@{host}" if "@" in new.netloc else host, new.path, _kept_query(new, old), new.fragment))
    if is_masked(whole):
        raise ConfigError("holds a mask, but no secret is stored that it could stand for: send the whole URL")
    return whole


def same_host(one: str | None, other: str | None) -> bool:
    """Return whether two URLs mean the same scheme, host and port."""
    return one is not None and other is not None and _origin(one) == _origin(other)


def _origin(location: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(parse_location(location).url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _kept(sent: str, stored: str) -> str:
    return stored if sent == MASK and stored else sent


def _kept_query(new: SplitResult, old: SplitResult) -> str:
    """Return the query with each masked value as it was stored, name by name and the first for the first."""
    stored = [pair.partition("=") for pair in old.query.split("&")] if old.query else []
    kept: list[str] = []
    for pair in new.query.split("&") if new.query else ():
        name, equals, value = pair.partition("=")
        wanted = next((each for each in stored if (each[0] == name and each[1] if equals else not each[1])), None)
        if (value if equals else name) == MASK and wanted is not None:
            stored.remove(wanted)
            pair = "".join(wanted)
        kept.append(pair)
    return "&".join(kept)


def unmask(sent: object, stored: object) -> object:
    """Return the secret that is meant by a value that a caller sent. Raises `ConfigError` for a mask that stands for nothing."""
    if sent != MASK:
        return sent
    if stored in (None, MASK):
        raise ConfigError("is a mask, but nothing is stored that it could stand for: send the secret")
    return stored


def unmask_parameters(sent: object, stored: Sequence[Mapping[str, JsonValue]]) -> object:
    """Return parameters with each masked value as it was stored under the same name and type, the first for the first.

    Raises `ConfigError` for a mask that stands for nothing.
    """
    if not isinstance(sent, list):
        return sent
    left = list(stored)
    rows: list[object] = []
    for row in cast("list[object]", sent):
        if isinstance(row, Mapping) and row.get("value") == MASK:
            key = (row.get("name"), row.get("type", "query"))
            known = next((each for each in left if (each.get("name"), each.get("type", "query")) == key), None)
            if known is not None:
                left.remove(known)
            rows.append({**row, "value": unmask(MASK, known and known.get("value"))})
        else:
            rows.append(row)
    return rows
