"""What a complete run leaves for the next: an unchanged source is not read again, a source asked lately is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

import feedmill
from engine.contracts import Connector, ConnectorSpec
from engine.document import Document
from engine.errors import ConfigError, InternalError, NotModified, Retry
from engine.hooks import hookimpl
from engine.run import Counts, RunRecord, RunStatus
from engine.source import Source
from plugins.manager import load_registry
from sinks.sqlite.queries import open_queries
from sinks.sqlite.single.plan import set_limit

FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}
FIRST, SECOND = b"sku,qty\na,1\nb,2\n", b"sku,qty\na,1\nb,3\n"


@dataclass
class Shelf:
    """A connector of documents on a shelf, each with the version that is written on it. `sent` counts those handed out."""

    documents: dict[str, tuple[bytes, str | None]] = field(default_factory=dict)
    sent: int = 0
    asked: int = 0
    failure: Exception | None = None
    late: bool = False
    times: dict[str, datetime] = field(default_factory=dict)

    def fetch(self, source: Source) -> AbstractAsyncContextManager[AsyncIterator[Document]]:
        """Open the shelf."""
        return self._fetch(source)

    @asynccontextmanager
    async def _fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if source.known == {name: version for name, (_, version) in self.documents.items()} and not self.late:
            raise NotModified(f"{source.name} is what it was")
        source.tell("the shelf was dusted")
        yield self._documents()

    async def _documents(self) -> AsyncIterator[Document]:
        for name, (body, version) in self.documents.items():
            self.sent += 1
            yield Document(name, _Body(body), version=version, mtime=self.times.get(name))
        if self.late:
            raise NotModified("too late")

    @hookimpl
    def feedmill_connectors(self) -> Sequence[ConnectorSpec]:
        """Register the shelf."""
        return (ConnectorSpec(("shelf",), self._make),)

    def _make(self) -> Connector:
        return self


class _Body(AsyncIterator[bytes]):
    def __init__(self, body: bytes) -> None:
        self._rest = iter((body,))

    async def __anext__(self) -> bytes:
        for chunk in self._rest:
            return chunk
        raise StopAsyncIteration


@pytest.fixture
def shelf() -> Shelf:
    """Give a shelf with one document."""
    return Shelf({"stock": (FIRST, "v1")})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give the path of a database."""
    return tmp_path / "shop.db"


async def sync(shelf: Shelf, database: Path, url: str = "shelf://user:one@shelf/stock?token=a", **more: Any) -> RunRecord:
    """Run the feed once."""
    registry = await anyio.to_thread.run_sync(lambda: load_registry(extra=[shelf]))
    return await feedmill.sync(url, to=str(database), feed="acme", **{"fields": FIELDS, **more}, registry=registry)


async def quantities(database: Path) -> Mapping[str, object]:
    """Return what is stored."""
    async with open_queries(f"sqlite:///{database}") as queries:
        return {str(item["externalId"]): item["inventoryQuantity"] async for item in queries.items("acme")}


def codes(record: RunRecord) -> list[str]:
    """Return the codes of a run's problems."""
    return [problem.code for problem in record.problems]


def was_read(record: RunRecord) -> bool:
    """Tell whether a complete run read its source."""
    assert record.status is RunStatus.COMPLETE
    return record.bytes > 0 and "not-modified" not in codes(record)


async def test_an_unchanged_source_is_not_read_again(shelf: Shelf, database: Path) -> None:
    """The second run reads nothing, says so, and its figures are those that reading it again would have come to."""
    first, second = await sync(shelf, database), await sync(shelf, database)
    assert (first.status, first.counts.created) == (RunStatus.COMPLETE, 2)
    assert (second.status, second.read, second.counts, second.bytes, shelf.sent) == (RunStatus.COMPLETE, 2, Counts(unchanged=2), 0, 1)
    second.check_accounting()
    assert codes(second) == ["not-modified"]
    assert await quantities(database) == {"a": 1, "b": 2}
    async with open_queries(f"sqlite:///{database}") as queries:
        assert [row.record.status for row in await queries.runs("acme")] == [RunStatus.COMPLETE, RunStatus.COMPLETE]


async def test_a_new_version_is_read(shelf: Shelf, database: Path) -> None:
    """A document that says another version is fetched, and known by it from then on."""
    await sync(shelf, database)
    shelf.documents["stock"] = (SECOND, "v2")
    changed, again = await sync(shelf, database), await sync(shelf, database)
    assert (changed.counts.updated, was_read(changed), was_read(again)) == (1, True, False)
    assert await quantities(database) == {"a": 1, "b": 3}


async def test_one_changed_document_of_two_means_all_are_read(shelf: Shelf, database: Path) -> None:
    """A feed is its documents together: what is unchanged is read too when another one changed."""
    shelf.documents["more"] = (b"sku,qty\nc,3\n", "v1")
    await sync(shelf, database)
    shelf.documents["more"] = (b"sku,qty\nc,4\n", "v2")
    record = await sync(shelf, database)
    assert (record.read, record.counts.updated, record.counts.unchanged) == (3, 1, 2)


