"""Where an FTP URL points: RFC 1738's paths, the kind of TLS, names of documents (quirk 1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from connectors.ftpwire.target import Target, document_name, target_of, wire
from engine.errors import ConfigError
from engine.source import Source, Tls, parse_location

NOW = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


def _target(location: str, **more: Any) -> tuple[Source, Target]:
    source = replace(parse_location(location), **more)
    return source, target_of(source, NOW)


@pytest.mark.parametrize(
    ("below", "folder", "file"),
    [
        ("stock.csv", "", "stock.csv"),
        ("a/b/stock.csv", "a/b", "stock.csv"),
        ("%2Fsrv/stock.csv", "/srv", "stock.csv"),
        ("%2Fstock.csv", "/", "stock.csv"),
        ("/srv/stock.csv", "/srv", "stock.csv"),
        ("a%20b/c%3Bd.csv;type=i", "a b", "c;d.csv"),
        ("a%2Fb/stock.csv;TYPE=A".replace("TYPE", "type"), "a/b", "stock.csv"),
        ("stock%2A.csv", "", "stock*.csv"),
    ],
)
def test_a_path_starts_in_the_login_directory(below: str, folder: str, file: str) -> None:
    """Segments are decoded one by one, a first `%2F` is the root, `;type=` is left out; a URL holds no pattern."""
    _, target = _target(f"ftp://host/{below}")
    assert (target.folder, target.file, target.pattern) == (folder, file, False)


@pytest.mark.parametrize(
    ("below", "path", "folder", "file", "pattern"),
    [
        ("feeds", "stock_*.csv", "feeds", "stock_*.csv", True),
        ("feeds/", "/daily/stock_{date:%Y%m%d}.csv", "feeds/daily", "stock_20261101.csv", False),
        ("", "stock_?.csv", "", "stock_?.csv", True),
        ("%2F", "stock.csv", "/", "stock.csv", False),
        ("%2Fsrv", "{date:%Y}/stock.csv", "/srv/2026", "stock.csv", False),
    ],
)
def test_a_resource_path_stands_below_the_url(below: str, path: str, folder: str, file: str, pattern: bool) -> None:
    """Dates are written out, the last part may be a pattern, and it is not percent-decoded."""
    _, target = _target(f"ftp://host/{below}", path=path)
    assert (target.folder, target.file, target.pattern) == (folder, file, pattern)


@pytest.mark.parametrize(
    ("location", "override", "port", "security"),
    [
        ("ftp://host/x", None, 21, "none"),
        ("ftp://host:990/x", "implicit", 990, "none"),
        ("ftps://host/x", None, 21, "explicit"),
        ("ftps://host:2121/x", None, 2121, "explicit"),
        ("ftps://host:990/x", None, 990, "implicit"),
        ("ftps://host/x", "implicit", 990, "implicit"),
        ("ftps://host:990/x", "explicit", 990, "explicit"),
        ("ftps://host:2121/x", "implicit", 2121, "implicit"),
    ],
)
def test_the_port_tells_the_kind_of_tls_unless_a_setting_does(
    location: str, override: Literal["explicit", "implicit"] | None, port: int, security: str
) -> None:
    """`ftp:` never speaks TLS and `ftps:` always does."""
    _, target = _target(location, tls=Tls(ftps=override))
    assert (target.port, target.security) == (port, security)


def test_credentials_are_utf8_on_the_wire() -> None:
    """What the URL encodes arrives as those bytes; without a user it is the anonymous one (RFC 1635)."""
    _, target = _target("ftp://j%C3%B6%40shop:%E2%82%AC%3A%2F@host/x")
    assert (target.user.encode("latin-1"), target.password.encode("latin-1")) == ("jö@shop".encode(), "€:/".encode())
    _, target = _target("ftp://host/x")
    assert (target.user, target.password) == ("anonymous", "feedmill@")
    _, target = _target("ftp://shop@host/x")
    assert (target.user, target.password) == ("shop", "")


def test_a_target_shows_no_secret() -> None:
    """A traceback that prints locals prints this."""
    _, target = _target("ftp://shop:hunter2@host/x")
    assert "hunter2" not in repr(target)


@pytest.mark.parametrize(
    "location",
    ["ftp://host", "ftp://host/", "ftp://host/a/", "ftp://host/x;type=d", "ftp://host/x%0D%0AQUIT", "ftp://host/x?y.csv"],
)
def test_what_names_no_file_is_a_setting_to_change(location: str) -> None:
    """A folder, a listing, a second command and half a name are no feeds."""
    with pytest.raises(ConfigError):
        _target(location)


@pytest.mark.parametrize("below", ["feeds/stock%201.csv", "%2Fsrv/stock.csv", "gr%C3%B6%C3%9Fe/%23%3B.csv"])
def test_the_name_of_a_chosen_file_is_a_url_of_it(below: str) -> None:
    """A document's name, read as a URL, points to the same file."""
    _, direct = _target(f"ftp://shop:pw@host/{below}")
    folder, _, _ = below.rpartition("/")
    source, chosen = _target(f"ftp://shop:pw@host/{folder}", path="*")
    name = document_name(source, chosen, direct.file)
    assert name.startswith("ftp://shop:***@host/")
    _, again = _target(name.replace("***", "pw"))
    assert (again.folder, again.file) == (direct.folder, direct.file)


def test_a_name_goes_to_the_wire_byte_for_byte() -> None:
    """Bytes that are no UTF-8 come back as they were listed."""
    assert wire(b"Gr\xf6\xdfe".decode("utf-8", "surrogateescape")).encode("latin-1") == b"Gr\xf6\xdfe"
