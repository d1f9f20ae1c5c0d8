"""`feedmill serve` as operators run it: started, watched, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from aiohttp import ClientSession
from anyio import to_thread

from tests.servers.served import PATIENCE, PROGRAM, serve

EVERYWHERE = {"FEEDMILL_SERVER__HOST": "0.0.0.0", "FEEDMILL_SERVER__PORT": "0"}

SLOW = f"""
from aiohttp import web
import feedmill.web.transport.listening as listening
build = listening.build_app
def build_slow(service):
    app = build(service)
    async def slow(request):
        print("a call is in flight", flush=True)
        return web.Response(body=await request.read())
    app.router.add_post("/slow", slow)
    return app
listening.build_app = build_slow
{PROGRAM}
"""

FAULTY = f"""
import feedmill.service.daemon as daemon
from engine.errors import ConfigError, Retry
tried = []
async def faulty(service):
    tried.append(1)
    if len(tried) == 1:
        raise Retry("the database is busy")
    if len(tried) == 2:
        raise ExceptionGroup("tasks", [ConfigError("the disk is full; make room"), Retry("it is locked")])
    raise ExceptionGroup("tasks", [Retry("the database is busy"), ValueError("a bug")])
daemon.LOOPS = (faulty,)
daemon._SHORTEST_PAUSE = 0.01
{PROGRAM}
"""


async def refused(directory: Path, *arguments: str) -> tuple[int, str]:
    """Start a service that does not start; return its exit code and what it says."""
    command = [sys.executable, "-c", PROGRAM, "serve", *arguments]
    with anyio.fail_after(PATIENCE):
        done = await anyio.run_process(command, cwd=directory, env=dict(os.environ), check=False)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


async def status(url: str, token: str | None = None) -> tuple[int, str]:
    """Return the status and the body of a GET."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with ClientSession() as client, client.get(url, headers=headers) as response:
        return response.status, await response.text()


def back_up(database: Path, folder: Path) -> None:
    """Copy a database that is in use, and its keys."""
    folder.mkdir()
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(folder / database.name)) as copy,
    ):
        source.backup(copy)
    shutil.copy(f"{database}.keys", folder)


async def test_a_service_from_its_first_start_to_its_second_stop(tmp_path: Path) -> None:
    """The first start shows a token, once; systemd is told; what is watched answers; one database has one service; 0 at the end."""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with told:
        told.bind(str(tmp_path / "notify"))
        told.setblocking(False)
        async with serve(tmp_path, env={**EVERYWHERE, "NOTIFY_SOCKET": str(tmp_path / "notify")}, until="token") as first:
            url = first.url.replace("0.0.0.0", "127.0.0.1")
            assert await status(f"{url}/healthz") == (200, '{"status":"alive"}')
            assert await status(f"{url}/readyz") == (200, '{"status":"ready"}')
            assert (await status(f"{url}/metrics"))[0] == 401
            code, page = await status(f"{url}/metrics", first.token)
            assert code == 200
            assert 'feedmill_http_requests_total{method="GET",route="/readyz",status="200"} 1.0' in page
            assert "\nprocess_resident_memory_bytes " in page
            code, said = await refused(tmp_path, "--port", "0")
            assert code == 4
            assert f"process {first.process.pid} runs a service on the database feedmill.db already" in said
            await to_thread.run_sync(back_up, tmp_path / "feedmill.db", tmp_path / "backup")
            assert await first.stop() == 0
        sent = [told.recv(1000).decode() for _ in range(2)]
    assert sent[0].startswith("READY=1\n")
    assert sent[1] == "STOPPING=1"
    # The backup was made as docs/how-to/back-up.md says, while the service ran: it is the same service, with its tokens.
    async with serve(tmp_path, "--port", "0", "--db", "backup/feedmill.db") as second:
        assert (await status(f"{second.url}/metrics"))[0] == 200  # by this machine alone it may be read without a token
        assert await second.stop(signal.SIGINT) == 0
    assert second.token is None
    assert first.token is not None
    assert first.token not in await anyio.Path(first.log).read_text()


async def test_a_call_in_flight_is_answered_before_the_service_ends(tmp_path: Path) -> None:
    """After SIGTERM nothing new is taken, what was begun is answered whole, then the process ends with 0; a taken port is said."""
    async with serve(tmp_path, "--port", "0", program=SLOW) as served:
        address = urlsplit(served.url)
        host, port = str(address.hostname), int(address.port or 0)
        code, said = await refused(tmp_path, "--port", str(port), "--db", "other.db")
        assert code in (4, 78)
        assert f"{host}:{port}" in said
        async with await anyio.connect_tcp(host, port) as caller:
            await caller.send(b"POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\nhalf")
            await served.read_until("in flight")
            served.process.terminate()
            with anyio.fail_after(PATIENCE):
                while await accepts(host, port):
                    await anyio.sleep(0.01)
            await caller.send(b"rest")
            answer = b""
            with anyio.fail_after(PATIENCE):
                while not answer.endswith(b"halfrest"):
                    answer += await caller.receive()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert await served.wait() == 0


async def test_a_second_signal_ends_the_service_at_once(tmp_path: Path) -> None:
    """Whoever does not want to wait for a call that is under way need not; so does a terminal's second Ctrl-C."""
    async with serve(tmp_path, "--port", "0", program=SLOW) as served:
        address = urlsplit(served.url)
        async with await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as caller:
            await caller.send(b"POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\nhalf")
            await served.read_until("in flight")
            served.process.terminate()
            with anyio.fail_after(PATIENCE):
                while await accepts(str(address.hostname), int(address.port or 0)):
                    await anyio.sleep(0.01)
            assert await served.stop() == -signal.SIGTERM


async def accepts(host: str, port: int) -> bool:
    """Return whether somebody listens."""
    try:
        await (await anyio.connect_tcp(host, port)).aclose()
    except OSError:
        return False
    return True


async def test_a_loop_with_a_bug_ends_the_service_and_a_passing_error_does_not(tmp_path: Path) -> None:
    """What passes, or can be cured, is tried again and said; a bug is logged whole, and the exit code tells it from everything else."""
    async with serve(tmp_path, "--port", "0", program=FAULTY) as served:
        assert await served.wait() == 70
    log = await anyio.Path(served.log).read_text()
    assert '"error": "the database is busy", "event": "a loop failed and is begun again"' in log
    assert '"error": "the disk is full; make room; it is locked", "event": "a loop failed and is begun again"' in log
    assert "ValueError: a bug" in log
    assert "report it" in log


async def test_a_configuration_that_cannot_work_is_said_with_its_lines(tmp_path: Path) -> None:
    """Nothing is begun, the exit code is that of sysexits.h, every fault stands there with its cure."""
    await anyio.Path(tmp_path / "feedmill.toml").write_text("[server]\nprot = 9000\n[workers]\ncount = 0\n")
    code, said = await refused(tmp_path, "--config", "feedmill.toml")
    assert code == 78
    assert "line 2, server.prot: unknown key; did you mean 'port'?" in said
    assert "line 4, workers.count: input should be greater than or equal to 1, got 0" in said
    code, said = await refused(tmp_path, "--db", "nowhere/shop.db")
    assert code == 78
    assert "create the directory" in said
