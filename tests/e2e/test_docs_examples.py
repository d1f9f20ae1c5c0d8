"""The pages of docs/ at work: the tutorial typed into a shell, the library's page as a program, the example plugin installed."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.e2e.supplier import COMMAND, feedmill, serve, table

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ENVIRONMENT = {**os.environ, "PATH": f"{COMMAND.parent}:{os.environ['PATH']}", "FEEDMILL_LOG": "warning", "TERM": "dumb"}
MARK = "<<<next>>>"
FETCHING = (DOCS / "how-to/fetch-over-http.md").read_text("utf-8")


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(command: list[str], cwd: Path, env: dict[str, str] = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=100)


def steps(text: str) -> list[tuple[str, str]]:
    """Return the commands of a page's console blocks, each with the output that the page shows."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], ""))
            elif line.startswith("> "):
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", "")
            else:
                found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def shown_by(expected: str, output: str) -> bool:
    """Say whether an output is what a page shows, in which `...` stands for anything and the width of blanks for nothing."""
    parts = (re.escape(" ".join(part.split())) for part in expected.split("..."))
    return re.fullmatch(r".*?".join(rf"\s*{part}\s*" for part in parts), " ".join(output.split()), re.DOTALL) is not None


@pytest.mark.parametrize("name", ["tutorials/first-supplier", "tutorials/first-service", "how-to/call-the-api", "how-to/tune-a-feed"])
def test_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    """Every command of the page, typed in order, prints what it shows."""
    page = (DOCS / f"{name}.md").read_text("utf-8")
    port = free_port()
    page = page.replace("8000", str(port)).replace("8080", str(free_port()))
    typed = steps(page)
    script = ["set -m", "trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for command, _ in typed:
        ready = "grep -q token service.txt" if "feedmill serve" in command else f"(exec 3<>/dev/tcp/127.0.0.1/{port})"
        listening = f"until {ready} 2>/dev/null; do sleep 0.05; done"
        script += [command, *([listening] if command.endswith("&") else []), f"echo '{MARK}'"]
    done = run(["bash", "-c", "\n".join(["exec 2>&1", *script])], tmp_path)
    outputs = done.stdout.split(f"{MARK}\n")
    assert len(outputs) == len(typed) + 1, done.stdout
    for (command, expected), output in zip(typed, outputs, strict=False):
        # What bash says of the server it put into the background or ended.
        quiet = re.sub(r"^(?:\[1\]|\(wd now:).*\n", "", output, flags=re.MULTILINE)
        assert shown_by(expected, quiet), f"$ {command}\n{quiet}\ninstead of\n{expected}"


def test_the_page_on_embedding_is_a_program_that_runs(tmp_path: Path) -> None:
    """The blocks of the page, in order, are one program; it says what the page says it does."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "how-to/embed.md").read_text("utf-8"), re.DOTALL)
    program = tmp_path / "program.py"
    program.write_text("\n".join(blocks), "utf-8")
    (tmp_path / "stock.csv").write_text("sku,stock,price\nA1,1,0.50\nA2,0,1.50\n", "utf-8")
    done = run([sys.executable, str(program)], tmp_path)
    assert done.returncode == 0, done.stderr
    printed = done.stdout
    for said in ("complete 2 2\n", "delimeter: unknown attribute; did you mean 'delimiter'?", "0 2\n", "2 {'sku': 'A1'", "north complete"):
        assert said in printed
    assert "36 of 36 bytes, 2 records" in printed
    assert "ended as complete" in printed
    assert printed.endswith("created 3\nupdated 1\n2 entries\n")


def test_the_items_page_lists_every_attribute(tmp_path: Path) -> None:
    """`feedmill items` prints the attributes of the page and no others."""
    (tmp_path / "stock.csv").write_text("sku,stock\nA1,1\n", "utf-8")
    synced = run([str(COMMAND), "sync", "stock.csv", "--to", "shop.db", "--feed", "acme"], tmp_path)
    assert synced.returncode == 0, synced.stderr
    item = orjson.loads(run([str(COMMAND), "items", "--db", "shop.db", "--feed", "acme"], tmp_path).stdout)
    rows = re.findall(r"^\| (`.*?`) \|", (DOCS / "reference/items.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(name for row in rows for name in re.findall(r"`(\w+)`", row)) == sorted(item)


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Install the example plugin into a folder and return an environment in which it is found."""
    copy = tmp_path / "source"
    shutil.copytree(ROOT / "examples/plugin", copy)
    target = tmp_path / "installed"
    offline = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation")
    done = run([sys.executable, "-m", "pip", "install", *offline, "--target", str(target), str(copy)], tmp_path)
    assert done.returncode == 0, done.stderr
    return {**ENVIRONMENT, "PYTHONPATH": str(target)}


def test_the_example_plugin_is_listed(installed: dict[str, str], tmp_path: Path) -> None:
    """An installed plugin is found by its entry point, and what it adds is shown as the page says."""
    done = run([str(COMMAND), "plugins"], tmp_path, installed)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("acme")]
    assert line == "acme 1.0.0 (feedmill-acme): connector newest, rule gtin13"
    assert line in (DOCS / "how-to/write-a-plugin.md").read_text("utf-8")


PROGRAM = """
import sys
import anyio, feedmill

FIELDS = [
    {"purpose": "sku", "name": "sku"},
    {"purpose": "inventoryQuantity", "name": "stock"},
    {"purpose": "barcode", "name": "ean", "rules": ["gtin13"]},
]

async def main():
    record = await feedmill.sync(sys.argv[1], to="shop.db", feed="acme", fields=FIELDS)
    print(record.status.value, record.counts.created, record.rejected, record.problems)

anyio.run(main)
"""


def test_the_example_plugin_takes_part_in_a_run(installed: dict[str, str], tmp_path: Path) -> None:
    """Its connector brings the newest file, its rule completes a barcode and rejects one with a wrong check digit."""
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "z.csv").write_bytes(table([("sku", "stock", "ean"), ("old", 1, "")]))
    (drop / "a.csv").write_bytes(table([("sku", "stock", "ean"), ("A1", 1, "036000291452"), ("A2", 2, "036000291453")]))
    os.utime(drop / "z.csv", (86_400, 86_400))
    url = f"newest://localhost{drop}/*.csv"
    done = run([sys.executable, "-c", PROGRAM, url], tmp_path, installed)
    assert done.stdout.startswith("complete 1 1 "), done.stdout + done.stderr
    assert "barcode is no GTIN: its check digit is wrong" in done.stdout
    listed = run([str(COMMAND), "items", "--db", "shop.db", "--feed", "acme"], tmp_path, installed)
    assert orjson.loads(listed.stdout)["barcode"] == "0036000291452"


def test_the_example_plugin_passes_its_own_tests(installed: dict[str, str], tmp_path: Path) -> None:
    """The plugin's tests, with Feedmill's conformance kit in them, pass where the plugin is installed."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = run(command, tmp_path / "source", installed)
    assert done.returncode == 0, done.stdout


async def test_a_password_may_hold_what_the_page_says(tmp_path: Path) -> None:
    """The page's own example of a percent-encoded password arrives decoded."""
    (userinfo,) = re.findall(r"https://([^@/]+)@supplier\.example", FETCHING)
    async with serve() as supplier:
        supplier.body = table([("sku", "stock"), ("A1", 1)])
        outcome = await feedmill("preview", supplier.url.replace("http://", f"http://{userinfo}@"), cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert supplier.authorizations == ["Basic c2hvcDpwQHNzL3c6cmQ="]
