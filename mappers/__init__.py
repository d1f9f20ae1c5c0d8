"""Bytes to rows, without I/O. Imports only `engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.hooks import hookimpl

if TYPE_CHECKING:
    from engine.contracts import DocumentFacts, Mapper, MapperSettings, MapperSpec


def _csv(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    # Imported with the first document of the format: a run has one, and its parsers are a good part of what a small one costs.
    from mappers.csv import make_csv_mapper

    return make_csv_mapper(settings, facts)


def _json(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    from mappers.json import make_json_mapper

    return make_json_mapper(settings, facts)


def _xpath(settings: MapperSettings, facts: DocumentFacts) -> Mapper:
    from mappers.xpath import make_xml_mapper

    return make_xml_mapper(settings, facts)


@hookimpl
def feedmill_mappers() -> tuple[MapperSpec, ...]:
    """Register the built-in mappers: their presets are tables, their parsers are imported when one is made."""
    from engine.contracts import MapperSpec
    from mappers.markup.presets import PRESETS as OF_XML
    from mappers.structured.fields.presets import PRESETS as OF_JSON
    from mappers.tabular.presets import PRESETS as OF_CSV

    return (MapperSpec("csv", _csv, OF_CSV), MapperSpec("json", _json, OF_JSON), MapperSpec("xpath", _xpath, OF_XML))
