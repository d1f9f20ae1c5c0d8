"""What a stranger may send to a running service: each door is shut, with a problem document, and the server goes on."""

from __future__ import annotations

import io
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import orjson
import pytest
import structlog
import trustme
from aiohttp import web
from anyio.streams.tls import TLSAttribute

from engine.errors import ConfigError, Retry
from feedmill.logs import configure_logging
from feedmill.service.settings import Limits, Server
from feedmill.web import app
from feedmill.web.access import authenticate_inbound
from feedmill.web.bodies import read_upload
from feedmill.web.endpoint import OPEN, Call, Endpoint, answer
from feedmill.web.transport.listening import listen
from tests.servers.feedmill_service import Running, make_token, run_service
from tests.servers.raw_http import Answer, send_raw
from tests.servers.stored_feed import store_feed

pytestmark = pytest.mark.anyio
TOKENS = "/api/api-tokens.json"


async def _inbound(call: Call) -> web.Response:
    return answer({"feed": await authenticate_inbound(call.service, call.request)})


async def _pushed(call: Call) -> web.Response:
    return answer({"feed": call.id})


async def _uploaded(call: Call) -> web.Response:
    return answer({"bytes": sum([len(piece) async for piece in read_upload(call)])})


async def _broken(call: Call) -> web.Response:
    raise ZeroDivisionError(call.request.headers.get("Authorization"))


DOORS = (
    Endpoint("POST", "/webhooks/doors.json", _inbound, "", "", "inbound", body={}, answer={}),
    Endpoint("PUT", "/api/doors/{id}/push.json", _pushed, "", "", "push", body={}, answer={}),
    Endpoint("POST", "/api/doors/upload.json", _uploaded, "", "", "admin", takes="text/csv", upload=True, answer={}),
    Endpoint("GET", "/api/doors/broken.json", _broken, "", "", "read", answer={}),
)
"""Endpoints of every kind beside those of the service."""


@pytest.fixture(autouse=True)
def doors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the doors as well, and log as a service does."""
    served, before = (*app.all_endpoints(), *DOORS), structlog.get_config()
    monkeypatch.setattr(app, "all_endpoints", lambda: served)
    configure_logging()
    yield
    structlog.configure(**before)


@asynccontextmanager
async def secured(directory: Path, **settings: object) -> AsyncIterator[Running]:
    """Run a service that slows nobody down."""
    async with run_service(directory, loops=False, **{"limits": Limits(failures_per_second=None), **settings}) as running:
        yield running


async def send(running: Running, head: str, body: bytes = b"", *, token: bool = True, close: bool = True) -> Answer:
    """Send one request as bytes and return its answer; `head` is its first line and headers of its own."""
    lines = [*head.split("\n"), "Host: x"]
    lines += [f"Authorization: Bearer {running.token}"] if token else []
    lines += ["Connection: close"] if close else []
    (answered,) = await send_raw(running.url, "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body, until=1)
    return answered


async def test_who_may_not(tmp_path: Path) -> None:
    """Without a token, with one of another scope, with another feed's, and with what is no token at all nothing is done."""
    async with secured(tmp_path) as running:
        for endpoint in app.all_endpoints():
            if endpoint.scope in OPEN:
                continue
            path = re.sub(r"\{\w+\}", "1", endpoint.path)
            for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer \udcff"}):
                shown = "".join(f"\n{name}: {value}" for name, value in headers.items())
                refused = await send(running, f"{endpoint.method} {path} HTTP/1.1{shown}", token=False)
                assert refused.status == 401, (endpoint.path, headers)
                assert refused.headers["www-authenticate"].startswith("Bearer")
        first, _ = await store_feed(running.service, "first")
        other, _ = await store_feed(running.service, "other")
        read, push = await make_token(running.service, "read"), await make_token(running.service, f"feed:{first}:push")
        admitted = {
            (name, path): (await running.call(method, path, body, token=token))[0]
            for name, token in (("read", read), ("push", push), ("admin", running.token))
            for method, path, body in (
                ("GET", TOKENS, None),
                ("GET", "/api/doors/broken.json", None),
                ("PUT", f"/api/doors/{first}/push.json", {}),
                ("PUT", f"/api/doors/{other}/push.json", {}),
                ("PUT", f"/api/doors/0{first}/push.json", {}),
            )
        }
        assert [admitted["read", path] for path in (TOKENS, "/api/doors/broken.json", f"/api/doors/{first}/push.json")] == [403, 500, 403]
        pushes = [f"/api/doors/{feed}/push.json" for feed in (first, other, f"0{first}")]
        assert [admitted["push", path] for path in (TOKENS, *pushes)] == [403, 200, 403, 403]
        assert [admitted["admin", path] for path in (TOKENS, *pushes)] == [200, 200, 200, 200]


