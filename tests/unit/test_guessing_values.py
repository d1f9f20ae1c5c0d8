"""What the values of a column say of it."""

from __future__ import annotations

import pytest

from engine.batch import SEVERAL
from mappers.guessing.values import find_currencies, find_notation, is_flag, is_gtin, is_stock_figure, profile


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("4006381333931", True),
        ("4006381333932", False),
        ("036000291452", True),
        ("96385074", True),
        ("10614141000415", True),
        ("00000000", False),
        ("123", False),
        ("4006381333931 ", False),
    ],
)
def test_barcodes_are_told_by_their_check_digit(text: str, right: bool) -> None:
    """A GTIN of any length counts only with the right check digit."""
    assert is_gtin(text) is right


@pytest.mark.parametrize("text", ["0", "12", "8,00", "1.234", ">100", "100+", "10-50", "39,5", "-1"])
def test_stock_figures_are_what_a_run_can_read(text: str) -> None:
    """Every figure that the rules read as stock is one here."""
    assert is_stock_figure(text)


@pytest.mark.parametrize("text", ["In stock", "4006381333931", "1,2,3", "n/a", "2026-03-08x", "9999999"])
def test_other_texts_are_no_stock_figures(text: str) -> None:
    """Words, barcodes and numbers beyond all stocks are none."""
    assert not is_stock_figure(text)


def test_yes_and_no_are_words_or_nought_and_one() -> None:
    """Of numbers only 0 and 1 say yes or no: 7 may be days, or pieces."""
    assert [is_flag(text) for text in ("yes", "Nein", "in stock", "0", "1", "7", "maybe")] == [True, True, True, True, True, False, False]


def test_a_key_is_unique_one_a_record_and_readable() -> None:
    """Two equal values, two in one record, many blanks or one that a spreadsheet destroyed: none of them is a key."""
    assert profile(["a", "b", "c"]).unique
    assert not profile(["a", "b", "a"]).unique
    assert not profile(["a", "b", "a\u00a0"]).unique
    assert not profile(["a", SEVERAL.join(("b", "c"))]).unique
    assert not profile(["a", "", "", "b"]).unique
    assert not profile(["a", "1.23E+12"]).unique
    assert profile([*map(str, range(20)), ""]).unique


def test_what_moves_as_a_stock_does() -> None:
    """A nought or many figures are a stock's; a few sizes of pack are not, and a handful of records says nothing."""
    assert profile(["6", "12", "0"] * 10).moves
    assert profile([str(number) for number in range(1, 40)]).moves
    assert not profile(["6", "12", "24"] * 10).moves
    assert profile(["6", "12", "24"]).moves
    assert not profile(["1"] * 30).varies


@pytest.mark.parametrize(
    ("values", "decimal", "comma", "open_"),
    [
        (["1", "8,00"], None, "8,00", None),
        (["1", "9.99"], "9.99", None, None),
        (["1.234"], None, None, "1.234"),
        (["12.5", "8,00"], "12.5", "8,00", None),
        (["1", "2", "many"], None, None, None),
        (["1.234,56 €"], None, "1.234,56 €", None),
    ],
)
def test_the_notation_of_decimals_is_told_by_what_has_one_reading(
    values: list[str], decimal: str | None, comma: str | None, open_: str | None
) -> None:
    """Only a text that one notation alone can read tells which it is."""
    found = find_notation([profile(values)])
    assert (found.decimal, found.comma, found.open) == (decimal, comma, open_)


def test_currencies_are_what_all_marks_may_mean() -> None:
    """One mark names the currency, a dollar sign many, contradicting ones none."""
    assert find_currencies([profile(["12.00 EUR", "€ 3"])]) == {"EUR"}
    assert {"USD", "CAD"} <= find_currencies([profile(["$126.71"])])
    assert find_currencies([profile(["$126.71", "US$ 3"])]) == {"USD"}
    assert find_currencies([profile(["12 EUR", "12 CZK"])]) == frozenset()
    assert find_currencies([profile(["12.00"])]) == frozenset()
