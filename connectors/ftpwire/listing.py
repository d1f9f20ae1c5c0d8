"""The folder listings of FTP servers: MLSD (RFC 3659, section 7), and what LIST prints, for which there is no standard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?", re.ASCII)
# Numbers are bounded, or a line of nothing but digits would take seconds.
_UNIX: Final = re.compile(
    r"(?P<kind>[-dlbcps])\S{9,10}\s+\d+\s.*?\s?(?P<size>\d{1,20})\s+"
    r"(?:(?P<month>[^\s\d]+)\s+(?P<day>\d{1,2})\s+(?P<when>\d{4}|\d{1,2}:\d\d)|(?P<date>\d{4}-\d\d-\d\d)\s+(?P<clock>\d\d:\d\d)\S*)\s(?P<name>.+)",
    re.ASCII,
)
_WINDOWS: Final = re.compile(r"(\d\d)-(\d\d)-(\d{4}|\d\d)\s+(\d\d):(\d\d)\s*([AP]M)?\s+(<\w+>|[\d,.]+)\s+(\S.*)", re.ASCII)
_MAX_LINE: Final = 8192
_TOLERANCE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as a listing shows it. `mtime` is exact to the second only if `exact`: LIST knows neither seconds nor a zone."""

    name: str
    size: int | None
    mtime: datetime | None
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a folder; `unread` counts lines that are of no known form."""

    files: tuple[Listed, ...]
    unread: int = 0


def server_time(text: str) -> datetime | None:
    """Parse a time of MDTM or MLSD, which is UTC (RFC 3659, section 2.3); fractions are dropped, None when it is none."""
    found = _TIME.fullmatch(text.strip())
    return _moment(*(int(digits) for digits in found.groups())) if found else None


def parse_mlsd(data: bytes) -> Listing:
    """Read the answer to MLSD: files only, and links that may be files."""
    files: list[Listed] = []
    unread = 0
    for line in _lines(data):
        facts, blank, name = line.partition(" ")
        known = {key.lower(): value for key, _, value in (fact.partition("=") for fact in facts.split(";"))}
        if not blank or not facts.endswith(";"):
            unread += 1
        elif _is_name(name) and (kind := known.get("type", "file").lower()).startswith(("file", "os.unix=s")):
            own = kind == "file"
            size = known.get("size", "")
            mtime = server_time(known.get("modify", ""))
            files.append(Listed(name, int(size) if own and _is_number(size) else None, mtime if own else None, exact=own))
    return Listing(tuple(files), unread)


def parse_list(data: bytes, now: datetime) -> Listing:
    """Read the answer to LIST in the forms of Unix and Windows; times are taken as UTC, whatever zone the server is in."""
    files: list[Listed] = []
    unread = 0
    for line in _lines(data):
        if line.lower().startswith("total "):
            continue
        if (unix := _UNIX.fullmatch(line)) is not None:
            files.extend(_unix_file(unix, now))
        elif (windows := _WINDOWS.fullmatch(line)) is not None:
            files.extend(_windows_file(windows))
        else:
            unread += 1
    return Listing(tuple(files), unread)


def _lines(data: bytes) -> Iterator[str]:
    for raw in data.split(b"\n"):
        line = raw.removesuffix(b"\r").decode("utf-8", "surrogateescape")
        if line.strip() and len(line) <= _MAX_LINE:
            yield line


def _is_name(name: str) -> bool:
    # A name that is a path, or would end a command, is none that a folder can hold: it is a broken server's or a trap.
    return name not in ("", ".", "..") and not any(sign in name for sign in "/\r\0")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _unix_file(found: re.Match[str], now: datetime) -> Iterator[Listed]:
    kind, name = found["kind"], found["name"]
    if kind == "l":
        name, size = name.partition(" -> ")[0], None  # the size is the link's own
    else:
        size = int(found["size"]) if _is_number(found["size"]) else None
    if kind in "-l" and _is_name(name):
        yield Listed(name, size, _unix_time(found, now) if kind == "-" else None)


def _unix_time(found: re.Match[str], now: datetime) -> datetime | None:
    if found["date"]:
        return _moment(*(int(part) for part in re.split("[-:]", f"{found['date']}-{found['clock']}")))
    month = _MONTHS.get(found["month"][:3].lower())
    if month is None:
        return None
    day, when = int(found["day"]), found["when"]
    if ":" not in when:
        return _moment(int(when), month, day)
    hour, minute = (int(part) for part in when.split(":"))
    # Without a year it is the last time that this day was; a server's clock and zone may be ahead of ours.
    for year in range(now.year + 1, now.year - 5, -1):
        moment = _moment(year, month, day, hour, minute)
        if moment is not None and moment <= now + _TOLERANCE:
            return moment
    return None


def _windows_file(found: re.Match[str]) -> Iterator[Listed]:
    month, day, year, hour, minute, half, size, name = found.groups()
    digits = re.sub("[,.]", "", size)
    if digits.isdigit() and _is_name(name):
        full = int(year) + (0 if len(year) == 4 else 2000 if int(year) < 70 else 1900)
        hours = int(hour) % 12 + (12 if half == "PM" else 0) if half else int(hour)
        yield Listed(name, int(digits) if _is_number(digits) else None, _moment(full, int(month), int(day), hours, int(minute)))


def _moment(*parts: int) -> datetime | None:
    try:
        year, month, day, hour, minute, second = (*parts, 0, 0, 0)[:6]
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
