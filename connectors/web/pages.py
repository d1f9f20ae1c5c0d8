"""One page of a paged JSON API: where its items are, how many, what it says of the next page and of the whole. No I/O here."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
import xxhash

from engine.errors import RefuseRun
from engine.source import MASK

if TYPE_CHECKING:
    from engine.source import Source

PAGE_BYTES: Final = 64 * 1024 * 1024
"""The most that one page may hold, unpacked: two of them are in memory at a time."""

Place: TypeAlias = tuple[str, ...]

_USUAL_LISTS: Final = ("products", "items", "data", "results")
_NO_LISTS: Final = frozenset({"error", "errors", "warnings", "messages", "links", "_links"})
# Names that can only mean the number of all items. A bare `count` is the page's own as often as not, so it is not among them.
_TOTALS: Final = (
    *("total", "totalCount", "total_count", "totalItems", "total_items", "totalResults", "total_results"),
    *("totalElements", "total_elements", "totalRecords", "total_records"),
)
_TOTAL_HOLDERS: Final = ("meta", "_meta", "metadata", "pagination", "paging", "page")
_TOTAL_HEADERS: Final = ("X-Total-Count", "X-Total", "X-WP-Total")
_MESSAGES: Final = ("error", "errors", "message", "detail", "error_description", "error_message", "title", "reason")
_NO_ERRORS: Final = frozenset({"", "0", "none", "null", "ok", "false", "no error"})
_QUOTE_LENGTH: Final = 200
_MAX_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Page:
    """What one page says.

    `cursor` is what stands at the cursor's path as text, None when that is the end; `names_cursor` tells a path that ends in
    nothing from one that is not there. `total` is the number of all items that the page announces. `digest` stands for the
    items alone, not for clocks and page numbers around them; `edges` for the first item and the last.
    """

    place: Place
    items: int
    total: int | None
    cursor: str | None
    names_cursor: bool
    digest: bytes
    edges: tuple[bytes, bytes] | None


def read_page(data: bytes, headers: Mapping[str, str], charset: str | None, place: Place | None, source: Source) -> Page:
    """Read a page, whose list stands at `place` when an earlier page has shown it.

    Raises `RefuseRun` when the page is no JSON, has no list where one belongs, says that it is an error, or is nested so deep
    that its items cannot be told apart. Heavy: parses everything, so call it in a thread.
    """
    try:
        return _read(data, headers, charset, place, source)
    except RecursionError:
        raise RefuseRun(f"{source.name}: a page is nested too deep to be read; ask the supplier for plain items") from None


def _read(data: bytes, headers: Mapping[str, str], charset: str | None, place: Place | None, source: Source) -> Page:
    paging = source.request.paging
    content = _parse(data, charset, source)
    if paging is not None and paging.items_path is not None:
        place = tuple(paging.items_path.split("."))
    if place is None:
        place = _find_list(content, source)
    items = _list_at(content, place, source)
    cursor, names_cursor = _cursor(content, paging.cursor_path if paging is not None else None, source)
    return Page(
        place,
        len(items),
        _total(headers, content, place),
        cursor,
        names_cursor,
        _digest(items),
        (_digest(items[0]), _digest(items[-1])) if items else None,
    )


def quoted(text: str, source: Source) -> str:
    """Return a supplier's words as a message may hold them: printable, short, no secret of the source's in them."""
    secrets = {value for _, value in parse_qsl(urlsplit(source.url).query)}
    secrets |= {parameter.value.reveal() for parameter in source.request.parameters}
    secrets |= {source.password.reveal()} if source.password is not None else set()
    # Bearer and header authentication send the user where there is no password.
    hides_user = source.hides_user or source.request.auth != "basic"
    secrets |= {source.username} if source.username is not None and hides_user else set()
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        for spelling in (secret, quote(secret, safe="")):
            text = text.replace(spelling, MASK)
    text = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return text if len(text) <= _QUOTE_LENGTH else f"{text[:_QUOTE_LENGTH]}…"


def _parse(data: bytes, charset: str | None, source: Source) -> object:
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        parsed: object = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_leniently(body, charset, source)
    return parsed


def _parse_leniently(body: bytes, charset: str | None, source: Source) -> object:
    """Read what the fast parser does not: other encodings, NaN, numbers of any size. A mapper may yet refuse it."""
    try:
        parsed: object = json.loads(body.decode(charset or json.detect_encoding(body)))
    except (ValueError, LookupError, RecursionError):
        seen = "an HTML or XML page, perhaps a login" if body.lstrip()[:1] == b"<" else "something that is no JSON"
        raise RefuseRun(f"{source.name}: answered with {seen}; check URL and credentials, or unset pagination") from None
    return parsed


def _find_list(content: object, source: Source) -> Place:
    """Find the items without a path: the answer itself, its one list of objects, or the list with a usual name."""
    if isinstance(content, list):
        return ()
    if not isinstance(content, dict):
        raise _no_list(content, "a list of items", source)
    lists = {name: value for name, value in content.items() if isinstance(value, list) and name not in _NO_LISTS}
    of_objects = [name for name, value in lists.items() if value and all(isinstance(item, dict) for item in value)]
    candidates = of_objects or list(lists)
    usual = [name for name in _USUAL_LISTS if name in lists]
    # An empty list of a usual name beside another one with objects could be either: a guess might take none for all.
    if len(candidates) == 1 and not set(usual) - set(candidates):
        return (candidates[0],)
    if usual and usual[0] in candidates:
        return (usual[0],)
    raise _no_list(content, "a list of items", source)


def _list_at(content: object, place: Place, source: Source) -> list[object]:
    value, found = _at(content, place)
    # Some servers write an empty list as null.
    items = [] if found and place and value is None else value
    failed = isinstance(content, dict) and any(_is_error(content.get(name)) for name in ("error", "errors"))
    if not isinstance(items, list) or failed:
        raise _no_list(content, f"a list at {'.'.join(place)!r}" if place else "a list", source)
    return items


def _is_error(value: object) -> bool:
    return value.strip().lower() not in _NO_ERRORS if isinstance(value, str) else bool(value)


def _no_list(content: object, wanted: str, source: Source) -> RefuseRun:
    message = _message(content)
    if message is not None:
        return RefuseRun(f"{source.name}: answered with an error, not with items: {quoted(message, source)!r}; ask the supplier")
    there = ", ".join(repr(quoted(path, source)) for path in list(_lists(content))[:8])
    return RefuseRun(
        f"{source.name}: a page without {wanted}; set pagination.itemsPath to where the items are"
        + (f" (lists are at {there})" if there else "; no list stands in it")
    )


def _message(content: object, depth: int = 3) -> str | None:
    """Return what an error object says, wherever its words are."""
    if isinstance(content, str):
        return content.strip() or None
    if isinstance(content, list):
        return _message(content[0], depth - 1) if content and depth else None
    if isinstance(content, dict) and depth:
        told = (_message(content[name], depth - 1) for name in _MESSAGES if name in content)
        return next((text for text in told if text is not None), None)
    return None


def _lists(content: object, path: Place = ()) -> Iterator[str]:
    if isinstance(content, list):
        yield ".".join(path) or "the top"
    elif isinstance(content, dict) and len(path) < 3:
        for name, value in content.items():
            yield from _lists(value, (*path, name))


def _at(content: object, place: Place) -> tuple[object, bool]:
    """Return what stands at a path, and whether the path is there."""
    for name in place:
        if not isinstance(content, dict) or name not in content:
            return None, False
        content = content[name]
    return content, True


def _cursor(content: object, path: str | None, source: Source) -> tuple[str | None, bool]:
    if path is None:
        return None, False
    value, found = _at(content, tuple(path.split(".")))
    if not found and (list_at := _list_on_the_way(content, path.split("."))) is not None:
        # Taken for no cursor, it would make the first page the whole feed. An empty list is how PHP writes an object of nothing.
        raise RefuseRun(
            f"{source.name}: {path!r} of a page leads into a list at {list_at!r}; set pagination.cursorPath to the cursor itself"
        )
    # A next cursor of zero is how some say that there is none: no page but the first could have it.
    if value is None or value is False or value in ("", 0, "0"):
        return None, found
    if isinstance(value, str | int) and not isinstance(value, bool):
        text = str(value)
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            raise RefuseRun(f"{source.name}: {path!r} of a page holds half a character, which no address can; ask the supplier")
        return text, True
    raise RefuseRun(
        f"{source.name}: {path!r} of a page holds no cursor but {type(value).__name__}; set pagination.cursorPath to a text or number"
    )


def _list_on_the_way(content: object, names: Sequence[str]) -> str | None:
    """Return where a path leads into a list with something in it, None where it does not."""
    for depth in range(len(names)):
        value, found = _at(content, tuple(names[:depth]))
        if not found:
            break
        if isinstance(value, list) and value:
            return ".".join(names[:depth]) or "the top"
    return None


def _total(headers: Mapping[str, str], content: object, place: Place) -> int | None:
    for header in _TOTAL_HEADERS:
        if (total := _number(headers.get(header))) is not None:
            return total
    around = [place[:depth] for depth in range(len(place))] if place else []
    for holder in (*around, *((name,) for name in _TOTAL_HOLDERS)):
        value, _ = _at(content, holder)
        if isinstance(value, dict):
            for name in _TOTALS:
                if (total := _number(value.get(name))) is not None:
                    return total
    return None


def _number(value: object) -> int | None:
    if isinstance(value, str):
        digits = value.strip()
        # What is longer counts nothing, and of thousands of digits Python makes no number but an error.
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _digest(value: object) -> bytes:
    try:
        text = orjson.dumps(value)
    except orjson.JSONEncodeError:
        text = json.dumps(value).encode()
    return xxhash.xxh3_128_digest(text)
