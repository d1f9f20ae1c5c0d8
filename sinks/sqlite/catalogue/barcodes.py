"""Barcodes as numbers of the trade: GTIN-8, 12, 13 and 14 on one length."""

from __future__ import annotations

from typing import Final

_LENGTHS: Final = frozenset({8, 11, 12, 13, 14})
"""Digits that a GTIN may have; 11 are twelve without their leading zero, which a spreadsheet took for a number."""

_DIGITS: Final = 14
_JOINTS: Final = str.maketrans("", "", " -")


def read_gtin(text: str | None) -> str | None:
    """Return a barcode as 14 digits, None where it is no GTIN.

    The check digit has to be right (GS1 General Specifications, section 7.9); zeros put in front do not change it. Blanks and
    hyphens between the digits, as they are printed, say nothing. Nothing but zeros is no number that anybody was given.
    """
    if text is None:
        return None
    digits = text.translate(_JOINTS)
    if len(digits) not in _LENGTHS or not (digits.isascii() and digits.isdigit()):
        return None
    padded = digits.zfill(_DIGITS)
    return padded if _check_digit(padded[:-1]) == padded[-1] and padded.strip("0") else None


def _check_digit(body: str) -> str:
    """Return the check digit of the 13 digits before it: weights 3 and 1 by turns, from the right, up to the next ten."""
    total = 3 * sum(map(int, body[::2])) + sum(map(int, body[1::2]))
    return str(-total % 10)
