"""Where an FTP URL points (RFC 1738, section 3.2), and in which words it is said to the server.

Texts for the wire are latin-1 strings that stand for bytes: what a URL encodes reaches the server byte for byte, and whatever a
server says can be read. A name of its listing goes back to it as it came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from connectors.wire.choosing import expand_dates, is_pattern
from connectors.wire.egress import port_of
from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.source import Source

Security = Literal["none", "explicit", "implicit"]

_IMPLICIT_PORT: Final = 990
_ANONYMOUS: Final = ("anonymous", "feedmill@")
_KEPT: Final = "/!$&'()*+,=:@~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """A server, who logs in there and how, a folder and a file of it.

    `user`, `password` and `folder` are texts for the wire; `folder` is relative to the login directory unless it begins with a
    slash, and empty for that directory itself. `file` is a name or, with `pattern`, a pattern; undecodable bytes of it are
    surrogates.
    """

    host: str
    port: int
    security: Security
    user: str
    password: str
    folder: str
    file: str
    pattern: bool

    def __repr__(self) -> str:
        # A traceback that shows locals would show the password.
        return f"Target({self.host}:{self.port})"


def target_of(source: Source, now: datetime) -> Target:
    """Read the URL and `source.path`, dates in it written out; raises `ConfigError` for what cannot be or may not be sent."""
    parts = urlsplit(source.url)
    if parts.query:
        # Left out, it would be another file that is read.
        raise ConfigError(f"{source.name}: an FTP URL has no query; write a question mark in a file name as %3F")
    path = _path_bytes(source, parts.path, now)
    folder, _, name = path.rpartition(b"/")
    if path.startswith(b"/") and not folder:
        folder = b"/"
    if not name:
        raise ConfigError(f"{source.name}: names a folder; name a file in it, or a pattern as resourcePath")
    user, password = _credentials(source)
    for what, text in (("path", path), ("user", user), ("password", password)):
        # A line end would let the rest of the text be a command of its own (RFC 959, section 5.3).
        if any(byte in text for byte in b"\r\n\0"):
            raise ConfigError(f"{source.name}: the {what} holds a line end or a NUL, which FTP cannot send; check its percent-encoding")
    port = port_of(source)
    return Target(
        host=parts.hostname or "",
        port=port or 0,
        security=_security(source, port),
        user=user.decode("latin-1"),
        password=password.decode("latin-1"),
        folder=folder.decode("latin-1"),
        file=name.decode("utf-8", "surrogateescape"),
        pattern=source.path is not None and is_pattern(name.decode("latin-1")),
    )


def _path_bytes(source: Source, url_path: str, now: datetime) -> bytes:
    segments, semicolon, suffix = url_path.removeprefix("/").partition(";type=")
    if semicolon and suffix.lower() not in ("i", "a"):
        raise ConfigError(f"{source.name}: ;type={suffix} is not known; leave it out, files are always read as they are")
    # Each segment is decoded on its own, so that a first %2F is the root and no separator is lost.
    path = b"/".join(unquote_to_bytes(segment) for segment in segments.split("/"))
    if source.path is None:
        return path
    below = expand_dates(source.path, now).lstrip("/").encode("utf-8")
    return path + (b"" if not path or path.endswith(b"/") else b"/") + below


def _credentials(source: Source) -> tuple[bytes, bytes]:
    if source.username is None:
        user, password = _ANONYMOUS
    else:
        user, password = source.username, source.password.reveal() if source.password is not None else ""
    return user.encode("utf-8", "surrogateescape"), password.encode("utf-8", "surrogateescape")


def _security(source: Source, port: int | None) -> Security:
    if source.scheme == "ftp":
        return "none"
    return source.tls.ftps or ("implicit" if port == _IMPLICIT_PORT else "explicit")


def wire(name: str) -> str:
    """Return a file's name as a text for the wire."""
    return name.encode("utf-8", "surrogateescape").decode("latin-1")


def document_name(source: Source, target: Target, file: str) -> str:
    """Return a document's name: the masked URL of the file."""
    if source.path is None:
        return source.name
    # A first slash of the folder is written as %2F: as it stands it would only separate the host (RFC 1738, section 3.2.2).
    folder = target.folder.encode("latin-1")
    root, folder = ("%2F", folder[1:]) if folder.startswith(b"/") else ("", folder)
    below = quote(folder, safe=_KEPT) + ("/" if folder else "") + quote(file.encode("utf-8", "surrogateescape"), safe=_KEPT)
    parts = urlsplit(source.url)
    return replace(source, url=urlunsplit((parts.scheme, parts.netloc, f"/{root}{below}", "", ""))).name
