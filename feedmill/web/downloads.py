"""Tables as CSV, written while they are read: memory does not grow with them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from aiohttp import web

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
    async for row in rows:
        table.writerow(row)
        if text.tell() > _WRITTEN_AT_ONCE:
            await response.write(_take(text))
    await response.write(_take(text))
    await response.write_eof()
    return response


def _take(text: io.StringIO) -> bytes:
    taken = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return taken
