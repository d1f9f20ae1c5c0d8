"""A pasted address in its parts, and the secrets of it that are kept for a while."""

from __future__ import annotations

import pytest

from feedmill.dashboard.adding.location import Location, join_location, show_location, split_location
from feedmill.service.security import typed
from feedmill.service.security.typed import TypedSecrets


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://supplier.example/a?b=c", Location("https://supplier.example/a?b=c")),
        (" ftp://ada:p%40ss@h:2121/a.csv ", Location("ftp://h:2121/a.csv", "ada", "p@ss")),
        ("sftp://ada@h/a.csv", Location("sftp://h/a.csv", "ada", None)),
        # A password whose reserved characters were not percent-encoded.
        ("ftp://ada:p@ss@h/a.csv", Location("ftp://h/a.csv", "ada", "p@ss")),
        ("ftp://ada:12/ss@h/a.csv", Location("ftp://h/a.csv", "ada", "12/ss")),
        ("ftp://ada:p/s?s#@h/a.csv", Location("ftp://h/a.csv", "ada", "p/s?s#")),
        # An at sign in the path is none of a user's.
        ("ftp://h/stock@noon.csv", Location("ftp://h/stock@noon.csv")),
        ("ftp://h:21x/ada:pw@/", Location("ftp:///")),
        ("/srv/stock.csv", Location("/srv/stock.csv")),
        ("", Location("")),
    ],
)
def test_user_and_password_are_taken_out_of_an_address(text: str, found: Location) -> None:
    """Whatever was pasted, what remains of it holds no password."""
    assert split_location(text) == found
    assert not found.password or found.password not in repr(split_location(text))


def test_a_user_with_reserved_characters_is_joined_and_split_again() -> None:
    """What is put into a URL comes out of it the same."""
    for username, password in (("ada", None), ("a:da@x", "p@s/s#?%41"), ("", "token")):
        joined = join_location("ftp://h:2121/a.csv", username, password)
        assert split_location(joined) == Location("ftp://h:2121/a.csv", username, password)


def test_no_value_of_a_query_is_shown() -> None:
    """It may be a token; of what is no URL the query is left out."""
    assert show_location("https://h/a?token=t0ken&b") == "https://h/a?token=***&***"
    assert "t0ken" not in show_location("https://:x/a?t0ken")


def test_secrets_are_given_back_to_their_session_alone_and_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another session gets nothing and changes nothing; what is old, or pushed out by many others, is gone."""
    now = 0.0
    monkeypatch.setattr(typed, "monotonic", lambda: now)
    secrets = TypedSecrets()
    handle = secrets.keep("ada", {"password": "one"})
    assert secrets.keep("ada", {"password": "two"}, handle) == handle
    stolen = secrets.keep("eve", {"password": "three"}, handle)
    assert stolen != handle
    assert secrets.find("eve", handle) == {}
    secrets.forget("eve", handle)
    assert secrets.find("ada", handle) == {"password": "two"}
    now = typed.TYPED_SECONDS + 1
    assert secrets.find("ada", handle) == {}
    kept = [secrets.keep("ada", {"password": str(number)}) for number in range(typed.TYPED_AT_ONCE + 1)]
    assert [bool(secrets.find("ada", each)) for each in (kept[0], kept[1], kept[-1])] == [False, True, True]
