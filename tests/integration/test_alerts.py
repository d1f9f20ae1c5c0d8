"""Alerts: raised once for each problem, told by webhook and mail until they were, and listed by the API."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from engine.run import Problem
from engine.source import Egress
from feedmill.service.alerting.alerts import READERS, backoff, raise_alerts, tell_alerts
from feedmill.service.alerting.telling import AlertMail, AlertWebhook, Telling
from feedmill.service.outgoing import Answered
from feedmill.service.settings import Smtp
from sinks.sqlite import clock
from sinks.sqlite.service import events
from sinks.sqlite.service.alerts import forget_alerts, raise_alert
from sinks.sqlite.service.events import prune_events, write_mark
from tests.integration.schedule_parts import DAY, alerts_of, end_run, make_feed, write
from tests.servers.authority import authority
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.smtp import PASSWORD, USER, serve_mail
from tests.servers.web import serving

SECRET = "hunter2"


async def post(url: str, body: bytes, headers: Mapping[str, str], *, egress: Egress, seconds: float, max_bytes: int = 4096) -> Answered:
    """Post as the service does, but to wherever the test says."""
    async with ClientSession() as client, client.post(url, data=body, headers=headers) as response:
        return Answered(response.status, await response.content.read(max_bytes), None)


async def listed(running: Running, query: str = "") -> list[dict[str, Any]]:
    """Return the alerts as the API lists them."""
    status, rows = await running.call("GET", f"/api/alerts.json{query}")
    assert status == 200
    return list(rows)


async def test_a_problem_is_one_alert_for_as_long_as_it_is_there(tmp_path: Path) -> None:
    """Raised again it counts up; the run that ends it ends the alert; what comes anew is a new one."""
    async with run_service(tmp_path, loops=False) as running:
        service = running.service
        feed, muted = await make_feed(service, "shop"), await make_feed(service, "muted", muteError=True)

        for _ in range(3):
            await end_run(service, feed, "error", Problem("retry", "the supplier is down"))
            assert await raise_alerts(service, clock.now())
        await end_run(service, feed, "error", kind="undo")
        await end_run(service, muted, "error", Problem("refused", "an HTML page"))
        held = await end_run(service, muted, "held", Problem("held", "300 of 400 items are missing"))
        await raise_alerts(service, clock.now())
        assert await raise_alerts(service, clock.now()) is False
        assert await alerts_of(service) == {
            f"feed:{feed}:failing": (3, True),
            f"feed:{muted}:failing": (1, False),
            f"run:{held}:held": (1, True),
        }
        rows = {row["key"]: row for row in await listed(running)}
        assert "the supplier is down" in rows[f"feed:{feed}:failing"]["message"]
        assert "300 of 400 items are missing" in rows[f"run:{held}:held"]["message"]

        # Errors of a feed that mutes them are listed and not told; what waits for a person is told.
        due = "SELECT key FROM main.alerts WHERE next_attempt_at IS NOT NULL ORDER BY id"
        async with service.store.reading() as reader:
            assert await reader.query(due) == [(f"feed:{feed}:failing",), (f"run:{held}:held",)]

        await write(service, "UPDATE main.data_imports SET status = 'complete' WHERE id = ?", held)
        await end_run(service, feed, "complete", limited=3)
        again = await end_run(service, feed, "complete", limited=5)
        poison = await end_run(service, feed, "error", Problem("poison", "three workers died"))
        await raise_alerts(service, clock.now())
        (day,) = (key for key in await alerts_of(service) if ":limited:" in key)
        assert await alerts_of(service) == {
            f"feed:{feed}:failing": (3, False),
            f"feed:{muted}:failing": (1, False),
            f"run:{held}:held": (1, False),
            day: (2, True),
            f"run:{poison}:poison": (1, True),
        }
        assert day == f"feed:{feed}:limited:{clock.moment(clock.now()):%Y-%m-%d}"
        await end_run(service, feed, "error")
        await end_run(service, feed, "complete")
        await raise_alerts(service, clock.now())
        ended = await listed(running, "?where[resolvedAt][$ne]=null")
        assert [row["key"] for row in ended if row["inventoryFeedId"] == feed] == [
            f"feed:{feed}:failing", day, f"run:{poison}:poison", f"feed:{feed}:failing",
        ]  # fmt: skip
        assert again < poison

        status, one = await running.call("GET", f"/api/alerts/{ended[0]['id']}.json", token=await make_token(service, "read"))
        assert (status, one) == (200, ended[0])
        assert (await running.call("GET", "/api/alerts/999.json"))[0] == 404

        # What a feed that is gone did is nobody's problem, and what was resolved long ago is forgotten.
        await end_run(service, feed, "error")
        await write(service, "DELETE FROM main.inventory_feeds WHERE id = ?", feed)
        await raise_alerts(service, clock.now())
        assert {row["inventoryFeedId"] for row in await listed(running)} == {muted}
        async with service.store.writing() as writer:
            assert await forget_alerts(writer, now=clock.now() + 91 * DAY) == 2


async def test_what_became_of_runs_is_kept_until_everybody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before a week, nor before alerts, schedule and every webhook that is enabled have read it; a month at the longest."""
    monkeypatch.setattr(events, "PRUNED", 2)
    now = clock.now()
    async with run_service(tmp_path, loops=False) as running:
        service = running.service
        rows = ", ".join(f"({run}, 1, 'sync', 'complete', {now - days * DAY})" for run, days in enumerate((31, 9, 9, 9, 8, -99, 6, 0), 1))
        await write(service, f"INSERT INTO main.data_import_events (run_id, feed_id, kind, status, at) VALUES {rows}")
        hooks = "INSERT INTO main.webhooks (location, topics, enabled, sealed, change_mark, event_mark, created_at, updated_at) VALUES "
        await write(service, f"{hooks} ('a', '[]', 1, '', 0, 3, 0, 0), ('b', '[]', 0, '', 0, 0, 0, 0)")

        async def left(alerts: int, schedule: int | None) -> list[int]:
            async with service.store.writing() as writer:
                await write_mark(writer, READERS[0], alerts)
                if schedule is not None:
                    await write_mark(writer, READERS[1], schedule)
            while True:
                async with service.store.writing() as writer:
                    if not await prune_events(writer, READERS, now=now):
                        return [int(str(row[0])) for row in await writer.query("SELECT run_id FROM main.data_import_events ORDER BY id")]

        assert await left(8, None) == [2, 3, 4, 5, 6, 7, 8]
        assert await left(8, 2) == [3, 4, 5, 6, 7, 8]
        assert await left(8, 8) == [4, 5, 6, 7, 8]
        await write(service, "UPDATE main.webhooks SET event_mark = 8")
        assert await left(4, 8) == [5, 6, 7, 8]
        assert await left(8, 8) == [7, 8]


