"""The figures of `/metrics`, in a registry of the service's own: a program that embeds a service keeps its own apart."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import anyio
from anyio import to_thread
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from sinks.sqlite import clock
from sinks.sqlite.service.watching import Depths, EndedRun, KnownFeed, newest_event, read_depths, read_ended, read_feeds, read_successes

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from feedmill.service.context import Service

KEPT_SECONDS: Final = 5.0
"""How long a page is shown again: who scrapes twice a second costs no more."""

MOST_FEEDS: Final = 200
"""Beyond so many feeds none has a series of its own: a label of thousands of values is what time series databases die of."""

_AT_ONCE: Final = 500
_FINAL: Final = ("complete", "error", "cancelled")
_PUSH_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Count what a service does. Counters begin with the process; what waits is read when somebody asks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._runs = Counter("feedmill_runs", "Runs that came to a status.", ("kind", "status"), registry=self.registry)
        self._records = Counter("feedmill_records", "Records of ended runs by what became of them.", ("outcome",), registry=self.registry)
        self._bytes = Counter("feedmill_fetched_bytes", "Bytes that ended runs have fetched.", registry=self.registry)
        self._run_seconds = Counter("feedmill_run_seconds", "Seconds that ended runs took.", registry=self.registry)
        self._stages = Counter(
            "feedmill_stage_seconds",
            "Seconds of ended runs' stages, at work, without input, without room.",
            ("stage", "state"),
            registry=self.registry,
        )
        self._requests = Counter(
            "feedmill_http_requests", "Requests by route and status.", ("method", "route", "status"), registry=self.registry
        )
        self._pushes = Histogram(
            "feedmill_push_seconds",
            "Seconds from a push to its answer, by route.",
            ("route",),
            buckets=_PUSH_BUCKETS,
            registry=self.registry,
        )
        self._counted: dict[tuple[str, str, int], tuple[Counter, Histogram | None]] = {}
        self._now = _Present()
        self.registry.register(self._now)
        self._process: ProcessCollector | None = None
        self._mark: int | None = None
        self._lock = anyio.Lock()
        self._page: tuple[float, bytes] | None = None

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request by the template of its route; the time of those that push items is kept too."""
        series = self._counted.get((method, route, status))
        if series is None:
            # Kept, because to find a series by its labels costs more than to count.
            timed = self._pushes.labels(route) if "/parse-webhook" in route else None
            series = self._counted[method, route, status] = (self._requests.labels(method, route, str(status)), timed)
        counter, timed = series
        counter.inc()
        if timed is not None:
            timed.observe(seconds)

    def count_run(self, ended: EndedRun) -> None:
        """Count a run that ended; one that is held is not counted by its records until it is decided."""
        self._runs.labels(ended.kind, ended.status).inc()
        if ended.succeeded:
            self._now.successes[ended.feed] = ended.at
        if ended.status not in _FINAL:
            return
        for outcome, count in ended.outcomes.items():
            self._records.labels(outcome).inc(count)
        self._bytes.inc(ended.bytes)
        self._run_seconds.inc(ended.seconds)
        for stage, times in ended.stages.items():
            for state, seconds in times.items():
                self._stages.labels(stage, state).inc(seconds)

    async def page(self, service: Service) -> bytes:
        """Return the figures in the text format of Prometheus; those of the last five seconds where they were asked for then."""
        async with self._lock:
            if self._page is None or time.monotonic() - self._page[0] > KEPT_SECONDS:
                await self._refresh(service)
                self._page = (time.monotonic(), await to_thread.run_sync(self._render))
            return self._page[1]

    def _render(self) -> bytes:
        """Return the page. Blocks: what is said of the process is read from /proc, at its collector's birth too."""
        if self._process is None:
            self._process = ProcessCollector(registry=self.registry)
        return generate_latest(self.registry)

    async def begin(self, service: Service) -> None:
        """Remember from where runs are counted; without it, from the first page on."""
        async with service.store.reading() as reader:
            self._mark = await newest_event(reader)
            self._now.successes = await read_successes(reader)

    async def _refresh(self, service: Service) -> None:
        if self._mark is None:
            await self.begin(service)
        async with service.store.reading() as reader:
            while ended := await read_ended(reader, self._mark or 0, _AT_ONCE):
                for run in ended:
                    self.count_run(run)
                self._mark = ended[-1].event
            self._now.depths = await read_depths(reader)
            self._now.feeds = await read_feeds(reader)


class _Present(Collector):
    """What is so now: gauges made anew for each page, so that a feed that is gone leaves no series behind."""

    def __init__(self) -> None:
        self.depths = Depths()
        self.feeds: dict[int, KnownFeed] = {}
        self.successes: dict[int, int] = {}

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("feedmill_build", "The version that runs.", value={"version": version("feedmill")})
        jobs = GaugeMetricFamily("feedmill_jobs", "Jobs, waiting and in work.", labels=("kind", "state"))
        for (kind, state), count in self.depths.jobs.items():
            jobs.add_metric((kind, state), count)
        yield jobs
        queues = GaugeMetricFamily("feedmill_queue", "What waits in inbox, outbox and among alerts.", labels=("queue", "of"))
        for (queue, of), count in self.depths.queues.items():
            queues.add_metric((queue, of), count)
        yield queues
        yield GaugeMetricFamily("feedmill_feeds", "Feeds that are enabled.", value=len(self.feeds))
        yield from self._ages()

    def _ages(self) -> Iterator[Metric]:
        """Yield how long ago each feed that is fetched succeeded, counted from its creation where it never has."""
        now = clock.now()
        fetched = {number: feed for number, feed in self.feeds.items() if feed.is_fetched}
        ages = {number: max(now - self.successes.get(number, feed.created_at), 0) / 1e6 for number, feed in fetched.items()}
        oldest = GaugeMetricFamily("feedmill_oldest_success_age_seconds", "Age of the last success of the feed that waits longest.")
        oldest.add_metric((), max(ages.values(), default=0.0))
        yield oldest
        if len(ages) <= MOST_FEEDS:
            each = GaugeMetricFamily("feedmill_last_success_age_seconds", "Age of a feed's last success.", labels=("feed", "name"))
            for number, age in ages.items():
                each.add_metric((str(number), fetched[number].name), age)
            yield each
