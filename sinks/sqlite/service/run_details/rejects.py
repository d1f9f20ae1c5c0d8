"""What a run left out, as far as it is kept: record by record, and how often each reason occurs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sinks.sqlite.service.listing import Column, Listed

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

REASONS_READ: Final = 1_000
REASONS_SHOWN: Final = 100
"""Different reasons that are read, the most frequent ones, and those that are answered after their like are put together."""

LEFT_OUT: Final = Listed(
    "main.data_import_rejects AS k",
    {
        "id": Column("k.seq", "integer"),
        "fate": Column("k.fate"),
        "document": Column("k.document"),
        "record": Column("k.record", "integer"),
        "line": Column("k.line", "integer"),
        "column": Column('k."column"'),
        "value": Column("k.value"),
        "reason": Column("k.reason"),
        "raw": Column("k.raw"),
    },
    key="k.seq",
    long=True,
)
"""Use it with the scope of one run: `k.run_id = ?`."""

_COUNT: Final = (
    'SELECT fate, "column", reason, count(*), min(seq) FROM main.data_import_rejects WHERE run_id = ?'
    f" GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 LIMIT {REASONS_READ}"
)
_QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\d[\d., ]*\d|\d""")
"""What one record says and the next does not: a quoted cell, a number."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why records were left out. `like` is a pattern of SQL that all reasons of this kind match, `first` the first such record."""

    fate: str
    column: str | None
    reason: str
    like: str
    count: int
    first: int


async def read_reasons(reader: Writer, run: int) -> list[Reason]:
    """Return why a run left records out, the most frequent reason first. Reasons that differ by what they quote count as one."""
    found: dict[tuple[str, str | None, str], Reason] = {}
    for fate, column, text, count, first in await reader.query(_COUNT, run):
        each = Reason(str(fate), None if column is None else str(column), str(text), str(text), int(str(count)), int(str(first)))
        key = (each.fate, each.column, _QUOTED.sub("%", each.reason))
        found[key] = each if key not in found else _merge(found[key], each, key[2])
    return sorted(found.values(), key=lambda each: (-each.count, each.first))[:REASONS_SHOWN]


def _merge(one: Reason, other: Reason, like: str) -> Reason:
    first = min(one, other, key=lambda each: each.first)
    return Reason(one.fate, one.column, like.replace("%", "…"), like, one.count + other.count, first.first)
