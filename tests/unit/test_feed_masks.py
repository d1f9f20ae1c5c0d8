"""Masks that come back: which secret they stand for, and that none follows to another host."""

from __future__ import annotations

import pytest

from engine.errors import ConfigError
from engine.source import mask_location
from feedmill.service.definition.masks import is_masked, same_host, unmask_location, unmask_parameters

STORED = "https://joe:s%40crt@shop.example/a.csv?key=k1&key=k2&page=3&tok"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (mask_location(STORED), STORED),
        ("https://joe:***@shop.example/b.csv", "https://joe:s%40crt@shop.example/b.csv"),
        ("https://joe:***@shop.example:443/b.csv", "https://joe:s%40crt@shop.example:443/b.csv"),
        ("https://jim:***@SHOP.example/a.csv", "https://jim:s%40crt@SHOP.example/a.csv"),
        ("https://shop.example/a.csv?key=***&page=4&key=***", "https://shop.example/a.csv?key=k1&page=4&key=k2"),
        ("https://shop.example/a.csv?***", "https://shop.example/a.csv?tok"),
        ("https://joe:new@other.example/a.csv", "https://joe:new@other.example/a.csv"),
        ("https://shop.example/stock_***.csv", "https://shop.example/stock_***.csv"),
    ],
)
def test_a_mask_stands_for_what_is_stored(sent: str, meant: str) -> None:
    """Password and query values come back where their masks stand, as long as scheme, host and port are the same."""
    assert unmask_location(sent, STORED, "basic") == meant


@pytest.mark.parametrize(
    "sent",
    [
        "https://joe:***@other.example/a.csv",
        "http://joe:***@shop.example/a.csv",
        "https://joe:***@shop.example:8443/a.csv",
        "https://shop.example.evil.example/a.csv?key=***",
        "https://shop.example/a.csv?secret=***",
        "https://shop.example/a.csv?key=***&key=***&key=***",
    ],
)
def test_a_mask_follows_nowhere_else(sent: str) -> None:
    """Another scheme, host or port, or a name that nothing is stored under: the secret stays where it is."""
    with pytest.raises(ConfigError, match="send the whole URL"):
        unmask_location(sent, STORED, "basic")


def test_a_mask_without_a_secret_is_refused() -> None:
    """A mask of a new feed, or of one whose secret is not known, stands for nothing; what was shown of that one may come back."""
    for stored in (None, "ftp://joe:***@host/x"):
        with pytest.raises(ConfigError, match="no secret is stored"):
            unmask_location("ftp://joe:***@host/y", stored, "basic")
    assert unmask_location("ftp://joe:***@host/x", "ftp://joe:***@host/x", "basic") == "ftp://joe:***@host/x"


def test_a_user_who_is_the_token_is_a_secret_too() -> None:
    """Where the user is sent as the token it is masked, and comes back as it was."""
    stored = "https://t0ken@shop.example/a"
    assert unmask_location("https://***@shop.example/a", stored, "bearer") == stored
    assert unmask_location("https://***@shop.example/b", stored, "bearer") == "https://t0ken@shop.example/b"
    assert is_masked("https://***@shop.example/a")
    assert same_host("ftp://a@h/x", "ftp://b:c@h:21/y")


def test_parameters_are_known_by_name_and_type() -> None:
    """Each masked value is the one that was stored under its name and type, the first for the first."""
    stored = [{"name": "k", "value": "1"}, {"name": "k", "value": "2"}, {"name": "k", "value": "3", "type": "header"}]
    sent = [
        {"name": "k", "value": "***", "type": "header"},
        {"name": "k", "value": "***"},
        {"name": "k", "value": "9"},
        {"name": "k", "value": "***"},
    ]
    kept = unmask_parameters(sent, stored)
    assert isinstance(kept, list)
    assert [row["value"] for row in kept] == ["3", "1", "9", "2"]
    with pytest.raises(ConfigError, match="nothing is stored"):
        unmask_parameters([{"name": "other", "value": "***"}], stored)
