"""A run from the source to the sink: what is counted, what is applied, in what order, and how much memory it takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from connectors.file import FileConnector
from engine.contracts import Sink
from engine.events import RunEvent, RunFinished, RunStarted
from engine.feed import build_feed
from engine.flow.channel import Budget
from engine.flow.lanes import OpenLane, inline, thread
from engine.flow.pipeline import Job, run_feed
from engine.flow.tally import Progress
from engine.flow.transform import Recipe, preset_rows
from engine.run import Counts, RunRecord, RunStatus
from engine.source import parse_location
from feedmill.assembly import make_recipe
from feedmill.lanes.process import open_process_lane
from mappers.csv import SPEC
from plugins.manager import load_registry
from sinks.jsonl import open_jsonl
from tests.integration.pipeline_parts import HEADER, ROWS, MemoryConnector, MemorySink, job, recipe, table, until


@pytest.fixture
def documents_of_csv() -> Recipe:
    """Return the recipe of a feed whose mapper any process finds."""
    rows: list[dict[str, object]] = [*ROWS, {"name": "\u00c4", "purpose": "vendorName"}]
    return make_recipe(load_registry(), build_feed("shop", {"guard.maxRejectRatio": 1, "authenticationSecret": "secret"}, rows))


def codes(record: RunRecord) -> list[str]:
    """Return the codes of a run's problems."""
    return [problem.code for problem in record.problems]


async def test_a_good_feed_is_staged_judged_applied_and_finished() -> None:
    """Every record is accounted for, the state is what the source said, and the sink is used in the order of its contract."""
    sink = MemorySink()
    record = await run_feed(job(MemoryConnector([[table("a,5,1.50", "b,0,")]], announced=30), sink))
    assert (record.status, record.run, record.read, record.counts) == (RunStatus.COMPLETE, 7, 2, Counts(created=2))
    assert sink.items == {
        "a": {"vendorSku": "a", "inventoryQuantity": 5, "retailPrice": 1_500_000},
        "b": {"vendorSku": "b", "inventoryQuantity": 0},
    }
    assert sink.calls == ["stage", "summary", "apply", "finish"]
    assert sink.finished == record
    assert record.problems == ()
    assert record.dialect == {"format": "lines", "document": "memory:1"}
    assert set(record.stages) == {"fetch", "decode", "map", "stage", "apply"}
    assert record.bytes == len(table("a,5,1.50", "b,0,"))


async def test_the_same_feed_again_changes_nothing() -> None:
    """Every row is unchanged the second time, and only what changed is updated the third."""
    sink = MemorySink()
    first, second = table("a,5,1", "b,6,2"), table("a,5,1.00", "b,7,2")
    assert (await run_feed(job(MemoryConnector([[first]]), sink))).counts == Counts(created=2)
    assert (await run_feed(job(MemoryConnector([[first]]), sink))).counts == Counts(unchanged=2)
    assert (await run_feed(job(MemoryConnector([[second]]), sink))).counts == Counts(updated=1, unchanged=1)


async def test_rejected_and_skipped_records_are_kept_and_counted() -> None:
    """Each with its ordinal, line, column, value, reason, raw text and document, also with the mapper's flaws in between."""
    sink = MemorySink()
    document = table("a,1,1", "!torn", "b,N/A,1", "# note", "c,3,x", "d,4,4", ",5,5")
    record = await run_feed(job(MemoryConnector([[document]]), sink))
    assert (record.read, record.counts, record.skipped, record.rejected) == (7, Counts(created=2), 1, 4)
    kept = sorted((one.record, one.line, one.column, one.value, one.raw, one.fate) for one in sink.rejects)
    assert kept == [
        (2, 3, None, None, "!torn", "rejected"),
        (3, 4, "qty", "N/A", "b,N/A,1", "rejected"),
        (4, 5, None, None, "# note", "skipped"),
        (5, 6, "price", "x", "c,3,x", "rejected"),
        (7, 8, "sku", "", ",5,5", "rejected"),
    ]
    assert sink.records == {"a": 1, "d": 6}
    assert {one.document for one in sink.rejects} == {"memory:1"}
    assert codes(record) == ["rejected"] * 4
    assert {(problem.record, problem.line, problem.value) for problem in record.problems} >= {(3, 4, "N/A"), (5, 6, "x")}


