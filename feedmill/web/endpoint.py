"""An endpoint as data: from it come the route, the checks before the handler, and its part of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel

from engine.errors import NotFound
from feedmill.shapes import dump
from sinks.sqlite.history.mappings import Author

if TYPE_CHECKING:
    from feedmill.service.context import Service
    from feedmill.web.access import Caller
    from feedmill.web.transport.preconditions import Condition
    from sinks.sqlite.service.listing import Listed

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]
Scope: TypeAlias = Literal["admin", "read", "push", "token", "inbound", "public"]
"""Who may call: `admin` tokens may all; `read` ones what changes nothing; `push` those of the feed in the path;
`token` any, and the handler says which; `inbound` who shows the hash of a feed; `public` anybody."""

OPEN: Final[tuple[Scope, ...]] = ("inbound", "public")
"""Scopes of calls that need no token."""

Schema: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = "type[BaseModel] | Schema"
"""A body: a model, by which it is validated too, or a JSON Schema where the handler validates for itself."""

M = TypeVar("M", bound=BaseModel)

LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. `schema` is JSON Schema; the handler reads it from `Call.query`."""

    name: str
    description: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `path` holds `{id}` and its like; `aliases` are further paths, left out of the OpenAPI document.

    `statuses` are those that it may answer beside `status` and what the kernel itself answers (401, 403, 400, 413, 415, 422, 429
    and 503 where they apply, 404 where the path has a parameter). `lists` makes it take the queries of a list; `many` says that
    the answer is an array of `answer`. An `optional` body may be left out, and is then the model's defaults. A `conditional` GET answers
    with an `ETag`, a conditional change holds to `If-Match` (`feedmill.web.transport.preconditions`).
    """

    method: Method
    path: str
    handle: Callable[[Call], Awaitable[web.StreamResponse]]
    summary: str
    tag: str
    scope: Scope
    body: Shape | None = None
    answer: Shape | None = None
    status: int = 200
    statuses: Mapping[int, str] = field(default_factory=dict)
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    lists: Listed | None = None
    many: bool = False
    media: str = "application/json"
    takes: str = "application/json"
    upload: bool = False
    optional: bool = False
    conditional: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call, after the kernel's checks: `sent` is the body, a model where the endpoint names one, else as JSON gives it.

    `path` holds the parameters of the endpoint's path. `condition` is what a change holds to, `known` the entity tags that a GET knows.
    """

    service: Service
    request: web.Request
    endpoint: Endpoint
    caller: Caller | None
    sent: object = None
    path: Mapping[str, str] = field(default_factory=dict)
    condition: Condition | None = None
    known: frozenset[str] = frozenset()

    @property
    def id(self) -> int:
        """Return the `{id}` of the path. Raises `NotFound` for what can be the id of nothing."""
        return self.number("id")

    def number(self, name: str) -> int:
        """Return a parameter of the path that is an id. Raises `NotFound` for what can be the id of nothing."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= LARGEST):
            raise NotFound(f"{text[:80]!r} is no {name}")
        return int(text)

    @property
    def author(self) -> Author:
        """Return as whose doing the history tells what the call changes."""
        if self.caller is None:
            return Author()
        return Author("person", self.caller.person) if self.caller.person else Author("token", token=self.caller.token)

    def body(self, model: type[M]) -> M:
        """Return the body as the model by which it was validated."""
        if not isinstance(self.sent, model):
            raise TypeError(f"{self.endpoint.path} does not validate by {model.__name__}")
        return self.sent


def answer(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a document as JSON; decimals stay exact numbers."""
    return web.Response(status=status, body=dump(document).encode(), content_type="application/json", headers=headers)


def changes(model: BaseModel) -> dict[str, object]:
    """Return what a partial PUT sends, by API names: the attributes that were in the body, and no other."""
    sent: dict[str, object] = orjson.loads(model.model_dump_json(by_alias=True, exclude_unset=True))
    return sent
