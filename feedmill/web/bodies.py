"""The bodies of calls: bounded in bytes, depth and time, parsed once, validated by the model of the endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
import orjson
from pydantic import BaseModel, ValidationError

from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service
    from feedmill.web.endpoint import Call, Endpoint


async def read_body(service: Service, request: web.Request, endpoint: Endpoint) -> object:
    """Return the body of a call: a model where the endpoint names one, JSON where it has a schema, None where it takes none.

    Raises `Problem`: 400 for what is no JSON or too deep, 413 for too much, 415 for another kind, 422 with every fault.
    """
    if endpoint.body is None or endpoint.upload:
        return None
    if endpoint.optional and not request.can_read_body:
        return validate(endpoint.body, {}) if isinstance(endpoint.body, type) else {}
    if request.content_type not in (endpoint.takes, "application/octet-stream"):
        raise Problem(415, "media-type", f"the body is {request.content_type}, send {endpoint.takes}")
    try:
        sent = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Problem(400, "malformed", f"the body is no JSON: {error}") from None
    return sent if not isinstance(endpoint.body, type) else validate(endpoint.body, sent)


async def read_upload(call: Call) -> AsyncIterator[bytes]:
    """Yield the body of an upload in the pieces in which it arrives.

    Raises `Problem` 413 as soon as it is longer than an upload may be, 408 when nothing of it arrives for as long as a body may take.
    """
    server, read = call.service.settings.server, 0
    while True:
        try:
            with anyio.fail_after(server.body_seconds):
                piece = await call.request.content.readany()
        except TimeoutError:
            raise Problem(
                408, "slow", f"the body did not arrive within {server.body_seconds:g} s", headers={"Connection": "close"}
            ) from None
        if not piece:
            return
        read += len(piece)
        if read > server.max_upload_bytes:
            raise Problem(413, "too-large", f"the body is longer than the {server.max_upload_bytes:,} bytes that this call takes")
        yield piece


def validate(model: type[BaseModel], sent: object) -> BaseModel:
    """Return a body as its model. Raises `Problem` 422 with every fault, and never with a value that may be secret."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        faults = [FieldFault(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults) from None
