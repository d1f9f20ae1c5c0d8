"""Which files a path means: dates, patterns, the newest and all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal

import pytest

from connectors.wire.choosing import Entry, choose, expand_dates, fits, is_pattern
from engine.errors import ConfigError, RefuseRun
from engine.source import parse_location

NOW = datetime(2026, 3, 9, 7, 5, 1, tzinfo=UTC)
SOURCE = parse_location("sftp://shop:hunter2@supplier.example/out/")


def _entry(name: str, day: int | None = None) -> Entry:
    return Entry(name, 10, datetime(2026, 11, day, tzinfo=UTC) if day else None)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stock.csv", "stock.csv"),
        ("stock_{date:%Y%m%d}.csv", "stock_20260309.csv"),
        ("{date:%Y}/{date:%m}/stock_{date:%d}.csv", "2026/03/stock_09.csv"),
        ("{date:%Y/%m/%d}/stock_*.csv", "2026/03/09/stock_*.csv"),
        ("/{date:%d%b%y}.csv", "/09Mar26.csv"),
        ("{date:%-d.%-m.%Y}.csv", "9.3.2026.csv"),
        ("{date:%H%M%S}.csv", "070501.csv"),
        ("{date:%G-W%V}.csv", "2026-W11.csv"),
        ("100%.csv", "100%.csv"),
        ("a}b.csv", "a}b.csv"),
    ],
)
def test_dates_are_written_out(path: str, expected: str) -> None:
    """Each date by its own format, any number of them, anywhere in the path; all else stays."""
    assert expand_dates(path, NOW) == expected


def test_dates_are_those_of_utc() -> None:
    """Half past midnight in Auckland is still the day before."""
    auckland = timezone(timedelta(hours=13))
    assert expand_dates("{date:%Y%m%d%H}", datetime(2026, 11, 2, 0, 30, tzinfo=auckland)) == "2026110111"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("stock_{day}.csv", r"\{day\} is not known; write a date as \{date:%Y%m%d\}"),
        ("stock_{date}.csv", r"\{date\} is not known"),
        ("stock_{}.csv", r"\{\} is not known"),
        ("stock_{DATE:%Y}.csv", "is not known"),
        ("stock_{date:}.csv", "'' is no date format"),
        ("stock_{date:YYYYMMDD}.csv", "'YYYYMMDD' is no date format"),
        ("stock_{date:%Q}.csv", "'%Q' is no date format"),
        ("stock_{date:%}.csv", "'%' is no date format"),
        ("stock_{date:%s}.csv", "'%s' is no date format"),
        ("stock_{date:%Y", "a brace is not closed"),
        ("out_*/stock.csv", "only the last part may be a pattern; name the folder 'out_\\*' in full"),
        ("[a-c]/{date:%Y}/*.csv", "only the last part may be a pattern"),
    ],
)
def test_a_path_that_cannot_be_meant_is_a_setting_to_change(path: str, reason: str) -> None:
    """Unknown braces, formats that are none, and patterns in folders' names are said before anything is asked of a server."""
    with pytest.raises(ConfigError, match=reason) as caught:
        expand_dates(path, NOW)
    assert str(caught.value).startswith(f"resourcePath {path!r}: ")


def test_a_pattern_is_known_by_its_signs() -> None:
    """Star, question mark, bracket."""
    assert all(map(is_pattern, ("*.csv", "stock?.csv", "stock[0-9].csv")))
    assert not any(map(is_pattern, ("stock.csv", "stock{}.csv", "100%.csv", "")))


@pytest.mark.parametrize(
    ("name", "pattern", "expected"),
    [
        ("stock_1.csv", "stock_*.csv", True),
        ("Stock_1.csv", "stock_*.csv", False),
        ("stock_1.csv.part", "stock_*.csv", False),
        ("stock[1].csv", "stock[[]1].csv", True),
        ("stock.csv", "*", True),
        (".stock.csv.part", "*", False),
        (".in.stock.csv.", "*stock*", False),
        (".stock.csv", ".*.csv", True),
    ],
)
def test_a_pattern_means_names_in_their_case_and_no_hidden_ones(name: str, pattern: str, expected: bool) -> None:
    """Servers hide uploads under way behind a leading dot; a star does not uncover them."""
    assert fits(name, pattern) is expected


ENTRIES = (_entry("stock_b.csv", 2), _entry("stock_c.csv", 1), _entry("stock_a.csv", 2), _entry("readme.txt", 9))


@pytest.mark.parametrize(
    ("select", "expected"),
    [("newest", ["stock_b.csv"]), ("all", ["stock_c.csv", "stock_a.csv", "stock_b.csv"])],
)
def test_the_newest_or_all_with_the_oldest_first(select: Literal["newest", "all"], expected: list[str]) -> None:
    """Time decides, then the name; the order of the listing never does."""
    for entries in (ENTRIES, ENTRIES[::-1]):
        assert [entry.name for entry in choose(entries, "stock_*.csv", select, SOURCE)] == expected


def test_without_times_all_go_by_name_and_one_is_the_newest() -> None:
    """Where no order is needed, no time is; one missing time makes the others no order either."""
    entries = (_entry("stock_2.csv"), _entry("stock_1.csv", 5), _entry("other.csv"))
    assert [entry.name for entry in choose(entries, "stock_*", "all", SOURCE)] == ["stock_1.csv", "stock_2.csv"]
    assert [entry.name for entry in choose(entries, "other*", "newest", SOURCE)] == ["other.csv"]


def test_the_newest_of_several_without_times_is_refused() -> None:
    """A guess by name could load last year's stock."""
    entries = (_entry("stock_1.csv", 5), _entry("stock_2.csv"))
    with pytest.raises(RefuseRun, match=r"2 files fit 'stock_\*' and the server does not tell .*put a date into resourcePath.*or set"):
        choose(entries, "stock_*", "newest", SOURCE)


def test_when_nothing_fits_the_message_says_what_is_there() -> None:
    """Mostly it is a typing error, and the right name stands next to it."""
    with pytest.raises(RefuseRun) as caught:
        choose((_entry("b\n.csv"), _entry("a.csv")), "stock_*", "newest", SOURCE)
    assert str(caught.value) == (
        "sftp://shop:***@supplier.example/out/: no file fits 'stock_*'; there are 'a.csv', 'b\\n.csv'; check resourcePath"
    )
    with pytest.raises(RefuseRun, match="the folder holds no file"):
        choose((), "*", "all", SOURCE)
    with pytest.raises(RefuseRun, match=r"'09\.csv' and 5 more; check"):
        choose([_entry(f"{number:02}.csv") for number in range(15)], "x*", "all", SOURCE)


def test_a_file_dated_in_the_future_is_told() -> None:
    """Until its time has come it is the newest, whatever arrives: somebody should know."""
    told: list[str] = []
    source = replace(parse_location("ftp://supplier.example/feeds/"), tell=told.append)
    ahead = datetime.now(UTC) + timedelta(days=400)
    assert choose([Entry("a.csv", 1, ahead), Entry("b.csv", 1, NOW)], "*.csv", "newest", source)[0].name == "a.csv"
    assert len(told) == 1
    assert "'a.csv' is dated" in told[0]
