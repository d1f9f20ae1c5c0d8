"""Cells that hold lists and objects: images, tags, options, meta fields. All become compact JSON text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

import orjson

from engine.errors import RejectRecord

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.feed import FieldRow

_BEFORE_A_URL: Final = re.compile(r"[\s,;|]+(?=(?:https?:)?//)", re.IGNORECASE)


def clean_image_url(url: str) -> str:
    """Return an image URL with a scheme, blanks encoded, query and fragment cut: hosts vary those without a change."""
    try:
        parts = urlsplit(f"https:{url}" if url.startswith("//") else url)
    except ValueError:
        raise RejectRecord(f"holds {url[:60]!r}, which is no URL") from None
    return urlunsplit((parts.scheme, parts.netloc, quote(parts.path, safe="/%:@!$&'()*+,;=~-._"), "", ""))


def dump_json(value: JsonValue) -> str:
    """Return compact JSON text, as attributes of kind JSON are held."""
    return orjson.dumps(value).decode()


def split_list(text: str, separator: str | None) -> list[str]:
    """Split a cell that lists several texts; without a separator the cell is one text."""
    parts = text.split(separator) if separator else [text]
    return [part.strip() for part in parts if part.strip()]


def read_list(text: str, separator: str | None) -> list[str]:
    """Read a cell that lists texts: a JSON list, which is how a list inside JSON arrives, or texts with a separator between them."""
    if text[:1] != "[" or text[-1:] != "]":
        return split_list(text, separator)
    try:
        # The digits of a number are its text.
        found = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return split_list(text, separator)
    if not all(isinstance(entry, str) for entry in found):
        raise RejectRecord("is a JSON list that holds more than texts and numbers")
    return [entry.strip() for entry in found if entry.strip()]


def read_tags(row: FieldRow, text: str) -> str:
    """Read tags; commas stand between them when the row says nothing else."""
    return dump_json(read_list(text, row.seperator or ","))


def read_images(row: FieldRow, text: str) -> str:
    """Read image URLs. Without a separator the cell is one, or, cleaned up, as many as begin with a scheme or `//`."""
    urls = read_list(text, row.seperator)
    if not row.normalize_image_url:
        return dump_json(urls)
    if not row.seperator:
        urls = [part for url in urls for part in _BEFORE_A_URL.split(url) if part]
    return dump_json([clean_image_url(url) for url in urls])


def read_option(row: FieldRow, position: int, text: str) -> str:
    """Read the value of one option, at its row's place among the options."""
    return dump_json([{"name": row.option_name or row.name, "value": text, "position": position}])


def read_options(text: str) -> str:
    """Read all options from a JSON list."""
    try:
        options = orjson.loads(text)
        # Written again inside the try: the writer takes fewer levels than the reader.
        dumped = dump_json(options)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        options, dumped = None, ""
    if not isinstance(options, list):
        raise RejectRecord("is not a JSON list of options")
    return dumped


def read_meta_fields(row: FieldRow, text: str) -> str:
    """Read one meta field under the row's name; a JSON object in a row without a name for it is all of them.

    The row's scope stands before each name, as in `custom.wash`.
    """
    scope = f"{row.meta_fields_scope}." if row.meta_fields_scope else ""
    if row.option_name is None and text[:1] == "{":
        try:
            fields = orjson.loads(text)
            return dump_json({f"{scope}{name}": value for name, value in fields.items()} if scope else fields)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            pass
    return dump_json({f"{scope}{row.option_name or row.name}": text})
