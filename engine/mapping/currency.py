"""Which currencies the marks beside a price may mean: codes and symbols. A mark that is none is no price."""

from __future__ import annotations

from typing import Final

_CODES: Final = frozenset((
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL",
    "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD",
    "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HRK", "HTG", "HUF",
    "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK",
    "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN",
    "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF",
    "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND",
    "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG",
))  # fmt: skip
"""ISO 4217, the currencies in use."""

_DOLLARS: Final = frozenset((
    "ARS", "AUD", "BBD", "BMD", "BND", "BRL", "BSD", "BZD", "CAD", "CLP", "COP", "DOP", "FJD", "GYD", "HKD", "JMD", "KYD", "LRD", "MXN",
    "NAD", "NZD", "SBD", "SGD", "SRD", "TTD", "TWD", "USD", "UYU", "XCD",
))  # fmt: skip
_POUNDS: Final = frozenset({"EGP", "FKP", "GBP", "GIP", "LBP", "SDG", "SHP", "SSP", "SYP"})
_CROWNS: Final = frozenset({"CZK", "DKK", "ISK", "NOK", "SEK"})
_MARKS: Final[dict[str, frozenset[str]]] = {
    "$": _DOLLARS,
    "£": _POUNDS,
    "¥": frozenset({"CNY", "JPY"}),
    "€": frozenset({"EUR"}),
    "₴": frozenset({"UAH"}),
    "₹": frozenset({"INR"}),
    "₺": frozenset({"TRY"}),
    "₽": frozenset({"RUB"}),
    "₪": frozenset({"ILS"}),
    "₩": frozenset({"KRW", "KPW"}),
    "zł": frozenset({"PLN"}),
    "kč": frozenset({"CZK"}),
    "kr": _CROWNS,
    "ft": frozenset({"HUF"}),
    "lei": frozenset({"RON", "MDL"}),
    "\u043b\u0432": frozenset({"BGN"}),
    "\u0440\u0443\u0431": frozenset({"RUB", "BYN"}),
    "\u0440": frozenset({"RUB", "BYN"}),
    "\u0433\u0440\u043d": frozenset({"UAH"}),
    "fr": frozenset({"CHF", "XAF", "XOF", "XPF"}),
    "sfr": frozenset({"CHF"}),
    "rs": frozenset({"INR", "PKR", "LKR", "NPR", "MUR"}),
    "rm": frozenset({"MYR"}),
    "rp": frozenset({"IDR"}),
    "r": frozenset({"ZAR"}),
    "tl": frozenset({"TRY"}),
    "din": frozenset({"RSD"}),
    "dh": frozenset({"AED", "MAD"}),
}


_DOLLAR_MARKS: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("US$", "U$S"), frozenset({"USD"})),
    **dict.fromkeys(("A$", "AU$"), frozenset({"AUD"})),
    **dict.fromkeys(("C$", "CA$", "CAN$"), frozenset({"CAD"})),
    **dict.fromkeys(("HK$",), frozenset({"HKD"})),
    **dict.fromkeys(("NZ$",), frozenset({"NZD"})),
    **dict.fromkeys(("S$", "SG$"), frozenset({"SGD"})),
    **dict.fromkeys(("NT$",), frozenset({"TWD"})),
    **dict.fromkeys(("R$", "BR$"), frozenset({"BRL"})),
    **dict.fromkeys(("MX$", "MEX$"), frozenset({"MXN"})),
}


def meanings(mark: str) -> frozenset[str]:
    """Return the currencies (ISO 4217) that a mark beside a price may stand for, as `EUR`, `US$`, `kr.`; empty when none."""
    word = mark.rstrip(".")
    if word.upper() in _CODES:
        return frozenset({word.upper()})
    return _MARKS.get(word.lower()) or _DOLLAR_MARKS.get(word.upper(), frozenset())
