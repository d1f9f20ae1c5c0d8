"""Marks of pages: texts that anybody can make, of which only those are read that a list can have given."""

import base64

import orjson
import pytest

from engine.errors import InvalidItem
from sinks.sqlite.service.browsing.places import Mark


@pytest.mark.parametrize("mark", [Mark(0, None), Mark(1, ("a\u00e9", 7), True, 400_000), Mark(8, (-1, 0, (1 << 62) - 1))])
def test_a_mark_comes_back(mark: Mark) -> None:
    """A mark that was given is read as it was."""
    assert Mark.read(mark.text()) == mark


_NUMBERS: tuple[object, ...] = (1 << 62, -(1 << 62), (1 << 64) - 1, 1.5, None, [])
_STRETCHES: tuple[object, ...] = (-1, 9, "0", 0.5, None)
_PLACES: tuple[object, ...] = ("a", 1, {"a": 1})


@pytest.mark.parametrize(
    "parts",
    [
        *([0, [number], False, 0] for number in _NUMBERS),
        *([stretch, None, False, 0] for stretch in _STRETCHES),
        *([0, place, False, 0] for place in _PLACES),
        *([0, None, backward, 0] for backward in (0, "true", None)),
        *([0, None, False, looked] for looked in ((1 << 64) - 1, "1", None)),
        [0, None, False],
        {"stretch": 0},
        0,
    ],
)
def test_a_mark_that_no_list_gave_is_refused(parts: object) -> None:
    """What is of another shape, or a number that no database takes, is an error of whoever sent it."""
    with pytest.raises(InvalidItem, match="cannot be queried"):
        Mark.read(base64.urlsafe_b64encode(orjson.dumps(parts)).decode())


@pytest.mark.parametrize("text", ["", "!", "AAAA", "\u00e9", "=" * 9, "x" * 5_000])
def test_a_text_that_is_no_mark_is_refused(text: str) -> None:
    """Any other text is refused the same way."""
    with pytest.raises(InvalidItem, match="cannot be queried"):
        Mark.read(text)
