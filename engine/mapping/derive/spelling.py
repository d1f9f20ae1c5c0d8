"""How tags and the names and values of options are spelled anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

_JOINTS: Final = re.compile(r"[\s_-]+")


def capitalize(text: str) -> str:
    """Make the first letter a capital and leave the others: `XXL` stays what it is."""
    # Title case, which is a single capital: `ß` would become two.
    return text[:1].title() + text[1:]


def humanize(text: str) -> str:
    """Write a technical name as a person does: `summer_sale` is `Summer sale`."""
    return capitalize(_JOINTS.sub(" ", text).strip().lower())


def dasherize(text: str) -> str:
    """Join the words by hyphens, in lower case: `Summer Sale` is `summer-sale`."""
    return _JOINTS.sub("-", text.strip()).strip("-").lower()


SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "unchanged": str,
    "none": str,
    "uppercase": str.upper,
    "lowercase": str.lower,
    "capitalize": capitalize,
    "humanize": humanize,
    "dasherize": dasherize,
}
"""By the values of `transformTags` and `transformType`."""
