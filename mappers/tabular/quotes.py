"""All quotes of a piece at once: which of its lines are plain, so that only the others are read quote by quote."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def doubtful_lines(data: bytes, lines: Sequence[bytes], delimiter: bytes, quote: bytes) -> list[int]:
    """Return the indices of the lines with a quote that is out of turn, were a record to begin with them.

    In a plain line every other quote opens a field: it stands at the line's begin, behind a delimiter of one byte, or behind the quote
    that it is doubled with. By induction from the left the quotes between close them; where their number is even the line ends outside.
    """
    characters = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(characters == quote[0])
    ends = np.cumsum(np.fromiter(map(len, lines), np.int64, len(lines)))
    owners = np.searchsorted(ends, places, side="right")
    counts = np.bincount(owners, minlength=len(lines))
    ranks = np.arange(len(places)) - (np.cumsum(counts) - counts)[owners]
    opening = ranks % 2 == 0
    # Before the first byte stands the line end of the piece before.
    before = np.where(places == 0, ord("\n"), characters[places - 1])
    in_turn = (before == ord("\n")) | (before == quote[0])
    if delimiter:
        in_turn |= before == delimiter[0]
    doubtful = counts % 2 == 1
    doubtful[owners[opening & ~in_turn]] = True
    indices: list[int] = np.flatnonzero(doubtful).tolist()
    return indices
