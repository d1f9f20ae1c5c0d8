"""Values of items as a page shows them before and after a change."""

from __future__ import annotations

from typing import Final

import orjson

from feedmill.dashboard.rendering import NOTHING, show_number

LONGEST: Final = 160
"""Characters of a value that are shown; the whole of it stands in the file of changes."""


def show_value(value: object) -> str:
    """Return a value of an item in one short text."""
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return show_number(value)
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
