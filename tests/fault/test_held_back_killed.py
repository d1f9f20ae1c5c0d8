"""A process that is killed while it holds a source back."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import anyio
from aiohttp import web
from anyio import open_process, to_thread

from engine.run import Counts
from feedmill.library import sync
from tests.servers.web import serving

ROOT = Path(__file__).parents[2]
NOTE = b"x" * 3_000
BODY = b"sku,note,qty\n" + b"".join(b"i%d,%s,1\n" % (number, NOTE) for number in range(1_000))


COMMAND = "from feedmill.cli import main; main()"
FIELDS = {"sku": "sku", "inventoryQuantity": "qty"}


class Supplier:
    """A server without validators. The last byte comes once it `may_end`."""

    def __init__(self) -> None:
        self.may_end = anyio.Event()
        self.may_end.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the file."""
        response = web.StreamResponse(headers={"Content-Type": "text/csv", "Content-Length": str(len(BODY))})
        await response.prepare(request)
        await response.write(BODY[:-1])
        await self.may_end.wait()
        with suppress(ConnectionError):
            await response.write(BODY[-1:])
        return response


def spooled(process: int, folder: Path) -> int:
    """Return how many bytes a process has in files of a folder."""
    found = 0
    for each in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found += each.stat().st_size if str(each.readlink()).startswith(str(folder)) else 0
    return found


async def test_a_killed_process_leaves_no_file(tmp_path: Path) -> None:
    """What it had spooled had no name in its folder, and the next run finds the source unchanged as if nothing had been."""
    database, folder, supplier = tmp_path / "shop.db", tmp_path / "spool", Supplier()
    await anyio.Path(folder).mkdir()
    async with serving(supplier.answer) as port:
        where = f"http://127.0.0.1:{port}/stock.csv"
        await sync(where, to=str(database), feed="acme", fields=FIELDS)
        supplier.may_end = anyio.Event()
        command = [sys.executable, "-c", COMMAND, "sync", where, "--to", str(database), "--feed", "acme"]
        command += [text for purpose, name in FIELDS.items() for text in ("--field", f"{purpose}={name}")]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
        async with await open_process(command, env=environment) as process:
            with anyio.fail_after(30):
                while not await to_thread.run_sync(spooled, process.pid, folder):
                    await anyio.lowlevel.checkpoint()
            assert not await to_thread.run_sync(os.listdir, folder)
            process.send_signal(signal.SIGKILL)
        assert not await to_thread.run_sync(os.listdir, folder)
        supplier.may_end.set()
        again = await sync(where, to=str(database), feed="acme", fields=FIELDS)
    assert (again.counts, [problem.code for problem in again.problems]) == (Counts(unchanged=1_000), ["not-modified"])