async def test_a_webhook_is_told_until_it_says_yes(tmp_path: Path) -> None:
    """What fails waits ever longer and keeps why; the text says feed, what, since when and what to do, and no secret."""
    told: list[tuple[str, Any]] = []
    answers = [500, 200]

    async def receive(request: web.Request) -> web.Response:
        told.append((request.headers["Idempotency-Key"], orjson.loads(await request.read())))
        return web.Response(status=answers.pop(0))

    async with run_service(tmp_path, loops=False) as running, serving(receive) as port:
        service, now = running.service, clock.now()
        telling = {"webhook": AlertWebhook(f"http://127.0.0.1:{port}/alerts", service.egress, post=post)}
        location = f"https://shop:{SECRET}@feeds.example/stock.csv?token={SECRET}"
        feed = await make_feed(service, "shop", resourceLocation=location)
        run = await end_run(service, feed, "error", Problem("refused", "an HTML page"))
        await raise_alerts(service, now)
        assert await tell_alerts(service, telling, now - 1) is False
        assert told == []
        await tell_alerts(service, telling, now)
        (row,) = await listed(running)
        assert (row["attempts"], row["sentAt"], row["error"]) == (1, None, "webhook: the webhook of [alerts] answered 500")
        await tell_alerts(service, telling, now)
        assert len(told) == 1
        for _ in range(2):
            await tell_alerts(service, telling, clock.now() + int(backoff(0) * 1e6))
        (row,) = await listed(running)
        assert (len(told), row["error"]) == (2, None)
        assert row["sentAt"] is not None
        assert told[0] == told[1]
        key, document = told[0]
        assert key == f"alert-{row['id']}"
        assert document["feed"] == {"id": feed, "name": "shop", "source": document["feed"]["source"]}
        assert document["title"] == "shop: imports fail"
        assert f"run {run} failed: an HTML page" in document["message"]
        assert document["since"] == row["createdAt"]
        assert "feeds.example" in document["feed"]["source"]
        assert SECRET not in str(document)
    assert [backoff(attempts) for attempts in (0, 1, 4, 9, 10_000)] == [5, 10, 80, 2560, 3600]


