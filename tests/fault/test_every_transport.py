"""One feed through every transport, whole and broken: the table ends as a clean load leaves it, or as it was, with one clear error."""

from __future__ import annotations

import gzip
import logging
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread
import pytest

import feedmill
from engine.run import Counts, RunRecord, RunStatus
from plugins.manager import Registry, load_registry
from tests.fault.fault_proxy import Corrupt, Cut, Stall
from tests.fault.transport_parts import BREAK, FEED, PASSWORD, ROWS, Order, Papers, Served, Transport, transport
from tests.integration.quirk_feeds import COLUMNS, GOOD

TRANSPORTS: Final = ("file", "http", "https", "rest", "ftp", "ftps explicit", "ftps implicit", "ftps proftpd", "sftp", "sftp openssh")
CONDITIONS: Final = ("clean", "cut", "stalled", "login", "stranger", "missing", "corrupt", "damaged gzip")
LEFT_OUT: Final[Mapping[str, Mapping[str, str]]] = {
    "cut": {"file": "no connection"},
    "stalled": {"file": "no connection"},
    "login": {"file": "nobody logs in to a file"},
    "stranger": dict.fromkeys(("file", "http", "ftp"), "no certificate and no host key: it is not known who answers"),
    "corrupt": dict.fromkeys(("file", "http", "ftp"), "no checksum on the way: TCP's own is all there is, and no reader can tell"),
    "damaged gzip": dict.fromkeys(
        set(TRANSPORTS) - {"file", "http", "ftp"}, "what TLS and SSH bring is as it was sent; gzip's own checksum is for where they are not"
    ),
}
"""Which conditions do not apply to which transport, and why."""

QUICK: Final[Mapping[str, object]] = {
    "transport.connectTimeout": 5,
    "transport.idleTimeout": 5,
    "transport.minBytesPerSecond": 0,
    "transport.retryWait": 0.01,
    "transport.attempts": 2,
}
ONCE: Final[Mapping[str, object]] = {**QUICK, "transport.attempts": 1}
IMPATIENT: Final[Mapping[str, object]] = {**ONCE, "transport.idleTimeout": 0.3}
WRONG: Final = "wr@ng-hunter2"
VOLATILE: Final = ("id", "created_run_id", "created_at", "updated_at", "inventory_updated_at")
"""Columns that differ between two loads of the same bytes."""


def over(condition: str) -> pytest.MarkDecorator:
    """Run a test over every transport that a condition applies to."""
    names = [name for name in TRANSPORTS if name not in LEFT_OUT.get(condition, {})]
    return pytest.mark.parametrize("supplier", names, indirect=True)


@dataclass(frozen=True)
class Outcome:
    """A run's record as returned, and every row of every item that it left; the last columns are those of `VOLATILE`."""

    record: RunRecord
    rows: list[tuple[object, ...]]

    @property
    def table(self) -> list[tuple[object, ...]]:
        """Return the items without what differs from load to load."""
        return [row[: -len(VOLATILE)] for row in self.rows]


async def sync(source: str, database: Path, settings: Mapping[str, object]) -> Outcome:
    """Sync a source, and read back what came of it: past the product's own reader, which takes seconds for so many items."""
    registry = await anyio.to_thread.run_sync(_installed)
    record = await feedmill.sync(source, to=str(database), feed="acme", settings=settings, fields=COLUMNS, registry=registry)
    return Outcome(record, await anyio.to_thread.run_sync(_rows, database))


@cache
def _installed() -> Registry:
    return load_registry()