async def test_the_hash_of_a_feed(tmp_path: Path) -> None:
    """A feed's secret opens that feed alone, under either header; a wrong one, a stored digest and none are told the same."""
    async with secured(tmp_path) as running:
        stored = dict([await store_feed(running.service, "first"), await store_feed(running.service, "other")])
        for feed, secret in stored.items():
            for name in ("feedmill-webhook-hash", "jetti-webhook-hash"):
                status, found = await running.call("POST", "/webhooks/doors.json", {}, headers={name: secret, "Authorization": ""})
                assert (status, found) == (200, {"feed": feed})
        async with running.service.store.reading() as reader:
            digest = str((await reader.query("SELECT hash FROM inventory_feeds"))[0][0])
        told = [
            await running.call("POST", "/webhooks/doors.json", {}, headers={"feedmill-webhook-hash": shown, "Authorization": ""})
            for shown in ("x" * 43, digest, "", " ", running.token)
        ]
        assert [status for status, _ in told] == [401] * 5
        assert all(document == told[0][1] for _, document in told)
        unread = await send(
            running, "POST /webhooks/doors.json HTTP/1.1\nfeedmill-webhook-hash: wrong\nContent-Length: 9\nExpect: 100-continue", b""
        )
        assert unread.status == 401
        async with running.service.store.writing() as writer:
            await writer.execute("UPDATE main.inventory_feeds SET hash = 'gone'")
        running.service.gate.forget()
        header = {"feedmill-webhook-hash": next(iter(stored.values()))}
        assert (await running.call("POST", "/webhooks/doors.json", {}, headers=header))[0] == 401


async def test_bodies(tmp_path: Path) -> None:
    """Bodies too long, declared so or not, of another kind, coded, ambiguous or no JSON are refused, and what they would do is not done."""
    async with secured(tmp_path, server=Server(port=0, max_body_bytes=2000, max_upload_bytes=5000)) as running:
        post, kind = f"POST {TOKENS} HTTP/1.1", "\nContent-Type: application/json"
        good = b'{"name": "x", "scopes": ["read"]}'
        sized = f"\nContent-Length: {len(good)}"
        assert (await send(running, f"{post}{kind}{sized}", good)).status == 200
        chunk = b"7d0\r\n" + b" " * 2000 + b"\r\n"
        upload = "POST /api/doors/upload.json HTTP/1.1\nContent-Type: text/csv"
        for head, body, status in (
            (f"{post}{kind}\nContent-Length: 2001", b"", 413),
            (f"{post}{kind}\nContent-Length: 99999999999999999999", b"", 400),
            (f"{post}{kind}\nExpect: 100-continue\nContent-Length: 2001", b"", 413),
            (f"{post}{kind}\nTransfer-Encoding: chunked", chunk * 2 + b"0\r\n\r\n", 413),
            (f"{post}\nContent-Type: text/xml{sized}", good, 415),
            (f"{post}\nContent-Type: application/x-www-form-urlencoded{sized}", good, 415),
            (f"{post}\nContent-Type: application/json; charset=utf-16{sized}", good, 415),
            (f"{post}{kind}\nContent-Encoding: gzip{sized}", good, 415),
            (f"{post}{kind}\nExpect: tea{sized}", good, 417),
            (f"{post}{kind}\nContent-Length: 0", b"", 400),
            (f"{post}{kind}", b"", 400),
            (f"{post}{kind}\nContent-Length: 80", b"[" * 40 + b"]" * 40, 400),
            (f"{post}{kind}\nContent-Length: 36", b'{"name": "x", "name": "y", "a": [1]}', 400),
            (f"{post}{kind}\nContent-Length: 39", b'{"name": "x\\u0000", "scopes": ["read"]}', 422),
            (f"{post}{kind}\nContent-Length: 48", b'{"name": "x", "scopes": ["read"], "constructor": {}}'[:48], 400),
            (f"{upload}\nContent-Length: 5001", b"", 413),
            (f"{upload}\nTransfer-Encoding: chunked", chunk * 3 + b"0\r\n\r\n", 413),
        ):
            refused = await send(running, head, body)
            assert refused.status == status, (head, refused)
            assert refused.headers["content-type"].startswith("application/problem+json")
            assert orjson.loads(refused.body)["status"] == status
        assert len((await running.call("GET", TOKENS))[1]) == 2
        sent = await send(running, f"{upload}\nTransfer-Encoding: chunked", chunk * 2 + b"0\r\n\r\n")
        assert orjson.loads(sent.body) == {"bytes": 4000}


