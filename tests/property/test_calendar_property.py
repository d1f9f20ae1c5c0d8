"""Whatever the schedule, the zone and the moment: fetches come later, in order, and none is left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.scheduling.calendar import Every, Schedule, next_fetch, parse_schedule

# Among them clocks that change by half an hour, at midnight, and not at all.
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Africa/Cairo", "Asia/Beirut", "Australia/Lord_Howe", "Asia/Tokyo")

FIELDS = st.tuples(
    st.sampled_from(["*", "0", "30", "*/15", "59", "5,35"]),
    st.sampled_from(["*", "0", "1", "2", "2,3", "*/6", "23", "0-3"]),
    st.sampled_from(["*", "1", "29", "31", "L", "*/2"]),
    st.sampled_from(["*", "3", "10", "2-4"]),
    st.sampled_from(["*", "0", "SUN", "1-5", "SUN#1", "5L"]),
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Return a schedule that comes."""
    if draw(st.booleans()) and draw(st.booleans()):
        return Every(draw(st.integers(1, 40 * 86_400)))
    text = f"{' '.join(draw(FIELDS))} {draw(st.sampled_from(ZONES))}"
    try:
        return parse_schedule(text)
    except ConfigError:
        return parse_schedule("@hourly")


CHANGES = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 29), (10, 25), (3, 8), (11, 1), (4, 4), (10, 3), (4, 23), (10, 29))]

# Half of the moments lie around changes of clocks, where what goes wrong goes wrong.
MOMENTS = st.one_of(
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),
    st.builds(lambda day, seconds: day + timedelta(seconds=seconds), st.sampled_from(CHANGES), st.floats(-90_000, 90_000)),
)


@given(schedules(), MOMENTS, st.integers(0, 90_000), st.integers(0, 7200))
def test_the_next_fetch_is_later_and_nothing_lies_between(schedule: Schedule, after: datetime, further: int, delay: int) -> None:
    """Strictly later than the moment it is asked for, never earlier for a later moment, and the same from anywhere before it."""
    late = timedelta(seconds=delay)
    first = next_fetch(schedule, after, delay=late)
    assert first is not None
    assert first > after
    other = after + timedelta(seconds=further)
    following = next_fetch(schedule, other, delay=late)
    assert following is not None
    assert following >= first
    if other < first:
        assert following == first
