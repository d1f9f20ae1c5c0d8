"""What becomes of a source's URL: credentials decoded for the wire, and never shown."""

from __future__ import annotations

import copy
import traceback
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.source import MASK, Patience, Secret, Source, mask_location, parse_location


@pytest.mark.parametrize(
    ("location", "username", "password"),
    [
        ("http://host/f.csv", None, None),
        ("http://shop@host/f.csv", "shop", None),
        ("http://shop:@host/f.csv", "shop", ""),
        ("http://:pw@host/f.csv", "", "pw"),
        ("http://shop:p%40ss%2Fw%3Ard@host/f.csv", "shop", "p@ss/w:rd"),
        ("http://jo%40shop.example:pw@host/f.csv", "jo@shop.example", "pw"),
        ("http://jo@shop.example:pw@host/f.csv", "jo@shop.example", "pw"),
        ("http://shop:a:b@host/f.csv", "shop", "a:b"),
        ("http://j%C3%B6:%E2%82%AC@host/f.csv", "jö", "€"),
    ],
)
def test_userinfo_is_split_and_decoded(location: str, username: str | None, password: str | None) -> None:
    """User and password are percent-decoded (RFC 1738, 3.1); an empty password is one, a missing one is None (quirk 1)."""
    source = parse_location(location)
    assert source.url == "http://host/f.csv"
    assert source.username == username
    assert source.password == (None if password is None else Secret(password))


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("http://host:8080/f.csv", "http://host:8080/f.csv"),
        ("http://shop:hunter2@host/f.csv", "http://shop:***@host/f.csv"),
        ("http://shop:@host/f.csv", "http://shop:***@host/f.csv"),
        ("http://shop@host/f.csv", "http://shop@host/f.csv"),
        ("http://shop:12/hunter2@host/f.csv", "http://shop:12/***@host/f.csv"),
        ("http://host/f.csv?token=hunter2&format=csv", "http://host/f.csv?token=***&format=***"),
        ("http://host/f.csv#hunter2", "http://host/f.csv"),
        ("HTTPS://Host/f.csv", "https://Host/f.csv"),
    ],
)
def test_what_is_shown_has_no_secret(location: str, shown: str) -> None:
    """The password and every query value are masked, for suppliers put tokens there."""
    assert mask_location(location) == shown


@pytest.mark.parametrize(
    "location", ["ftp://shop:12#hunter2@host/f.csv", "FTPS://host/f#2.csv", "sftp://shop@host/f#2.csv", "file:///srv/f#2.csv"]
)
def test_a_number_sign_does_not_cut_a_name(location: str) -> None:
    """Only web addresses have fragments: elsewhere the rest of the name would be lost, and another file read."""
    with pytest.raises(ConfigError, match="as %23") as caught:
        parse_location(location)
    assert "hunter2" not in str(caught.value)
    assert parse_location(location.replace("#", "%23")).url.endswith(".csv")


def test_the_scheme_is_in_lower_case() -> None:
    """Connectors are chosen by scheme however it was typed."""
    assert parse_location("FTP://host/f.csv").scheme == "ftp"


def test_the_patience_is_passed_on() -> None:
    """A feed's own patience replaces the default."""
    assert parse_location("http://host/", patience=Patience(idle=1)).patience.idle == 1
    assert parse_location("http://host/").patience == Patience()


def test_a_path_becomes_a_file_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text without a scheme is a path, relative to where the command was given."""
    monkeypatch.chdir(tmp_path)
    assert parse_location("Lager 50%.csv").url == (tmp_path / "Lager 50%.csv").as_uri()
    assert parse_location("/srv/f.csv").url == "file:///srv/f.csv"


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("", "the source is empty"),
        ("   ", "the source is empty"),
        ("http:///f.csv", "names no host"),
        ("http://shop:pa/ss@host/f.csv", "percent-encode reserved characters"),
        ("http://host:99999/f.csv", "no valid host and port"),
        ("http://shop:hunter2@host:port/f.csv", "no valid host and port"),
    ],
)
def test_a_location_that_cannot_work_says_why(location: str, reason: str) -> None:
    """What has to be changed is said before anything is fetched, without quoting the URL."""
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_location(location)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_secret_shows_only_when_asked() -> None:
    """Neither text, representation, formatting nor the source around it shows a password; `reveal` does."""
    secret = Secret("hunter2")
    source = Source("http://host/", "shop", secret)
    for shown in (str(secret), repr(secret), f"{secret}", repr([secret]), repr(source), str(source)):
        assert MASK in shown
        assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


def test_secrets_compare_by_what_they_hold() -> None:
    """Equal secrets are equal and hash alike; a secret never equals its text."""
    assert Secret("a") == copy.copy(Secret("a"))
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
