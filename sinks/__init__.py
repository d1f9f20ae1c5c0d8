"""Rows to durable: one kind of store, one package. Imports only `engine`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from engine.hooks import hookimpl

if TYPE_CHECKING:
    from engine.contracts import Sink, SinkSpec


@hookimpl
def feedmill_sinks() -> tuple[SinkSpec, ...]:
    """Register the built-in sinks. Their drivers are imported when one is opened, not when it is registered."""
    from engine.contracts import SinkSpec

    return (SinkSpec(("sqlite",), _open_sqlite), SinkSpec(("jsonl",), _open_jsonl))


def _open_sqlite(url: str) -> AbstractAsyncContextManager[Sink]:
    from sinks.sqlite.sink import open_sqlite

    return open_sqlite(url)


def _open_jsonl(url: str) -> AbstractAsyncContextManager[Sink]:
    from sinks.jsonl import open_jsonl

    return open_jsonl(url)
