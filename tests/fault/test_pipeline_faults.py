"""What fails in a run, and where: nothing is applied, nothing leaks, and the record or the error says what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import anyio
import pytest

from engine.batch import Batch, RawRecords
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError, FeedmillError, InternalError, RefuseRun, Retry, Superseded
from engine.flow.channel import Budget
from engine.flow.lanes import inline, thread
from engine.flow.pipeline import Job, run_feed
from engine.run import Counts, RunRecord, RunStatus
from tests.integration.pipeline_parts import LineMapper, MemoryConnector, MemorySink, job, recipe, table, until

GOOD = table("a,1,1", "b,2,2")
FAULTS = [(Retry("the host is gone", retry_after=60.0), "retry"), (RefuseRun("this is no feed"), "refused")]
MAPPER_PLACES = ("create", "feed", "parse", "finish", "locate")


class FaultyMapper(LineMapper):
    """A mapper that fails at one place."""

    def __init__(self, settings: MapperSettings, facts: DocumentFacts, *, place: str, error: Exception) -> None:
        self.place, self.error = place, error
        self._fail("create")
        super().__init__(settings, facts)

    def _fail(self, place: str) -> None:
        if self.place == place:
            raise self.error

    def feed(self, chunk: bytes) -> Iterable[RawRecords]:
        """Fail, or feed."""
        self._fail("feed")
        return super().feed(chunk)

    def parse(self, raw: RawRecords) -> Batch:
        """Fail, or parse."""
        self._fail("parse")
        return super().parse(raw)

    def finish(self) -> Iterable[RawRecords]:
        """Fail, or finish."""
        self._fail("finish")
        return super().finish()

    def locate(self, name: str) -> int | None:
        """Fail, or locate."""
        self._fail("locate")
        return super().locate(name)


def faulty(place: str, error: Exception) -> Job:
    """Make a run whose mapper fails."""
    made = recipe(create=partial(FaultyMapper, place=place, error=error))
    return job(MemoryConnector([[GOOD]]), MemorySink(), made=made)


def sink_of(made: Job) -> MemorySink:
    """Return the sink of a run."""
    assert isinstance(made.sink, MemorySink)
    return made.sink


async def fails(made: Job, code: str, message: str) -> RunRecord:
    """Run, and check all that holds for every run that was not applied."""
    sink = sink_of(made)
    connector = made.connector
    assert isinstance(connector, MemoryConnector)
    record = await run_feed(made)
    assert (record.status, record.counts) == (RunStatus.ERROR, Counts())
    assert [problem.message for problem in record.problems if problem.code == code] == [message]
    record.check_accounting()
    assert sink.calls.count("discard") == sink.calls.count("finish") == 1
    assert sink.calls[-2:] == ["discard", "finish"]
    assert "apply" not in sink.calls
    assert (sink.items, sink.finished) == ({}, record)
    assert not sink.is_open
    assert not connector.is_open
    assert made.budget.buffered_bytes == 0
    return record


async def crashes(made: Job, error: Exception) -> None:
    """Run, and check all that holds for every run that could not be ended in good order."""
    sink = sink_of(made)
    with pytest.raises(type(error)) as caught:
        await run_feed(made)
    assert caught.value is error
    assert "finish" not in sink.calls
    assert (sink.finished, sink.is_open) == (None, False)
    assert made.budget.buffered_bytes == 0


@pytest.mark.parametrize(("error", "code"), FAULTS)
@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_source_that_fails_applies_nothing(error: FeedmillError, code: str, before: int) -> None:
    """At the first byte, in mid-record or after the last: what was staged until then is discarded."""
    parts = [GOOD[:-3], GOOD[-3:]][:before]
    record = await fails(job(MemoryConnector([[*parts, error]]), MemorySink()), code, str(error))
    # What the supplier asked for is kept for whoever tries again.
    assert [problem.retry_after for problem in record.problems if problem.code == code] == [getattr(error, "retry_after", None)]


async def test_a_second_document_that_fails_takes_the_first_with_it() -> None:
    """A run is applied whole or not at all; what was read is counted as skipped."""
    made = job(MemoryConnector([[GOOD], [GOOD, Retry("cut short")]]), MemorySink())
    record = await fails(made, "retry", "cut short")
    assert record.skipped == record.read


@pytest.mark.parametrize(("error", "code"), FAULTS)
@pytest.mark.parametrize("place", MAPPER_PLACES)
@pytest.mark.parametrize("lane", ["inline", "thread"])
async def test_a_mapper_that_refuses_applies_nothing(error: FeedmillError, code: str, place: str, lane: str) -> None:
    """Whenever it can be told, in either lane. A refusal names the document, of which a source may have several."""
    made = faulty(place, error)
    message = f"memory:1: {error}" if isinstance(error, RefuseRun) else str(error)
    await fails(replace(made, lane=thread if lane == "thread" else inline), code, message)


@pytest.mark.parametrize(("error", "code"), FAULTS)
@pytest.mark.parametrize("place", ["stage", "keep", "summary"])
async def test_a_sink_that_refuses_before_it_applies_discards(error: FeedmillError, code: str, place: str) -> None:
    """A locked database is tried again later, with nothing half done."""
    sink = MemorySink(failures={place: error})
    await fails(job(MemoryConnector([[table("a,1,1", "b,x,2")]]), sink), code, str(error))


async def test_how_a_refused_document_was_read_is_told() -> None:
    """The dialect is half of the explanation."""
    record = await fails(job(MemoryConnector([[b"<html>log in</html>"]]), MemorySink()), "refused", "memory:1 is a page, not a table")
    assert record.dialect["format"] == "lines"


async def test_a_gone_column_of_stock_refuses_the_run() -> None:
    """The rules refuse it before one item is staged."""
    record = await run_feed(job(MemoryConnector([[b"sku,price\na,1\n"]]), sink := MemorySink()))
    assert (record.status, sink.calls) == (RunStatus.ERROR, ["discard", "finish"])
    assert "the column 'qty', mapped to inventoryQuantity" in record.problems[0].message


@pytest.mark.parametrize(
    "document", [b"", b"sku,qty,price\n", b"sku,qty,price\n# nothing today\n", b"sku,qty,price\n!torn\n", table("a,x,1")]
)
async def test_a_feed_without_a_valid_record_is_refused(document: bytes) -> None:
    """Empty, only a header, only notes, only broken records: the last good state stays."""
    record = await run_feed(job(MemoryConnector([[document] if document else []]), sink := MemorySink()))
    assert record.status is RunStatus.ERROR
    assert record.problems[0].message.startswith("no valid record among")
    assert sink.calls[-2:] == ["discard", "finish"]


async def test_a_source_without_a_document_is_refused() -> None:
    """A glob that matched nothing is no empty stock."""
    await fails(
        job(MemoryConnector([]), MemorySink()), "refused", "no valid record among 0 read (0 rejected, 0 skipped): nothing was applied"
    )


async def test_too_many_rejects_refuse_the_run_and_are_kept() -> None:
    """The refusal names the most frequent reason, and every reject can be read."""
    lines = [f"k{number},{'x' if number % 4 == 0 else 1},1" for number in range(100)]
    record = await run_feed(job(MemoryConnector([[table(*lines)]]), sink := MemorySink()))
    assert (record.status, record.read, record.rejected, record.skipped) == (RunStatus.ERROR, 100, 25, 75)
    assert "25 of 100 records were rejected" in record.problems[0].message
    assert "most often: inventoryQuantity is not a number" in record.problems[0].message
    assert len(sink.rejects) == 25
    assert sink.items == {}


async def test_numbers_that_contradict_each_other_refuse_the_run() -> None:
    """Found in different records, columns and documents, at the very end: still nothing was applied."""
    one, two = table("a,1,1.234"), table("b,1,1.234.567")
    assert (await run_feed(job(MemoryConnector([[one]]), MemorySink()))).status is RunStatus.COMPLETE
    record = await run_feed(job(MemoryConnector([[one], [two]]), sink := MemorySink()))
    assert record.status is RunStatus.ERROR
    assert "set decimalNotation=comma" in record.problems[0].message
    assert sink.items == {}


@pytest.mark.parametrize("place", ["stage", "keep", "summary", "apply"])
async def test_a_superseded_session_stops_at_once(place: str) -> None:
    """The newer run owns the feed: this one neither discards nor finishes."""
    error = Superseded("a newer run took over")
    made = job(MemoryConnector([[table("a,1,1", "b,x,2")]]), MemorySink(failures={place: error}))
    await crashes(made, error)
    assert "discard" not in sink_of(made).calls


@pytest.mark.parametrize(
    "error", [ValueError("surprise"), OSError(28, "no space"), ConfigError("set it"), InternalError("ours"), KeyError("x")]
)
@pytest.mark.parametrize("place", ["fetch", "feed", "parse", "finish", "stage", "keep", "summary", "apply"])
async def test_a_crash_in_any_stage_surfaces_as_it_is(error: Exception, place: str) -> None:
    """Ungrouped, with the session left unfinished, which marks the run as failed."""
    if place == "fetch":
        made = job(MemoryConnector([[GOOD, error]]), MemorySink())
    elif place in MAPPER_PLACES:
        made = faulty(place, error)
    else:
        made = job(MemoryConnector([[table("a,1,1", "b,x,2")]]), MemorySink(failures={place: error}))
    await crashes(made, error)


async def test_a_crash_in_the_progress_display_surfaces_too() -> None:
    """A listener of ours that fails is a bug, not a property of the feed."""
    error = ZeroDivisionError()

    def display(_: object) -> None:
        raise error

    await crashes(replace(job(MemoryConnector([[GOOD]]), MemorySink()), on_progress=display), error)


async def test_the_cause_is_told_rather_than_its_consequence() -> None:
    """A source that complains because it was broken off does not hide the crash that broke it off."""
    error = ValueError("the sink is broken")
    connector = MemoryConnector([[GOOD, anyio.Event()]], on_leave=Retry("the connection was cut"))
    await crashes(job(connector, MemorySink(failures={"stage": error})), error)
    assert not connector.is_open


async def test_a_refusal_stays_a_refusal_when_its_consequence_is_a_crash() -> None:
    """The other way round: the refused run is ended in good order."""
    connector = MemoryConnector([[GOOD, anyio.Event()]], on_leave=ValueError("not closed cleanly"))
    await fails(job(connector, MemorySink(failures={"stage": RefuseRun("full")})), "refused", "full")


async def test_a_sink_that_plans_wrongly_is_found_before_it_applies() -> None:
    """Figures that do not add up are our fault, and nothing is applied on them."""
    made = job(MemoryConnector([[GOOD]]), MemorySink(misjudge=1))
    with pytest.raises(InternalError, match="does not add up: 2 read, but 3 created"):
        await run_feed(made)
    assert sink_of(made).calls == ["stage", "summary"]
    assert sink_of(made).items == {}


async def test_a_sink_that_counts_wrongly_is_never_finished() -> None:
    """What the store did is checked against what was read, at the end of every run."""
    made = job(MemoryConnector([[GOOD]]), MemorySink(distort=lambda counts: replace(counts, created=counts.created + 1)))
    with pytest.raises(InternalError, match="does not add up"):
        await run_feed(made)
    assert sink_of(made).calls[-1] == "apply"


async def test_a_source_that_stands_still_is_given_up() -> None:
    """The watchdog ends the run, names the stages, and everything is closed."""
    made = replace(job(MemoryConnector([[GOOD, anyio.Event()]]), MemorySink()), stall_patience=0.3)
    record = await run_feed(made)
    assert (record.status, record.read, record.skipped) == (RunStatus.ERROR, 2, 2)
    assert [problem.code for problem in record.problems] == ["stalled"]
    assert "stages: fetch busy, decode starved, map starved, stage starved: nothing was applied" in record.problems[0].message
    assert sink_of(made).calls == ["stage", "discard", "finish"]
    assert sink_of(made).items == {}


async def test_a_sink_that_stands_still_is_named() -> None:
    """The stage that is busy while the others wait is the one to look at."""
    chunk = b"c,1,1\n" * 50
    made = replace(job(MemoryConnector([[GOOD, *[chunk] * 40]]), MemorySink(gate=anyio.Event())), stall_patience=0.3, budget=Budget(400))
    record = await run_feed(made)
    assert "stages: fetch blocked, decode blocked, map blocked, stage busy" in record.problems[0].message
    assert made.budget.buffered_bytes == 0


async def test_a_cancelled_run_closes_everything() -> None:
    """Connector and session are left, no byte stays in the budget, and the run is not finished: it counts as failed."""
    connector, sink = MemoryConnector([[GOOD, *[b"c,1,1\n" * 50] * 40]]), MemorySink(gate=anyio.Event())
    made = replace(job(connector, sink), budget=Budget(400))
    async with anyio.create_task_group() as group:
        group.start_soon(run_feed, made)
        await until(lambda: len(made.budget._waiting) == 3)
        assert connector.is_open
        group.cancel_scope.cancel()
    assert (connector.is_open, sink.is_open, sink.finished) == (False, False, None)
    assert (made.budget.buffered_bytes, made.budget._waiting) == (0, set())
    assert not {"apply", "finish"} & set(sink.calls)


async def test_a_failed_run_is_followed_by_a_good_one() -> None:
    """The state ends as if the failure had never been."""
    sink = MemorySink()
    await run_feed(job(MemoryConnector([[GOOD, Retry("cut")]]), sink))
    record = await run_feed(job(MemoryConnector([[GOOD]]), sink))
    assert record.counts == Counts(created=2)
    assert set(sink.items) == {"a", "b"}