async def test_a_body_is_asked_for_when_it_is_welcome(tmp_path: Path) -> None:
    """Whoever asks first is told 100 only once token, kind and length are right, and the body is then taken."""
    async with secured(tmp_path) as running:
        body = b'{"name": "x", "scopes": ["read"]}'
        head = f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n"
        answers = await send_raw(running.url, f"{head}Authorization: Bearer {running.token}\r\n\r\n".encode(), body, pause=0.1)
        assert [each.status for each in answers] == [100, 200]
        assert [each.status for each in await send_raw(running.url, f"{head}\r\n".encode(), until=1)] == [401]


async def test_paths_and_methods(tmp_path: Path) -> None:
    """No spelling of a path leads past the router, unknown methods are told the known ones, and none of it is the server's error."""
    async with secured(tmp_path) as running:
        for path in (
            "/api/../api/api-tokens.json/..", "/api/%2e%2e/%2e%2e/etc/passwd", "//api//api-tokens.json", "/api/api-tokens.json/",
            "/api/api-tokens.json;x=1", "/api/api-tokens.json%00", "/api/api-tokens/%00.json", "/api/api-tokens/1%2f..%2f2.json",
            "/api/api-tokens/%c0%ae%c0%ae.json", "/api/api-tokens/-1.json", "/api/api-tokens/0.json", "/api/api-tokens/1e0.json",
            "/api/api-tokens/%d9%a1.json", f"/api/api-tokens/{9 * 10**18}{0}.json", "/api/API-TOKENS.json", "/..%5c..%5cetc", "/%", "/%zz",
        ):  # fmt: skip
            missed = await send(running, f"GET {path} HTTP/1.1")
            assert missed.status in (400, 404), (path, missed)
            assert orjson.loads(missed.body)["status"] == missed.status
        for method in ("PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"):
            refused = await send(running, f"{method} {TOKENS if method != 'CONNECT' else 'x:1'} HTTP/1.1")
            assert refused.status in (400, 404, 405), (method, refused)
            assert refused.status != 405 or "GET" in refused.headers["allow"]
        async with running.client.head(f"{running.url}{TOKENS}", headers={"Authorization": f"Bearer {running.token}"}) as headed:
            assert (headed.status, await headed.read()) == (200, b"")
        assert (await running.client.head(f"{running.url}{TOKENS}")).status == 401
        assert (await running.call("GET", f"{TOKENS}?limit=%00&where[\udcff]=1"))[0] in (400, 422)


async def test_no_request_hides_in_another(tmp_path: Path) -> None:
    """Where two readers could disagree on where a request ends, the connection ends: no second request is ever answered."""
    async with secured(tmp_path) as running:
        hidden = f"GET {TOKENS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {running.token}\r\n\r\n"
        start = f"POST {TOKENS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        for head in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "Content-Length: +5\r\n\r\nhello",
            "Content-Length: 5 \t x\r\n\r\nhello",
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "Content-Length\x00: 5\r\n\r\nhello",
            "X: a\nContent-Length: 5\r\n\r\nhello",
            " Content-Length: 5\r\n\r\nhello",
        ):
            answers = await send_raw(running.url, (start + head + hidden).encode("latin-1"))
            assert [each.status for each in answers] in ([400], [401]), (head, answers)
            assert answers[0].headers["x-content-type-options"] == "nosniff"


async def test_what_every_answer_carries(tmp_path: Path) -> None:
    """Answers are not sniffed or stored, name no version, and hold an id that only a trusted proxy may choose."""
    async with secured(tmp_path, server=Server(port=0, trusted_proxies=("127.0.0.0/8",))) as running:
        shown = {"Authorization": f"Bearer {running.token}", "X-Request-Id": "abc-1"}
        for headers, path, status in ((shown, TOKENS, 200), ({"X-Request-Id": "abc-1"}, TOKENS, 401), (shown, "/api/nothing.json", 404)):
            async with running.client.get(f"{running.url}{path}", headers=headers) as response:
                assert response.status == status
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cache-Control"] == "no-store"
                assert response.headers["Server"] == "feedmill"
                assert response.headers["X-Request-Id"] == "abc-1"
        async with running.client.get(f"{running.url}{TOKENS}", headers={**shown, "X-Request-Id": "a b\t"}) as response:
            assert len(response.headers["X-Request-Id"]) == 16
    for trusted in ((), ("10.0.0.0/8",)):
        async with (
            secured(tmp_path, server=Server(port=0, trusted_proxies=trusted)) as running,
            running.client.get(f"{running.url}{TOKENS}", headers=shown) as response,
        ):
            assert response.headers["X-Request-Id"] != "abc-1"


