"""Runs over XML: what a path that leads nowhere does to a run, over one document and over several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from engine.contracts import DocumentFacts, MapperSpec
from engine.errors import ConfigError
from engine.feed import FieldRow, build_feed
from engine.flow.pipeline import run_feed
from engine.flow.preview import preview_source
from engine.flow.transform import Recipe, preset_rows
from engine.mapping.fields import MappingRow
from engine.run import RunRecord, RunStatus
from engine.source import parse_location
from mappers.xpath import SPEC
from tests.integration.pipeline_parts import MemoryConnector, MemorySink, job

GOODS = b"<shop><i id='1'><qty>5</qty><price>2.50</price></i><i id='2'><qty>0</qty><price>3</price></i></shop>"
KEY_AND_STOCK = ({"name": "@id", "purpose": "externalId"}, {"name": "qty", "purpose": "inventoryQuantity"})


def offered(spec: MapperSpec, preset: str) -> Sequence[MappingRow]:
    """Return the rows of a preset as the composition root makes them."""
    return [
        MappingRow(FieldRow.model_validate({"name": field.names[0], "purpose": field.purpose, **field.row}), field.names, declared=False)
        for field in spec.presets[preset]
    ]


def recipe(rows: Sequence[Mapping[str, object]] = (), **changes: object) -> Recipe:
    """Return how a feed of XML is read."""
    feed = build_feed("shop", {"resourceType": "xml", **changes}, rows)
    return Recipe(feed, preset_rows(feed, lambda preset: offered(SPEC, preset)), SPEC.create, {})


async def sync(made: Recipe, *documents: bytes, sink: MemorySink | None = None) -> RunRecord:
    """Run a feed over some documents."""
    return await run_feed(job(MemoryConnector([[document] for document in documents]), sink or MemorySink(), made=made))


def told(record: RunRecord, code: str) -> list[str]:
    """Return the messages of one code."""
    return [problem.message for problem in record.problems if problem.code == code]


async def test_rows_alone_make_a_custom_mapping_of_xml() -> None:
    """Whoever gives rows and no xmlMapping means these rows and no preset; the paths are columns."""
    made = recipe(KEY_AND_STOCK, xmlPath="/shop/i")
    assert made.feed.xml_mapping == "custom"
    sink = MemorySink()
    record = await sync(made, GOODS, sink=sink)
    assert (record.status, record.counts.created, record.dialect["format"]) == (RunStatus.COMPLETE, 2, "xml")


async def test_stock_that_no_record_has_refuses_the_run() -> None:
    """A path of stock that leads nowhere is a column that is gone: blank would be an invention."""
    rows = ({"name": "@id", "purpose": "externalId"}, {"name": "stock/quantity", "purpose": "inventoryQuantity"})
    record = await sync(recipe(rows, xmlPath="/shop/i"), GOODS)
    assert record.status is RunStatus.ERROR
    assert told(record, "refused") == [
        "'stock/quantity', mapped to inventoryQuantity, leads nowhere in any record: correct the mapping, or ask the supplier where it "
        "went; nothing was applied"
    ]


async def test_one_of_several_documents_that_has_it_is_enough() -> None:
    """A later page may have none in stock to tell of; what no document had counts, in whatever order they come."""
    bare = b"<shop><i id='3'/></shop>"
    empty = b"<shop/>"
    for documents in ((GOODS, bare, empty), (bare, empty, GOODS)):
        assert (await sync(recipe(KEY_AND_STOCK, xmlPath="/shop/i"), *documents)).status is RunStatus.COMPLETE
    assert told(await sync(recipe(KEY_AND_STOCK, xmlPath="/shop/i"), bare, empty), "refused")


@pytest.mark.parametrize(
    ("row", "refused"),
    [
        ({"name": "title", "purpose": "name"}, False),
        ({"name": "title", "purpose": "name", "blank": "clear"}, True),
        ({"name": "price", "purpose": "retailPrice", "priceOperator": "addition", "priceOperatorField": "surcharge"}, True),
        ({"name": "price", "purpose": "retailPrice", "priceOperator": "addition", "priceOperatorField": "qty"}, False),
    ],
)
async def test_what_else_is_missing_is_said_or_refused(row: Mapping[str, object], refused: bool) -> None:
    """A name that is nowhere is a note; one whose blanks would clear what is stored, or by which a price is reckoned, is a refusal."""
    record = await sync(recipe((*KEY_AND_STOCK, row), xmlPath="/shop/i"), GOODS)
    assert record.status is (RunStatus.ERROR if refused else RunStatus.COMPLETE)
    if row["name"] == "title":
        assert told(record, "refused" if refused else "column-missing")[0].startswith(
            "'title', mapped to name, leads nowhere in any record"
        )


async def test_a_preset_may_offer_what_the_document_has_not() -> None:
    """A feed without any element of stock is applied, and the stock that is known stays as it is."""
    goods = b"<SHOP><SHOPITEM><ITEM_ID>1</ITEM_ID><PRICE_VAT>10</PRICE_VAT></SHOPITEM></SHOP>"
    record = await sync(recipe(xmlMapping="heureka"), goods)
    assert (record.status, record.counts.created, told(record, "column-missing")) == (RunStatus.COMPLETE, 1, [])
    emptied = await sync(recipe(xmlMapping="heureka"), b"<SHOP><!-- entries go here --></SHOP>")
    assert "no valid record among 0 read" in told(emptied, "refused")[0]


async def test_a_tail_that_is_not_well_formed_applies_nothing() -> None:
    """Records that were read well before it are not applied either."""
    sink = MemorySink()
    record = await sync(recipe(KEY_AND_STOCK, xmlPath="/shop/i"), GOODS.replace(b"</shop>", b"<i id='3'><qty>1</i></shop>"), sink=sink)
    assert (record.status, record.counts.created) == (RunStatus.ERROR, 0)
    assert "not well-formed XML" in told(record, "refused")[0]


def test_an_expression_that_cannot_work_is_found_before_the_source_is_asked() -> None:
    """The mapper is made with the settings, and says all that is wrong with them."""
    made = recipe((*KEY_AND_STOCK, {"name": "following-sibling::i/qty", "purpose": "costPrice"}), xmlPath="/shop/i")
    with pytest.raises(ConfigError, match="following-sibling"):
        made.create_mapper(made.settings, DocumentFacts("shop.xml"))


async def test_a_preview_says_what_leads_nowhere() -> None:
    """A preview that read the whole source shows what a run would say of its columns."""
    rows = ({"name": "@id", "purpose": "externalId"}, {"name": "stck", "purpose": "inventoryQuantity"})
    found = await preview_source(recipe(rows, xmlPath="/shop/i"), MemoryConnector([[GOODS]]), parse_location("memory://shop"), limit=9)
    assert [problem.code for problem in found.problems] == ["refused"]
    assert found.records[0].raw == {"@id": "1", "stck": ""}
