"""What a response's validators are worth: as a version, and as the proof that a rest belongs to the same bytes."""

from __future__ import annotations

import pytest

from connectors.web.validators import conditions, contradicts, goes_on, validators_of

T0, T1, T2 = "Sun, 01 Nov 2026 06:30:00 GMT", "Sun, 01 Nov 2026 06:30:01 GMT", "Sun, 01 Nov 2026 06:30:02 GMT"
HEX = f'"{1_793_514_600:x}-13"'


@pytest.mark.parametrize(
    ("etag", "modified", "date", "version", "proof"),
    [
        ('"v7"', "", "", 'etag "v7"', '"v7"'),
        ('"v7"', T0, T0, 'etag "v7"', '"v7"'),
        ('W/"v7"', "", T2, 'etag W/"v7"', None),
        ('W/"v7"', T0, T2, 'etag W/"v7"', T0),
        ('W/"v7"', T0, T1, None, None),
        ('W/"v7"', T0, "", None, None),
        (HEX, T0, T2, f"etag {HEX}", HEX),
        (HEX, T0, T1, None, None),
        (HEX, T1, T1, f"etag {HEX}", HEX),
        ('"1234567890"', T0, T1, None, None),
        ('"1234567890"', T0, T2, 'etag "1234567890"', '"1234567890"'),
        ('"7"', "", T2, 'etag "7"', '"7"'),
        ("unquoted", "", "", "etag unquoted", None),
        ("", T0, T2, f"modified {T0}", T0),
        ("", T0, T1, None, None),
        ("", T0, "", None, None),
        ("", T2, T0, None, None),
        ("", "", T2, None, None),
        ('""', T0, T2, f"modified {T0}", T0),
        ('"' + "x" * 600 + '"', "", "", None, None),
    ],
)
def test_a_time_counts_only_once_it_has_settled(etag: str, modified: str, date: str, version: str | None, proof: str | None) -> None:
    """A strong ETag counts always; what is made of a time counts when that lies two seconds before the server's Date."""
    found = validators_of({"ETag": etag, "Last-Modified": modified, "Date": date})
    assert (found.version, found.range_condition) == (version, proof)


def test_a_coded_body_is_proven_by_a_strong_etag_only() -> None:
    """A time stands for the file: the same file compressed again may be other bytes."""
    coded = {"Last-Modified": T0, "Date": T2, "Content-Encoding": "gzip"}
    assert validators_of(coded).range_condition is None
    assert validators_of({**coded, "ETag": '"v7-gzip"'}).range_condition == '"v7-gzip"'
    assert validators_of({**coded, "Content-Encoding": "identity"}).range_condition == T0


def test_a_version_asks_by_one_header() -> None:
    """An ETag is never joined by a time: a server that minds only the time would call a changed file unchanged."""
    assert conditions('etag "v7"') == {"If-None-Match": '"v7"'}
    assert conditions(f"modified {T0}") == {"If-Modified-Since": T0}
    assert conditions("size=12 mtime=20260101") == conditions("etag") == conditions("") == {}


@pytest.mark.parametrize(
    ("headers", "version", "expected"),
    [
        ({}, 'etag "v7"', False),
        ({"ETag": '"v7"'}, 'etag "v7"', False),
        ({"ETag": 'W/"v7"'}, 'etag "v7"', False),
        ({"ETag": '"v8"'}, 'etag "v7"', True),
        ({"Last-Modified": T1}, 'etag "v7"', False),
        ({"Last-Modified": T0}, f"modified {T0}", False),
        ({"Last-Modified": T1}, f"modified {T0}", True),
    ],
)
def test_a_304_has_to_speak_of_what_was_asked(headers: dict[str, str], version: str, expected: bool) -> None:
    """A 304 that names another validator of the same kind is about other bytes."""
    assert contradicts(headers, version) is expected


@pytest.mark.parametrize(
    ("told", "total", "expected"),
    [
        ("bytes 60-99/100", 100, 100),
        ("bytes 60-99/100", None, 100),
        ("bytes 60-79/100", 100, 100),
        ("bytes 60-99/101", 100, None),
        ("bytes 59-99/100", 100, None),
        ("bytes 60-100/100", 100, None),
        ("bytes 60-59/100", None, None),
        ("bytes 60-99/*", 100, None),
        ("bytes */100", 100, None),
        ("lines 60-99/100", 100, None),
        ("", 100, None),
    ],
)
def test_a_range_goes_on_where_it_was_asked_to(told: str, total: int | None, expected: int | None) -> None:
    """A range that begins elsewhere, or of a document of another length, is not the rest of ours."""
    assert goes_on({"Content-Range": told}, 60, total) == expected
