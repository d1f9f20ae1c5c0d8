"""What every connector must do, one function a rule. Run each check of `CHECKS` over a `ConnectorCase` of your own.

::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_my_connector(check, case):
        await check(case)

A check raises `AssertionError` that says what was seen instead.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, quote, urlsplit

import anyio
import anyio.lowlevel

from engine.contracts import Connector
from engine.errors import FeedmillError, NotModified, RefuseRun
from engine.source import Secret, Source

MAX_CHUNK_BYTES: Final = 1024 * 1024

_PATIENCE_SECONDS: Final = 30.0
_CANARY: Final = "canary-p@ss/word"


@dataclass(frozen=True, slots=True)
class ConnectorCase:
    """A connector with a source it can read, the bytes that are there (several chunks are best), and a source that is missing.

    Give `source` a password where the protocol knows one: the checks then look for it in what can be seen.
    """

    connector: Connector
    source: Source
    expected: bytes
    missing: Source


ConnectorCheck: TypeAlias = Callable[[ConnectorCase], Awaitable[None]]


async def yields_all_bytes(case: ConnectorCase) -> None:
    """The chunks of the documents, joined in order, are the bytes of the source."""
    received = b"".join(await _chunks(case, case.source))
    _require(received == case.expected, f"{len(received)} bytes that differ from the {len(case.expected)} expected")


async def yields_chunks_of_bounded_size(case: ConnectorCase) -> None:
    """No chunk is empty, none is above 1 MiB, and each is `bytes`."""
    for chunk in await _chunks(case, case.source):
        _require(type(chunk) is bytes, f"a chunk of type {type(chunk).__name__}")
        _require(0 < len(chunk) <= MAX_CHUNK_BYTES, f"a chunk of {len(chunk)} bytes")


async def reads_the_same_twice(case: ConnectorCase) -> None:
    """A connector serves any number of fetches and keeps nothing of one for the next."""
    first, second = b"".join(await _chunks(case, case.source)), b"".join(await _chunks(case, case.source))
    _require(first == second, "other bytes the second time")


async def tells_a_true_size(case: ConnectorCase) -> None:
    """A document's size, where it has one, is the number of its bytes."""
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source) as documents:
            async for document in documents:
                size = sum([len(chunk) async for chunk in document.chunks])
                _require(document.size in (None, size), f"{document.name} said {document.size} bytes and sent {size}")


async def tells_times_with_their_zone(case: ConnectorCase) -> None:
    """A document's time of change, where it has one, is aware of its time zone."""
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source) as documents:
            async for document in documents:
                _require(document.mtime is None or document.mtime.tzinfo is not None, f"{document.name} has a time without a zone")


async def knows_its_own_versions(case: ConnectorCase) -> None:
    """Told the versions it gave itself, a connector says not modified or sends the same bytes; told others, it sends them."""
    versions = await _versions(case)
    told = {name: version for name, version in versions.items() if version is not None}
    for known in (told, {name: f"{version}-other" for name, version in told.items()}, {**told, "one that is gone": "1"}):
        try:
            received = b"".join(await _chunks(case, replace(case.source, known=known)))
        except NotModified:
            _require(known == versions, f"not modified, though {known} was known of {versions}")
        else:
            _require(received == case.expected, "other bytes when it was told what is known")


async def refuses_what_is_missing(case: ConnectorCase) -> None:
    """A source that is not there is `RefuseRun`, and the message names it as `Source.name` or its path does."""
    error = await _failure(case, case.missing)
    _require(isinstance(error, RefuseRun), f"{type(error).__name__} ({error}) where RefuseRun belongs")
    _require(urlsplit(case.missing.url).path.rpartition("/")[2] in str(error), f"a message that does not name the source: {error}")


async def closes_when_left_before_the_first_document(case: ConnectorCase) -> None:
    """Leaving the context without asking for a document ends quietly."""
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source):
            pass
    gc.collect()


async def closes_when_left_in_mid_document(case: ConnectorCase) -> None:
    """Leaving the context after the first chunk ends quietly; nothing is left for the garbage collector to warn of."""
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source) as documents:
            async for document in documents:
                async for _ in document.chunks:
                    break
                break
    gc.collect()


async def passes_the_readers_error_on(case: ConnectorCase) -> None:
    """An error of the reader leaves the context as it was raised: it is not the source's failure."""
    error = ZeroDivisionError("the reader's own")
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            async with case.connector.fetch(case.source) as documents:
                async for _ in documents:
                    raise error
    except ZeroDivisionError as caught:
        _require(caught is error, "another error than the reader's")
    else:
        _require(False, "no error where the reader raised one")
    gc.collect()


async def lets_a_cancelled_reader_go(case: ConnectorCase) -> None:
    """A run that is cancelled in mid-document leaves the context at once and cancelled, not failed."""
    with anyio.fail_after(_PATIENCE_SECONDS), anyio.CancelScope() as scope:
        async with case.connector.fetch(case.source) as documents:
            async for document in documents:
                async for _ in document.chunks:
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
    _require(scope.cancelled_caught, "no way out: the cancellation was swallowed")
    gc.collect()


async def shows_no_secret(case: ConnectorCase) -> None:
    """Neither document names nor errors, with their causes, hold a password or the value of a query."""
    query = urlsplit(case.missing.url).query
    missing = replace(case.missing, password=Secret(_CANARY)) if case.missing.password is not None else case.missing
    error = await _failure(case, missing)
    shown = "".join(traceback.format_exception(error)) + repr(error) + await _names(case)
    secrets = {*_spellings(missing), *_spellings(case.source), *(value for _, value in parse_qsl(query))}
    for secret in secrets - {""}:
        # The secret itself must not be in this message either.
        _require(secret not in shown, "a password or a query value in a message or a document's name")


CHECKS: Final[tuple[ConnectorCheck, ...]] = (
    yields_all_bytes,
    yields_chunks_of_bounded_size,
    reads_the_same_twice,
    tells_a_true_size,
    tells_times_with_their_zone,
    knows_its_own_versions,
    refuses_what_is_missing,
    closes_when_left_before_the_first_document,
    closes_when_left_in_mid_document,
    passes_the_readers_error_on,
    lets_a_cancelled_reader_go,
    shows_no_secret,
)
"""Every check; a check's id is its function's name."""


async def _chunks(case: ConnectorCase, source: Source) -> list[bytes]:
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(source) as documents:
            return [chunk async for document in documents async for chunk in document.chunks]


async def _versions(case: ConnectorCase) -> dict[str, str | None]:
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source) as documents:
            # Each is read, for a connector may know the version only then; asking for the next without reading is not allowed.
            return {document.name: document.version async for document in documents if [chunk async for chunk in document.chunks]}


async def _names(case: ConnectorCase) -> str:
    with anyio.fail_after(_PATIENCE_SECONDS):
        async with case.connector.fetch(case.source) as documents:
            return " ".join([document.name async for document in documents])


async def _failure(case: ConnectorCase, source: Source) -> FeedmillError:
    try:
        await _chunks(case, source)
    except FeedmillError as error:
        return error
    raise AssertionError("no error for a source that is missing")


def _spellings(source: Source) -> set[str]:
    password = source.password.reveal() if source.password is not None else ""
    return {password, quote(password, safe="")}


def _require(fact: bool, seen: str) -> None:
    if not fact:
        raise AssertionError(f"the connector gave {seen}")
