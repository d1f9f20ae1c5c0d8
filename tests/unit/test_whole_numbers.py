"""Numbers that are typed into forms and addresses of pages."""

import pytest

from feedmill.dashboard.forms import whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), (" 7 ", 7), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_a_whole_number_is_read(text: str, number: int) -> None:
    """Digits are a number, with blanks around them and zeros before them."""
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " ", "-1", "+1", "1.0", "1e3", "1_0", "\u0663", "\u00b2", "9" * 19, "9" * 5_000])
def test_anything_else_is_none(text: str) -> None:
    """Digits of other scripts, signs, and what no database takes are no number, and never an error."""
    assert whole_number(text) is None
