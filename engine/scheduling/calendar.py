"""When a feed is fetched next: what a schedule says, where clocks go forward and back, and how feeds are spread.

Pure: every function takes the moment it counts from. Only the data of a time zone are read from disk, once.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from engine.errors import ConfigError

_ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EVERY: Final = re.compile(r"every(?::\s*|\s+)(?P<amount>\S+?)\s*(?P<unit>[A-Za-z]*)", re.IGNORECASE)
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 366 * 86_400
_FIELDS: Final = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES: Final = ("0-59", "0-23", "1-31", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_EXAMPLES: Final = "write `0 6 * * 1-5 Europe/Berlin`, `@daily` or `every: 15m`"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_LAST: Final = datetime(9900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cron:
    """Moments on the clock of a zone, by a cron expression of five fields.

    As Debian's cron does: an hour and minute that a clock leaves out happens at once behind the gap, one that comes twice happens
    the first time; with a `*` for minute or hour every hour that passes counts.
    """

    expression: str
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Every:
    """Moments at equal distance, counted from 1970, whatever the clocks on the wall do. Whole seconds."""

    seconds: int


Schedule: TypeAlias = Cron | Every

HOURLY: Final = Cron("0 * * * *")


def check_schedule(text: str, timezone: str | None = None) -> None:
    """Raise `ConfigError` unless a `fetchSchedule` says when; the message names the part that is wrong, its position and a cure.

    Blocks for a moment where a time zone is new to the process: its data are read from disk.
    """
    parse_schedule(text, timezone)


@lru_cache(maxsize=1024)
def parse_schedule(text: str, timezone: str | None = None) -> Schedule:
    """Return what a `fetchSchedule` says: cron with an optional time zone, an alias such as `@daily`, or `every: 15m`.

    `timezone` is the supplier's, which counts where the text names none; else it is UTC. Raises `ConfigError` as `check_schedule`.
    """
    words = text.split()
    if not words:
        raise ConfigError(f"the schedule is empty: {_EXAMPLES}")
    if re.match(r"every\b", words[0], re.IGNORECASE):
        return _parse_every(text.strip())
    if words[0].startswith("@"):
        if words[0].lower() not in _ALIASES:
            raise _wrong(text, words[0], f"is no alias; there are {', '.join(_ALIASES)}")
        fields, rest = _ALIASES[words[0].lower()].split(), words[1:]
    else:
        fields, rest = words[:5], words[5:]
        if len(fields) < 5:
            raise ConfigError(f"the schedule {text[:80]!r} has {len(fields)} of the five fields {', '.join(_FIELDS)}: {_EXAMPLES}")
        _check_fields(text, fields)
    if len(rest) > 1:
        raise _wrong(text, rest[1], "stands behind the five fields and the time zone, where nothing may")
    return _that_comes(text, Cron(" ".join(fields), _zone(text, rest[0] if rest else None, timezone)))


def schedule_of(frequency: str, text: str | None, timezone: str | None) -> Schedule | None:
    """Return by what a feed of this `fetchFrequency` and `fetchSchedule` is fetched, None where it is never fetched by itself.

    Daily is midnight in the supplier's zone. Raises `ConfigError` for custom without a schedule, or with one that says nothing.
    """
    if frequency == "hourly":
        return HOURLY
    if frequency == "daily":
        return parse_schedule("@daily", timezone)
    if frequency != "custom":
        return None
    if text is None:
        raise ConfigError(f"fetchFrequency is custom and there is no fetchSchedule: {_EXAMPLES}")
    return parse_schedule(text, timezone)


def spread(feed: int, seconds: float) -> timedelta:
    """Return by how much a feed is fetched later than its schedule says, less than `seconds`: always the same for the same feed."""
    share = int.from_bytes(hashlib.sha256(f"feed:{feed}".encode()).digest()[:8]) / 2**64
    return timedelta(seconds=int(share * seconds))


def delay_of(schedule: Schedule, frequency: str, feed: int, *, jitter: float) -> timedelta:
    """Return by how much a feed is fetched later than its schedule says.

    Hourly and daily ones are spread over `jitter` seconds, intervals, which name no moment, over their whole length. Cron of a
    feed's own is exact.
    """
    if isinstance(schedule, Every):
        return spread(feed, schedule.seconds)
    return spread(feed, 0.0 if frequency == "custom" else jitter)


def next_fetch(schedule: Schedule, after: datetime, *, delay: timedelta = timedelta(0)) -> datetime | None:
    """Return the first moment of a schedule later than `after`, in UTC; `delay` is added to each. None where none ever comes."""
    behind = after.astimezone(UTC) - delay
    if isinstance(schedule, Every):
        count = (behind - _EPOCH) // timedelta(seconds=schedule.seconds) + 1
        return _EPOCH + count * timedelta(seconds=schedule.seconds) + delay
    found = _next_cron(schedule, behind)
    return None if found is None else found + delay


def back_off(schedule: Schedule, after: datetime, failures: int, *, delay: timedelta = timedelta(0)) -> datetime | None:
    """Return when a feed is fetched next that failed so often in a row, the last time at `after`.

    The first failure costs nothing; from then on the wait doubles with each, up to six hours, or as long as the schedule itself
    waits. It always is a moment of the schedule, which so is the most often that anything is asked.
    """
    first = next_fetch(schedule, after, delay=delay)
    if first is None or failures < 2:
        return first
    second = next_fetch(schedule, first, delay=delay)
    usual = (second or first) - first
    wait = min(usual * 2 ** min(failures - 1, 20), max(usual, _LONGEST_BACK_OFF))
    return next_fetch(schedule, max(after + wait - usual, after), delay=delay)


_LONGEST_BACK_OFF: Final = timedelta(hours=6)


def _next_cron(cron: Cron, after: datetime) -> datetime | None:
    if after >= _BEFORE_LAST:
        return None
    zone = ZoneInfo(cron.zone)
    try:
        for found in CronSim(cron.expression, after.astimezone(UTC if cron.zone == "UTC" else zone)):
            moment = found.astimezone(UTC)
            # In an hour that comes twice the expression's clock runs through moments that have passed already.
            if moment > after:
                return moment
    except StopIteration:
        pass
    return None


def _parse_every(text: str) -> Every:
    found = _EVERY.fullmatch(text)
    if found is None:
        raise ConfigError(f"the schedule {text[:80]!r} does not say how often: {_EXAMPLES}")
    unit = _UNITS.get(found["unit"].lower())
    if not (found["amount"].isascii() and found["amount"].isdecimal()):
        raise _wrong(text, found["amount"], "is no whole number")
    if unit is None:
        raise _wrong(text, found["unit"] or found["amount"], "has no unit; give s, m, h or d")
    if not 1 <= (seconds := int(found["amount"][:12]) * unit) <= _LONGEST:
        raise _wrong(text, found["amount"], "is too little or too much: from 1s to 366d")
    return Every(seconds)


def _check_fields(text: str, fields: list[str]) -> None:
    """Find the field that is wrong by trying each alone: cronsim names it, but not where it stands."""
    for number, field in enumerate(fields):
        try:
            CronSim(" ".join(("*",) * number + (field,) + ("*",) * (4 - number)), _EPOCH)
        except CronSimError:
            what = f"is no {_FIELDS[number]} ({_RANGES[number]})"
            raise _wrong(text, field, what, position=_position(text, number)) from None


def _zone(text: str, own: str | None, timezone: str | None) -> str:
    name = own or timezone or "UTC"
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if own is not None:
            raise _wrong(text, own, "is no time zone; names are such as Europe/Berlin") from None
        raise ConfigError(f"the supplier's time zone {name[:80]!r} is none; names are such as Europe/Berlin") from None
    return "UTC" if name.upper() in ("UTC", "ETC/UTC") else name


def _that_comes(text: str, cron: Cron) -> Cron:
    """Refuse what passes by itself but never comes, such as the 30th of February."""
    try:
        comes = _next_cron(cron, _EPOCH)
    except CronSimError:
        comes = None
    if comes is None:
        raise ConfigError(f"the schedule {text[:80]!r} never comes: there is no such day; {_EXAMPLES}")
    return cron


def _wrong(text: str, part: str, what: str, *, position: int | None = None) -> ConfigError:
    at = text.find(part) if position is None else position
    return ConfigError(f"the schedule {text[:80]!r} is wrong at position {at + 1}: {part[:40]!r} {what}; {_EXAMPLES}")


def _position(text: str, number: int) -> int:
    return [found.start() for found in re.finditer(r"\S+", text)][number]
