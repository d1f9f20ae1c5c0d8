"""What an SFTP URL and a resource path name on the server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.sftp import path_of
from engine.errors import ConfigError
from engine.source import parse_location

NOW = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "resource", "path"),
    [
        ("/feeds/stock.csv", None, "/feeds/stock.csv"),
        ("/~/feeds/stock.csv", None, "feeds/stock.csv"),
        ("/%7E/stock.csv", None, "stock.csv"),
        ("/~stock.csv", None, "/~stock.csv"),
        ("/~other/stock.csv", None, "/~other/stock.csv"),
        ("/a%20b%3F%23.csv", None, "/a b?#.csv"),
        ("/gr%FC%DF.csv", None, "/gr\udcfc\udcdf.csv"),
        ("//feeds//stock.csv", None, "//feeds//stock.csv"),
        ("", None, "/"),
        ("/", "stock.csv", "/stock.csv"),
        ("", "stock.csv", "/stock.csv"),
        ("/~", "stock.csv", "stock.csv"),
        ("/~/", "/feeds/stock.csv", "feeds/stock.csv"),
        ("/feeds/", "stock_{date:%Y%m%d}.csv", "/feeds/stock_20261123.csv"),
        ("/feeds", "{date:%Y}/stock_*.csv", "/feeds/2026/stock_*.csv"),
    ],
)
def test_a_path_is_the_servers_unless_it_begins_with_a_tilde(url: str, resource: str | None, path: str) -> None:
    """`/x` begins at the root, `/~/x` at the login directory; a resource path stands below the URL."""
    source = replace(parse_location(f"sftp://shop@supplier.example{url}"), path=resource)
    assert path_of(source, NOW) == path


@pytest.mark.parametrize(
    ("url", "resource", "said"),
    [
        ("/a%00b", None, "%00, %0A or %0D"),
        ("/a%0D%0Ab", None, "%00, %0A or %0D"),
        ("/feeds", "a\nb", "%00, %0A or %0D"),
        ("/stock.csv?x=1", None, "has no query"),
        ("/feeds", "{day}.csv", "write a date as"),
    ],
)
def test_what_can_be_no_path_is_a_wrong_setting(url: str, resource: str | None, said: str) -> None:
    """Control characters, a query and unknown braces are `ConfigError` before anything is connected to."""
    with pytest.raises(ConfigError, match=said):
        path_of(replace(parse_location(f"sftp://shop@supplier.example{url}"), path=resource), NOW)
