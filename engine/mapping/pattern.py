"""Regular expressions that a person gives, in time linear in the text whatever they are (RE2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from engine.errors import RejectRecord


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Callable[[str], str]:
    """Return a function that gives the first group of the first match in a text, or the whole match; "" where there is none.

    Raises `ValueError` with the reason for a pattern that RE2 does not know, as look-ahead and back references. The function
    raises `RejectRecord` for a text that is no Unicode.
    """
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as fault:
        reason = fault.args[0] if fault.args else fault
        shown = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{pattern!r} is no regular expression that RE2 knows: {shown}") from None
    except UnicodeEncodeError:
        raise ValueError("a regular expression has to be Unicode text") from None
    group = 1 if compiled.groups else 0

    def extract(text: str) -> str:
        try:
            found = compiled.search(text)
        except UnicodeEncodeError:
            raise RejectRecord("holds a character that is none (half of a surrogate pair)") from None
        return str(found.group(group) or "") if found else ""

    return extract
