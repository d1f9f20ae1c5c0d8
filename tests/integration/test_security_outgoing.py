"""What a service may be talked into connecting to: by a feed's location, by a redirect, by the endpoint of a webhook. Nothing private."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web

from connectors.http import HttpConnector
from connectors.wire.egress import check_url, open_socket
from engine.errors import ConfigError, RefuseRun
from engine.source import Egress, Patience, Persistence, Source, parse_location
from feedmill.service.outgoing import post_json
from feedmill.service.settings import Outgoing
from tests.servers import reading
from tests.servers.feedmill_service import run_service
from tests.servers.web import serving

pytestmark = pytest.mark.anyio

FORBIDDEN = (
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/",
    "http://[::ffff:169.254.169.254]/",
    "http://0.0.0.0/",
)
"""What no setting allows."""


@dataclass
class Victim:
    """A server on loopback that nobody should reach; it redirects where `moves` says and notes what it was asked."""

    port: int = 0
    moves: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.path)
        target = self.moves.get(request.path)
        return web.Response(text="sku,stock\na,1\n") if target is None else web.Response(status=307, headers={"Location": target})

    def disguises(self) -> tuple[str, ...]:
        """Return its address as it stands and in disguise."""
        hosts = ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "user:pw@127.0.0.1")
        return tuple(f"http://{host}:{self.port}/stock.csv" for host in hosts)


@asynccontextmanager
async def victim_server() -> AsyncIterator[Victim]:
    """Run a victim."""
    victim = Victim()
    async with serving(victim.answer) as port:
        victim.port = port
        yield victim


def source_of(location: str, egress: Egress) -> Source:
    """Return where a feed comes from, within the rules of a service."""
    return replace(parse_location(location), egress=egress, persistence=Persistence(attempts=1), patience=Patience(connect=5.0))


async def test_locations(tmp_path: Path) -> None:
    """A feed of a service with its usual settings reads neither this machine nor its files, in whatever disguise, over any protocol."""
    async with run_service(tmp_path, loops=False, egress=Outgoing()) as running, victim_server() as victim:
        egress = running.service.egress
        for location in (*victim.disguises(), *FORBIDDEN):
            with pytest.raises((RefuseRun, ConfigError)):
                await reading.read(HttpConnector(), source_of(location, egress))
        for scheme in ("ftp", "ftps", "sftp"):
            with pytest.raises(RefuseRun):
                await open_socket("127.0.0.1", victim.port, source_of(f"{scheme}://127.0.0.1:{victim.port}/a", egress))
        with pytest.raises(ConfigError, match="files of this machine"):
            check_url(source_of(f"file://{tmp_path}/shop.db.keys", egress))
        assert victim.seen == []


async def test_redirects(tmp_path: Path) -> None:
    """A redirect leads nowhere that the location itself could not: not to another port, not to what no setting allows."""
    async with victim_server() as first, victim_server() as other:
        chosen = Outgoing(allow_private=True, ports=(first.port, 80))
        first.moves = {"/other": f"http://127.0.0.1:{other.port}/", **{f"/{n}": target for n, target in enumerate(FORBIDDEN)}}
        async with run_service(tmp_path, loops=False, egress=chosen) as running:
            for path in first.moves:
                with pytest.raises((RefuseRun, ConfigError)):
                    await reading.read(HttpConnector(), source_of(f"http://127.0.0.1:{first.port}{path}", running.service.egress))
        assert (first.seen, other.seen) == (list(first.moves), [])


async def test_webhook_endpoints(tmp_path: Path) -> None:
    """What a service posts reaches nothing private, in whatever disguise, and a redirect is an answer like any other."""
    async with run_service(tmp_path, loops=False, egress=Outgoing()) as running, victim_server() as victim:
        for url in (*victim.disguises(), *FORBIDDEN):
            with pytest.raises((RefuseRun, ConfigError)):
                await post_json(url, b"{}", {}, egress=running.service.egress, seconds=5.0)
        assert victim.seen == []
        victim.moves = {"/hook": f"http://127.0.0.1:{victim.port}/elsewhere"}
        answered = await post_json(f"http://127.0.0.1:{victim.port}/hook", b"{}", {}, egress=Egress(), seconds=5.0)
        assert (answered.status, victim.seen) == (307, ["/hook"])


async def test_through_the_api(tmp_path: Path) -> None:
    """Whoever may make feeds cannot have the service look at what is private: it is refused at once, or when the feed is tried."""
    async with run_service(tmp_path, loops=False, egress=Outgoing()) as running, victim_server() as victim:
        status, provider = await running.call("POST", "/api/dropship-providers.json", {"name": "Acme"})
        assert status == 200
        for number, location in enumerate((*victim.disguises(), FORBIDDEN[0], f"file://{tmp_path}/shop.db.keys")):
            feed = {"name": f"feed {number}", "resourceType": "ftpCsv", "dropshipProviderId": provider["id"], "resourceLocation": location}
            status, made = await running.call("POST", "/api/inventory-feeds.json", feed)
            assert status in (200, 422), made
            if status == 200:
                status, tried = await running.call("POST", f"/api/inventory-feeds/{made['id']}/preview.json", {})
                assert status == 422, tried
        public = {
            "name": "public",
            "resourceType": "ftpCsv",
            "dropshipProviderId": provider["id"],
            "resourceLocation": "sftp://a.example/x",
        }
        number = (await running.call("POST", "/api/inventory-feeds.json", public))[1]["id"]
        for settings in ({"transport": {"privateKey": str(tmp_path / "shop.db.keys")}}, {"resourceLocation": victim.disguises()[0]}):
            status, tried = await running.call("POST", f"/api/inventory-feeds/{number}/preview.json", {"settings": settings})
            assert (status, tried["errors"][0]["field"].partition(".")[0]) == (422, next(iter(settings)))
        assert victim.seen == []
