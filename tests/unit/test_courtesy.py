"""Few connections to one host at a time, whoever asks."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from anyio.lowlevel import checkpoint

from connectors.wire.courtesy import _hosts, admitted
from engine.source import Courtesy, Source, parse_location


def _source(limit: int, url: str = "https://supplier.example/stock.csv") -> Source:
    return replace(parse_location(url), courtesy=Courtesy(limit))


class _Crowd:
    """Fetches that hold their slots until they are told to let go."""

    def __init__(self, group: anyio.abc.TaskGroup) -> None:
        self.inside: list[str] = []
        self._group = group
        self._gates: dict[str, anyio.Event] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}

    async def come(self, name: str, source: Source) -> None:
        self._gates[name], self._scopes[name] = anyio.Event(), anyio.CancelScope()
        self._group.start_soon(self._fetch, name, source)
        await _settled()

    async def _fetch(self, name: str, source: Source) -> None:
        with self._scopes[name]:
            async with admitted(source):
                self.inside.append(name)
                try:
                    await self._gates[name].wait()
                finally:
                    self.inside.remove(name)

    async def leave(self, name: str) -> None:
        self._gates[name].set()
        await _settled()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self._scopes[name].cancel()
        await _settled()


async def _settled() -> None:
    for _ in range(10):
        await checkpoint()


async def test_a_host_has_so_many_slots_and_gives_them_in_order() -> None:
    """Two at a time: the third waits for the first that leaves, the fourth for the next; then nothing is kept of the host."""
    async with anyio.create_task_group() as group:
        crowd = _Crowd(group)
        for name in "abcd":
            await crowd.come(name, _source(2))
        assert crowd.inside == ["a", "b"]
        await crowd.leave("b")
        assert crowd.inside == ["a", "c"]
        for name in "ac":
            await crowd.leave(name)
        assert crowd.inside == ["d"]
        await crowd.leave("d")
    assert not _hosts()


async def test_hosts_do_not_wait_for_each_other_and_ports_are_one_host() -> None:
    """What is rationed is the supplier's machine, by name, whatever the scheme, port and case."""
    async with anyio.create_task_group() as group:
        crowd = _Crowd(group)
        await crowd.come("a", _source(1))
        await crowd.come("other", _source(1, "https://other.example/"))
        await crowd.come("port", _source(1, "sftp://SUPPLIER.example:2222/stock.csv"))
        assert crowd.inside == ["a", "other"]
        await crowd.leave("a")
        assert crowd.inside == ["other", "port"]
        await crowd.cancel("other", "port")


async def test_a_file_needs_no_slot() -> None:
    """Nobody is banned from their own machine."""
    async with admitted(_source(1, "file:///srv/stock.csv")), admitted(_source(1, "file:///srv/stock.csv")):
        assert not _hosts()


async def test_a_feed_that_wants_the_host_for_itself_gets_it_in_its_turn() -> None:
    """The strictest limit counts: later fetches with a higher one neither overtake it nor join it."""
    async with anyio.create_task_group() as group:
        crowd = _Crowd(group)
        await crowd.come("a", _source(3))
        await crowd.come("alone", _source(1))
        await crowd.come("late", _source(3))
        assert crowd.inside == ["a"]
        await crowd.leave("a")
        assert crowd.inside == ["alone"]
        await crowd.leave("alone")
        assert crowd.inside == ["late"]
        await crowd.leave("late")


async def test_who_is_cancelled_gives_the_slot_back() -> None:
    """Inside, in the queue, or in the very moment in which the slot is granted."""
    async with anyio.create_task_group() as group:
        crowd = _Crowd(group)
        for name in "abcd":
            await crowd.come(name, _source(1))
        await crowd.cancel("b")
        assert crowd.inside == ["a"]
        await crowd.cancel("a", "c")
        assert crowd.inside == ["d"]
        await crowd.leave("d")
    assert not _hosts()


async def test_an_error_gives_the_slot_back_and_goes_out() -> None:
    """A fetch that fails does not keep the next one out."""
    with pytest.raises(ZeroDivisionError):
        async with admitted(_source(1)):
            raise ZeroDivisionError
    with anyio.fail_after(5):
        async with admitted(_source(1)):
            pass


async def test_the_random_wait_is_bounded() -> None:
    """With jitter a fetch begins some time within it."""
    source = replace(_source(1), courtesy=Courtesy(1, 0.05))
    begun = anyio.current_time()
    async with admitted(source):
        assert anyio.current_time() - begun < 1


async def test_who_waits_in_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch behind a long one is a polite wait, and is told often enough not to be taken for a stall."""
    monkeypatch.setattr("connectors.wire.courtesy._TOLD_EVERY", 0.01)
    told, twice = list[str](), anyio.Event()

    def tell(message: str) -> None:
        told.append(message)
        if len(told) == 2:
            twice.set()

    async with anyio.create_task_group() as group:
        crowd = _Crowd(group)
        await crowd.come("first", _source(1))
        await crowd.come("second", replace(_source(1), tell=tell))
        with anyio.fail_after(5):
            await twice.wait()
        assert crowd.inside == ["first"]
        await crowd.leave("first")
        assert crowd.inside == ["second"]
        await crowd.leave("second")
    assert set(told) == {told[0]}
    assert told[0].startswith("https://supplier.example/stock.csv: waited in line")
    assert not _hosts()
