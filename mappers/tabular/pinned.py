"""The dialect of a feed's last complete run, as far as it helps to read the next document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.batch import JsonValue
from engine.settings.widths import Span, column_spans
from mappers.options import normal, text_encoding

_UNUSABLE: Final = frozenset('\n\r\0"')


@dataclass(frozen=True, slots=True)
class Pinned:
    """How the document before was read. `delimiter` is empty for one column; `spans` are columns of fixed width.

    Without `columns` nothing is known but encoding and quotes: a document cannot agree with the rest.
    """

    delimiter: str
    quote: str | None
    encoding: str | None
    columns: tuple[str, ...]
    has_header: bool
    quoting: str | None = None
    spans: tuple[Span, ...] = ()

    @property
    def names(self) -> tuple[frozenset[str], ...]:
        """Return the names of the columns as the names of mapped fields are held; numbers and blanks name nothing."""
        if not self.has_header:
            return ()
        return tuple(frozenset((normal(name),)) for name in self.columns if name and not name.isdecimal())


def read_pinned(dialect: Mapping[str, JsonValue]) -> Pinned | None:
    """Read what `CsvMapper.dialect` once said, None when another mapper said it."""
    columns = dialect.get("columns")
    if dialect.get("format") != "csv":
        return None
    delimiter = dialect.get("delimiter", 0)
    usable = delimiter is None or (isinstance(delimiter, str) and _UNUSABLE.isdisjoint(delimiter))
    encoding = _text(dialect, "encoding")
    widths = _text(dialect, "columnWidths")
    return Pinned(
        delimiter=str(delimiter or ""),
        quote=_text(dialect, "quote"),
        encoding=text_encoding(encoding) if encoding else None,
        columns=tuple(map(str, columns)) if isinstance(columns, list) and usable else (),
        has_header=dialect.get("headerRow") is not None,
        quoting=_text(dialect, "quoting"),
        spans=_spans(widths) if widths else (),
    )


def _text(dialect: Mapping[str, JsonValue], name: str) -> str | None:
    value = dialect.get(name)
    return value if isinstance(value, str) else None


def _spans(text: str) -> tuple[Span, ...]:
    try:
        return column_spans(text)
    except ValueError:
        return ()
