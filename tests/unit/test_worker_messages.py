"""What a server and its workers say to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import orjson
import pytest
from anyio.abc import ByteReceiveStream

from engine.errors import (
    ConfigError,
    Conflict,
    FeedmillError,
    InternalError,
    InvalidItem,
    LimitReached,
    NotFound,
    PluginError,
    RefuseRun,
    RejectRecord,
    Retry,
    Stalled,
    Superseded,
    UnderWay,
)
from feedmill.service.workers.messages import as_line, make_error, read_lines, tell_error

ERRORS = (
    Retry("busy", retry_after=2.5),
    Stalled("still"),
    LimitReached("enough", retry_after=60.0),
    UnderWay("run 3 is under way", run=3),
    RejectRecord("bad"),
    InvalidItem("cannot be stored:", {"grams": "is no number", "sku": "is missing"}),
    RefuseRun("an HTML page"),
    Superseded("run 4 took over"),
    ConfigError("invalid settings", problems=("guard.minItems: is no number", "xmlPath: is missing")),
    ConfigError("two lines\nof one thing"),
    NotFound("there is no run 9"),
    Conflict("run 9 is complete"),
    InternalError("does not add up"),
)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: str(type(error).__name__))
def test_an_error_stays_what_it_is_on_its_way(error: FeedmillError) -> None:
    """Kind, message and all that a caller reads of an error arrive as they were."""
    made = make_error(orjson.loads(as_line(tell_error(error))))
    assert (type(made), str(made)) == (type(error), str(error))
    for name in ("retry_after", "run", "faults", "problems"):
        assert getattr(made, name, None) == getattr(error, name, None)


def test_an_error_of_a_plugin_is_ours_to_explain() -> None:
    """What has no kind of its own here is an internal error that names it."""
    made = make_error(tell_error(PluginError("broke", plugin="p", distribution="d", hook="h")))
    assert isinstance(made, InternalError)
    assert "PluginError: plugin 'p'" in str(made)


class _Pieces(ByteReceiveStream):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self._pieces:
            raise anyio.EndOfStream
        return self._pieces.pop(0)

    async def aclose(self) -> None:
        self._pieces.clear()


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
async def test_messages_are_read_however_they_are_cut(size: int) -> None:
    """Every whole line is a message, in order; what was not written to its end is none."""
    sent: list[Mapping[str, Any]] = [{"id": 1, "text": "ä" * 9}, {"id": 2}, {"id": 3, "text": "x\ny"}]
    data = b"".join(map(as_line, sent)) + b'{"id": 4'
    stream = _Pieces(*(data[start : start + size] for start in range(0, len(data), size)))
    assert [message async for message in read_lines(stream)] == sent