async def test_mail_is_sent_over_tls_to_those_who_asked_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that nobody vouches for is told nothing, least of all the password; then feeds with sendNotification are mailed."""
    pem = await anyio.to_thread.run_sync(authority, tmp_path / "pem", "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem.certificate_file, pem.key_file)
    async with run_service(tmp_path, loops=False) as running, serve_mail(context) as mail:
        service, now = running.service, clock.now()
        smtp = Smtp(
            host="localhost",
            port=mail.port,
            username=USER,
            password=SecretStr(PASSWORD),
            sender="feedmill@example.com",
            recipients=("ops@example.com", "boss@example.com"),
        )
        telling = {"mail": AlertMail(smtp)}
        for name, wishes in (("quiet", False), ("Käse\r\nBcc: all@example.com", True)):
            await end_run(service, await make_feed(service, name, sendNotification=wishes), "error", Problem("refused", "an HTML page"))
        await raise_alerts(service, now)
        async with service.store.writing() as writer:
            assert await raise_alert(writer, key="webhook:3:paused", kind="webhookPaused", message="it answered 500 fifty times", now=now)
            assert not await raise_alert(
                writer, key="webhook:3:paused", kind="webhookPaused", message="it answered 500 fifty times", now=now
            )

        await tell_alerts(service, telling, now)
        assert mail.mails == []
        failed = [row for row in await listed(running) if row["error"]]
        assert len(failed) == 2
        assert all("CERTIFICATE_VERIFY_FAILED" in row["error"] for row in failed)

        monkeypatch.setenv("SSL_CERT_FILE", str(pem.ca_file))
        await tell_alerts(service, telling, clock.now() + DAY)
        assert sorted(mail_["Subject"] for mail_ in mail.mails) == [
            "[Feedmill] Käse Bcc: all@example.com: imports fail",
            "[Feedmill] a webhook is paused",
        ]
        assert {mail_["X-RcptTo"] for mail_ in mail.mails} == {"ops@example.com, boss@example.com"}
        texts = "".join(mail_.get_content() for mail_ in mail.mails)
        assert "an HTML page" in texts
        assert "Happened: 2 times" in texts
        rows = await listed(running)
        assert [row["sentAt"] is not None for row in rows] == [False, True, True]
        async with service.store.reading() as reader:
            assert await reader.number("SELECT count(*) FROM main.alerts WHERE next_attempt_at IS NOT NULL") == 0

        # A password that is wrong is told as such, without the password.
        wrong = {"mail": AlertMail(smtp.model_copy(update={"password": SecretStr("wr0ng")}))}
        async with service.store.writing() as writer:
            await raise_alert(writer, key="webhook:4:paused", kind="webhookPaused", message="gone", now=now)
        await tell_alerts(service, wrong, clock.now())
        assert (await listed(running))[-1]["error"] == "mail: the mail server of [alerts.smtp] refused the login (535)"
        # What cannot be sent at all is told too, and does not end the loop.
        for change in ({"password": SecretStr("wr0ng-pässword")}, {"sender": "ops@example.com\nBcc: all@example.com"}):
            async with service.store.writing() as writer:
                await raise_alert(writer, key=f"webhook:5:{next(iter(change))}", kind="webhookPaused", message="gone", now=now)
            await tell_alerts(service, {"mail": AlertMail(smtp.model_copy(update=change))}, clock.now())
            error = (await listed(running))[-1]["error"]
            assert "[alerts.smtp]" in error
            assert "wr0ng" not in error


async def test_one_way_that_fails_does_not_repeat_the_other(tmp_path: Path) -> None:
    """With the mail server down the webhook is told once, and the mail is tried again."""
    told: list[str] = []

    async def receive(request: web.Request) -> web.Response:
        told.append(request.headers["Idempotency-Key"])
        return web.Response()

    async with run_service(tmp_path, loops=False) as running, serving(receive) as port:
        service, now = running.service, clock.now()
        smtp = Smtp(host="127.0.0.1", port=1, security="none", sender="a@example.com", recipients=("b@example.com",))
        telling: dict[str, Telling] = {
            "webhook": AlertWebhook(f"http://127.0.0.1:{port}/", service.egress, post=post),
            "mail": AlertMail(smtp),
        }
        async with service.store.writing() as writer:
            await raise_alert(writer, key="webhook:3:paused", kind="webhookPaused", message="gone", now=now)
        for later in range(3):
            await tell_alerts(service, telling, now + later * DAY)
        (row,) = await listed(running)
        assert (told, row["attempts"], row["sentAt"]) == (["alert-1"], 3, None)
        assert row["error"].startswith("mail: the mail server of [alerts.smtp], 127.0.0.1:1: ConnectionRefusedError")


async def test_the_loops_tell_of_what_runs_come_to(tmp_path: Path) -> None:
    """In a running service an outcome is an alert on its own, and without any way to tell it nothing waits to be told."""
    async with run_service(tmp_path) as running:
        feed = await make_feed(running.service, "shop")
        await end_run(running.service, feed, "error")
        running.service.bells.alerts.ring()
        with anyio.fail_after(20):
            while not await listed(running):
                await anyio.sleep(0.05)
        assert (await listed(running))[0]["key"] == f"feed:{feed}:failing"
