"""What JSON a body may hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.web.json_text import parse_json
from feedmill.web.problems import Problem

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(['"', "\\", "[", "}", ":", '\\":'])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def depth(value: object) -> int:
    """Return how deep brackets nest in a value."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(VALUES, st.booleans())
def test_what_is_json_is_read(value: object, ascii_only: bool) -> None:
    """Whatever stands in its texts, brackets, colons, quotes, a value is read exactly down to the depth allowed, and no deeper."""
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse_json(raw, max(depth(value), 1)) == value
    if depth(value) > 1:
        with pytest.raises(Problem, match="nested deeper") as refused:
            parse_json(raw, depth(value) - 1)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (b"", 400, "no JSON"),
        (b'{"a": 1} {}', 400, "no JSON"),
        (b'{"quantity": 1e999}', 400, "no JSON"),
        (b"NaN", 400, "no JSON"),
        (b'"\\ud800"', 400, "no JSON"),
        (b'"\xed\xa0\x80"', 400, "no JSON"),
        (b'"\xc0\xaf"', 400, "no JSON"),
        (b"\xff\xfe[\x00]\x00", 400, "no JSON"),
        (b'"\x00"', 400, "no JSON"),
        (b"[" * 100_000, 400, "no JSON"),
        (b"[" * 33 + b"]" * 33, 400, "nested deeper"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, 400, "nested deeper"),
        (b'[{"b": {"quantity": 1, "quantity": 0}}]', 400, "names 'quantity' twice"),
        (b'{"a": 1, "\\u0061": 2}', 400, "names 'a' twice"),
        (b'{"a": {"b": [1, "x\\u0000"]}}', 422, "cannot be taken"),
    ],
)
def test_what_is_refused(raw: bytes, status: int, said: str) -> None:
    """What is no JSON, too deep or ambiguous is malformed; a text with NUL is invalid."""
    with pytest.raises(Problem, match=said) as refused:
        parse_json(raw, 32)
    assert refused.value.status == status


def test_where_a_nul_is() -> None:
    """The answer says which attribute holds a NUL; what only looks like the escape of one is a text like any other."""
    with pytest.raises(Problem) as refused:
        parse_json(b'{"a": {"b": [1, "x\\u0000"]}}', 32)
    assert [fault.field for fault in refused.value.faults] == ["a.b.1"]
    assert parse_json(b'"\\\\u0000"', 32) == "\\u0000"
