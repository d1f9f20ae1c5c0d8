"""What a feed's own settings say of its CSV, checked at once; what they leave open is detected."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.batch import JsonValue
from engine.contracts import MapperSettings
from engine.errors import ConfigError
from engine.settings.widths import Span, column_spans

if TYPE_CHECKING:
    from mappers.tabular.pinned import Pinned

LINE_ENDINGS: Final = ("lf", "crlf", "cr", "mixed")

_AROUND: Final = "\ufeff\u200b\u2060"
_DELIMITER_NAMES: Final = {"\\t": "\t", "tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """The settings of a CSV feed. None means detect; an empty `quote` means that nothing is quoted.

    `spans` are the columns of text in fixed width. `names` are the header names under which each mapped field may stand, as
    `normal` has them; `grouped` asks for the grouping of the Shopify preset. `pinned` is how the document before was read.
    """

    delimiter: str | None = None
    quote: str | None = None
    has_header: bool | None = None
    header_row: int | None = None
    encoding: str | None = None
    line_ending: str | None = None
    spans: tuple[Span, ...] = ()
    names: tuple[frozenset[str], ...] = ()
    grouped: bool = False
    pinned: Pinned | None = None


def normal(name: str) -> str:
    """Return a header name as names are compared: trimmed (NBSP too, and what a byte order mark left), whatever its case."""
    return name.strip(_AROUND).strip().casefold()


def read_options(settings: MapperSettings) -> CsvOptions:
    """Read the attributes this mapper knows. Raises `ConfigError` with every fault."""
    problems: list[str] = []
    attributes = settings.attributes
    quote = _quote(attributes, problems)
    options = CsvOptions(
        delimiter=_delimiter(attributes, quote, problems),
        quote=quote,
        has_header=_has_header(attributes, problems),
        header_row=_header_row(attributes, problems),
        encoding=read_encoding(attributes, problems),
        line_ending=_line_ending(attributes, problems),
        spans=_spans(attributes, problems),
        names=tuple(_comparable(aliases) for aliases in settings.fields),
        grouped=attributes.get("mapping") == "shopify",
    )
    if options.has_header is False and options.header_row is not None:
        problems.append("headerRow names a header, but csvHasHeader is false: set only one of them")
    if options.spans and (options.delimiter or options.quote):
        problems.append("columnWidths is for text without delimiters and quotes: set it, or delimiter and quote")
    if problems:
        raise ConfigError("the CSV settings cannot work:", problems=tuple(problems))
    return options


def _comparable(aliases: Iterable[str]) -> frozenset[str]:
    # A number counts columns; a data cell that holds it makes no header.
    return frozenset(normal(name) for name in aliases if not name.strip().isdecimal())


def _text(attributes: Mapping[str, JsonValue], name: str, problems: list[str]) -> str | None:
    value = attributes.get(name)
    if value is None or isinstance(value, str):
        return value
    problems.append(f"{name} is {value!r}: give a text, or null to detect it")
    return None


def _delimiter(attributes: Mapping[str, JsonValue], quote: str | None, problems: list[str]) -> str | None:
    text = _text(attributes, "delimiter", problems)
    if not text:
        return None
    text = _DELIMITER_NAMES.get(text.lower(), text).replace("\\t", "\t")
    if "\n" in text or "\r" in text or "\0" in text:
        problems.append(f"delimiter is {text!r}: it cannot hold a line end or NUL")
    if text and (quote or '"') in text and quote != "":
        problems.append(f"delimiter is {text!r} and holds the quote: choose another quote, or set quote to none")
    return text


def _quote(attributes: Mapping[str, JsonValue], problems: list[str]) -> str | None:
    text = _text(attributes, "quote", problems)
    if text is None:
        return None
    if text.lower() in ("", "none"):
        return ""
    if len(text) != 1 or not text.isascii() or not text.isprintable() or text.isspace():
        problems.append(f"quote is {text!r}: give one ASCII character, or none when nothing is quoted")
    return text


def _has_header(attributes: Mapping[str, JsonValue], problems: list[str]) -> bool | None:
    value = attributes.get("csvHasHeader")
    if value is None or isinstance(value, bool):
        return value
    problems.append(f"csvHasHeader is {value!r}: give true or false, or null to detect it")
    return None


def _header_row(attributes: Mapping[str, JsonValue], problems: list[str]) -> int | None:
    value = attributes.get("headerRow")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    problems.append(f"headerRow is {value!r}: give the line of the header, counted from 1, or null to detect it")
    return None


def read_text(attributes: Mapping[str, JsonValue], name: str, problems: list[str]) -> str | None:
    """Return an attribute that is a text, None where it is blank; anything else is one more problem."""
    return (_text(attributes, name, problems) or "").strip() or None


def read_encoding(attributes: Mapping[str, JsonValue], problems: list[str]) -> str | None:
    """Return Python's own name of the attribute `encoding`; one that nobody knows is one more problem."""
    text = read_text(attributes, "encoding", problems)
    if text is None:
        return None
    name = text_encoding(text)
    if name is None:
        problems.append(f"encoding is {text!r}, which is no known encoding: try utf-8, windows-1252, windows-1250, iso-8859-15 or utf-16")
    return name


def text_encoding(name: str) -> str | None:
    """Return Python's own name of a text encoding, None when there is none of that name."""
    try:
        found = codecs.lookup(name.strip()).name
        b"a".decode(found, "replace")
    except (LookupError, ValueError):
        return None
    return "utf-8" if found == "utf-8-sig" else found


def _spans(attributes: Mapping[str, JsonValue], problems: list[str]) -> tuple[Span, ...]:
    text = _text(attributes, "columnWidths", problems)
    try:
        return column_spans(text) if text else ()
    except ValueError as fault:
        problems.append(f"columnWidths is {text!r}: {fault}")
        return ()


def _line_ending(attributes: Mapping[str, JsonValue], problems: list[str]) -> str | None:
    text = _text(attributes, "lineEnding", problems)
    if not text:
        return None
    if text.lower() not in LINE_ENDINGS:
        problems.append(f"lineEnding is {text!r}: give one of {', '.join(LINE_ENDINGS)}, or null to detect it")
    return text.lower()
