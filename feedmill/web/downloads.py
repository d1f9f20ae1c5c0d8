"""Tables as CSV, written while they are read: memory does not grow with them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from engine.errors import FeedmillError

if TYPE_CHECKING:
    from feedmill.web.endpoint import Call

_WRITTEN_AT_ONCE: Final = 64 * 1024


async def stream_csv(call: Call, name: str, columns: Sequence[str], rows: AsyncIterator[Sequence[object]]) -> web.StreamResponse:
    """Answer rows under a header as a file of that name. What the first row raises is the call's problem document."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    first = await anext(rows, None)
    if first is not None:
        table.writerow(first)
    headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    await response.prepare(call.request)
    with breaking_off(call):
        async for row in rows:
            table.writerow(row)
            if text.tell() > _WRITTEN_AT_ONCE:
                await response.write(_take(text))
        await response.write(_take(text))
        await response.write_eof()
    return response


@contextmanager
def breaking_off(call: Call) -> Iterator[None]:
    """Break a body off that cannot be written to its end: the status is sent, and nobody may take a part of it for all.

    Raises `ConnectionAbortedError` for what the engine raises, which is logged; anything else passes.
    """
    try:
        yield
    except BaseException as error:
        if call.request.transport is not None:
            call.request.transport.abort()
        if not isinstance(error, FeedmillError):
            raise
        structlog.get_logger("feedmill").error("a download ended early", path=call.endpoint.path, reason=str(error))
        raise ConnectionAbortedError("the body was broken off") from error


def _take(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
