"""What a service tells who watches it: readiness, figures, spans."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from engine.errors import Retry
from feedmill.service.operations import metrics, tracing
from feedmill.service.operations.metrics import Metrics
from feedmill.service.settings import Server
from feedmill.web.app import all_endpoints
from sinks.sqlite.service.watching import read_ended
from tests.servers.feedmill_service import Running, make_token, run_service

all_endpoints()  # reads a folder, which the event loop must not

STAGES = '{"map": {"busy": 2.5, "starved": 0.5, "blocked": 0.0}}'


async def add_feed(running: Running, name: str, kind: str = "ftpCsv", made: int = 1_000_000) -> int:
    """Make a feed behind the API's back and return its id."""
    async with running.service.store.writing() as writer:
        await writer.execute("INSERT INTO dropship_providers (name, created_at, updated_at) VALUES (?, ?, ?)", name, made, made)
        return await writer.number(
            "INSERT INTO inventory_feeds (name, dropship_provider_id, settings, hash, enabled, created_at, updated_at)"
            " VALUES (?, (SELECT max(id) FROM dropship_providers), json_object('resourceType', ?), '', 1, ?, ?) RETURNING id",
            *(name, kind, made, made),
        )


async def end_run(running: Running, feed: int, status: str, *, at: int = 3_000_000) -> None:
    """Let a run of a feed begin and come to a status."""
    async with running.service.store.writing() as writer:
        run = await writer.number(
            "INSERT INTO data_imports (feed_id, status, epoch, started_at) VALUES (?, 'started', 1, 2000000) RETURNING id", feed
        )
        await writer.execute(
            "UPDATE data_imports SET status = ?, finished_at = ?, created = 3, updated = 2, rejected = 1, read = 6, bytes = 100,"
            " seconds = 1.5, stages = ? WHERE id = ?",
            *(status, at, STAGES, run),
        )


async def scrape(running: Running) -> dict[str, float]:
    """Return the figures of a fresh page, by series."""
    running.service.watch.metrics._page = None
    status, page = await running.call("GET", "/metrics")
    assert status == 200
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*(?: \S+=[^}]*})?) (\S+)$", page.decode(), re.MULTILINE)}


async def test_figures_are_those_of_the_tables(tmp_path: Path) -> None:
    """Runs that ended count once, by outcome and stage; what waits is what waits; every request counts by its route."""
    async with run_service(tmp_path, loops=False) as running:
        feed = await add_feed(running, "acme")
        await add_feed(running, "partner", "webhook")
        await end_run(running, feed, "error")
        await running.service.watch.metrics.begin(running.service)  # what was before a service counts for none
        await end_run(running, feed, "complete")
        await end_run(running, feed, "held")
        async with running.service.store.writing() as writer:
            await writer.execute(
                "INSERT INTO jobs (kind, payload, available_at, created_at) VALUES ('run', '{}', 0, 0), ('tidy', '{}', 0, 0)"
            )
            await writer.execute("UPDATE jobs SET owner = 'me' WHERE kind = 'tidy'")
            await writer.execute(
                "INSERT INTO batches (feed_id, origin, status, bytes, available_at, created_at, updated_at)"
                " VALUES (?, 'push', 'pending', 70, 0, 0, 0), (?, 'push', 'done', 900, 0, 0, 0)",
                *(feed, feed),
            )
        await running.call("GET", "/api/nothing-of-the-kind.json")
        await scrape(running)
        found = await scrape(running)
        expected = {
            'feedmill_runs_total{kind="sync",status="complete"}': 1,
            'feedmill_runs_total{kind="sync",status="held"}': 1,
            'feedmill_records_total{outcome="created"}': 3,
            'feedmill_records_total{outcome="rejected"}': 1,
            "feedmill_fetched_bytes_total": 100,
            "feedmill_feeds": 2,
            'feedmill_stage_seconds_total{stage="map",state="busy"}': 2.5,
            'feedmill_jobs{kind="run",state="waiting"}': 1,
            'feedmill_jobs{kind="tidy",state="running"}': 1,
            'feedmill_queue{of="batches",queue="inbox"}': 1,
            'feedmill_queue{of="bytes",queue="inbox"}': 70,
            'feedmill_http_requests_total{method="GET",route="unmatched",status="404"}': 1,
            'feedmill_http_requests_total{method="GET",route="/metrics",status="200"}': 1,
        }
        assert {name: found.get(name) for name in expected} == expected
        assert 'feedmill_runs_total{kind="sync",status="error"}' not in found
        assert [name for name in found if "partner" in name] == []
        assert found[f'feedmill_last_success_age_seconds{{feed="{feed}",name="acme"}}'] == found["feedmill_oldest_success_age_seconds"]


