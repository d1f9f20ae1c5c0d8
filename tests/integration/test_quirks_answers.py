"""Quirks 4 and 6: what web servers send in place of the feed, where they send us, and who bans whoever asks too often."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import pytest
from aiohttp import web

from engine.run import Counts, RunStatus
from engine.source import Egress
from tests.integration.quirk_feeds import GOOD, Outcome, check_items, check_untouched, sync
from tests.servers.web import serving

BODY: Final = b"sku;stock;name\nnew-1;7;Drill\n"
ONCE: Final[Mapping[str, object]] = {"transport.attempts": 1}
LOGIN_PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>Please log in</title></head><body><form></form></body></html>"

Answer: TypeAlias = Callable[[], web.Response]


def _response(status: int = 200, body: bytes = b"", **headers: str) -> Answer:
    """Return what makes a response: one object cannot be sent twice."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, body=body, headers=named)


@dataclass
class Supplier:
    """A web server that gives these answers in turn, the last of them for good, and notes what it was asked and when."""

    answers: tuple[Answer, ...]
    asked: list[web.Request] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.times.append(time.monotonic())
        self.asked.append(request)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]()


def _url(port: int) -> str:
    return f"http://user:hunter2@127.0.0.1:{port}/stock.csv?token=hush"


@pytest.fixture
async def good(tmp_path: Path) -> Outcome:
    """Give the state of a good first load."""
    path = tmp_path / "good.csv"
    await anyio.Path(path).write_bytes(GOOD)
    return await sync(str(path), tmp_path / "shop.db")


async def check(
    good: Outcome, folder: Path, answers: tuple[Answer, ...], code: str, said: tuple[str, ...], **more: Any
) -> list[web.Request]:
    """Sync from a supplier that answers so, and prove that nothing changed but the record; returns what it was asked."""
    supplier = Supplier(answers)
    async with serving(supplier.answer) as port:
        settings = {**ONCE, **more.pop("settings", {})}
        after = await sync(_url(port), folder / "shop.db", settings=settings, **more)
    check_untouched(good, after, code, said)
    left = repr(after.record).encode() + await anyio.Path(folder / "shop.db").read_bytes()
    assert not any(secret in left for secret in (b"hunter2", b"hush"))
    return supplier.asked


JSON: Final = {"resourceType": "json"}
ERROR: Final = b'{"error": {"code": 17, "message": "Quota exceeded, see your account"}}'


@pytest.mark.parametrize(
    ("answer", "settings", "said"),
    [
        pytest.param(_response(200, LOGIN_PAGE, Content_Type="text/html"), {}, ("HTML page", "Please log in"), id="q4-html-login-page"),
        pytest.param(_response(200, LOGIN_PAGE, Content_Type="text/csv"), {}, ("HTML page",), id="q4-html-login-page-called-csv"),
        pytest.param(_response(200, LOGIN_PAGE), JSON, ("HTML",), id="q4-html-login-page-for-json"),
        pytest.param(_response(200, ERROR), {}, ("JSON",), id="q4-json-error-for-csv"),
        pytest.param(_response(200, ERROR), JSON, ("Quota exceeded",), id="q4-json-error-for-json"),
        pytest.param(_response(200, ERROR), {**JSON, "pagination.style": "page"}, ("Quota exceeded",), id="q4-json-error-for-pages"),
        pytest.param(_response(204), {}, ("no content", "ask for the right URL"), id="q4-204"),
        pytest.param(_response(204), {**JSON, "pagination.style": "page"}, ("no content",), id="q4-204-for-pages"),
        pytest.param(_response(200, b""), {}, ("no content", "ask the supplier for the right URL"), id="q4-empty-body"),
        pytest.param(_response(200, b"\r\n\r\n"), {}, (), id="q4-blank-body"),
        pytest.param(_response(304), {}, ("unchanged, though nothing was asked about changes",), id="q4-304-unasked"),
    ],
)
async def test_what_is_no_feed_changes_nothing(
    answer: Answer, settings: Mapping[str, object], said: tuple[str, ...], good: Outcome, tmp_path: Path
) -> None:
    """It is refused with what it is and what cures it, and asked for once: it will be the same a second later."""
    asked = await check(good, tmp_path, (answer,), "refused", said, settings={**settings, "transport.attempts": 3})
    assert len(asked) == 1


