"""A service with three suppliers on this machine and a feed that is pushed to, set up through its own API.

Run it with `make run`, or `python -m examples.service [DIRECTORY] [PORT]`; the database lands in DIRECTORY (default: `run`). Ctrl-C
ends it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import PIPE
from typing import Any, Final

import anyio
from aiohttp import ClientSession
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from examples.shop.suppliers import Supplier, open_suppliers

PUSHED: Final = "Pushed by a partner"
SCHEDULE: Final = {"fetchFrequency": "custom", "fetchSchedule": "every: 30s"}

# The suppliers are on this machine, and a service connects to private addresses only where it is told to.
CONFIGURATION: Final = """[egress]
allow_private = true

[scheduler]
jitter = 0
"""


class NotStartedError(Exception):
    """The service ended before it listened; it has said why."""


@asynccontextmanager
async def open_service(directory: Path, port: int) -> AsyncIterator[tuple[Process, str, str]]:
    """Start `feedmill serve` on a new database; yield the process, its address and the admin token that it shows once."""
    config = directory / "feedmill.toml"
    await anyio.Path(config).write_text(CONFIGURATION)
    program = Path(sys.executable).with_name("feedmill")
    command = [str(program), "serve", "--config", str(config), "--db", str(directory / "shop.db"), "--port", str(port)]
    log = await anyio.to_thread.run_sync(lambda: (directory / "service.log").open("wb"))
    with log:
        # In a session of its own Ctrl-C does not reach it: it is ended once, by us.
        async with await anyio.open_process(command, stdout=PIPE, stderr=log, start_new_session=True) as process:
            try:
                yield process, *await _read_lines(process)
            finally:
                with anyio.CancelScope(shield=True):
                    if process.returncode is None:
                        process.terminate()
                    await process.wait()


async def _read_lines(process: Process) -> tuple[str, str]:
    text = ""
    if process.stdout is None:
        raise NotStartedError
    async for part in TextReceiveStream(process.stdout):
        text += part
        if "token" in text and text.endswith("\n"):
            first, second = text.splitlines()[:2]
            return first.rpartition(" ")[2], second.rpartition(" ")[2]
    await process.wait()
    raise NotStartedError


async def set_up(client: ClientSession, url: str, suppliers: Sequence[Supplier]) -> int:
    """Make a provider and a feed for each supplier, and a feed that is pushed to; return the id of that one."""

    async def create(resource: str, attributes: dict[str, object]) -> int:
        async with client.post(f"{url}/api/{resource}.json", json=attributes) as response:
            made: dict[str, Any] = await response.json()
            if response.status != 200:
                raise RuntimeError(f"{resource} was not created: {made}")
            return int(made["id"])

    for supplier in suppliers:
        provider = await create("dropship-providers", {"name": supplier.name})
        feed = await create("inventory-feeds", {"name": supplier.name, "dropshipProviderId": provider, **SCHEDULE, **supplier.feed})
        # The schedule would get to it within half a minute; 409 says that it has already.
        async with client.post(f"{url}/api/inventory-feeds/{feed}/fetch.json") as response:
            if response.status not in (202, 409):
                raise RuntimeError(f"{supplier.name} cannot be fetched: {await response.text()}")
    provider = await create("dropship-providers", {"name": PUSHED})
    return await create("inventory-feeds", {"name": PUSHED, "dropshipProviderId": provider, "resourceType": "webhook"})


async def make_entrance(directory: Path, url: str) -> str:
    """Return an address that signs its visitor in: whoever can run this has the database anyway."""
    program = Path(sys.executable).with_name("feedmill")
    command = [str(program), "people", "link", "admin", "--enter", "--db", str(directory / "shop.db"), "--url", url]
    return (await anyio.run_process(command)).stdout.decode().strip()


def explain(url: str, entrance: str, token: str, feed: int, directory: Path) -> str:
    """Return what there is to try."""
    item = '{"externalId": "P-1", "vendorSku": "P-1", "inventoryQuantity": 5}'
    return f"""
Open this in a browser; it signs you in:

  {entrance}

The service runs at {url}, its database and its log are in {directory}.
Three suppliers are fetched every 30 seconds, and their stock changes; feed {feed} is pushed to. Its API wants this token:

  TOKEN={token}

Try:

  curl -sg -H "Authorization: Bearer $TOKEN" "{url}/api/data-imports.json?order[attribute]=id&order[descending]=true&limit=3"
  curl -s -X PUT -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{item}' {url}/api/inventory-feeds/{feed}/parse-webhook.json
  curl -sg -H "Authorization: Bearer $TOKEN" "{url}/api/inventory-feed-variants.json?where[inventoryQuantity][$gt]=0&limit=5"

Ctrl-C ends it.
""".replace("[$gt]", "[\\$gt]")


def start_afresh(directory: Path) -> None:
    """Remove the database of an earlier run, with what lies beside it."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("shop.db*"):
        path.unlink()


async def run(directory: Path, port: int) -> int:
    """Run everything until a signal ends it; return the exit code of the service."""
    await anyio.to_thread.run_sync(start_afresh, directory)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with open_suppliers() as suppliers:
            try:
                async with open_service(directory, port) as (process, url, token):
                    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as client:
                        feed = await set_up(client, url, suppliers)
                    print(explain(url, await make_entrance(directory, url), token, feed, directory), flush=True)
                    async with anyio.create_task_group() as group:
                        group.start_soon(_end_with, process, group.cancel_scope)
                        await anext(signals)
                        print("ending ...", flush=True)
                        group.cancel_scope.cancel()
            except NotStartedError:
                print((directory / "service.log").read_text("utf-8"), file=sys.stderr)
                return 1
    return process.returncode or 0


async def _end_with(process: Process, scope: anyio.CancelScope) -> None:
    await process.wait()
    scope.cancel()


def main() -> int:
    """Run the example and return its exit code: 0 when the service has ended as it should."""
    directory = Path(sys.argv[1] if len(sys.argv) > 1 else "run")
    return anyio.run(run, directory, int(sys.argv[2]) if len(sys.argv) > 2 else 8080)


if __name__ == "__main__":
    sys.exit(main())