async def test_however_the_bytes_are_cut_the_run_is_the_same() -> None:
    """Ordinals, lines, items and figures do not depend on the chunks."""
    document = table(*(f"k{number},{'x' if number % 40 == 7 else number},1" for number in range(100)), "# end")
    runs = []
    for size in (1, 7, 64, 10_000):
        sink = MemorySink()
        chunks = [document[at : at + size] for at in range(0, len(document), size)]
        record = await run_feed(job(MemoryConnector([chunks]), sink))
        runs.append((record.read, record.counts, record.rejected, record.skipped, sink.items, sink.records, sink.rejects))
    assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize("lane", [inline, thread], ids=["inline", "thread"])
async def test_the_lane_of_the_mapper_changes_nothing(lane: OpenLane) -> None:
    """In a thread or inline: the same items, digests, rejects and figures."""
    document = table(*(f"k{number % 60},{number if number % 29 else 'x'},{number}.5" for number in range(200)))
    sinks = MemorySink(), MemorySink()
    records = []
    for sink, where in zip(sinks, (inline, lane), strict=True):
        chunks = [document[at : at + 100] for at in range(0, len(document), 100)]
        records.append(await run_feed(replace(job(MemoryConnector([chunks]), sink), lane=where)))
    assert (sinks[0].items, sinks[0].digests, sinks[0].rejects) == (sinks[1].items, sinks[1].digests, sinks[1].rejects)
    assert records[0] == replace(records[1], seconds=records[0].seconds, stages=records[0].stages, asked_at=records[0].asked_at)


async def test_a_process_reads_what_a_thread_reads(documents_of_csv: Recipe) -> None:
    """The same items, digests, records, rejects, problems and dialect, of several documents in odd chunks and with odd texts."""
    head = "sku;qty;price;\u00c4\n"
    table = head + "".join(f"k{number % 700};{number if number % 29 else 'x'};{number}.5;\u20ac\n" for number in range(3_000)) + "torn\n"
    other = "price;sku;qty\n1;\ufffd\U0001f600;7\n2;N/A;x\n"
    documents = [[data[at : at + 20_000] for at in range(0, len(data), 20_000)] for data in (table.encode(), other.encode())]
    sinks, records = (MemorySink(), MemorySink()), []
    for sink, lane in zip(sinks, (thread, open_process_lane), strict=True):
        records.append(await run_feed(replace(job(MemoryConnector(documents), sink, made=documents_of_csv), lane=lane)))
    assert (sinks[0].items, sinks[0].digests, sinks[0].records) == (sinks[1].items, sinks[1].digests, sinks[1].records)
    assert sinks[0].rejects == sinks[1].rejects
    assert records[0] == replace(records[1], seconds=records[0].seconds, stages=records[0].stages, asked_at=records[0].asked_at)
    assert (records[1].status, records[1].read, records[1].rejected) == (RunStatus.COMPLETE, 3_003, 106)


async def test_several_documents_are_one_run() -> None:
    """Records are numbered through, lines begin anew, each reject names its document, sizes add up."""
    sink = MemorySink()
    connector = MemoryConnector([[table("a,1,1", "b,x,1")], [table("c,x,1", "d,4,4")]], announced=20)
    progress: list[Progress] = []
    record = await run_feed(replace(job(connector, sink), on_progress=progress.append))
    assert (record.read, record.rejected, sink.records) == (4, 2, {"a": 1, "d": 4})
    assert [(one.document, one.record, one.line) for one in sink.rejects] == [("memory:1", 2, 3), ("memory:2", 3, 2)]
    assert record.dialect == {"format": "lines", "document": "memory:1"}
    # Told as soon as a document is open, and of each chunk: of a slow source no batch is full for long.
    assert (progress[0].bytes, progress[0].total_bytes, progress[0].records) == (0, 20, 0)
    assert any(one.bytes and not one.records for one in progress if one.total_bytes == 20)
    assert progress[-1].total_bytes == 40
    assert progress[-1].records == 4


async def test_the_second_document_may_have_its_columns_in_another_order() -> None:
    """Rules are bound to each document's own header."""
    sink = MemorySink()
    await run_feed(job(MemoryConnector([[table("a,1,2")], [b"price,sku,qty\n9,b,8\n"]]), sink))
    assert sink.items["b"] == {"vendorSku": "b", "inventoryQuantity": 8, "retailPrice": 9_000_000}
    assert (await run_feed(job(MemoryConnector([[b"price,sku,qty\n2,a,1\n"]]), sink))).counts == Counts(unchanged=1)


async def test_of_two_records_with_one_key_the_last_wins() -> None:
    """The other counts as duplicate, and a problem says how many there were."""
    sink = MemorySink()
    record = await run_feed(job(MemoryConnector([[table("a,1,1", "b,2,2", "a,3,3")]]), sink))
    assert record.counts == Counts(created=2, duplicate=1)
    assert sink.items["a"]["inventoryQuantity"] == 3
    assert codes(record) == ["duplicate"]
    assert record.problems[0].message.startswith("1 records repeat the key")