async def test_a_document_without_a_version_is_known_by_its_bytes_alone(shelf: Shelf, database: Path) -> None:
    """One document that cannot be known again has all of them fetched, to find that they are what they were."""
    shelf.documents["more"] = (b"sku,qty\nc,3\n", None)
    await sync(shelf, database)
    again = await sync(shelf, database)
    assert (shelf.sent, again.bytes, again.counts, codes(again)) == (4, 28, Counts(unchanged=3), ["source", "not-modified"])


async def test_refetch_reads_what_is_unchanged(shelf: Shelf, database: Path) -> None:
    """A person may have the source read whatever is known of it."""
    await sync(shelf, database)
    record = await sync(shelf, database, refetch=True)
    assert (record.status, record.counts.unchanged, shelf.sent) == (RunStatus.COMPLETE, 2, 2)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"settings": {"allocationBuffer": 1}}, id="setting"),
        pytest.param({"fields": {**FIELDS, "name": "sku"}}, id="mapping"),
        pytest.param({"url": "shelf://user:one@shelf/stock?token=b"}, id="query"),
        pytest.param({"url": "shelf://other:one@shelf/stock?token=a"}, id="user"),
        pytest.param({"settings": {"parameters": [{"name": "x", "value": "1"}]}}, id="parameter"),
        pytest.param({"settings": {"resourcePath": "stock.csv"}}, id="path"),
    ],
)
async def test_what_decides_the_items_voids_the_checkpoint(shelf: Shelf, database: Path, more: dict[str, Any]) -> None:
    """The same bytes are read again when something else would become of them, or when they may be others."""
    await sync(shelf, database)
    assert was_read(await sync(shelf, database, **more))


async def test_a_new_password_does_not_void_the_checkpoint(shelf: Shelf, database: Path) -> None:
    """Who changes a password gets the same file."""
    await sync(shelf, database)
    assert not was_read(await sync(shelf, database, "shelf://user:two@shelf/stock?token=a"))


async def test_a_failed_run_leaves_the_checkpoint(shelf: Shelf, database: Path) -> None:
    """What the last complete run read is still the state of the feed when a later run was refused."""
    await sync(shelf, database)
    shelf.documents["stock"] = (b"<html><title>Login</title>", "v2")
    assert (await sync(shelf, database)).status is RunStatus.ERROR
    shelf.documents["stock"] = (FIRST, "v1")
    assert not was_read(await sync(shelf, database))
    assert await quantities(database) == {"a": 1, "b": 2}


async def test_a_dry_run_neither_uses_nor_leaves_a_checkpoint(shelf: Shelf, database: Path) -> None:
    """A dry run reads the source whatever is known, and the next run reads it too."""
    await sync(shelf, database, dry_run=True)
    assert was_read(await sync(shelf, database))
    assert (await sync(shelf, database, dry_run=True)).counts.unchanged == 2


async def test_a_connector_that_changes_its_mind_is_found_out(shelf: Shelf, database: Path) -> None:
    """Not modified after a document was yielded would drop what was read: it is an error of the program."""
    await sync(shelf, database)
    shelf.late = True
    with pytest.raises(InternalError, match="said not modified of what it yielded"):
        await sync(shelf, database)


async def test_the_figures_of_an_unchanged_source_are_those_of_reading_it_again(shelf: Shelf, database: Path) -> None:
    """Duplicates, skipped and rejected records count as they did; how often a run finds it unchanged makes no difference."""
    shelf.documents["stock"] = (b"sku,qty\na,1\nb,2\nb,3\nc,many\nsku,qty\n" + b"".join(b"x%d,1\n" % n for n in range(20)), "v1")
    first = await sync(shelf, database)
    assert (first.read, first.counts.created, first.counts.duplicate, first.rejected, first.skipped) == (25, 22, 1, 1, 1)
    read_again = await sync(shelf, database, refetch=True)
    for record in [await sync(shelf, database) for _ in range(2)]:
        figures = (record.read, record.counts, record.rejected, record.skipped)
        assert figures == (read_again.read, read_again.counts, read_again.rejected, read_again.skipped)


async def test_a_newest_file_that_is_older_than_the_last_one_is_refused(shelf: Shelf, database: Path) -> None:
    """A file that was withdrawn leaves yesterday's as the newest: its stock is not taken for today's unless it is asked for."""
    named: dict[str, Any] = {"settings": {"resourcePath": "stock_*.csv"}}
    shelf.documents, shelf.times = {"stock_2": (SECOND, "v2")}, {"stock_2": datetime(2026, 3, 2, tzinfo=UTC)}
    assert was_read(await sync(shelf, database, **named))
    shelf.documents, shelf.times = {"stock_1": (FIRST, "v1")}, {"stock_1": datetime(2026, 3, 1, tzinfo=UTC)}
    record = await sync(shelf, database, **named)
    assert (record.status, codes(record)[-1]) == (RunStatus.ERROR, "refused")
    assert "2026-03-01 00:00:00 UTC, but run 1 read one of 2026-03-02 00:00:00" in record.problems[-1].message
    assert await quantities(database) == {"a": 1, "b": 3}
    assert was_read(await sync(shelf, database, refetch=True, **named))
    assert await quantities(database) == {"a": 1, "b": 2}


