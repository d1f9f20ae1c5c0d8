"""What is promised beside other programs, and that no figure stands when a program ended with another table."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.growth import CHANGED, FIRST, Growth, check_growth
from benchmarks.measure import Measurement, SubjectFailed
from benchmarks.peers.compare import FILE, HTTP, Comparison, Place, _Round
from benchmarks.peers.report import check_peers
from benchmarks.peers.subjects import AGAIN, DLT, DUCKDB, FEEDMILL, SQLITE3, SQLITE_UTILS, Peer

MILLION = 1_000_000


def run(rows: int = MILLION, seconds: float = 1.0, peak: int = 100_000_000) -> Measurement:
    """Return what was measured of a process."""
    return Measurement(rows, seconds, seconds, seconds, peak)


def never(source: str, database: Path, rows: int) -> Measurement:
    """Stand for a program that is not run."""
    raise AssertionError(source, database, rows)


@pytest.mark.parametrize(("over_http", "kept"), [([0.9, 1.1, 1.2], True), ([1.2, 0.9, 0.9], False)])
def test_a_ratio_is_kept_over_every_way_by_its_median(over_http: list[float], kept: bool) -> None:
    """Neither a file that goes well nor one good pair makes up for the median over HTTP; who was not measured promises nothing."""
    ratios = {Place(FILE, "first load", SQLITE3, False): [2.0] * 3, Place(HTTP, "first load", SQLITE3, False): over_http}
    (promise,) = check_peers(Comparison(MILLION, MILLION // 10, [], [], ratios=ratios))
    assert promise.kept is kept
    assert "HTTP" in promise.found


def test_a_promise_names_the_rows_of_a_slow_program() -> None:
    """Who was given a tenth of the rows is not said to have been compared at all of them."""
    ratios = {Place(FILE, "first load", name, slow): [20.0] for name, slow in ((SQLITE_UTILS, False), (DLT, True))}
    texts = [promise.text for promise in check_peers(Comparison(MILLION, MILLION // 10, [], [], ratios=ratios))]
    assert [text.endswith(", at 100,000 rows") for text in texts] == [False, True]


def test_an_unchanged_file_proves_nothing() -> None:
    """From a file nothing is read again, so only what came over HTTP counts for a run that changes nothing."""
    ratios = {Place(FILE, AGAIN, DUCKDB, False): [500.0], Place(HTTP, AGAIN, DUCKDB, False): [4.9]}
    (promise,) = check_peers(Comparison(MILLION, MILLION // 10, [], [], ratios=ratios))
    assert not promise.kept


@pytest.mark.parametrize(("stock", "equal"), [(5, True), (6, False)])
def test_another_table_is_no_result(stock: int, equal: bool, tmp_path: Path) -> None:
    """A program that ends with one other value in one row fails the benchmark, and is named."""
    peers = [Peer(name, "", never, "SELECT sku, stock FROM items ORDER BY sku") for name in (FEEDMILL, DUCKDB)]
    for peer, figure in zip(peers, (5, stock), strict=True):
        with closing(sqlite3.connect(tmp_path / f"{peer.name}.db")) as connection, connection:
            connection.execute("CREATE TABLE items (sku, stock)")
            connection.executemany("INSERT INTO items VALUES (?, ?)", [("A1", 1), ("A2", figure)])
    round_ = _Round(Comparison(2, 2, peers, []), tmp_path, tmp_path / "supplier.csv", "", FILE, False, print)
    if equal:
        round_._check_equal(peers, peers[0])
    else:
        with pytest.raises(SubjectFailed, match=r"2 items of Feedmill's .*, 2 of DuckDB's"):
            round_._check_equal(peers, peers[0])


@pytest.mark.parametrize(
    ("seconds", "peak", "kept"),
    [(11.4, 360_000_000, [True, True, True]), (11.6, 360_000_000, [True, True, False]), (10.0, 361_000_000, [True, False, True])],
)
def test_growth_has_limits(seconds: float, peak: int, kept: list[bool]) -> None:
    """Ten times the rows may take 1.2 times the memory and 24 bytes a row, and a row 1.15 times its seconds at a tenth."""
    sizes = (MILLION // 100, MILLION // 10, MILLION, MILLION * 10)
    usual = {(step, size): run(size, size / MILLION) for step in (FIRST, CHANGED) for size in sizes}
    usual[FIRST, sizes[-1]] = run(sizes[-1], seconds, peak)
    found = Growth(sizes, usual, {FIRST: (seconds / 10,), CHANGED: (1.0,)})
    assert [promise.kept for promise in check_growth(found)][:3] == kept