WISHES: Final[Mapping[str, Answer]] = {
    "q4-429-seconds": _response(429, Retry_After="1"),
    "q4-429-date": _response(429, Date=formatdate(0, usegmt=True), Retry_After=formatdate(1, usegmt=True)),
    "q4-503-seconds": _response(503, Retry_After="1"),
    "q4-503-date": _response(503, Date=formatdate(0, usegmt=True), Retry_After=formatdate(1, usegmt=True)),
}


async def test_a_pause_that_is_asked_for_is_kept(tmp_path: Path) -> None:
    """429 and 503, seconds and date (quirk 4): the second question comes after the pause, though ours would have been another."""
    suppliers = {name: Supplier((wish, _response(200, BODY))) for name, wish in WISHES.items()}
    outcomes: dict[str, Outcome] = {}

    async def load(name: str, port: int) -> None:
        settings = {"transport.retryWait": 50, "transport.attempts": 2}
        outcomes[name] = await sync(_url(port), tmp_path / f"{name}.db", settings=settings)

    async with anyio.create_task_group() as tasks:
        # Side by side: each of them takes the second that is asked for.
        for name, supplier in suppliers.items():
            tasks.start_soon(_served, supplier, name, load)
    for name, supplier in suppliers.items():
        record = outcomes[name].record
        assert record.status is RunStatus.COMPLETE, record.problems
        check_items({"new-1": 7}, outcomes[name].items)
        first, second = supplier.times
        assert 1.0 <= second - first < 10.0
        (told,) = [problem.message for problem in record.problems if problem.code == "source"]
        assert "attempt 2 of 2 in 1.0 s" in told


async def _served(supplier: Supplier, name: str, load: Callable[[str, int], Any]) -> None:
    async with serving(supplier.answer) as port:
        await load(name, port)


@pytest.mark.parametrize(
    ("wish", "cure"),
    [
        pytest.param(_response(429, Retry_After="3600"), "fetch less frequently", id="q4-429-an-hour"),
        pytest.param(
            _response(503, Date=formatdate(0, usegmt=True), Retry_After=formatdate(3600, usegmt=True)),
            "try again later",
            id="q4-503-an-hour-by-date",
        ),
    ],
)
async def test_a_longer_pause_than_allowed_ends_the_run(wish: Answer, cure: str, good: Outcome, tmp_path: Path) -> None:
    """A supplier that wants an hour is left alone at once: a run does not hang about for it."""
    settings = {"transport.attempts": 4, "transport.maxRetryWait": 30}
    asked = await check(
        good, tmp_path, (wish,), "retry", ("answered", "later" if "503" in str(wish().status) else "less"), settings=settings
    )
    assert len(asked) == 1


# Quirk 4: redirects


async def test_credentials_stay_behind_on_a_redirect_to_another_host(tmp_path: Path) -> None:
    """The feed is read from where it is, without user, password, token or header of the host that was named (quirk 4)."""
    other = Supplier((_response(200, BODY),))
    async with serving(other.answer) as elsewhere:
        site = Supplier((_response(302, Location=f"http://localhost:{elsewhere}/file.csv"),))
        async with serving(site.answer) as port:
            parameters = [{"name": "X-Key", "value": "hush-key", "type": "header"}]
            outcome = await sync(_url(port), tmp_path / "shop.db", settings={**ONCE, "parameters": parameters})
    assert outcome.record.status is RunStatus.COMPLETE, outcome.record.problems
    check_items({"new-1": 7}, outcome.items)
    assert {"Authorization", "X-Key"} <= set(site.asked[0].headers)
    (seen,) = other.asked
    assert not {"Authorization", "X-Key", "Cookie"} & set(seen.headers)
    assert "hush" not in seen.raw_path


METADATA: Final = "http://169.254.169.254/latest/meta-data"


