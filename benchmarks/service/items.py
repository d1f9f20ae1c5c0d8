"""How long the pages of items take over a million of them, and while another million loads."""

from __future__ import annotations

import html
import re
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio

from benchmarks.catalogue import FIELDS, SETTINGS, CatalogueFile
from benchmarks.measure import SubjectFailed
from benchmarks.promise import Promise, write_promises
from benchmarks.service.daemon import DATABASE, Daemon, run_daemon
from benchmarks.service.reads import PAUSE_SECONDS, PROMISED_ROWS, Latency, has_ended
from feedmill.dashboard.sessions import COOKIE
from feedmill.service.opening import open_service
from feedmill.service.security.people import make_link, set_password
from feedmill.service.settings import ServiceSettings
from sinks.sqlite.service.resources.people import insert_person

LIMIT: Final = 0.2
"""Seconds that a page may take while a run of another million is under way."""

DEEP: Final = 40
_REQUESTS: Final = 10
_NEXT: Final = re.compile(r'href="([^"]+)" rel="next"')
PAGES: Final[Mapping[str, str]] = {
    "newest first": "/items",
    "by id": "/items?sort=externalId",
    "of one feed": "/items?feed=1",
    "removed": "/items?status=removed",
    "connected": "/items?status=connected",
    "with errors": "/items?status=error",
    "not connected": "/items?connected=false",
    "an id": "/items?q=KW-0000777",
    "how ids begin": "/items?q=KW-00",
    "a barcode": "/items?q=400000099",
    "words of a name": "/items?q=cordless+drill",
    "nothing": "/items?q=nothing-like-it",
    "sorted by SKU": "/items?sort=vendorSku",
    "sorted by name": "/items?sort=name",
    "sorted by stock": "/items?sort=-inventoryQuantity",
    "sorted by change": "/items?sort=-updatedAt",
}
"""What is looked at: the list, each kind of filter and search, each kind of sort."""


@dataclass(frozen=True, slots=True)
class ItemPages:
    """How long each page took, idle and while `rows` more rows were loaded; `sorting` is how long each sort took, once.

    `all_loading` is of all requests while rows were loaded.
    """

    rows: int
    idle: Mapping[str, Latency]
    loading: Mapping[str, Latency]
    sorting: Mapping[str, float]
    all_loading: Latency


def measure_items(file: CatalogueFile, directory: Path, source: str, say: Callable[[str], None]) -> ItemPages:
    """Measure pages: of an idle service with all rows of a file, then while it loads them into another feed."""
    session = anyio.run(_sign_in, f"sqlite:///{directory / DATABASE}")
    with run_daemon(directory) as daemon:
        _wait(daemon, file, source, "bench", lambda: time.sleep(0.2))
        reader = _Reader(daemon, session)
        sorting = {name: reader.get(f"{path}&sorted=1")[0] for name, path in PAGES.items() if name.startswith("sorted")}
        paths = {
            **PAGES,
            f"newest first, page {DEEP}": reader.deep(PAGES["newest first"]),
            f"by id, page {DEEP}": reader.deep(PAGES["by id"]),
        }
        idle = reader.all_of(paths, _REQUESTS)
        say(f"pages of items, idle: p99 at most {max(each.p99 for each in idle.values()) * 1000:.0f} ms")
        seconds: dict[str, list[float]] = {name: [] for name in paths}

        def look() -> None:
            for name, path in paths.items():
                seconds[name].append(reader.get(path)[0])
                time.sleep(PAUSE_SECONDS)

        _wait(daemon, file, source, "other", look)
        together = Latency.of([each for one in seconds.values() for each in one])
        say(f"pages of items, loading: p99 {together.p99 * 1000:.0f} ms")
        return ItemPages(file.rows, idle, {name: Latency.of(each) for name, each in seconds.items()}, sorting, together)


class _Reader:
    """Somebody at a browser, without its scripts and pictures."""

    def __init__(self, daemon: Daemon, session: str) -> None:
        self._connection = daemon.connection
        self._headers = {"Cookie": f"{COOKIE}={session}", "Accept": "text/html"}

    def get(self, path: str) -> tuple[float, str]:
        """Return how long a page took and the page. Raises `SubjectFailed` for anything but a page of items."""
        begun = time.perf_counter()
        self._connection.request("GET", path, None, self._headers)
        with self._connection.getresponse() as response:
            text = response.read().decode()
        took = time.perf_counter() - begun
        if response.status != 200 or 'id="items-list"' not in text:
            raise SubjectFailed(f"GET {path} answered {response.status}: {text[:200]!r}")
        return took, text

    def deep(self, path: str) -> str:
        """Return the address of a page far behind one, or of the last there is."""
        for _ in range(DEEP - 1):
            found = _NEXT.search(self.get(path)[1])
            if found is None:
                break
            path = html.unescape(found[1])
        return path

    def all_of(self, paths: Mapping[str, str], times: int) -> Mapping[str, Latency]:
        """Return how long each page took, so many times in turn."""
        seconds: dict[str, list[float]] = {name: [] for name in paths}
        for _ in range(times):
            for name, path in paths.items():
                seconds[name].append(self.get(path)[0])
        return {name: Latency.of(each) for name, each in seconds.items()}


async def _sign_in(url: str) -> str:
    async with open_service(ServiceSettings(database=url)) as service:
        async with service.store.writing() as writer:
            link = await make_link(writer, (await insert_person(writer, "bench", "admin")).id)
        return await set_password(service, link, "correct horse battery")


def _wait(daemon: Daemon, file: CatalogueFile, source: str, name: str, meanwhile: Callable[[], None]) -> None:
    """Load the file into a new feed and do something again and again meanwhile."""
    feed = daemon.add_feed({"resourceType": "ftpCsv", "resourceLocation": source, **SETTINGS}, FIELDS, name)
    run, begun = int(daemon.call("POST", f"/api/inventory-feeds/{feed}/fetch.json")["id"]), time.monotonic()
    meanwhile()
    while not has_ended(daemon, run, file.rows, begun):
        meanwhile()


def check_items(found: ItemPages) -> list[Promise]:
    """Compare with what is promised of `PROMISED_ROWS`."""
    if found.rows < PROMISED_ROWS:
        return []
    text = f"while {found.rows:,} rows load beside as many items, p99 of the pages of items is under {LIMIT * 1000:.0f} ms"
    return [Promise(text, f"{found.all_loading.p99 * 1000:.0f} ms", found.all_loading.p99 < LIMIT)]


def write_items(found: ItemPages) -> Iterator[str]:
    """Yield the lines."""
    yield from ("", "## Pages of items", "")
    yield f"`/items` of the dashboard as HTML over {found.rows:,} items, alone and while as many are loaded into another feed."
    head = ("| page | median, idle | p99 | median, loading | p99 |", "| --- | ---: | ---: | ---: | ---: |")
    yield from ("", *head)
    for name, idle in found.idle.items():
        loading = found.loading[name]
        figures = (idle.median, idle.p99, loading.median, loading.p99)
        yield f"| {name} | {' | '.join(f'{each * 1000:.1f} ms' for each in figures)} |"
    every = found.all_loading
    yield f"| all of {every.requests:,} requests | | | {every.median * 1000:.1f} ms | {every.p99 * 1000:.1f} ms |"
    sorts = ", ".join(f"{name.removeprefix('sorted ')} {each:.1f} s" for name, each in found.sorting.items())
    yield ""
    yield from textwrap.wrap(f"Sorting all of them, once a minute at most, while the page says so: {sorts}.", 118)
    yield from write_promises(check_items(found))
