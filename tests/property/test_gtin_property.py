"""Barcodes: what is one number is one text, and a wrong check digit is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.sqlite.catalogue.barcodes import read_gtin

BODIES = (
    st.sampled_from([7, 11, 12, 13])
    .flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size))
    .filter(lambda s: s.strip("0"))
)


def with_check_digit(body: str) -> str:
    """Return a number with the check digit that GS1's table of weights gives it, place by place from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return f"{body}{(10 - total % 10) % 10}"


@given(BODIES)
def test_a_right_check_digit_gives_fourteen_digits(body: str) -> None:
    """A GTIN-8, 12, 13 or 14 is read as itself with zeros before it, as printed or not."""
    number = with_check_digit(body)
    assert read_gtin(number) == number.zfill(14)
    assert read_gtin(f" {number[:1]} {number[1:-1]}-{number[-1]}") == number.zfill(14)


@given(BODIES, st.integers(1, 9))
def test_a_wrong_check_digit_is_no_number(body: str, off: int) -> None:
    """Of the ten check digits nine are wrong."""
    number = with_check_digit(body)
    assert read_gtin(f"{number[:-1]}{(int(number[-1]) + off) % 10}") is None


@given(BODIES)
def test_one_number_has_one_text(body: str) -> None:
    """However many zeros stand before a number, up to a length that there is, it is the same one."""
    number = with_check_digit(body)
    read = {read_gtin(number.zfill(size)) for size in (12, 13, 14) if size >= len(number)}
    assert read == {number.zfill(14)}


@given(st.text("0123456789", min_size=10, max_size=10).filter(lambda body: body.strip("0")))
def test_a_lost_zero_is_found(body: str) -> None:
    """Twelve digits whose first is a zero are the same number without it; eleven are none where the check digit is wrong."""
    number = with_check_digit(f"0{body}")
    assert read_gtin(number[1:]) == number.zfill(14)
    assert read_gtin(f"{number[1:-1]}{(int(number[-1]) + 1) % 10}") is None


@given(st.text(max_size=20))
def test_no_other_text_is_a_number(text: str) -> None:
    """What is read has fourteen ASCII digits, and nothing but zeros is nothing."""
    read = read_gtin(text)
    assert read is None or (len(read) == 14 and read.isascii() and read.isdigit() and read.strip("0"))
    assert read_gtin("0" * len(text)) is None
