"""API tokens over HTTP: made, shown once, changed, revoked, noted when used; and the buckets that bound who calls too often."""

from __future__ import annotations

import re
from pathlib import Path
from time import monotonic

import anyio
import pytest

from feedmill.service.keys import digest
from feedmill.service.security import gate
from feedmill.service.security.gate import FRESH_SECONDS, flush_uses
from feedmill.service.security.tokens import first_token
from feedmill.service.settings import Limits
from sinks.sqlite.service.store import open_store
from sinks.sqlite.service.tokens import revoke_token
from tests.servers.feedmill_service import make_token, run_service
from tests.servers.stored_feed import store_feed

pytestmark = pytest.mark.anyio
TOKENS = "/api/api-tokens.json"


async def test_tokens_live_from_being_made_to_being_revoked(tmp_path: Path) -> None:
    """A token is shown once and known by its hint; it may what its scopes say until they change, and nothing once it is revoked."""
    async with run_service(tmp_path, loops=False) as running:
        feed, _ = await store_feed(running.service, "Acme")
        status, made = await running.call("POST", TOKENS, {"name": "ci", "scopes": ["read", f"feed:{feed}:push", "read"]})
        assert status == 200
        assert re.fullmatch(r"fm_[A-Za-z0-9_-]{43}", made["token"])
        assert (made["hint"], made["scopes"], made["revokedAt"]) == (made["token"][-4:], ["read", f"feed:{feed}:push"], None)
        one = f"/api/api-tokens/{made['id']}.json"
        _, shown = await running.call("GET", one)
        assert shown == {name: value for name, value in made.items() if name != "token"}
        assert [token["id"] for token in (await running.call("GET", TOKENS))[1]] == [1, made["id"]]

        assert (await running.call("GET", TOKENS, token=made["token"]))[0] == 403
        status, changed = await running.call("PUT", one, {"scopes": ["admin"]})
        assert (status, changed["scopes"], changed["name"]) == (200, ["admin"], "ci")
        assert (await running.call("GET", TOKENS, token=made["token"]))[0] == 200
        status, gone = await running.call("DELETE", one)
        assert status == 200
        assert gone["revokedAt"] is not None
        assert (await running.call("GET", TOKENS, token=made["token"]))[0] == 401
        assert (await running.call("PUT", one, {"name": "again"}))[0] == 409

        assert (await running.call("DELETE", "/api/api-tokens/1.json"))[0] == 409
        assert (await running.call("PUT", "/api/api-tokens/1.json", {"scopes": ["read"]}))[0] == 409
        assert (await running.call("DELETE", "/api/api-tokens/99.json"))[0] == 404

        await flush_uses(running.service)
        used = {token["id"]: token["lastUsedAt"] for token in (await running.call("GET", TOKENS))[1]}
        assert all(used.values())


async def test_scopes_that_are_none(tmp_path: Path) -> None:
    """A scope that is none, or of a feed that is not there, makes no token, and the answer names the attribute."""
    feeds = (["feed:07:push"], ["feed:99:push"], ["feed:1:pull"])
    wrong: tuple[object, ...] = ([], ["root"], *feeds, "admin", ["admin\n"], [1], ["read"] * 101)
    async with run_service(tmp_path, loops=False) as running:
        for scopes in wrong:
            status, problem = await running.call("POST", TOKENS, {"name": "x", "scopes": scopes})
            assert status == 422, scopes
            assert problem["errors"][0]["field"].startswith("scopes")
        assert len((await running.call("GET", TOKENS))[1]) == 1


async def test_another_process_revokes(tmp_path: Path) -> None:
    """A token that another process revokes is dead within a second; until then no call with it asks the database."""
    async with run_service(tmp_path, loops=False) as running, open_store(running.service.url) as other:
        token = await make_token(running.service, "admin")
        assert (await running.call("GET", TOKENS, token=token))[0] == 200
        assert running.service.gate.tokens.known(digest(token)) is not None
        async with other.writing() as writer:
            await revoke_token(writer, 2)
        assert FRESH_SECONDS <= 1
        began = monotonic()
        with anyio.fail_after(FRESH_SECONDS + 5):
            while (await running.call("GET", TOKENS, token=token))[0] == 200:
                assert monotonic() - began < FRESH_SECONDS + 0.5
                await anyio.sleep(0.02)


async def test_the_first_token(tmp_path: Path) -> None:
    """A database without a token is given one of scope admin, one time only: not even a database whose tokens were all revoked."""
    async with run_service(tmp_path, loops=False) as running:
        assert await first_token(running.service) is None
        async with running.service.store.writing() as writer:
            await revoke_token(writer, 1, even_last=True)
        assert await first_token(running.service) is None
        async with running.service.store.writing() as writer:
            await writer.execute("DELETE FROM main.api_tokens")
        token = await first_token(running.service)
        assert token is not None
        assert (await running.call("GET", TOKENS, token=token))[0] == 200
        assert await first_token(running.service) is None


async def test_a_token_that_calls_too_often(tmp_path: Path) -> None:
    """With limits a token has a bucket for reads and one for writes; answers tell how full it is, and 429 how long to wait."""
    limits = Limits(reads_per_second=0.5, writes_per_second=0.5, burst=2)
    async with run_service(tmp_path, loops=False, limits=limits) as running:
        headers = {"Authorization": f"Bearer {running.token}"}
        told = []
        for _ in range(3):
            async with running.client.get(f"{running.url}{TOKENS}", headers=headers) as response:
                told.append((response.status, response.headers["RateLimit-Remaining"], response.headers.get("Retry-After")))
                assert response.headers["RateLimit-Limit"] == "2"
                assert int(response.headers["RateLimit-Reset"]) in (2, 4)
        assert told == [(200, "1", None), (200, "0", None), (429, "0", "2")]
        assert (await running.call("POST", TOKENS, {"name": "x", "scopes": ["read"]}))[0] == 200
        assert (await running.call("GET", TOKENS, token=await make_token(running.service, "admin")))[0] == 200
        _, secret = await store_feed(running.service, "pushed")
        shown = {"feedmill-webhook-hash": secret, "Authorization": ""}
        inbound = "/webhooks/inventory-feeds/parse-webhooks.json"
        assert [(await running.call("POST", inbound, [{}], headers=shown))[0] for _ in range(3)][2] == 429


async def test_brute_force_is_slowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that shows too many tokens that are none gets 429; a call without any, and a token lately seen valid, get none."""
    limits = Limits(failures_per_second=0.1, failures_burst=3)
    async with run_service(tmp_path, loops=False, limits=limits) as running:
        assert [(await running.call("GET", TOKENS, headers={"Authorization": ""}))[0] for _ in range(5)] == [401] * 5
        assert (await running.call("GET", TOKENS))[0] == 200
        assert [(await running.call("GET", TOKENS, token=f"fm_{n}"))[0] for n in range(5)] == [401, 401, 401, 429, 429]
        assert (await running.call("GET", TOKENS))[0] == 200
        # Who guesses behind the same proxy locks nobody else out; a token that was revoked is looked at too, and is none.
        monkeypatch.setattr(gate, "FRESH_SECONDS", 0.0)
        running.service.gate.forget()
        assert (await running.call("GET", TOKENS))[0] == 200
        async with running.service.store.writing() as writer:
            await writer.execute("UPDATE main.api_tokens SET revoked_at = 1")
        assert [(await running.call("GET", TOKENS))[0] for _ in range(2)] == [401, 429]
