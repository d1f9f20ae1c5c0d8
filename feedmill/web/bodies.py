"""The bodies of calls: bounded in bytes, depth and time, parsed once, validated by the model of the endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import anyio
from aiohttp import hdrs
from pydantic import BaseModel, ValidationError

from feedmill.web.json_text import parse_json
from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from aiohttp import web
    from pydantic_core import ErrorDetails

    from feedmill.service.context import Service
    from feedmill.service.settings import Server
    from feedmill.web.endpoint import Call, Endpoint

_UNNAMED: Final = "application/octet-stream"
"""What the library calls a body whose kind the client does not say."""

_SAID: Final = {"extra_forbidden": "unknown attribute", "missing": "is mandatory"}
"""Faults that every resource tells in the same words, whatever reads its body."""


async def read_body(service: Service, request: web.Request, endpoint: Endpoint) -> object:
    """Return the body of a call: a model where the endpoint names one, JSON where it has a schema, None where it takes none.

    Raises `Problem`: 400 for what is no JSON or too deep, 408 for what does not arrive in time, 413 for too much, 415 for another
    kind or coding, 417 for an expectation that is not known, 422 with every fault.
    """
    _check_expectation(request)
    if endpoint.body is None and not endpoint.upload:
        return None
    if endpoint.optional and not request.can_read_body:
        return validate(endpoint.body, {}) if isinstance(endpoint.body, type) else {}
    server = service.settings.server
    _check_kind(request, endpoint)
    _check_length(request, server.max_upload_bytes if endpoint.upload else server.max_body_bytes)
    if endpoint.upload:
        return None
    sent = parse_json(await _read(request, server), server.max_json_depth)
    return sent if not isinstance(endpoint.body, type) else validate(endpoint.body, sent)


async def read_upload(call: Call) -> AsyncIterator[bytes]:
    """Yield the body of an upload in the pieces in which it arrives.

    Raises `Problem` 413 as soon as it is longer than an upload may be, 408 when nothing of it arrives for as long as a body may take.
    """
    server, request = call.service.settings.server, call.request
    await _admit(request)
    read = 0
    while True:
        try:
            with anyio.fail_after(server.body_seconds):
                piece = await request.content.readany()
        except TimeoutError:
            raise _slow(server) from None
        if not piece:
            return
        read += len(piece)
        if read > server.max_upload_bytes:
            raise _too_large(server.max_upload_bytes)
        yield piece


def validate(model: type[BaseModel], sent: object) -> BaseModel:
    """Return a body as its model. Raises `Problem` 422 with every fault, and never with a value that may be secret."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        within = {fault["loc"][:depth] for fault in found for depth in range(len(fault["loc"]))}
        # What is wrong with a list because of what is wrong inside of it is no fault of its own.
        faults = [_shape_fault(fault) for fault in found if fault["loc"] not in within or not fault["loc"]]
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults) from None


def _shape_fault(fault: ErrorDetails) -> FieldFault:
    said = _SAID.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return FieldFault(".".join(map(str, fault["loc"])), said)


async def _read(request: web.Request, server: Server) -> bytes:
    content = request.content
    if content.is_eof():
        # Whole already, as a small body mostly is: nothing to wait for, so no clock to wind.
        return await request.read()
    await _admit(request)
    try:
        with anyio.fail_after(server.body_seconds):
            return await request.read()
    except TimeoutError:
        raise _slow(server) from None


async def _admit(request: web.Request) -> None:
    """Have a client that waits for it send its body: only now is it known that the call would be taken."""
    if request.headers.get(hdrs.EXPECT) and not request.content.is_eof():
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The library counts what was written to know whether an answer has begun.
        request.writer.output_size = 0


def _check_expectation(request: web.Request) -> None:
    expected = request.headers.get(hdrs.EXPECT)
    if expected is not None and expected.lower() != "100-continue":
        raise Problem(417, "expectation", "the only expectation that this server knows is 100-continue")


def _check_kind(request: web.Request, endpoint: Endpoint) -> None:
    headers = request.headers
    if (coding := headers.get(hdrs.CONTENT_ENCODING)) is not None and coding.lower() != "identity":
        raise Problem(415, "content-encoding", "send the body without a Content-Encoding", headers={"Accept-Encoding": "identity"})
    named = headers.get(hdrs.CONTENT_TYPE)
    if named in (None, endpoint.takes):
        return
    if request.content_type not in (endpoint.takes, _UNNAMED):
        raise Problem(415, "media-type", f"the body is {request.content_type:.80}, send {endpoint.takes}")
    charset = request.charset or "utf-8"
    if endpoint.takes == "application/json" and charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        raise Problem(415, "media-type", f"the body is said to be {charset:.40}; send JSON in UTF-8")


def _check_length(request: web.Request, most: int) -> None:
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)


def _too_large(most: int) -> Problem:
    return Problem(413, "too-large", f"the body is longer than the {most:,} bytes that this call takes")


def _slow(server: Server) -> Problem:
    return Problem(408, "slow", f"the body did not arrive within {server.body_seconds:g} s", headers={"Connection": "close"})