async def test_items_that_are_missing_are_a_problem_and_stay() -> None:
    """Nothing acts on them in this version, and the run says so."""
    sink = MemorySink()
    await run_feed(job(MemoryConnector([[table("a,1,1", "b,2,2")]]), sink))
    record = await run_feed(job(MemoryConnector([[table("a,1,1")]]), sink))
    assert codes(record) == ["missing"]
    assert record.problems[0].message.startswith("1 known items were not in the source; by missingPolicy=zero they get")
    assert sink.items["b"]["inventoryQuantity"] == 2


async def test_another_column_that_is_gone_is_a_problem_and_its_values_stay() -> None:
    """Absent is untouched: the stored price outlives a feed without prices."""
    sink = MemorySink()
    await run_feed(job(MemoryConnector([[table("a,1,5")]]), sink))
    record = await run_feed(job(MemoryConnector([[b"sku,qty\na,2\n"]]), sink))
    assert codes(record) == ["column-missing"]
    assert sink.items["a"] == {"vendorSku": "a", "inventoryQuantity": 2, "retailPrice": 5_000_000}


async def test_a_dry_run_tells_what_would_happen_and_changes_nothing() -> None:
    """The same figures, no item."""
    sink = MemorySink()
    record = await run_feed(replace(job(MemoryConnector([[table("a,1,1")]]), sink), dry_run=True))
    assert record.dry_run
    assert (record.status, record.counts) == (RunStatus.COMPLETE, Counts(created=1))
    assert sink.items == {}


async def test_listeners_learn_of_begin_and_end() -> None:
    """The number of the run, the masked source, and the record as it was stored."""
    events: list[RunEvent] = []
    connector = MemoryConnector([[table("a,1,1")]])
    made = replace(
        job(connector, MemorySink()), notify=events.append, source=parse_location("https://u:secret@shop.example/x?token=secret")
    )
    record = await run_feed(made)
    assert events == [RunStarted("shop", 7, "https://u:***@shop.example/x?token=***"), RunFinished(record)]
    assert "secret" not in repr(events)


async def test_only_some_of_many_rejects_are_shown_and_the_rest_are_counted() -> None:
    """The record stays small; every reject is kept with the run."""
    sink = MemorySink()
    document = table(*(f"k{number},{'x' if number < 25 else 1},1" for number in range(300)))
    record = await run_feed(job(MemoryConnector([[document]]), sink))
    assert (record.rejected, len(sink.rejects), len(record.problems)) == (25, 25, 21)
    assert record.problems[-1].message == "5 more records were rejected; all are kept with the run"


@pytest.mark.parametrize("lane", [inline, thread], ids=["inline", "thread"])
async def test_a_slow_sink_holds_the_source_back(lane: OpenLane) -> None:
    """A source that offers a hundred times the limit is read no further than the limit, until the sink takes more."""
    limit, chunk = 20_000, table(*(f"k{number:04d},1,1" for number in range(100)))[len(HEADER) :]
    offered = 100 * limit // len(chunk)
    connector = MemoryConnector([[HEADER, *[chunk] * offered]])
    sink = MemorySink(gate=anyio.Event())
    made = replace(job(connector, sink), lane=lane, budget=Budget(limit), stall_patience=60)
    gate, budget, largest = sink.gate, made.budget, 4 * len(chunk) + len(chunk)
    assert gate is not None
    async with anyio.create_task_group() as group:
        group.start_soon(run_feed, made)
        await until(lambda: len(budget._waiting) == 2)
        assert budget.buffered_bytes <= limit
        assert connector.offered <= 3 * limit
        gate.set()
    assert connector.offered >= 99 * limit
    assert budget.peak_buffered_bytes <= limit + largest
    assert budget.buffered_bytes == 0
    assert sink.finished is not None
    assert sink.finished.read == offered * 100
    assert sink.finished.stages["fetch"].blocked > 0


async def test_every_stage_accounts_for_its_time() -> None:
    """Busy, starved and blocked of the stages that stream add up to no more than the run."""
    record = await run_feed(job(MemoryConnector([[table(*(f"k{number},1,1" for number in range(500)))]]), MemorySink()))
    for times in record.stages.values():
        assert min(times.busy, times.starved, times.blocked) >= 0
        assert times.busy + times.starved + times.blocked <= record.seconds
    assert record.bottleneck in record.stages


