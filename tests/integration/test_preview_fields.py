"""A preview leads each field from raw to mapped through the rules of a run; a sample reads no further than it must."""

from __future__ import annotations

import anyio
import pytest

from engine.decode import Decoding
from engine.errors import Retry
from engine.feed import build_feed
from engine.flow.preview import PreviewRecord, preview_source
from engine.flow.sample import sample_source
from engine.flow.transform import Recipe, preset_rows
from engine.source import parse_location
from tests.integration.pipeline_parts import LineMapper, MemoryConnector

SOURCE = parse_location("https://supplier.example/stock.csv")
ROWS = (
    {"name": "sku", "purpose": "sku"},
    {"name": "north", "purpose": "inventoryQuantity"},
    {"name": "south", "purpose": "inventoryQuantity"},
    {"name": "price", "purpose": "retailPrice"},
    {"name": "name", "purpose": "name"},
)


async def look(*lines: str) -> tuple[PreviewRecord, ...]:
    """Preview lines under a header."""
    feed = build_feed("acme", {}, ROWS)
    recipe = Recipe(feed, preset_rows(feed, lambda preset: ()), LineMapper, {})
    body = "".join(f"{line}\n" for line in ("sku,north,south,price,name", *lines))
    return (await preview_source(recipe, MemoryConnector([[body.encode()]]), SOURCE, limit=10)).records


async def test_every_column_of_an_attribute_has_a_field() -> None:
    """Two warehouses are two fields of one attribute, with what came of both; the key is shown as what it is used for."""
    (record,) = await look("A1,3,4,9.50,Bolt")
    assert [(field.attribute, field.source, field.raw, str(field.value)) for field in record.fields] == [
        ("externalId", "sku", "A1", "A1"),
        ("vendorSku", "sku", "A1", "A1"),
        ("name", "name", "Bolt", "Bolt"),
        ("inventoryQuantity", "north", "3", "7"),
        ("inventoryQuantity", "south", "4", "7"),
        ("retailPrice", "price", "9.50", "9.5"),
    ]
    assert record.item is not None
    assert all(record.item[field.attribute] == field.value for field in record.fields)
    assert all(field.problem is None for field in record.fields)


async def test_a_rejected_record_shows_every_fault_where_it_is() -> None:
    """A run stops at the first fault of a record; a preview names each, at its column, and still shows what could be read."""
    (record,) = await look(",3,x,y,Bolt")
    assert record.item is None
    assert len(record.problems) == 1
    faults = {(field.attribute, field.source): field.problem for field in record.fields if field.problem is not None}
    assert set(faults) == {("externalId", "sku"), ("vendorSku", "sku"), ("inventoryQuantity", "south"), ("retailPrice", "price")}
    stock = faults["inventoryQuantity", "south"]
    assert stock is not None
    assert (stock.record, stock.line, stock.column, stock.value) == (1, 2, "south", "x")
    assert next(field.value for field in record.fields if field.attribute == "name") == "Bolt"


async def test_the_fault_of_a_run_is_among_those_of_its_fields() -> None:
    """The preview's first fault is, word for word, the one that a run keeps with the reject."""
    (record,) = await look("A1,3,x,9.50,Bolt")
    (told,) = (field.problem for field in record.fields if field.problem is not None)
    assert told == record.problems[0]


async def test_a_cell_of_several_values_is_a_list() -> None:
    """What a path leads to several times is shown as several texts."""
    (record,) = await look("A1,3,4,9.50,one\0two")
    assert next(field.raw for field in record.fields if field.attribute == "name") == ("one", "two")


async def test_a_record_that_was_not_parsed_has_no_fields() -> None:
    """Where there are no cells, there is the text and the reason."""
    broken, whole = await look("!what", "A1,3,4,9.50,Bolt")
    assert (broken.fields, broken.problems[0].line) == ((), 2)
    assert whole.fields


@pytest.mark.parametrize(("size", "complete"), [(5, False), (9, False), (10, True), (20, True)])
async def test_a_sample_knows_whether_it_is_all(size: int, complete: bool) -> None:
    """The first bytes of the first document, and whether there are more of it."""
    connector = MemoryConnector([[b"01234", b"56789"], [b"other"]])
    sample = await sample_source(Decoding.of(build_feed("acme", {})), connector, SOURCE, size=size)
    assert (sample.data, sample.complete) == (b"0123456789"[:size], complete)


async def test_a_sample_reads_no_further() -> None:
    """What would come after the sample is not waited for, nor is its failure met; the connector is left."""
    connector = MemoryConnector([[b"0123456789", anyio.Event(), Retry("broke off")]])
    sample = await sample_source(Decoding.of(build_feed("acme", {})), connector, SOURCE, size=5)
    assert (sample.data, sample.complete, connector.is_open) == (b"01234", False, False)


async def test_a_sample_that_breaks_off_is_a_failure() -> None:
    """A source that fails before there is enough is not taken for a short document."""
    connector = MemoryConnector([[b"01", Retry("broke off")]])
    with pytest.raises(Retry):
        await sample_source(Decoding.of(build_feed("acme", {})), connector, SOURCE, size=5)
