"""Errors on their way out of a mapper's process: whatever kind they are of, they arrive as it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from engine.errors import FeedmillError, NotModified, PluginError, StoreFailed
from feedmill.service.workers.messages import make_error, tell_error

_OTHERS: Final[Mapping[str, type[FeedmillError]]] = {kind.__name__: kind for kind in (NotModified, FeedmillError)}


def dump_error(error: FeedmillError) -> bytes:
    """Return an error as it is sent."""
    told = tell_error(error)
    if isinstance(error, PluginError):
        whose = {"plugin": error.plugin, "distribution": error.distribution, "hook": error.hook}
        said = str(error).removeprefix(str(PluginError("", **whose)))
        told = {"kind": "PluginError", "message": said, **whose}
    return orjson.dumps(_as_text(told))


def load_error(payload: bytes) -> FeedmillError:
    """Return an error that was sent."""
    told: dict[str, Any] = orjson.loads(payload)
    kind, message = told["kind"], told["message"]
    if kind == "PluginError":
        return PluginError(message, plugin=told["plugin"], distribution=told["distribution"], hook=told["hook"])
    if kind == "StoreFailed":
        return StoreFailed(message, problems=tuple(told["problems"]))
    if kind in _OTHERS:
        return _OTHERS[kind](message)
    return make_error(told)


def _as_text(told: object) -> object:
    """Return what is told without half characters, which a message that quotes a broken document may hold and JSON may not."""
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode()
    if isinstance(told, Mapping):
        return {_as_text(name): _as_text(value) for name, value in told.items()}
    return [_as_text(each) for each in told] if isinstance(told, tuple | list) else told
