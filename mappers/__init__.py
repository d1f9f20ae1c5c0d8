"""Bytes to rows, without I/O. Imports only `engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.hooks import hookimpl

if TYPE_CHECKING:
    from engine.contracts import MapperSpec


@hookimpl
def feedmill_mappers() -> tuple[MapperSpec, ...]:
    """Register the built-in mappers; imported here, so that starting costs nothing until one is needed."""
    from mappers.csv import SPEC as CSV
    from mappers.json import SPEC as JSON
    from mappers.xpath import SPEC as XPATH

    return (CSV, JSON, XPATH)