async def test_tls(tmp_path: Path) -> None:
    """With a certificate the API is served over TLS 1.2 and later alone, and a new certificate is taken over without a restart."""
    authority = trustme.CA()
    certificate, key = tmp_path / "tls.pem", tmp_path / "tls.key"

    def issue() -> None:
        issued = authority.issue_cert("127.0.0.1")
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key.write_bytes(issued.private_key_pem.bytes())

    await anyio.to_thread.run_sync(issue)
    async with (
        secured(tmp_path, server=Server(port=0, tls_certificate=certificate, tls_key=key)) as running,
        listen(running.service) as own,
    ):
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        shown = []
        for _ in range(2):
            async with await anyio.connect_tcp("127.0.0.1", own.port, tls_hostname="127.0.0.1", ssl_context=trusting) as stream:
                shown.append(stream.extra(TLSAttribute.peer_certificate_binary))
                await stream.send(f"GET {TOKENS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert (await stream.receive()).startswith(b"HTTP/1.1 401 ")
            await anyio.to_thread.run_sync(issue)
            await own.reload()
        assert shown[0] != shown[1]
        assert own.context is not None
        assert own.context.minimum_version == ssl.TLSVersion.TLSv1_2
        taken = running.service.settings.server.model_copy(update={"port": own.port})
        again = replace(running.service, settings=running.service.settings.model_copy(update={"server": taken}))
        with pytest.raises(Retry, match=r"cannot listen on 127\.0\.0\.1"):
            async with listen(again):
                pass
        await anyio.to_thread.run_sync(key.write_text, "no key")
        with pytest.raises(ConfigError, match=r"TLS cannot be served with .*tls\.pem"):
            await own.reload()


async def test_secrets_stay_out_of_logs_and_the_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the log, at its most talkative, nor a file of the database holds a token, a hash, or a credential of a feed."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with monkeypatch.context() as chosen:
        chosen.setenv("FEEDMILL_LOG", "debug")
        configure_logging()
    async with secured(tmp_path, log={"level": "debug", "access": True}) as running:
        feed, secret = await store_feed(running.service, "Acme", "https://joe:pa55word@feeds.example/stock.csv?key=s3cretkey")
        _, made = await running.call("POST", TOKENS, {"name": "ci", "scopes": ["read"]})
        secrets = [running.token, made["token"], made["token"][3:], secret, "pa55word", "s3cretkey"]
        assert (await running.call("POST", "/webhooks/doors.json", {}, headers={"jetti-webhook-hash": secret}))[0] == 200
        assert (await running.call("GET", "/api/doors/broken.json"))[0] == 500
        seen = {"Authorization": f"Bearer {running.token}", "Accept": "text/html,*/*;q=0.8"}
        async with running.client.get(f"{running.url}/api/doors/broken.json", headers=seen) as response:
            assert (response.status, response.content_type) == (500, "text/html")
            assert "<h1>Internal Server Error</h1>" in await response.text()
        assert (await running.call("GET", f"{TOKENS}?where[token]={made['token']}"))[0] == 422
        assert (await running.call("PUT", f"/api/doors/{feed}/push.json", {}, token=made["token"]))[0] == 403
        broken = f"GET / HTTP/1.1\r\nAuthorization: Bearer {made['token']}\r\nbad header\r\n\r\n"
        assert [each.status for each in await send_raw(running.url, broken.encode())] == [400]
        files = await anyio.to_thread.run_sync(lambda: {path.name: path.read_bytes() for path in tmp_path.iterdir()})
    lines = [orjson.loads(line) for line in written.getvalue().splitlines()]
    assert not [kept for kept in secrets if kept in written.getvalue()]
    assert {"shop.db", "shop.db-wal"} <= set(files)
    assert not [(name, kept) for name, content in files.items() for kept in secrets if kept.encode() in content]
    logged = [line for line in lines if line["event"] == "request"]
    assert [(line["method"], line["path"], line["status"], line["token_id"]) for line in logged] == [
        ("POST", TOKENS, 200, 1),
        ("POST", "/webhooks/doors.json", 200, None),
        ("GET", "/api/doors/broken.json", 500, 1),
        ("GET", "/api/doors/broken.json", 500, 1),
        ("GET", TOKENS, 422, 1),
        ("PUT", "/api/doors/{id}/push.json", 403, 2),
    ]
    assert all(line["request"] and line["client"] == "127.0.0.1" and line["ms"] >= 0 for line in logged)
    assert "ZeroDivisionError" in next(line["exception"] for line in lines if line["event"] == "a call failed")
