"""A download over as many connections as it takes: whatever is cut and wherever, the bytes are those of the source."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.wire.resuming import Resuming, Stretch
from engine.errors import RefuseRun, Retry
from engine.source import Patience, Persistence, Source, parse_location

SOURCE: Final = parse_location("sftp://supplier.example/stock.csv")


@dataclass(frozen=True)
class Fault:
    """One connection: it delivers `delivered` bytes, loses `lost` more on the way and breaks. `refused`: it never opens."""

    delivered: int
    lost: int
    refused: bool = False


@dataclass
class Server:
    """A source of bytes whose connections break as listed and then no more; it counts what it sends."""

    body: bytes
    faults: list[Fault]
    chunk: int = 7
    sent: int = 0
    opened: int = 0
    offsets: list[int] = field(default_factory=list)
    open_now: int = 0

    async def open(self, offset: int) -> Stretch:
        """Open a connection at an offset."""
        await checkpoint()
        self.offsets.append(offset)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None and fault.refused:
            raise Retry("does not take connections")
        self.opened += 1
        self.open_now += 1
        return Connection(self, offset, fault)


class Connection:
    """One stretch; closed at most once as far as the server knows, and never read after."""

    def __init__(self, server: Server, offset: int, fault: Fault | None) -> None:
        self._server = server
        self._at = offset
        self._fault = fault
        self._end = len(server.body) if fault is None else min(offset + fault.delivered, len(server.body))
        self._closed = False

    async def __anext__(self) -> bytes:
        assert not self._closed
        await checkpoint()
        chunk = self._server.body[self._at : min(self._at + self._server.chunk, self._end)]
        self._at += len(chunk)
        self._server.sent += len(chunk)
        if chunk:
            return chunk
        if self._fault is None:
            raise StopAsyncIteration
        self._server.sent += self._fault.lost
        raise Retry("the connection was cut")

    async def aclose(self) -> None:
        await checkpoint()
        self._server.open_now -= not self._closed
        self._closed = True


BODIES = st.binary(max_size=120)
FAULTS = st.lists(st.builds(Fault, st.integers(0, 60), st.integers(0, 20), st.booleans()), max_size=12)


def _source(attempts: int, floor: int = 1) -> Source:
    return replace(SOURCE, persistence=Persistence(attempts, 0.0, 0.0), patience=Patience(idle=1.0, min_bytes_per_second=floor))


async def _read(server: Server, attempts: int, floor: int = 1) -> tuple[bytes, Retry | None]:
    """Open and read as a connector does; the bytes that came, and the error that ended them."""
    opened = await server.open(0)
    resuming = Resuming(_source(attempts, floor), opened, server.open)
    received = b""
    try:
        async for chunk in resuming:
            assert chunk
            received += chunk
    except Retry as error:
        with pytest.raises(Retry, match="closed before its end"):
            await anext(resuming)
        return received, error
    with pytest.raises(StopAsyncIteration):
        await anext(resuming)
    return received, None


def _first_opens(faults: list[Fault]) -> list[Fault]:
    return [replace(fault, refused=fault.refused and index > 0) for index, fault in enumerate(faults)]


@given(BODIES, FAULTS, st.integers(1, 30))
async def test_the_bytes_are_those_of_the_source(body: bytes, faults: list[Fault], chunk: int) -> None:
    """With enough attempts every byte arrives once and in order, and no more is sent than the size and what got lost."""
    lost = sum(fault.lost for fault in faults)
    server = Server(body, _first_opens(faults), chunk)
    received, error = await _read(server, attempts=len(faults) + 2)
    assert (received, error) == (body, None)
    assert server.sent <= len(body) + lost
    assert server.offsets == sorted(server.offsets)
    assert server.open_now == 0


STEPS = st.lists(st.builds(Fault, st.integers(0, 20), st.integers(0, 20), st.booleans()), min_size=1, max_size=6)


@given(st.binary(min_size=100, max_size=120), STEPS, st.integers(1, 4), st.sampled_from([1, 10, 1000]))
@example(bytes(100), [Fault(10, 0), Fault(10, 0)], 2, 1)
@example(bytes(100), [Fault(1, 0)] * 5, 5, 10)
@example(bytes(100), [Fault(9, 0), Fault(9, 0), Fault(10, 0), Fault(9, 0)], 3, 10)
async def test_attempts_without_progress_are_bounded(body: bytes, faults: list[Fault], attempts: int, floor: int) -> None:
    """A download ends with an error exactly when so many tries in a row brought less than a window of waiting has to.

    What came before is a true beginning.
    """
    expected = _given_up(body, _first_opens(faults), attempts, floor)
    server = Server(body, _first_opens(faults))
    received, error = await _read(server, attempts, floor)
    assert (error is not None) == expected
    assert body.startswith(received)
    assert error is not None or received == body
    assert server.open_now == 0
    for offset in set(server.offsets):
        assert server.offsets.count(offset) <= attempts


def _given_up(body: bytes, faults: list[Fault], attempts: int, floor: int) -> bool:
    """Tell from the faults alone whether the download is given up."""
    at = failed = 0
    for fault in faults:
        moved = 0 if fault.refused else min(fault.delivered, len(body) - at)
        at += moved
        failed = 1 if moved >= floor else failed + 1
        if failed >= attempts:
            return True
    return False


@given(BODIES, st.lists(st.builds(Fault, st.integers(1, 60), st.just(0)), min_size=1, max_size=6), st.integers(0, 60))
async def test_a_cancelled_download_closes_its_connection(body: bytes, faults: list[Fault], steps: int) -> None:
    """Wherever it was, between two bytes, in a pause or opening anew: no connection stays open."""
    server = Server(body, list(faults))
    opened = await server.open(0)
    resuming = Resuming(_source(20), opened, server.open)

    async def read() -> None:
        async for _ in resuming:
            await checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        for _ in range(steps):
            await checkpoint()
        group.cancel_scope.cancel()
    await resuming.aclose()
    assert server.open_now == 0


async def test_a_reopening_that_is_refused_goes_out() -> None:
    """The file changed in the meantime: its rest belongs to other bytes, and no further try helps."""
    server = Server(b"sku;stock\n" * 10, [Fault(20, 0)])

    async def reopen(offset: int) -> Stretch:
        raise RefuseRun(f"changed before byte {offset}")

    resuming = Resuming(_source(9), await server.open(0), reopen)
    received = [await anext(resuming) for _ in range(3)]
    assert b"".join(received) == server.body[:20]
    with pytest.raises(RefuseRun, match="changed before byte 20"):
        await anext(resuming)
    with pytest.raises(Retry, match="closed before its end"):
        await anext(resuming)
    assert server.open_now == 0


async def test_what_cannot_be_resumed_ends_with_its_own_error() -> None:
    """Without a way to go on the cut goes out at once, and the connection is closed."""
    told: list[str] = []
    server = Server(b"x" * 50, [Fault(7, 0)])
    resuming = Resuming(replace(_source(9), tell=told.append), await server.open(0), None)
    assert await anext(resuming) == b"x" * 7
    with pytest.raises(Retry, match="the connection was cut"):
        await anext(resuming)
    assert (server.open_now, server.opened, told) == (0, 1, [])


async def test_a_resumed_download_is_told() -> None:
    """The run's record says why it took longer and where it went on."""
    told: list[str] = []
    server = Server(b"x" * 50, [Fault(21, 5)])
    resuming = Resuming(replace(_source(3), tell=told.append), await server.open(0), server.open)
    assert b"".join([chunk async for chunk in resuming]) == server.body
    assert told == ["the connection was cut (attempt 2 of 3 in 0.0 s, going on after 21 bytes)"]


async def test_an_error_of_another_kind_closes_the_connection_and_goes_out() -> None:
    """A bug of a stretch is not tried again."""
    server = Server(b"x" * 50, [])
    opened = await server.open(0)

    class Broken:
        async def __anext__(self) -> bytes:
            raise ZeroDivisionError

        async def aclose(self) -> None:
            await opened.aclose()

    with pytest.raises(ZeroDivisionError):
        await anext(Resuming(_source(9), Broken(), server.open))
    assert (server.open_now, server.opened) == (0, 1)
