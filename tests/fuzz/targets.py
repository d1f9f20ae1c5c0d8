"""What is fuzzed: each mapper as the engine drives it, from bytes to items, under settings that the bytes choose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol, runtime_checkable

from engine.contracts import DocumentFacts
from engine.errors import FeedmillError, InternalError
from engine.feed import build_feed
from engine.flow.transform import MappedBatch, Recipe, Transform
from feedmill.assembly import make_recipe
from plugins.manager import Registry, load_registry

HEADER_BYTES: Final = 2
"""The first bytes of an input: which settings, and how long the chunks are."""

BUFFERED_LIMIT: Final = 1 << 20
"""What a mapper may hold of an input: inputs are far smaller, so that more would be growth out of nothing."""


@runtime_checkable
class _Buffering(Protocol):
    @property
    def buffered_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Setup:
    """A feed under whose settings bytes are read."""

    settings: Mapping[str, object]
    fields: Sequence[Mapping[str, object]]


def _rows(**names: str) -> list[Mapping[str, object]]:
    return [{"purpose": purpose, "name": name} for purpose, name in names.items()]


_PLAIN: Final = _rows(sku="sku", inventoryQuantity="stock", retailPrice="price", name="name", tags="tags")

SETUPS: Final[Mapping[str, Sequence[Setup]]] = {
    "csv": (
        Setup({"mapping": "custom"}, _PLAIN),
        Setup({}, ()),
        Setup({"mapping": "shopify"}, ()),
        Setup({"mapping": "custom", "csvHasHeader": False}, _rows(sku="1", inventoryQuantity="2")),
        Setup({"mapping": "custom", "delimiter": "||", "decimalNotation": "comma"}, _PLAIN),
        Setup({"mapping": "custom", "encoding": "utf-16", "headerRow": 2}, _PLAIN),
    ),
    "xml": (
        Setup({"xmlMapping": "google"}, ()),
        Setup({"xmlMapping": "heureka"}, ()),
        Setup({"xmlMapping": "ceneo"}, ()),
        Setup({"xmlMapping": "yml"}, ()),
        Setup({"xmlMapping": "custom", "xmlPath": "/shop/items/item"}, _rows(sku="@sku", inventoryQuantity="stock/qty", name="name")),
        Setup({"xmlMapping": "custom", "xmlPath": "//item"}, _rows(sku="sku|@sku", inventoryQuantity="sum(stock)", name="../../name")),
        Setup({"xmlMapping": "custom", "xmlPath": "//variant"}, _rows(sku="@sku", name="ancestor::product/name", tags="tags/tag")),
    ),
    "json": (
        Setup({"mapping": "custom"}, _PLAIN),
        Setup({"mapping": "publishing"}, ()),
        Setup({"mapping": "custom", "jsonRoot": "data.items", "decimalNotation": "comma"}, _PLAIN),
        Setup({"mapping": "custom", "jsonStructure": "flat"}, _rows(sku="sku", inventoryQuantity="stock.free")),
    ),
}


@cache
def _registry() -> Registry:
    return load_registry()


@cache
def _recipe(name: str, number: int) -> Recipe:
    setup = SETUPS[name][number]
    resource_type = "ftpCsv" if name == "csv" else name
    return make_recipe(_registry(), build_feed("fuzz", {**setup.settings, "resourceType": resource_type}, setup.fields))


def read(name: str, data: bytes) -> list[MappedBatch]:
    """Read an input to its end. Raises `FeedmillError` where the engine would end the run, anything else is a defect."""
    head, body = data[:HEADER_BYTES].ljust(HEADER_BYTES, b"\0"), data[HEADER_BYTES:]
    recipe = _recipe(name, head[0] % len(SETUPS[name]))
    size = max(1, head[1])
    transform = Transform(recipe, DocumentFacts("input", len(body)), numbers=recipe.read_numbers())
    batches: list[MappedBatch] = []
    for at in range(0, len(body), size):
        batches += transform.feed(body[at : at + size])
        _check_held(transform)
    return [*batches, *transform.finish()]


def _check_held(transform: Transform) -> None:
    mapper = transform.mapper
    if isinstance(mapper, _Buffering) and mapper.buffered_bytes > BUFFERED_LIMIT:
        raise InternalError(f"the mapper holds {mapper.buffered_bytes} bytes of a small input")


def make_target(name: str) -> Callable[[bytes], None]:
    """Return the function that the fuzzer calls with its inputs."""

    def target(data: bytes) -> None:
        try:
            batches = read(name, data)
        except InternalError:
            raise
        except FeedmillError:
            return
        for batch in batches:
            if batch.read != len(batch.items) + len(batch.rejects):
                raise InternalError(f"{batch.read} records read, but {len(batch.items)} items and {len(batch.rejects)} rejects")

    return target
