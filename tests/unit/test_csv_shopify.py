"""Shopify's product export: the product's fields stand on its first row only, and some rows hold nothing but an image."""

from __future__ import annotations

import json

import pytest

from engine.batch import Batch
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import RefuseRun
from mappers import feedmill_mappers
from mappers.csv import CsvMapper
from mappers.tabular.presets import PRESETS

EXPORT = """\
Handle,Title,Body (HTML),Vendor,Type,Tags,Option1 Name,Option1 Value,Option2 Name,Option2 Value,\
Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Barcode,Image Src
ring,Ring,"<p>Gold,
plain</p>",Acme,Rings,"gold, plain",Size,52,Metal,Gold,,4,3,99.00,,https://img/1.jpg
ring,,,,,,,54,,Gold,R-54,4,,99.00,,https://img/2.jpg
ring,,,,,,,,,,,,,,,https://img/3.jpg
ring,,,,,,,,,,,,,,,https://img/1.jpg
mug,Mug,Big,Acme,Mugs,,Title,Default Title,,,,300,7,12.50,401,https://img/4.jpg
mug,,,,,,,,,,,,,,,https://img/5.jpg
,Ghost,,,,,Title,Default Title,,,X,1,1,1.00,,
total,Total,Tee,Acme,Shirts,,Title,Default Title,,,T-1,200,0,20.00,,
"""


def open_mapper(*, sample_bytes: int = 1 << 18, piece_bytes: int = 1 << 17) -> CsvMapper:
    """Return a mapper with the preset's names."""
    fields = tuple(field.names for field in PRESETS["shopify"])
    return CsvMapper(
        MapperSettings(fields, {"mapping": "shopify"}), DocumentFacts("shop.csv"), sample_bytes=sample_bytes, piece_bytes=piece_bytes
    )


def read(mapper: CsvMapper, text: str) -> list[Batch]:
    """Read a whole document."""
    return [mapper.parse(piece) for piece in [*mapper.feed(text.encode()), *mapper.finish()]]


def cells(mapper: CsvMapper, batches: list[Batch], name: str) -> list[str]:
    """Return one column of all rows."""
    column = mapper.locate(name)
    assert column is not None
    return [row[column] for batch in batches for row in batch.rows]


@pytest.mark.parametrize(("sample_bytes", "piece_bytes"), [(1 << 18, 1 << 17), (16, 16), (300, 100)])
def test_each_variant_has_its_products_fields(sample_bytes: int, piece_bytes: int) -> None:
    """Wherever pieces end, a variant carries title, texts and all images of its handle, and its own key and options."""
    mapper = open_mapper(sample_bytes=sample_bytes, piece_bytes=piece_bytes)
    batches = read(mapper, EXPORT)
    assert cells(mapper, batches, "Variant ID") == ["ring/52/Gold", "R-54", "mug", "T-1"]
    assert cells(mapper, batches, "Title") == ["Ring", "Ring", "Mug", "Total"]
    assert cells(mapper, batches, "Body (HTML)")[:2] == ["<p>Gold,\nplain</p>"] * 2
    assert cells(mapper, batches, "Image Src")[1] == "https://img/1.jpg\nhttps://img/2.jpg\nhttps://img/3.jpg"
    options = [json.loads(text) for text in cells(mapper, batches, "Options")]
    assert options[1] == [{"name": "Size", "value": "54", "position": 1}, {"name": "Metal", "value": "Gold", "position": 2}]
    assert options[2:] == [[], []]


@pytest.mark.parametrize("piece_bytes", [1 << 17, 16])
def test_variant_fields_are_never_filled_from_another_row(piece_bytes: int) -> None:
    """A blank quantity is blank, not its sibling's."""
    mapper = open_mapper(sample_bytes=64, piece_bytes=piece_bytes)
    batches = read(mapper, EXPORT)
    assert cells(mapper, batches, "Variant Inventory Qty") == ["3", "", "7", "0"]
    assert cells(mapper, batches, "Variant Barcode") == ["", "", "401", ""]


@pytest.mark.parametrize("piece_bytes", [1 << 17, 16])
def test_every_record_is_accounted_once_with_its_line(piece_bytes: int) -> None:
    """Rows and flaws together are the records of the file, each at its own line."""
    batches = read(open_mapper(sample_bytes=64, piece_bytes=piece_bytes), EXPORT)
    rows = [line for batch in batches for line in batch.lines]
    flaws = {flaw.line: (flaw.fate, flaw.reason) for batch in batches for flaw in batch.flaws}
    assert rows == [2, 4, 7, 10]
    assert sorted(flaws) == [5, 6, 8, 9]
    assert flaws[5] == ("skipped", "image row of handle 'ring': it holds no variant")
    assert flaws[9][0] == "rejected"
    assert sum(len(batch.flaws) for batch in batches) == 4


def test_the_text_of_a_held_row_is_found() -> None:
    """A row given up by a later piece still has its source text there."""
    mapper = open_mapper(sample_bytes=64, piece_bytes=16)
    seen = {}
    for piece in [*mapper.feed(EXPORT.encode()), *mapper.finish()]:
        for line in mapper.parse(piece).lines:
            seen[line] = mapper.excerpt(piece, line)
    lines = EXPORT.split("\n")
    assert seen == {2: "\n".join(lines[1:3]), 4: lines[3], 7: lines[6], 10: lines[9]}


def test_one_handle_on_endless_rows_is_refused() -> None:
    """Held rows are bounded."""
    head = "Handle,Title,Variant SKU,Variant Price\n"
    with pytest.raises(RefuseRun, match=r"line 10002: the handle 'x' stands on more than 10,000 rows"):
        read(open_mapper(), head + "".join(f"x,X,{number},1\n" for number in range(10_001)))


def test_another_kind_of_csv_is_refused() -> None:
    """Without a handle or any variant column nothing can be grouped."""
    with pytest.raises(RefuseRun, match="no Shopify product export"):
        read(open_mapper(), "Title,Vendor\nRing,Acme\n")


def test_the_preset_finds_its_synthetic_columns() -> None:
    """Every name of the preset but the absent cost column is located."""
    mapper = open_mapper()
    read(mapper, EXPORT)
    missing = {field.purpose for field in PRESETS["shopify"] if mapper.locate(field.names[0]) is None}
    assert missing == {"compareAtPrice", "costPrice", "requiresShipping"}


def test_the_mapper_registers_with_its_presets() -> None:
    """The room offers a mapper for CSV."""
    (spec,) = (spec for spec in feedmill_mappers() if spec.format == "csv")
    assert (spec.format, set(spec.presets)) == ("csv", {"inventory", "inventory_pricing", "publishing", "shopify"})
