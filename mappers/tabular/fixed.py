"""Lines to cells where columns have fixed places: characters are counted after decoding, a wide one counts as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.settings.widths import Span

MISFIT: Final = 1
"""A line that does not fit its columns has so many cells too many, the last of which is the whole line."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Where the columns of a line are.

    Text in one of the `gaps` shows that a layout which was only guessed is wrong for this line: nothing else would stop a
    figure that is longer than those seen before from being cut in two. `trimmed` says that the source leaves out blanks at
    the end of a line, so that a line may end anywhere; else it may end early only where a column does.
    """

    spans: tuple[Span, ...]
    gaps: tuple[Span, ...] = ()
    trimmed: bool = True

    def cut(self, line: str) -> list[str]:
        """Return one cell a column, blanks included; `MISFIT` more for a line that cannot be cut safely."""
        cells = [line[begin:end] for begin, end in self.spans]
        if self.fits(line):
            return cells
        return [*cells, line]

    def fits(self, line: str) -> bool:
        """Tell whether no text of a line stands outside the columns, and whether it ends where it may."""
        last = self.spans[-1][1]
        if last is not None and len(line) > last and line[last:].strip():
            return False
        if any(line[begin:end].strip() for begin, end in self.gaps):
            return False
        return self.trimmed or self._ends_well(line) or not line.strip()

    def explain(self, line: str) -> str:
        """Say why a line does not fit."""
        last = self.spans[-1][1]
        if last is not None and len(line) > last and line[last:].strip():
            return f"the line has {len(line)} characters where the columns end at {last}"
        for begin, end in self.gaps:
            if line[begin:end].strip():
                return f"{line[begin:end].strip()!r} stands between two columns (characters {begin + 1} to {end})"
        return f"the line ends inside a column, at character {len(line)}, while others are filled with blanks"

    def _ends_well(self, line: str) -> bool:
        end = len(line)
        last_begin, last_end = self.spans[-1]
        if end >= (last_begin if last_end is None else last_end):
            return True
        return not any(begin < end < (stop or end) for begin, stop in self.spans)


def gaps_between(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return the stretches before and between columns."""
    gaps: list[Span] = []
    last = 0
    for begin, end in spans:
        if begin > last:
            gaps.append((last, begin))
        last = end if end is not None else begin
    return tuple(gaps)


def is_trimmed(lines: list[str], spans: tuple[Span, ...]) -> bool:
    """Tell whether a source leaves out the blanks at the end of its lines, by those that have been seen."""
    if any(line != line.rstrip(" ") for line in lines):
        return False
    lengths = {len(line) for line in lines}
    # Lines that all are of one length are padded, or the last column is aligned to the right and never blank; but nobody pads
    # to the middle of a column.
    return len(lengths) > 1 or len(lines) == 1 or any(begin < length < (end or 0) for begin, end in spans for length in lengths)
