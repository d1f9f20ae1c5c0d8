"""A page of which a run measures some sections: those are put in, and the others stay as they were."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_HEADING: Final = re.compile(r"^## (.*)$", re.MULTILINE)


def split_page(page: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first section, and the sections by their headings, each with its own."""
    starts = [(found.start(), found[1]) for found in _HEADING.finditer(page)]
    ends = [*(start for start, _ in starts), len(page)]
    return page[: ends[0]], {title: page[start:end] for (start, title), end in zip(starts, ends[1:], strict=True)}


def put_in(page: str, fresh: str, order: Sequence[str]) -> str:
    """Return a page with the sections of a fresh one instead of its own; the opening is that of the fresh one.

    A section that the page does not have yet goes behind the last of those that come before it in the order of the titles.
    """
    opening, measured = split_page(fresh)
    _, sections = split_page(page)
    titles = [*sections]
    for title in measured:
        if title not in sections:
            earlier = order[: order.index(title)]
            titles.insert(max((place + 1 for place, each in enumerate(titles) if each in earlier), default=0), title)
    return opening + "\n".join((measured.get(title) or sections[title]).rstrip("\n") + "\n" for title in titles)
