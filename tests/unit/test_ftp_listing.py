"""Folder listings as FTP servers print them: what is read, what is left out, and that nothing they send breaks the reader."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ftpwire.listing import Listed, parse_list, parse_mlsd, server_time

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _at(year: int, month: int, day: int, *clock: int) -> datetime:
    hour, minute, second = (*clock, 0, 0, 0)[:3]
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("type=file;size=12;modify=20260101063000; stock.csv", Listed("stock.csv", 12, _at(2026, 1, 1, 6, 30), exact=True)),
        ("Type=File;Size=12;Modify=20260101063000.123; a b;c=d.csv", Listed("a b;c=d.csv", 12, _at(2026, 1, 1, 6, 30), exact=True)),
        ("size=12;modify=20260231000000; no-such-day", Listed("no-such-day", 12, None, exact=True)),
        ("type=OS.unix=slink:/srv/x;size=3;modify=20260101063000; link.csv", Listed("link.csv", None, None)),
        ("type=file; bare", Listed("bare", None, None, exact=True)),
        ("type=dir;modify=20260101063000; folder", None),
        ("type=cdir; .", None),
        ("type=pdir; ..", None),
        ("type=file;size=1; ../../etc/passwd", None),
        ("type=file;size=1; nul\0byte", None),
    ],
)
def test_mlsd_tells_files_with_exact_times(line: str, expected: Listed | None) -> None:
    """RFC 3659: facts in any case and order, then one blank, then the name with all its blanks."""
    assert parse_mlsd(f"{line}\r\n".encode()).files == ((expected,) if expected else ())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-rw-r--r--    1 1000     1000        12345 Feb 01 06:30 stock.csv", Listed("stock.csv", 12345, _at(2026, 2, 1, 6, 30))),
        (
            "-rw-r--r--    1 ftp      Domain Users 12345 Nov 18 23:59 two  blanks.csv",
            Listed("two  blanks.csv", 12345, _at(2025, 11, 18, 23, 59)),
        ),
        ("-rw-r--r--+ 1 shop shop 5 Mar  2 09:00 ahead.csv", Listed("ahead.csv", 5, _at(2026, 3, 2, 9, 0))),
        ("-rw-rw-rw- 1 user group 7 Feb 29 2024 leap.csv", Listed("leap.csv", 7, _at(2024, 2, 29))),
        ("-rw-rw-rw- 1 user group 7 Feb 29 10:00 leap.csv", Listed("leap.csv", 7, _at(2024, 2, 29, 10, 0))),
        ("-rw-r--r-- 1 a b 9 2026-02-01 06:30 iso.csv", Listed("iso.csv", 9, _at(2026, 2, 1, 6, 30))),
        ("-rw-r--r-- 1 a b 9 Mär 1 06:30 german.csv", Listed("german.csv", 9, None)),
        ("lrwxrwxrwx 1 a b 9 Jan 01 2026 now.csv -> stock.csv", Listed("now.csv", None, None)),
        ("02-01-26  06:30AM                12345 stock.csv", Listed("stock.csv", 12345, _at(2026, 2, 1, 6, 30))),
        ("02-01-2026  12:30PM    1,234,567 noon.csv", Listed("noon.csv", 1234567, _at(2026, 2, 1, 12, 30))),
        ("02-01-26  12:30AM       <DIR>          folder", None),
        ("drwxr-xr-x 2 a b 4096 Jan 01 2026 folder", None),
        ("-rw-r--r-- 1 a b 9 Jan 01 2026 ../x.csv", None),
        ("total 12", None),
    ],
)
def test_list_tells_files_with_rough_times(line: str, expected: Listed | None) -> None:
    """Unix and Windows forms; without a year it is the last time that this day was, with a day's tolerance for zones."""
    listing = parse_list(f"{line}\r\n".encode(), NOW)
    assert listing.files == ((expected,) if expected else ())
    assert listing.unread == 0


def test_lines_of_no_known_form_are_counted() -> None:
    """A listing that cannot be read is not an empty folder."""
    assert parse_list(b"stock.csv;12345;yesterday\r\nDirectory of C:\\\n", NOW).unread == 2
    assert parse_mlsd(b"-rw-r--r-- 1 a b 9 Jan 01 2026 x\r\n").unread == 1


def test_names_that_are_no_utf8_survive() -> None:
    """A name goes back to the server byte for byte."""
    (file,) = parse_mlsd(b"type=file; Gr\xf6\xdfe.csv\r\n").files
    assert file.name.encode("utf-8", "surrogateescape") == b"Gr\xf6\xdfe.csv"


@pytest.mark.parametrize("text", ["", "2026", "20260101", "2026010106300", "20261301000000", "20260101063000x", "٢٠٢٦٠١٠١٠٦٣٠٠٠"])
def test_what_is_no_time_is_none(text: str) -> None:
    """A time that cannot be is not guessed."""
    assert server_time(text) is None


@pytest.mark.parametrize("rest", ["1" * 8000, " " * 4000 + "1" * 4000, "1 " * 4000, "1 a" * 2000])
def test_a_line_of_nothing_but_figures_takes_no_time(rest: str) -> None:
    """A hostile server must not hold the reader with lines that nearly fit: thousands of them may come."""
    begun = time.process_time()
    assert parse_list(f"-rw-r--r-- 1 {rest}".encode(), NOW).unread == 1
    assert time.process_time() - begun < 0.2


@given(st.binary(max_size=300))
def test_nothing_a_server_lists_breaks_the_reader(data: bytes) -> None:
    """Whatever bytes come, no name is a path or holds a line end."""
    for listing in (parse_mlsd(data), parse_list(data, NOW)):
        assert not any(sign in file.name for file in listing.files for sign in "/\r\n\0")


@given(st.text(st.sampled_from(" -:;=/<>.0123456789abJanDIRtypefilsz\r\n"), max_size=200))
def test_nothing_that_looks_like_a_listing_breaks_the_reader(text: str) -> None:
    """Almost-listings neither fail nor take long."""
    for line in (f"type={text}", f"-rw-r--r-- 1 {text} Jan 01 2026 {text}", f"01-02-26 {text}"):
        parse_mlsd(line.encode())
        parse_list(line.encode(), NOW)
