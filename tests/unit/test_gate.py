"""What stands between fetch and decode: nothing passes while it is what was read last time, then everything, in order."""

from __future__ import annotations

import os
import stat
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import anyio
import pytest

from engine.contracts import Checkpoint, DocumentFacts
from engine.decode import Ended, Opened, Part
from engine.errors import NotModified, RefuseRun, Retry
from engine.flow.channel import Budget, Channel, StageClock
from engine.flow.unchanged import Gate, Limits
from engine.source import Source, parse_location

SMALL = Limits(first_mark=64, mark_step=64, in_memory=100, on_disk=100_000, replayed=200, piece=130)
OPENED = Opened(DocumentFacts("stock.csv"))
BODY = bytes(n % 251 for n in range(4_000))
SOURCE = parse_location("memory://shop/stock.csv")
STEP = 50


@dataclass
class Passage:
    """A gate with what comes out of it. `sent` counts the bytes put in when each part came out."""

    gate: Gate
    clock: StageClock = field(default_factory=lambda: StageClock("fetch"))
    came: list[Part] = field(default_factory=list)
    sent: int = 0
    sent_by_then: list[int] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)

    @property
    def body(self) -> bytes:
        """Return the bytes that came out."""
        return b"".join(part for part in self.came if isinstance(part, bytes))

    async def run(self, body: bytes, *, newest: datetime | None = None, source: Source = SOURCE) -> None:
        """Put one document through, to the end."""
        out: Channel[Part] = Channel(self.budget)
        try:
            async with anyio.create_task_group() as group, aclosing(self.gate):
                group.start_soon(self._collect, out)
                await self._put(body, out)
                await self.gate.end(source, newest, out, self.clock)
                out.close()
        except BaseExceptionGroup as group_of_one:
            raise group_of_one.exceptions[0] from None

    async def _put(self, body: bytes, out: Channel[Part]) -> None:
        await self.gate.send(OPENED, out, self.clock)
        for at in range(0, len(body), STEP):
            self.sent += STEP
            await self.gate.send(body[at : at + STEP], out, self.clock)
        await self.gate.send(Ended(), out, self.clock)

    async def _collect(self, out: Channel[Part]) -> None:
        async for part in out.receive(StageClock("decode")):
            self.came.append(part)
            self.sent_by_then.append(self.sent)


async def checkpoint_of(body: bytes) -> Checkpoint:
    """Return what a run leaves that read a document of these bytes."""
    passage = Passage(Gate(None, Budget(), SMALL))
    await passage.run(body)
    assert passage.body == body
    return Checkpoint("print", {}, run=3, digests=passage.gate.digests)


def gate(before: Checkpoint | None, limits: Limits = SMALL) -> Passage:
    """Return a gate that knows what was left."""
    budget = Budget()
    return Passage(Gate(before, budget, limits), budget=budget)


@pytest.fixture
async def before() -> Checkpoint:
    """Give what a run left that read `BODY`."""
    return await checkpoint_of(BODY)


@pytest.fixture
def spools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which files are spooled."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


async def test_the_same_bytes_do_not_pass(before: Checkpoint) -> None:
    """Nothing comes out, the end says that the source is unchanged, and its digest is what it was."""
    passage = gate(before)
    with pytest.raises(NotModified, match=r"memory://shop/stock\.csv: sent the same bytes as before"):
        await passage.run(BODY)
    assert (passage.came, passage.gate.digests, passage.budget.buffered_bytes) == ([], before.digests, 0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff" + BODY[1:], id="first byte"),
        pytest.param(BODY[:64] + b"\xff" + BODY[65:], id="at a mark"),
        pytest.param(BODY[:2_000] + b"\xff" + BODY[2_001:], id="in the middle"),
        pytest.param(BODY[:-1] + b"\xff", id="last byte"),
        pytest.param(BODY[:-1], id="shorter"),
        pytest.param(BODY[:64], id="shorter, to a mark"),
        pytest.param(b"", id="empty"),
        pytest.param(BODY + b"\xff", id="longer"),
    ],
)
async def test_other_bytes_pass_whole_and_in_order(before: Checkpoint, body: bytes) -> None:
    """Wherever the difference is, what comes out is what went in, and the next run is to know that."""
    passage = gate(before)
    await passage.run(body)
    assert (passage.came[0], passage.body, passage.came[-1]) == (OPENED, body, Ended())
    assert (passage.gate.digests, passage.budget.buffered_bytes) == ((await checkpoint_of(body)).digests, 0)


async def test_a_source_that_is_not_known_passes_at_once() -> None:
    """Without a checkpoint nothing waits: a chunk is out before the next one is in."""
    passage = gate(None)
    await passage.run(BODY)
    assert passage.body == BODY
    assert passage.sent_by_then[1] <= 10 * STEP


async def test_the_source_is_read_on_while_what_was_held_back_passes(before: Checkpoint) -> None:
    """A server is never left alone for as long as all that was held back takes: some of it passes for each chunk that comes."""
    passage = gate(before)
    await passage.run(BODY[:2_000] + b"\xff" + bytes(10_000))
    out = accumulate(len(part) if isinstance(part, bytes) else 0 for part in passage.came)
    read_by_half = next(sent for passed, sent in zip(out, passage.sent_by_then, strict=True) if passed >= 1_000)
    assert 2_200 <= read_by_half < 4_000
    assert passage.body == BODY[:2_000] + b"\xff" + bytes(10_000)