async def test_a_page_is_kept_and_many_feeds_have_no_series_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks again at once costs nothing; beyond the limit only the feed that waits longest is told."""
    monkeypatch.setattr(metrics, "MOST_FEEDS", 1)
    async with run_service(tmp_path, loops=False) as running:
        await add_feed(running, "acme")
        first = await running.service.watch.metrics.page(running.service)
        assert b'feedmill_last_success_age_seconds{feed="1",name="acme"}' in first
        await add_feed(running, "north")
        assert await running.service.watch.metrics.page(running.service) is first
        found = await scrape(running)
        assert [name for name in found if name.startswith("feedmill_last_success")] == []
        assert found["feedmill_feeds"] == 2
        assert found["feedmill_oldest_success_age_seconds"] > 1e9


def test_pushes_are_timed_by_route() -> None:
    """The time of what pushes is kept in buckets, of nothing else."""
    counted = Metrics()
    counted.count_request("PUT", "/api/inventory-feeds/{id}/parse-webhook.json", 200, 0.004)
    counted.count_request("GET", "/api/inventory-feeds.json", 200, 0.004)
    label = {"route": "/api/inventory-feeds/{id}/parse-webhook.json"}
    assert counted.registry.get_sample_value("feedmill_push_seconds_bucket", {**label, "le": "0.005"}) == 1
    assert counted.registry.get_sample_value("feedmill_push_seconds_bucket", {**label, "le": "0.0025"}) == 0
    assert counted.registry.get_sample_value("feedmill_push_seconds_count", {"route": "/api/inventory-feeds.json"}) is None


async def test_readiness_names_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that is down, a database that another version has migrated or that does not answer, a stop: 503 with each of them."""
    async with run_service(tmp_path, loops=False) as running:
        assert await running.call("GET", "/readyz") == (200, {"status": "ready"})
        service = running.service
        service.watch.loops["run_scheduler"] = False
        service.stopping = True
        async with service.store.writing() as writer:
            await writer.execute("UPDATE alembic_version SET version_num = '9999'")
        status, problem = await running.call("GET", "/readyz")
        assert status == 503
        assert {fault["field"] for fault in problem["errors"]} == {"loop run_scheduler", "service", "database"}
        assert "has schema '9999'" in problem["detail"]

        async def busy(reader: object) -> str:
            raise Retry("another process kept the database locked")

        monkeypatch.setattr("feedmill.service.operations.watch.read_revision", busy)
        assert "kept the database locked" in (await running.call("GET", "/readyz"))[1]["detail"]
        assert (await running.call("GET", "/healthz"))[0] == 200


@pytest.mark.parametrize("server", [Server(host="127.0.0.1", port=0, trusted_proxies=("10.0.0.1",)), Server(host="0.0.0.0", port=0)])
async def test_figures_are_for_this_machine_or_for_tokens_that_read(tmp_path: Path, server: Server) -> None:
    """Where others reach the service, by its address or through a proxy, a token of scope read is needed."""
    async with run_service(tmp_path, loops=False, server=server) as running:
        reads, pushes = await make_token(running.service, "read"), await make_token(running.service, "feed:1:push")
        assert (await running.call("GET", "/metrics", token="wrong"))[0] == 401
        assert (await running.call("GET", "/metrics", token=pushes))[0] == 403
        assert (await running.call("GET", "/metrics", token=reads))[0] == 200


async def test_spans_tell_of_requests_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request has a span by its route, a run one from its begin to its end; a failed one says so."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(resource=Resource.get_empty())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(tracing, "_EVERY", 0.01)
    async with run_service(tmp_path, loops=False) as running, anyio.create_task_group() as group:
        feed = await add_feed(running, "acme")
        await group.start(tracing.trace_runs, running.service)
        await running.call("GET", "/api/nothing.json")
        await running.call("GET", "/healthz")
        await end_run(running, feed, "error")
        with anyio.fail_after(20):
            while len(exporter.get_finished_spans()) < 3:
                await anyio.sleep(0.01)
        async with running.service.store.reading() as reader:
            (ended,) = await read_ended(reader, 0, 10)
        group.cancel_scope.cancel()
    lost, health, run = exporter.get_finished_spans()
    assert (lost.name, dict(lost.attributes or {})["http.response.status_code"]) == ("GET unmatched", 404)
    assert (health.name, dict(health.attributes or {})["http.route"]) == ("GET /healthz", "/healthz")
    assert run.name == "run acme"
    assert (run.start_time, run.end_time) == (2_000_000_000, 3_000_000_000)
    assert run.status.status_code is trace.StatusCode.ERROR
    assert dict(run.attributes or {}).items() >= {"feedmill.run": ended.run, "feedmill.feed": feed, "feedmill.created": 3}.items()