@pytest.mark.parametrize("hops", [pytest.param(hops, id=f"q4-metadata-at-hop-{hops}") for hops in (1, 2, 5)])
async def test_a_redirect_to_a_metadata_service_is_refused_at_every_hop(hops: int, good: Outcome, tmp_path: Path) -> None:
    """Whatever is allowed else, these addresses are not connected to."""
    chain = (*(_response(302, Location=f"/hop{number}") for number in range(1, hops)), _response(302, Location=METADATA))
    asked = await check(good, tmp_path, chain, "refused", ("169.254.169.254", "a metadata service"))
    assert len(asked) == hops


async def test_private_addresses_are_refused_where_they_are_not_allowed(good: Outcome, tmp_path: Path) -> None:
    """A feed that may not reach private addresses does not reach this machine: the first hop is a hop too (quirk 4)."""
    said = ("127.0.0.1", "this machine itself")
    asked = await check(good, tmp_path, (_response(200, BODY),), "refused", said, egress=Egress(allow_private=False))
    assert asked == []


# Quirk 6: a supplier that bans


@dataclass
class Strict:
    """A supplier that bans for good, with this status, who downloads one publication twice. Asking whether there is a new one is free."""

    status: int
    publication: int = 1
    fetched: set[int] = field(default_factory=set)
    banned: bool = False
    asked: list[str | None] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        condition, etag = request.headers.get("If-None-Match"), f'"{self.publication}"'
        self.asked.append(condition)
        if not self.banned and condition == etag:
            return web.Response(status=304, headers={"ETag": etag})
        self.banned = self.banned or self.publication in self.fetched
        if self.banned:
            return web.Response(status=self.status)
        self.fetched.add(self.publication)
        return web.Response(body=BODY.replace(b";7;", b";%d;" % (6 + self.publication)), headers={"ETag": etag})


_bans = pytest.mark.parametrize("status", [pytest.param(429, id="q6-ban-by-429"), pytest.param(403, id="q6-ban-by-403")])


@_bans
async def test_within_the_interval_a_supplier_is_not_asked(status: int, tmp_path: Path) -> None:
    """With transport.minInterval a second run is skipped and says when to come again: the supplier never hears of it."""
    strict, settings = Strict(status), {**ONCE, "transport.minInterval": 3600}
    async with serving(strict.answer) as port:
        first = await sync(_url(port), tmp_path / "shop.db", settings=settings)
        second = await sync(_url(port), tmp_path / "shop.db", settings=settings)
    assert (first.record.status, second.record.status) == (RunStatus.COMPLETE, RunStatus.SKIPPED)
    assert [problem.code for problem in second.record.problems] == ["too-soon"]
    assert second.record.counts == Counts()
    assert second.items == first.items
    assert (strict.asked, strict.banned) == ([None], False)


@_bans
async def test_an_unchanged_publication_is_not_downloaded_again(status: int, tmp_path: Path) -> None:
    """Without an interval the question is a condition: nothing new is a 304, a new publication is read, and nobody is banned."""
    strict = Strict(status)
    async with serving(strict.answer) as port:
        runs = [await sync(_url(port), tmp_path / "shop.db", settings=ONCE) for _ in range(3)]
        strict.publication = 2
        news = await sync(_url(port), tmp_path / "shop.db", settings=ONCE)
    assert {run.record.status for run in (*runs, news)} == {RunStatus.COMPLETE}
    assert [[problem.code for problem in run.record.problems] for run in runs[1:]] == [["not-modified"]] * 2
    assert (runs[2].record.bytes, runs[2].record.counts) == (0, Counts(unchanged=1))
    check_items({"new-1": 8}, news.items)
    assert strict.asked == [None, '"1"', '"1"', '"1"']
    assert not strict.banned


@_bans
async def test_a_ban_changes_nothing_and_is_told(status: int, good: Outcome, tmp_path: Path) -> None:
    """Who is banned keeps the last good state, and is told what to ask for or to do less often."""
    cure = ("answered 429", "fetch less frequently") if status == 429 else ("answered 403", "this machine's address is allowed")
    await check(good, tmp_path, (_response(status),), "retry" if status == 429 else "refused", cure)
