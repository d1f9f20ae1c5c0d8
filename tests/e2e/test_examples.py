"""The example programs, run as a newcomer runs them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import orjson
from anyio.streams.text import TextReceiveStream

from tests.e2e.supplier import feedmill

ROOT = Path(__file__).parents[2]
FIGURES = ("status", "read", "created", "updated", "unchanged", "rejected")


async def test_first_sync_imports_only_what_changed(tmp_path: Path) -> None:
    """The example loads 20,000 items, then none, then the 200 that changed; its database says the same, and so do its items."""
    done = await anyio.run_process(
        [sys.executable, "-m", "examples.first_sync"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    shown = done.stdout.decode()
    assert done.returncode == 0, shown + done.stderr.decode()
    assert "run/shop.db" in shown

    listed = await feedmill("runs", "--db", "run/shop.db", "--json", cwd=tmp_path)
    assert [tuple(run[figure] for figure in FIGURES) for run in reversed(listed.json)] == [
        ("complete", 20_000, 20_000, 0, 0, 0),
        ("complete", 20_000, 0, 0, 20_000, 0),
        ("complete", 20_000, 0, 200, 19_800, 0),
    ]
    items = (await feedmill("items", "--db", "run/shop.db", "--feed", "Example supplier", cwd=tmp_path)).lines
    assert len({item["externalId"] for item in items}) == len(items) == 20_000
    assert items[0]["externalGroupId"] == "GROUP-000000"
    assert all(item["barcode"] and item["tags"] and item["grams"] and item["retailPrice"] for item in items)


async def test_first_sync_starts_afresh(tmp_path: Path) -> None:
    """A database of an earlier run, damaged even, is no obstacle: the example makes its own in the directory it is given."""
    database = tmp_path / "shop.db"
    await anyio.Path(database).write_text("not a database")
    done = await anyio.run_process([sys.executable, "-m", "examples.first_sync", str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert (await anyio.Path(database).read_bytes()).startswith(b"SQLite format 3")


async def test_the_example_service_does_what_it_prints(tmp_path: Path) -> None:
    """`make run`: three suppliers are fetched on schedule, the three commands answer as they stand there, Ctrl-C ends it with 0."""
    # A suite that runs in the background of a shell inherits an ignored SIGINT, and the example would inherit it from the suite.
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import runpy, sys; sys.argv[1:] = ['shop', '0']"
    command = [sys.executable, "-c", f"{program}; runpy.run_module('examples.service', run_name='__main__')"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with await anyio.open_process(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            printed = ""
            with anyio.fail_after(90):
                async for part in TextReceiveStream(process.stdout):
                    printed += part
                    if "Ctrl-C ends it." in printed:
                        break
            token = re.findall(r"TOKEN=(\S+)", printed)[0]
            runs, push, items = re.findall(r"^  (curl .*?[^\\])\n", printed, re.MULTILINE | re.DOTALL)
            done: list[Any] = []
            with anyio.fail_after(90):
                while [run["status"] for run in done] != ["complete"] * 3:
                    done = await shell(runs, token)
            assert {run["read"] for run in done} == {500}
            assert (await shell(push, token))["inventoryQuantity"] == 5
            listed = await shell(items, token)
            assert len(listed) == 5
            assert all(item["inventoryQuantity"] > 0 for item in listed)
            process.send_signal(signal.SIGINT)
            with anyio.fail_after(60):
                assert await process.wait() == 0, (tmp_path / "shop" / "service.log").read_text()
        finally:
            if process.returncode is None:
                process.kill()


async def shell(command: str, token: str) -> Any:
    """Run a command as it is printed and return the JSON that it answers."""
    done = await anyio.run_process(["bash", "-c", command], env={**os.environ, "TOKEN": token})
    return orjson.loads(done.stdout)