def real_job(path: Path, sink: Sink, **changes: object) -> Job:
    """Make a run of the built-in file connector and CSV mapper."""
    rows: tuple[dict[str, object], ...] = (
        {"name": "Artikelnr", "purpose": "sku"},
        {"name": "Lager", "purpose": "inventoryQuantity"},
        {"name": "Preis", "purpose": "retailPrice"},
    )
    feed = build_feed("shop", changes, rows)
    made = Recipe(feed, preset_rows(feed, lambda _: ()), SPEC.create, {})
    return Job(made, parse_location(str(path)), FileConnector(), sink)


GERMAN = "Artikelnr;Lager;Preis\n00123;>100;1.234,50 €\n1105.1;0;\n1,23E+12;5;1\nA-7;N/A;2\n00123;8,00;12,00\n" + "".join(
    f"B{number};{number};0,5\n" for number in range(40)
)


async def test_a_file_becomes_lines_of_json(tmp_path: Path) -> None:
    """The built-in connector, mapper and sink under the same pipeline, in a thread: keys stay text, last wins, rejects are kept."""
    path = tmp_path / "preise.csv"
    await anyio.Path(path).write_text(GERMAN, encoding="cp1252")
    async with open_jsonl(f"jsonl:///{tmp_path}/items.jsonl") as sink:
        record = await run_feed(real_job(path, sink, decimalNotation="comma", currency="EUR"))
        assert (record.status, record.read, record.rejected, record.counts) == (RunStatus.COMPLETE, 45, 2, Counts(created=42, duplicate=1))
        again = await run_feed(real_job(path, sink, decimalNotation="comma", currency="EUR"))
        assert again.counts == Counts(unchanged=42, duplicate=1)
    found = {item["externalId"]: item for item in map(json.loads, (await anyio.Path(tmp_path / "items.jsonl").read_text()).splitlines())}
    assert (found["00123"]["inventoryQuantity"], found["00123"]["retailPrice"]) == (8, 12)
    assert found["1105.1"]["inventoryQuantity"] == 0
    assert not {"1,23E+12", "A-7"} & set(found)


async def test_a_feed_in_the_wrong_notation_is_refused_whole(tmp_path: Path) -> None:
    """What would be wrong by a thousand is never applied: the source itself proves the setting wrong, and the cure is named."""
    path = tmp_path / "preise.csv"
    await anyio.Path(path).write_text("Artikelnr;Lager;Preis\na;5;12,50\nb;6;1.299\n", encoding="utf-8")
    async with open_jsonl(f"jsonl:///{tmp_path}/items.jsonl") as sink:
        record = await run_feed(real_job(path, sink))
    assert record.status is RunStatus.ERROR
    assert "set decimalNotation=comma" in record.problems[0].message
    assert not await anyio.Path(tmp_path / "items.jsonl").exists()


async def test_the_same_source_in_another_dialect_changes_only_values(tmp_path: Path) -> None:
    """Three days later everything is quoted, tabs part the cells and 8 is written 8,00: only what differs in value is updated."""
    path = tmp_path / "preise.csv"
    async with open_jsonl(f"jsonl:///{tmp_path}/items.jsonl") as sink:
        await anyio.Path(path).write_text("Artikelnr;Lager;Preis\na;8;12,50\nb;6;0,99\n", encoding="utf-8")
        await run_feed(real_job(path, sink, decimalNotation="comma"))
        await anyio.Path(path).write_text(
            '"Neu"\t"LAGER"\t"Artikelnr"\t"Preis"\r\n"x"\t"8,00"\t"a"\t"12,5"\r\n"y"\t"7"\t"b"\t"0,99"\r\n', encoding="utf-16"
        )
        record = await run_feed(real_job(path, sink, decimalNotation="comma"))
    assert record.counts == Counts(updated=1, unchanged=1)


def test_the_recipe_tells_the_mapper_what_it_may_know() -> None:
    """The names of the mapped columns and the format's own settings, no other."""
    settings = recipe(delimiter=";", skuExempt=True).settings
    assert settings.fields == (("sku",), ("qty",), ("price",))
    assert settings.attributes["delimiter"] == ";"
    assert "skuExempt" not in settings.attributes


async def test_a_refusal_names_the_one_of_several_documents() -> None:
    """Of several documents the message says which one cannot be read."""
    record = await run_feed(job(MemoryConnector([[table("a,5,1.50")], [b"id,name\n1,x\n"]]), MemorySink()))
    assert record.status is RunStatus.ERROR
    assert record.problems[0].message.startswith("memory:2: ")
