"""Problem documents (RFC 9457): what a caller is told when a call did not do what it asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import orjson
import structlog
from aiohttp import web

from engine.errors import (
    ConfigError,
    Conflict,
    FeedmillError,
    InvalidItem,
    LimitReached,
    NotFound,
    RefuseRun,
    RejectRecord,
    Retry,
    StoreFailed,
    UnderWay,
)

MEDIA: Final = "application/problem+json"
BASE: Final = "urn:feedmill:problem:"
"""Before the name of a problem makes its `type`; the names stand in docs/reference/http-api.md."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one attribute of the body or one part of the query."""

    field: str
    message: str


class Problem(Exception):
    """End a call with a problem document. `name` is stable, for programs; `detail` is for people and holds no secret.

    `members` are further ones of the document, as the `run` that is under way.
    """

    def __init__(
        self,
        status: int,
        name: str,
        detail: str,
        *,
        faults: Sequence[FieldFault] = (),
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    def document(self) -> dict[str, object]:
        """Return the document."""
        shown: dict[str, object] = {
            "type": f"{BASE}{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }
        if self.faults:
            shown["errors"] = [{"field": fault.field, "message": fault.message} for fault in self.faults]
        return shown

    def response(self) -> web.Response:
        """Return it as a response."""
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(math.ceil(self.retry_after), 1))
        return web.Response(status=self.status, body=orjson.dumps(self.document()), content_type=MEDIA, headers=headers)


class Outdated(Conflict):
    """Report that what a call would change is not any more as it was when the call was made up. Nothing was done."""


@dataclass(frozen=True, slots=True)
class _Kind:
    status: int
    name: str
    retry_after: float | None = field(default=None)


_KINDS: Final[tuple[tuple[type[FeedmillError], _Kind], ...]] = (
    (InvalidItem, _Kind(422, "invalid")),
    (NotFound, _Kind(404, "not-found")),
    (Outdated, _Kind(412, "precondition-failed")),
    (Conflict, _Kind(409, "conflict")),
    (UnderWay, _Kind(409, "under-way", 5.0)),
    (LimitReached, _Kind(429, "daily-limit")),
    (Retry, _Kind(503, "busy", 5.0)),
    # Not the caller's fault: whoever is told 422 would drop what it sent.
    (StoreFailed, _Kind(503, "busy", 30.0)),
    (ConfigError, _Kind(422, "invalid")),
    (RefuseRun, _Kind(422, "refused")),
    (RejectRecord, _Kind(422, "invalid")),
)


def explain(error: FeedmillError) -> Problem | None:
    """Return the problem that an error of the engine is for a caller, None for one that is our fault."""
    for kind, known in _KINDS:
        if isinstance(error, kind):
            wait = error.retry_after if isinstance(error, Retry) and error.retry_after is not None else known.retry_after
            members = {"run": error.run} if isinstance(error, UnderWay) else None
            return Problem(known.status, known.name, _first_line(error), faults=_faults(error), retry_after=wait, members=members)
    return None


def answer_error(error: Problem | FeedmillError, request: web.BaseRequest) -> web.Response:
    """Return what a call is answered that ended so; what is our fault is logged whole and told without its details."""
    known = error if isinstance(error, Problem) else explain(error)
    if known is None:
        structlog.get_logger("feedmill").error("a call failed", path=request.path, method=request.method, exc_info=error)
        known = Problem(500, "internal", "the server is at fault, and has logged how; please report it")
    return known.response()


def _first_line(error: FeedmillError) -> str:
    return str(error).partition("\n")[0].removesuffix(":")


def _faults(error: FeedmillError) -> list[FieldFault]:
    if isinstance(error, InvalidItem):
        return [FieldFault(name, message) for name, message in error.faults.items()]
    if isinstance(error, ConfigError):
        split = (problem.partition(": ") for problem in error.problems)
        return [FieldFault(head, rest) if rest else FieldFault("", head) for head, _, rest in split]
    return []
