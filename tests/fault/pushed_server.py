"""A serving process that a test kills: prints where it listens and a token, and serves the database it is given until then."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import orjson

from tests.servers.feedmill_service import run_service
from tests.servers.pushed_feed import make_feed


async def main(directory: Path) -> None:
    """Serve a database, with a feed that is pushed to where there is none."""
    async with run_service(directory) as running:
        async with running.service.store.reading() as reader:
            known = await reader.number("SELECT count(*) FROM main.inventory_feeds")
        if not known:
            await make_feed(running.service)
        sys.stdout.write(f"{orjson.dumps({'url': running.url, 'token': running.token}).decode()}\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
