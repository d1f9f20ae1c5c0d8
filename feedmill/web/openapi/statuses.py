"""What an endpoint may answer: its own declarations, and what the kernel answers before the handler is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.openapi.schemas import Schemas
from feedmill.web.problems import MEDIA

_PROBLEM: Final = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_PAGES: Final = {
    "X-Total-Count": {"description": "Rows in all; long lists tell it with their first page.", "schema": {"type": "integer", "minimum": 0}},
    "Link": {"description": "Where the next page is.", "schema": {"type": "string"}},
}


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
    return dict(sorted(answers.items()))


def _good(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    good: dict[str, Any] = {"description": endpoint.summary}
    if endpoint.answer is not None:
        good["content"] = {endpoint.media: {"schema": schemas.of_answer(endpoint)}}
    if endpoint.lists is not None:
        good["headers"] = _PAGES
    return good


def _of_kernel(endpoint: Endpoint) -> Iterator[tuple[int, str]]:
    yield 400, "the request is malformed"
    if endpoint.scope != "public":
        yield 401, "no token was sent, or none that is valid"
        yield 403, "the token's scopes do not admit the call"
        yield 429, "more calls of the token than it may make in this time"
        yield 503, "the server is busy or stopping; nothing was done"
    if "{" in endpoint.path:
        yield 404, "there is no such thing"
    if endpoint.body is not None:
        yield 413, "the body is too large, or holds too many objects"
        yield 415, "the body is of another media type"
    if endpoint.body is not None or endpoint.lists is not None or endpoint.query:
        yield 422, "what was sent cannot be; errors name every fault"
