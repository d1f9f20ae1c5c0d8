"""The query of a call, read part by part; what in it cannot be is gathered, and told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from feedmill.web.endpoint import Parameter
from feedmill.web.problems import FieldFault, Problem

_TRUE: Final = ("true", "1")
_FALSE: Final = ("false", "0")


class Asked:
    """The query of a search, read part by part; what cannot be is gathered."""

    def __init__(self, query: Mapping[str, str], known: Sequence[Parameter]) -> None:
        self._query = query
        names = {each.name for each in known}
        self._faults = [FieldFault(name[:80], "is no query of this list") for name in query if name and name not in names]

    def text(self, name: str) -> str | None:
        """Return a part as it was sent; what is blank was not."""
        return self._query.get(name) or None

    def flag(self, name: str, *, default: bool | None) -> bool | None:
        """Return a part that is true or false."""
        text = (self.text(name) or "").lower()
        if text and text not in (*_TRUE, *_FALSE):
            self.fault(name, "is neither true nor false")
        return text in _TRUE if text in (*_TRUE, *_FALSE) else default

    def number(self, name: str, default: int | None, most: int, least: int = 1) -> int | None:
        """Return a part that is a number from `least` to `most`."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
            self.fault(name, f"is no number from {least} to {most}")
            return default
        return int(text)

    def refuse(self, detail: str) -> None:
        """Raise `Problem` 422 where something cannot be."""
        if self._faults:
            raise Problem(422, "invalid", detail, faults=self._faults)

    def choice(self, name: str, among: Sequence[str]) -> str | None:
        """Return a part that is one of some."""
        text = self.text(name)
        if text is not None and text not in among:
            self.fault(name, f"is none of {', '.join(among)}")
            return None
        return text

    def fault(self, name: str, message: str) -> None:
        """Add what is wrong with a part."""
        self._faults.append(FieldFault(name, message))
