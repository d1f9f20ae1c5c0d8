"""When a feed is fetched next: schedules read, clocks that change, feeds spread, failures waited out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import ConfigError
from engine.scheduling.calendar import (
    HOURLY,
    Cron,
    Every,
    back_off,
    check_schedule,
    delay_of,
    next_fetch,
    parse_schedule,
    schedule_of,
    spread,
)


def series(text: str, after: str, count: int, timezone: str | None = None) -> list[str]:
    """Return the next moments of a schedule, in UTC."""
    moment, found = datetime.fromisoformat(after).astimezone(UTC), []
    for _ in range(count):
        following = next_fetch(parse_schedule(text, timezone), moment)
        assert following is not None
        moment = following
        found.append(f"{moment:%Y-%m-%d %H:%M:%S}")
    return found


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        # 02:00 to 03:00 is left out on 2026-03-29 in Berlin: what stands in it comes at once behind the gap.
        ("30 2 * * * Europe/Berlin", "2026-03-28T12:00+00:00", ["2026-03-29 01:00:00", "2026-03-30 00:30:00"]),
        # 02:00 to 03:00 comes twice on 2026-10-25: it counts the first time, and not again.
        ("30 2 * * * Europe/Berlin", "2026-10-24T12:00+00:00", ["2026-10-25 00:30:00", "2026-10-26 01:30:00"]),
        # From within the second passage, neither what the first one had nor anything earlier.
        ("45 2 * * * Europe/Berlin", "2026-10-25T01:30+00:00", ["2026-10-26 01:45:00"]),
        # With a star for the hour, every hour that passes counts, once each.
        ("30 * * * * Europe/Berlin", "2026-10-24T23:45+00:00", ["2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"]),
        ("30 * * * * Europe/Berlin", "2026-03-29T00:00+00:00", ["2026-03-29 00:30:00", "2026-03-29 01:30:00"]),
        # Every 90 minutes knows no clock on the wall.
        ("every: 90m", "2026-03-29T00:00+00:00", ["2026-03-29 01:30:00", "2026-03-29 03:00:00"]),
        ("@daily America/New_York", "2026-01-01T00:00+00:00", ["2026-01-01 05:00:00", "2026-01-02 05:00:00"]),
        ("0 6 * * 1-5", "2026-01-02T06:00+00:00", ["2026-01-05 06:00:00"]),
        ("0 0 29 2 *", "2026-01-01T00:00+00:00", ["2028-02-29 00:00:00", "2032-02-29 00:00:00"]),
    ],
)
def test_a_schedule_comes_when_its_clock_says(text: str, after: str, expected: list[str]) -> None:
    """Hours that are left out or come twice are fetched in once, and a zone is the schedule's own."""
    assert series(text, after, len(expected)) == expected


def test_the_zone_of_the_supplier_counts_where_the_schedule_names_none() -> None:
    """The schedule's own zone before the supplier's, and UTC where there is neither."""
    assert parse_schedule("0 6 * * *", "Asia/Tokyo") == Cron("0 6 * * *", "Asia/Tokyo")
    assert parse_schedule("0 6 * * * Europe/Berlin", "Asia/Tokyo") == Cron("0 6 * * *", "Europe/Berlin")
    assert parse_schedule("0 6 * * *") == Cron("0 6 * * *", "UTC")
    assert schedule_of("daily", None, "Asia/Tokyo") == Cron("0 0 * * *", "Asia/Tokyo")
    assert [schedule_of(frequency, None, None) for frequency in ("hourly", "never", "webhook")] == [HOURLY, None, None]


@pytest.mark.parametrize("text", ["every: 30s", "every 30s", "EVERY:30 s", "every: 30 S"])
def test_an_interval_is_read_with_and_without_its_colon(text: str) -> None:
    """`every` takes a number and a unit, however they are spaced."""
    assert parse_schedule(text) == Every(30)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("0 6 * *", "4 of the five fields"),
        ("0 25 * * *", "position 3: '25' is no hour (0-23)"),
        ("0 6  * * MOON", "position 10: 'MOON' is no day of the week"),
        ("*/0 6 * * *", "position 1: '*/0' is no minute"),
        ("0 6 * * 1-5 Europe/Berlim", "position 13: 'Europe/Berlim' is no time zone"),
        ("0 6 * * 1-5 ../../etc/passwd", "is no time zone"),
        ("0 6 * * 1-5 UTC now", "position 17: 'now' stands behind"),
        ("@fortnightly", "'@fortnightly' is no alias"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 30 2 * Europe/Berlin", "never comes"),
        ("every: 0s", "position 8: '0' is too little"),
        ("every: 15", "has no unit"),
        ("every: 1.5h", "'1.5' is no whole number"),
        ("every: 9999d", "too much"),
        ("every", "does not say how often"),
    ],
)
def test_a_schedule_that_says_nothing_is_refused_with_its_position_and_a_cure(text: str, told: str) -> None:
    """The message names the part, where it stands, and an example that works."""
    with pytest.raises(ConfigError) as refused:
        check_schedule(text)
    assert told in str(refused.value)
    assert "`every: 15m`" in str(refused.value)


def test_a_zone_of_the_supplier_that_is_none_is_named_as_such() -> None:
    """It is the provider that has to be changed, not the schedule."""
    with pytest.raises(ConfigError, match="the supplier's time zone 'Mars/Olympus' is none"):
        check_schedule("0 6 * * *", "Mars/Olympus")
    with pytest.raises(ConfigError, match="custom and there is no fetchSchedule"):
        schedule_of("custom", None, None)


def test_feeds_are_spread_always_alike_and_never_before_their_time() -> None:
    """Hourly feeds over the jitter, intervals over their length, cron of a feed's own not at all."""
    spreads = [spread(feed, 60.0) for feed in range(2000)]
    assert spreads == [spread(feed, 60.0) for feed in range(2000)]
    assert timedelta(0) <= min(spreads) < max(spreads) < timedelta(seconds=60)
    assert all(10 < spreads.count(timedelta(seconds=second)) < 70 for second in range(60))
    assert delay_of(parse_schedule("0 6 * * *"), "custom", 7, jitter=60) == timedelta(0)
    assert delay_of(HOURLY, "hourly", 7, jitter=60) == spread(7, 60) > timedelta(0)
    assert delay_of(Every(900), "custom", 7, jitter=60) == spread(7, 900) > timedelta(0)


def test_failures_are_waited_out_ever_longer_but_on_the_schedule() -> None:
    """One failure costs nothing, then the wait doubles up to six hours; what comes once a day is not put off at all."""
    at = datetime(2026, 1, 1, 12, 0, 5, tzinfo=UTC)
    waits = [back_off(HOURLY, at, failures) for failures in range(7)]
    assert [moment and (moment - at + timedelta(seconds=5)) // timedelta(hours=1) for moment in waits] == [1, 1, 2, 4, 6, 6, 6]
    daily = parse_schedule("@daily")
    assert {back_off(daily, at, failures) for failures in (0, 1, 9)} == {datetime(2026, 1, 2, tzinfo=UTC)}
