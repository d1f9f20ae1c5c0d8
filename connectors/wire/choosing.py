"""Which files a path means: dates written out, a pattern held against what is there, the newest or all of what fits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal

from engine.errors import ConfigError, RefuseRun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.source import Source

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
# Names of days and months come in the process's locale, which is C unless an embedding program sets another.
_STRFTIME: Final = re.compile(r"(?:[^%]|%-?[aAbBdfGHIjmMpSuUVwWyY]|%%)*")
_SHOWN: Final = 10
_AHEAD: Final = timedelta(days=1)
"""More than clocks and time zones disagree."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a folder. `size` is in bytes, `mtime` knows its zone; None where the listing does not say."""

    name: str
    size: int | None
    mtime: datetime | None


def expand_dates(path: str, now: datetime) -> str:
    """Return a path with each `{date:%Y%m%d}` written out as the UTC date and time of `now`, by the directives of strftime.

    Raises `ConfigError` for any other name in braces, for a format that is none, and for a pattern in a folder's name.
    """
    moment = now.astimezone(UTC)
    expanded = _PLACEHOLDER.sub(lambda match: _written(match[1], moment, path), path)
    if "{date" in expanded:
        raise ConfigError(f"resourcePath {path!r}: a brace is not closed; {_EXAMPLE}")
    folder, _, _ = expanded.rpartition("/")
    if is_pattern(folder):
        raise ConfigError(f"resourcePath {path!r}: only the last part may be a pattern; name the folder {folder!r} in full")
    return expanded


_EXAMPLE: Final = "write a date as {date:%Y%m%d}"


def _written(inside: str, moment: datetime, path: str) -> str:
    name, colon, form = inside.partition(":")
    if name != "date" or not colon:
        raise ConfigError(f"resourcePath {path!r}: {{{inside}}} is not known; {_EXAMPLE}")
    if "%" not in form or _STRFTIME.fullmatch(form) is None:
        raise ConfigError(f"resourcePath {path!r}: {form!r} is no date format; {_EXAMPLE}")
    return moment.strftime(form)


def is_pattern(name: str) -> bool:
    """Tell whether a name holds `*`, `?` or `[`."""
    return any(sign in name for sign in "*?[")


def fits(name: str, pattern: str) -> bool:
    """Tell whether a name is meant by a pattern; case counts.

    A name that begins with a dot is hidden, as uploads under way are on many servers: only a pattern with a dot means it.
    """
    return fnmatchcase(name, pattern) and (pattern.startswith(".") or not name.startswith("."))


def choose(entries: Sequence[Entry], pattern: str, select: Literal["newest", "all"], source: Source) -> list[Entry]:
    """Return the entries that a pattern means: with `newest` the one of the latest time, with `all` each, the oldest first.

    Of equal times the last name in order is the newest. Raises `RefuseRun` when none fits, and when the newest is wanted
    of several while the listing tells no times.
    """
    chosen = [entry for entry in entries if fits(entry.name, pattern)]
    if not chosen:
        raise RefuseRun(f"{source.name}: no file fits {pattern!r}; {_there(entries)}; check resourcePath")
    if all(entry.mtime is not None for entry in chosen):
        chosen.sort(key=lambda entry: (entry.mtime, entry.name))
    elif select == "all" or len(chosen) == 1:
        chosen.sort(key=lambda entry: entry.name)
    else:
        raise RefuseRun(
            f"{source.name}: {len(chosen)} files fit {pattern!r} and the server does not tell the time of each, so none is the newest; "
            "put a date into resourcePath, as in stock_{date:%Y%m%d}.csv, or set transport.select to all"
        )
    newest = chosen[-1].mtime
    if newest is not None and newest > datetime.now(UTC) + _AHEAD:
        source.tell(
            f"{source.name}: {chosen[-1].name!r} is dated {newest:%Y-%m-%d %H:%M} UTC, which is to come: until then it is the newest, "
            "whatever else arrives; have the supplier mend its time"
        )
    return chosen[-1:] if select == "newest" else chosen


def _there(entries: Sequence[Entry]) -> str:
    if not entries:
        return "the folder holds no file"
    names = ", ".join(repr(entry.name) for entry in sorted(entries, key=lambda entry: entry.name)[:_SHOWN])
    more = f" and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return f"there are {names}{more}"
