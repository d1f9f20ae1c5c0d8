"""What a server and its workers say to each other: JSON lines, and errors that stay what they are on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from engine.errors import (
    ConfigError,
    Conflict,
    FeedmillError,
    InternalError,
    InvalidItem,
    LimitReached,
    NotFound,
    RefuseRun,
    RejectRecord,
    Retry,
    Stalled,
    Superseded,
    UnderWay,
)

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream

GONE: Final = (BrokenResourceError, ClosedResourceError, EndOfStream)
"""What a stream raises whose other end is not there any more."""

_PLAIN: Final[Mapping[str, type[FeedmillError]]] = {kind.__name__: kind for kind in (RejectRecord, RefuseRun, Superseded, InternalError)}
_WAITING: Final[Mapping[str, type[Retry]]] = {kind.__name__: kind for kind in (Retry, Stalled, LimitReached)}
_CONFIGURED: Final[Mapping[str, type[ConfigError]]] = {kind.__name__: kind for kind in (ConfigError, NotFound, Conflict)}


class WorkerDied(Retry):
    """Report that a worker process ended in the middle of what it was asked to do. What it did is in the database."""


def tell_error(error: FeedmillError) -> dict[str, object]:
    """Return an error as it is sent."""
    told: dict[str, object] = {"kind": type(error).__name__, "message": str(error)}
    if isinstance(error, UnderWay):
        return {**told, "run": error.run}
    if isinstance(error, Retry):
        return {**told, "retryAfter": error.retry_after}
    if isinstance(error, InvalidItem):
        return {**told, "message": _head(error), "faults": dict(error.faults)}
    if isinstance(error, ConfigError):
        return {**told, "message": _head(error) if error.problems else str(error), "problems": error.problems}
    return told


def make_error(told: Mapping[str, Any]) -> FeedmillError:
    """Return an error that was sent; one of a kind that is not known here is our fault."""
    kind, message = told["kind"], told["message"]
    if kind == "UnderWay":
        return UnderWay(message, run=told["run"])
    if kind == "InvalidItem":
        return InvalidItem(message, told["faults"])
    if kind in _WAITING:
        return _WAITING[kind](message, retry_after=told["retryAfter"])
    if kind in _CONFIGURED:
        return _CONFIGURED[kind](message, problems=tuple(told["problems"]))
    return _PLAIN[kind](message) if kind in _PLAIN else InternalError(f"{kind}: {message}")


def _head(error: FeedmillError) -> str:
    return str(error).partition("\n")[0]


def as_line(message: Mapping[str, object]) -> bytes:
    """Return a message as it is written."""
    return orjson.dumps(dict(message)) + b"\n"


async def read_lines(stream: ByteReceiveStream) -> AsyncIterator[dict[str, Any]]:
    """Yield the messages of a stream until its end; what was not written to its end is none."""
    left: list[bytes] = []
    try:
        while True:
            *whole, last = (await stream.receive()).split(b"\n")
            for line in whole:
                yield orjson.loads(b"".join((*left, line)))
                left = []
            left.append(last)
    except GONE:
        return
