"""Which currencies the marks beside a price may mean: codes and symbols."""

from __future__ import annotations

import re
from typing import Final

_DOLLARS: Final = {
    *("ARS", "AUD", "BBD", "BMD", "BND", "BRL", "BSD", "BZD", "CAD", "CLP", "COP", "DOP", "FJD", "GYD"),
    *("HKD", "JMD", "KYD", "LRD", "MXN", "NAD", "NZD", "SGD", "SRD", "TTD", "TWD", "USD", "UYU", "XCD"),
}
_POUNDS: Final = {"EGP", "FKP", "GBP", "GIP", "LBP", "SDG", "SHP", "SSP", "SYP"}
_SYMBOLS: Final = {
    "$": _DOLLARS,
    "\u00a3": _POUNDS,
    "\u00a5": {"CNY", "JPY"},
    "\u20ac": {"EUR"},
    "\u20b4": {"UAH"},
    "\u20b9": {"INR"},
    "\u20ba": {"TRY"},
    "\u20bd": {"RUB"},
}
_SPELT: Final = {
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HUF", "INR"),
    *("JPY", "NOK", "NZD", "PLN", "RON", "RUB", "SEK", "TRY", "UAH", "USD"),
}


def may_mean(mark: str, currency: str) -> bool:
    """Say whether a mark beside a price, as `EUR`, `US$` or `kr.`, may stand for a currency (ISO 4217).

    Three capitals are always a code. A code in small letters counts only if it is a common one, because `Lei` and `Din` are
    words; what is neither code nor known symbol may mean anything.
    """
    if (known := _SYMBOLS.get(mark[-1])) is not None:
        return currency in known
    code = mark.rstrip(".")
    if code.upper() in _SPELT or re.fullmatch("[A-Z]{3}", code):
        return code.upper() == currency
    return True