def _rows(database: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as opened:
        columns = [row[1] for row in opened.execute("PRAGMA table_info(inventory_feed_variants)") if row[1] not in VOLATILE]
        return opened.execute(f"SELECT {', '.join((*columns, *VOLATILE))} FROM inventory_feed_variants ORDER BY external_id").fetchall()


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """Make certificates and an empty known_hosts."""
    return Papers.made(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def supplier(request: pytest.FixtureRequest, papers: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transport]:
    """Give a transport; its server is started once."""
    with transport(request.param, papers, tmp_path_factory.mktemp("transport"), tmp_path_factory.getbasetemp()) as made:
        yield made


@dataclass(frozen=True)
class Loads:
    """What the tests compare with: the table after a clean load from a file, and a database with a good load of other data."""

    clean: list[tuple[object, ...]]
    other: list[tuple[object, ...]]
    folder: Path


@pytest.fixture(scope="module")
def loads(tmp_path_factory: pytest.TempPathFactory) -> Loads:
    """Load the feed from a file, and other data into a database of its own."""
    folder = tmp_path_factory.mktemp("loads")
    (folder / "other").mkdir()
    (folder / "feed.csv").write_bytes(FEED)
    (folder / "other.csv").write_bytes(GOOD)

    async def load(name: str, database: Path) -> Outcome:
        outcome = await sync(str(folder / name), database, {})
        assert outcome.record.status is RunStatus.COMPLETE
        return outcome

    clean = anyio.run(load, "feed.csv", folder / "clean.db")
    assert clean.record.counts == Counts(created=ROWS)
    return Loads(clean.table, anyio.run(load, "other.csv", folder / "other" / "shop.db").rows, folder / "other")


@pytest.fixture
def hushed(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Path]:
    """Give a folder; in it, in the log and in what was printed no secret may be found at the end."""
    for library in ("", "aiohttp", "aioftp", "asyncssh", "asyncio"):
        caplog.set_level(logging.DEBUG if library else logging.INFO, library)
    yield tmp_path
    printed = capfd.readouterr()
    left = [caplog.text.encode(), *(text.encode() for text in printed), *(path.read_bytes() for path in tmp_path.iterdir())]
    for secret in (PASSWORD, "p%40ss", WRONG, "wr%40ng", "hush"):
        assert not any(secret.encode() in text for text in left), secret


@pytest.fixture
def fresh(hushed: Path) -> Path:
    """Give the path of a database that is not there yet."""
    return hushed / "fresh.db"


@pytest.fixture
def database(loads: Loads, hushed: Path) -> Path:
    """Give a database in which other data was loaded well."""
    shutil.copytree(loads.folder, hushed, dirs_exist_ok=True)
    return hushed / "shop.db"


async def run(served: Served, database: Path, settings: Mapping[str, object], url: str | None = None) -> Outcome:
    """Sync what is served."""
    return await sync(url or served.url(), database, {**served.settings, **served.trust, **settings})


def check_equal(outcome: Outcome, loads: Loads) -> None:
    """Prove that a run left what a clean load leaves."""
    record = outcome.record
    assert record.status is RunStatus.COMPLETE, record.problems
    assert (record.read, record.rejected, record.skipped) == (ROWS, 0, 0)
    # Compared before it is asserted: a difference of 50,000 items is not to be explained line by line.
    equal = outcome.table == loads.clean
    assert equal


def check_unchanged(outcome: Outcome, loads: Loads, code: str, named: str, said: tuple[str, ...]) -> None:
    """Prove that a run changed nothing and says so once: where, what, and what cures it."""
    record = outcome.record
    assert (record.status, record.counts) == (RunStatus.ERROR, Counts())
    assert outcome.rows == loads.other
    # The other data came as CSV, which the pages of an API are not.
    problems = [problem for problem in record.problems if problem.code != "dialectChanged"]
    assert [problem.code for problem in problems] == [code], record.problems
    (problem,) = problems
    for part in (named, *said):
        assert part in problem.message
    assert len(problem.message) < 600


def told(record: RunRecord) -> list[str]:
    """Return what the connector had to tell of the run."""
    return [problem.message for problem in record.problems if problem.code == "source"]


def test_what_is_left_out_is_left_out_of_something() -> None:
    """Each exception names a condition and a transport that there are, and each condition applies to some transport."""
    cells = set(product(CONDITIONS, TRANSPORTS))
    exceptions = {(condition, name) for condition, names in LEFT_OUT.items() for name in names}
    assert exceptions < cells
    assert {condition for condition, _ in cells - exceptions} == set(CONDITIONS)


@over("clean")
async def test_a_clean_download_ends_equal(supplier: Transport, loads: Loads, fresh: Path) -> None:
    """Whatever brings them, the same bytes leave the same table, and nobody has to be told anything."""
    async with supplier.serving(Order()) as served:
        outcome = await run(served, fresh, QUICK)
    check_equal(outcome, loads)
    assert outcome.record.problems == ()
    assert outcome.record.bytes == served.size


@over("cut")
async def test_a_download_cut_at_sixty_percent_is_gone_on_with(supplier: Transport, loads: Loads, fresh: Path) -> None:
    """The table ends equal, at most 45 % more than the feed is transferred, and the record tells of the break."""
    async with supplier.serving(Order(Cut)) as served:
        outcome = await run(served, fresh, QUICK)
    check_equal(outcome, loads)
    assert served.size * BREAK < served.meter.bytes <= served.size * 1.45
    assert len(served.meter.connections) > 1
    (sentence,) = told(outcome.record)
    assert "attempt 2 of 2" in sentence
    assert served.shown(served.url()) in sentence


@over("stalled")
async def test_a_download_that_stalls_changes_nothing(supplier: Transport, loads: Loads, database: Path) -> None:
    """A source that falls silent is given up after the idle time, as one to try again."""
    async with supplier.serving(Order(Stall)) as served:
        outcome = await run(served, database, IMPATIENT)
    said = ("sent nothing for 0.3 s", "nothing was applied", "try again later")
    check_unchanged(outcome, loads, "retry", served.shown(served.url()), said)


@over("login")
async def test_a_refused_login_changes_nothing(supplier: Transport, loads: Loads, database: Path) -> None:
    """A wrong password is not tried twice, and the message says what to check."""
    async with supplier.serving(Order()) as served:
        url = served.url(password=WRONG)
        outcome = await run(served, database, QUICK, url)
    check_unchanged(outcome, loads, "refused", served.shown(url), ("not accepted", "check"))


@over("stranger")
async def test_an_unknown_server_changes_nothing(supplier: Transport, loads: Loads, database: Path) -> None:
    """A certificate that nobody vouches for, or a host key that nobody knows, ends the run before anything is sent."""
    async with supplier.serving(Order()) as served:
        outcome = await sync(served.url(), database, {**served.settings, **served.distrust, **QUICK})
    cure = "transport.hostKey" if served.base.startswith("sftp:") else "transport.caFile"
    check_unchanged(outcome, loads, "refused", served.shown(served.url()), (cure,))


@over("missing")
async def test_a_missing_file_changes_nothing(supplier: Transport, loads: Loads, database: Path) -> None:
    """What is not there will not be there a second later."""
    async with supplier.serving(Order()) as served:
        url = served.url(path=served.path.replace("stock", "gone").replace("/page", "/gone"))
        outcome = await run(served, database, QUICK, url)
    check_unchanged(outcome, loads, "refused", served.shown(url), ("check the path",))


@over("corrupt")
async def test_a_changed_bit_never_reaches_the_table(supplier: Transport, loads: Loads, database: Path, fresh: Path) -> None:
    """TLS and SSH notice it: the download is gone on with over another connection, or given up."""
    async with supplier.serving(Order(Corrupt)) as served:
        check_equal(await run(served, fresh, QUICK), loads)
        outcome = await run(served, database, ONCE)
    check_unchanged(outcome, loads, "retry", served.shown(served.url()), ("try again later",))


@over("damaged gzip")
async def test_a_changed_bit_of_a_gzip_file_never_reaches_the_table(supplier: Transport, loads: Loads, database: Path) -> None:
    """Where the transport has no checksum, that of the file is held against what was unpacked."""
    async with supplier.serving(Order(Corrupt, gzip.compress(FEED, 1), "stock.csv.gz")) as served:
        outcome = await run(served, database, QUICK)
    check_unchanged(outcome, loads, "retry", served.shown(served.url()), ("the compressed file is damaged", "try again later"))