async def test_the_file_has_no_name_and_one_reader(before: Checkpoint, spools: Path) -> None:
    """What is on disk is the owner's alone, stands in no folder, and is gone when the gate is closed."""
    passage = gate(before)
    out: Channel[Part] = Channel(passage.budget)
    await passage.gate.send(OPENED, out, passage.clock)
    for at in range(0, 2_000, STEP):
        await passage.gate.send(BODY[at : at + STEP], out, passage.clock)
    (spool,) = await spooled(spools)
    assert (stat.S_IMODE(spool.st_mode), spool.st_nlink, spool.st_uid) == (0o600, 0, os.geteuid())
    assert spool.st_size >= 2_000 - 2 * SMALL.in_memory  # The last write may be under way.
    assert not await anyio.to_thread.run_sync(os.listdir, spools)
    await passage.gate.aclose()
    assert (await spooled(spools), passage.budget.buffered_bytes) == ([], 0)


async def test_a_small_source_stays_in_memory(spools: Path) -> None:
    """What fits under the limit of memory never makes a file."""
    before = await checkpoint_of(BODY[:100])
    passage = gate(before)
    out: Channel[Part] = Channel(passage.budget)
    await passage.gate.send(OPENED, out, passage.clock)
    await passage.gate.send(BODY[:100], out, passage.clock)
    assert (await spooled(spools), passage.budget.buffered_bytes, passage.gate.holds) == ([], 100, True)
    await passage.gate.aclose()


async def spooled(folder: Path) -> list[os.stat_result]:
    """Return the open files of this process that lie in a folder."""

    def look() -> list[os.stat_result]:
        found = []
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                if str(descriptor.readlink()).startswith(str(folder)):
                    found.append(os.fstat(int(descriptor.name)))
            except OSError:  # the descriptor of the listing itself
                continue
        return found

    return await anyio.to_thread.run_sync(look)


async def test_what_is_over_the_limit_is_held_back_no_more(before: Checkpoint) -> None:
    """Beyond it the run goes on as if nothing were known."""
    passage = gate(before, replace(SMALL, on_disk=1_000))
    await passage.run(BODY)
    assert passage.body == BODY


async def test_without_room_on_the_disk_nothing_more_is_held_back(
    before: Checkpoint, spools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what is free is the most that is taken, and a folder that is not there is no fault of the source."""
    real = os.fstatvfs
    taken = 0

    def nearly_full(descriptor: int) -> os.statvfs_result:
        nonlocal taken
        taken = max(taken, os.fstat(descriptor).st_size)
        values = list(real(descriptor))
        values[1], values[4] = 1, 2_000 - os.fstat(descriptor).st_size
        return os.statvfs_result(values)

    monkeypatch.setattr("os.fstatvfs", nearly_full)
    passage = gate(before)
    await passage.run(BODY)
    assert passage.body == BODY
    assert 500 < taken <= 1_000
    monkeypatch.setattr("tempfile.tempdir", str(spools / "gone"))
    passage = gate(before)
    await passage.run(BODY)
    assert passage.body == BODY


async def test_a_disk_that_fails_while_it_is_written_loses_nothing(before: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is still in memory."""
    real, calls = os.pwrite, 0

    def failing(descriptor: int, data: bytes, place: int) -> int:
        nonlocal calls
        calls += 1
        if calls > 7:
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:31], place)

    monkeypatch.setattr("os.pwrite", failing)
    passage = gate(before)
    await passage.run(BODY)
    assert passage.body == BODY


async def test_a_disk_that_does_not_give_back_ends_the_run(before: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a source is never taken for a whole one."""
    real = os.pread
    monkeypatch.setattr("os.pread", lambda descriptor, size, place: real(descriptor, size, place)[:-1])
    with pytest.raises(Retry, match=r"held back in .* cannot be read again \(129 bytes of 130\): nothing was applied"):
        await gate(before).run(BODY[:-1] + b"\xff")


async def test_an_older_newest_file_is_refused_though_its_bytes_are_the_same(before: Checkpoint) -> None:
    """That a newer file was withdrawn is told by the time, which the bytes do not hold."""
    stamped = replace(before, newest="2026-03-02T00:00:00+00:00")
    source = replace(SOURCE, path="stock_*.csv")
    with pytest.raises(RefuseRun, match="the newer one was withdrawn"):
        await gate(stamped).run(BODY, newest=datetime(2026, 3, 1, tzinfo=UTC), source=source)
    with pytest.raises(NotModified):
        await gate(stamped).run(BODY, newest=datetime(2026, 3, 3, tzinfo=UTC), source=source)


async def test_holding_back_is_no_stall(before: Checkpoint) -> None:
    """The watchdog sees each chunk that is held back."""
    passage = gate(before)
    out: Channel[Part] = Channel(passage.budget)
    await passage.gate.send(OPENED, out, passage.clock)
    moved = passage.clock.moved_at
    await passage.gate.send(BODY[:10], out, passage.clock)
    assert passage.clock.moved_at > moved
    await passage.gate.aclose()
