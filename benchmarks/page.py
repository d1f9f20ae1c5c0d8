"""A page of which a run measures some sections: those are put in, and the others stay as they were."""

from __future__ import annotations

import re
from typing import Final

_HEADING: Final = re.compile(r"^## (.*)$", re.MULTILINE)


def split_page(page: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first section, and the sections by their headings, each with its own."""
    starts = [*_HEADING.finditer(page)]
    ends = [*(found.start() for found in starts[1:]), len(page)]
    sections = {found[1]: page[found.start() : end] for found, end in zip(starts, ends, strict=True)}
    return page[: starts[0].start()] if starts else page, sections


def put_in(page: str, fresh: str) -> str:
    """Return a page with the sections of a fresh one instead of its own, those that it did not have in the order of the fresh one.

    A new section goes behind the one that it follows in the fresh page, at the beginning where it follows none. The opening is that of
    the fresh page.
    """
    opening, measured = split_page(fresh)
    _, sections = split_page(page)
    titles, before = [*sections], -1
    for title in measured:
        if title in titles:
            before = titles.index(title)
        else:
            before += 1
            titles.insert(before, title)
    return opening + "\n".join((measured.get(title) or sections[title]).rstrip("\n") + "\n" for title in titles)
