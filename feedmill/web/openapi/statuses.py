"""What an endpoint may answer: its own declarations, and what the kernel answers before the handler is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from feedmill.web.endpoint import OPEN, Endpoint
from feedmill.web.openapi.schemas import Schemas
from feedmill.web.problems import MEDIA

_PROBLEM: Final = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_PAGES: Final = {
    "X-Total-Count": {"description": "Rows in all; long lists tell it with their first page.", "schema": {"type": "integer", "minimum": 0}},
    "Link": {"description": "Where the next page is.", "schema": {"type": "string"}},
}
_STATE: Final = {"ETag": {"description": "The state that is shown, which a change may hold to by If-Match.", "schema": {"type": "string"}}}

KERNEL: Final[Mapping[int, tuple[str | None, str]]] = {
    400: (None, "the request is malformed"),
    401: ("token", "no token was sent, or none that is valid"),
    403: ("token", "the token's scopes do not admit the call"),
    404: ("path", "there is no such thing"),
    408: ("body", "the body did not arrive in time"),
    412: ("change", "what If-Match says does not hold, or is not what the call can hold to; nothing was done"),
    413: ("body", "the body is too large, or holds too many objects"),
    415: ("body", "the body is of another media type"),
    417: (None, "the expectation in Expect is not known"),
    422: ("said", "what was sent cannot be; errors name every fault"),
    429: ("token", "more calls of the token than it may make in this time"),
    503: ("token", "the server is busy or stopping; nothing was done"),
}
"""What the kernel answers to endpoints that need a token, change anything, have a parameter in their path, take a body or are said
anything."""


def answers_of(endpoint: Endpoint, schemas: Schemas) -> dict[int, dict[str, Any]]:
    """Return the answers of an endpoint by their status, in order; what it declares itself counts before what the kernel says."""
    problems = {**dict(_of_kernel(endpoint)), **endpoint.statuses}
    problems.pop(endpoint.status, None)
    answers = {endpoint.status: _good(endpoint, schemas)}
    for status, description in problems.items():
        if status < 400:
            # Another good answer: the same kind of body.
            answers[status] = {**answers[endpoint.status], "description": description}
            continue
        answers[status] = {"description": description, "content": _PROBLEM}
        if status in (429, 503):
            answers[status]["headers"] = _RETRY
    if endpoint.conditional and endpoint.method == "GET":
        answers[304] = {"description": "it is as If-None-Match says", "headers": _STATE}
    return dict(sorted(answers.items()))


def _good(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.answer is not None:
        good["content"] = {endpoint.media: {"schema": schemas.of_answer(endpoint)}}
    if endpoint.lists is not None:
        good["headers"] = _PAGES
    elif endpoint.conditional and endpoint.method == "GET":
        good["headers"] = _STATE
    return good


def _of_kernel(endpoint: Endpoint) -> Iterator[tuple[int, str]]:
    taken = {
        "token": endpoint.scope not in OPEN,
        "path": "{" in endpoint.path,
        "body": endpoint.body is not None,
        "change": endpoint.method != "GET",
        "said": endpoint.body is not None or endpoint.lists is not None or bool(endpoint.query),
    }
    for status, (where, description) in KERNEL.items():
        if where is None or taken[where]:
            yield status, description