async def test_a_missing_item_is_awaited_for_so_many_runs_though_the_source_is_what_it_was(shelf: Shelf, database: Path) -> None:
    """Grace is counted in runs: while an item is missing the source is read, so that it goes when it would have gone by reading."""
    grace: dict[str, Any] = {"settings": {"missingGraceRuns": 2}}
    await sync(shelf, database, **grace)
    shelf.documents["stock"] = (b"sku,qty\na,1\n", "v2")
    assert was_read(await sync(shelf, database, **grace))
    assert was_read(await sync(shelf, database, **grace))
    assert await quantities(database) == {"a": 1, "b": 2}
    third = await sync(shelf, database, **grace)
    assert (was_read(third), third.counts.removed) == (True, 1)
    assert await quantities(database) == {"a": 1, "b": 0}
    await sync(shelf, database, **grace)
    assert codes(await sync(shelf, database, **grace)) == ["not-modified"]


async def test_a_run_that_reads_again_still_knows_the_newest_file(shelf: Shelf, database: Path) -> None:
    """What the daily limit left out has to be read again, but not from a file that is older than the one it came from."""
    named: dict[str, Any] = {"settings": {"resourcePath": "stock_*.csv"}}
    await set_limit(f"sqlite:///{database}", 1)
    shelf.documents, shelf.times = {"stock_2": (SECOND, "v2")}, {"stock_2": datetime(2026, 3, 2, tzinfo=UTC)}
    assert (await sync(shelf, database, **named)).limited == 1
    shelf.documents, shelf.times = {"stock_1": (FIRST, "v1")}, {"stock_1": datetime(2026, 3, 1, tzinfo=UTC)}
    assert codes(await sync(shelf, database, **named))[-1] == "refused"
    shelf.documents, shelf.times = {"stock_2": (SECOND, "v2")}, {"stock_2": datetime(2026, 3, 2, tzinfo=UTC)}
    assert was_read(await sync(shelf, database, **named))


async def test_one_named_file_may_be_older(shelf: Shelf, database: Path) -> None:
    """Servers behind one address disagree about times: without a path an older time alone refuses nothing."""
    shelf.times = {"stock": datetime(2026, 3, 2, tzinfo=UTC)}
    await sync(shelf, database)
    shelf.documents, shelf.times = {"stock": (SECOND, "v2")}, {"stock": datetime(2026, 3, 1, tzinfo=UTC)}
    assert was_read(await sync(shelf, database))


async def test_what_the_connector_tells_is_in_the_record(shelf: Shelf, database: Path) -> None:
    """A sentence of the connector is a problem of the run with the code `source`."""
    record = await sync(shelf, database)
    assert [(problem.code, problem.message) for problem in record.problems] == [("source", "the shelf was dusted")]


async def test_a_source_asked_lately_is_left_alone(shelf: Shelf, database: Path) -> None:
    """Within the interval a run ends as skipped without a question, and does not put the next one off either."""
    patient: dict[str, Any] = {"settings": {"transport.minInterval": "3600"}}
    await sync(shelf, database, **patient)
    shelf.documents["stock"] = (SECOND, "v2")
    records = [await sync(shelf, database, **patient) for _ in range(2)]
    assert [(record.status, codes(record)) for record in records] == [(RunStatus.SKIPPED, ["too-soon"])] * 2
    assert shelf.asked == 1
    assert (await sync(shelf, database, settings={"transport.minInterval": "0"})).status is RunStatus.COMPLETE


async def test_a_failed_question_counts_as_asked(shelf: Shelf, database: Path) -> None:
    """A supplier that fails is left alone for the interval like any other."""
    shelf.failure = Retry("not now")
    patient: dict[str, Any] = {"settings": {"transport.minInterval": "3600"}}
    assert (await sync(shelf, database, **patient)).status is RunStatus.ERROR
    assert codes(await sync(shelf, database, **patient)) == ["too-soon"]
    assert shelf.asked == 1


async def test_parameters_are_not_stored_and_have_to_be_given_again(shelf: Shelf, database: Path) -> None:
    """A run that forgets a request's parameters is told, rather than answered with other goods."""
    await sync(shelf, database, settings={"parameters": [{"name": "key", "value": "hush"}]})
    assert b"hush" not in await anyio.Path(database).read_bytes()
    with pytest.raises(ConfigError, match="give parameters with every run"):
        await sync(shelf, database)
