"""The command line as a person uses it: real processes, a real supplier, a real database."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from engine.run import RunStatus
from feedmill.exits import exit_of_status
from tests.e2e.supplier import COMMAND, Supplier, feedmill, read_items, run_feed, serve, started, table

HEADER = ("Artikelnr", "Bezeichnung", "Lager", "Preis")
ROWS = {"sku": "Artikelnr", "name": "Bezeichnung", "inventoryQuantity": "Lager", "retailPrice": "Preis"}
FIELDS = tuple(part for purpose, column in ROWS.items() for part in ("--field", f"{purpose}={column}"))
RUN_KEYS = [
    *(
        "feed",
        "run",
        "status",
        "read",
        "created",
        "updated",
        "unchanged",
        "duplicate",
        "skipped",
        "rejected",
        "limited",
        "screened",
        "removed",
    ),
    *("bytes", "seconds", "stages", "dialect", "figures", "guard", "problems"),
]


@pytest.fixture
async def supplier() -> AsyncIterator[Supplier]:
    """Serve a hundred parts on loopback."""
    async with serve() as running:
        running.body = table([HEADER, *((f"{n:05d}", f"Part {n}", n % 7, f"{n}.50") for n in range(1, 101))])
        yield running


def to(name: str = "shop.db") -> tuple[str, ...]:
    """Return the arguments that name the database and the feed."""
    return ("--to", f"sqlite:///{name}", "--feed", "acme")


async def items(cwd: Path, name: str = "shop.db") -> dict[str, dict[str, object]]:
    """Return the items of a database, by key."""
    return {item["externalId"]: item for item in await read_items(cwd / name)}


def comparable(found: dict[str, dict[str, object]]) -> list[tuple[object, ...]]:
    """Return items without what differs from database to database: ids and times."""
    return sorted((key, item["vendorSku"], item["name"], item["inventoryQuantity"], item["retailPrice"]) for key, item in found.items())


async def test_sync_loads_once_and_the_same_feed_again_writes_nothing(supplier: Supplier, tmp_path: Path) -> None:
    """The first run creates every item; the second finds every one unchanged and leaves its update time alone."""
    first = await feedmill("sync", supplier.url, *to(), *FIELDS, "--json", cwd=tmp_path)
    before = await items(tmp_path)
    second = await feedmill("sync", supplier.url, *to(), "--json", cwd=tmp_path)
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert list(first.json) == RUN_KEYS
    assert (first.json["status"], first.json["read"], first.json["created"]) == ("complete", 100, 100)
    assert (second.json["read"], second.json["unchanged"], second.json["updated"]) == (100, 100, 0)
    assert first.json["dialect"]["delimiter"] == ";"
    assert set(first.json["stages"]) == {"fetch", "decode", "map", "stage", "apply"}
    assert first.json["bytes"] == len(supplier.body)
    after = await items(tmp_path)
    assert {key: item["updatedAt"] for key, item in after.items()} == {key: item["updatedAt"] for key, item in before.items()}


async def test_items_show_keys_as_text_and_prices_exact(supplier: Supplier, tmp_path: Path) -> None:
    """An item is shown with the names of the API; leading zeros stay, a price is the decimal the supplier wrote."""
    supplier.body = table([HEADER, ("00123", "Bolt", 3, "0.1"), ("1105.1", "Nut", 0, "19.99")])
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    outcome = await feedmill("items", "--db", "shop.db", "--feed", "acme", cwd=tmp_path)
    bolt, nut = outcome.lines
    assert (bolt["externalId"], bolt["inventoryQuantity"], bolt["status"]) == ("00123", 3, "pending")
    assert '"retailPrice":0.1,' in outcome.out
    assert (nut["externalId"], nut["inventoryQuantity"], nut["availableQuantity"], nut["retailPrice"]) == ("1105.1", 0, 0, 19.99)
    assert nut["createdAt"].endswith("Z")


async def test_a_change_updates_just_what_changed(supplier: Supplier, tmp_path: Path) -> None:
    """One changed quantity is one update; a cell that became blank leaves the stored value."""
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    supplier.body = supplier.body.replace(b"00042;Part 42;0;", b"00042;Part 42;9;").replace(b"00043;Part 43;1;", b"00043;Part 43;;")
    outcome = await feedmill("sync", supplier.url, *to(), "--json", cwd=tmp_path)
    assert (outcome.json["updated"], outcome.json["unchanged"]) == (1, 99)
    found = await items(tmp_path)
    assert (found["00042"]["inventoryQuantity"], found["00043"]["inventoryQuantity"]) == (9, 1)


UNTRUSTED = {
    "header only": (b"product_id,name,price\n", "header"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "Git LFS"),
    "html": (b"<!DOCTYPE html><html><title>Login</title></html>", "HTML"),
    "json error": (b'{"error": "quota exceeded"}', "quota exceeded"),
    "empty": (b"", "no content"),
    "quantity column gone": (b"Artikelnr;Bezeichnung;Preis\n1;x;2\n", "Lager"),
    "all rejected": (table([HEADER, *((f"A{n}", "x", "many", "1") for n in range(30))]), "not a number"),
}


async def test_content_that_cannot_be_trusted_changes_nothing(supplier: Supplier, tmp_path: Path) -> None:
    """A refused feed ends with code 4, says why, is kept as a run of status error, and every item stays as it was, times included."""
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    before = await items(tmp_path)
    for name, (body, said) in UNTRUSTED.items():
        supplier.body = body
        record = await run_feed(supplier.url, tmp_path)
        assert (exit_of_status(record.status), record.status) == (4, RunStatus.ERROR), name
        assert said in " ".join(problem.message for problem in record.problems), name
    outcome = await feedmill("sync", supplier.url, *to(), "--json", cwd=tmp_path)
    assert (outcome.code, outcome.json["status"]) == (4, "error")
    assert said in " ".join(problem["message"] for problem in outcome.json["problems"])
    assert await items(tmp_path) == before
    runs = await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)
    assert [run["status"] for run in runs.json] == [*("error" for _ in (*UNTRUSTED, "and once more")), "complete"]


async def test_a_reject_names_feed_record_line_column_value_and_reason(supplier: Supplier, tmp_path: Path) -> None:
    """A record that cannot be read is kept with its whole address; its neighbours are applied."""
    rows: list[tuple[object, ...]] = [(f"A{n}", "x", n, "1.00") for n in range(30)]
    rows[10] = ("A10", "x", "lots", "1.00")
    supplier.body = table([HEADER, *rows])
    outcome = await feedmill("sync", supplier.url, *to(), *FIELDS, "--json", cwd=tmp_path)
    assert (outcome.code, outcome.json["rejected"], outcome.json["created"]) == (0, 1, 29)
    (reject,) = (await feedmill("rejects", str(outcome.json["run"]), "--db", "shop.db", cwd=tmp_path)).lines
    place = {name: reject[name] for name in ("feed", "record", "line", "column", "value", "raw")}
    assert place == {"feed": "acme", "record": 11, "line": 12, "column": "Lager", "value": "lots", "raw": "A10;x;lots;1.00"}
    assert "inventoryQuantity is not a number" in reject["reason"]


async def test_a_dry_run_leaves_no_trace(supplier: Supplier, tmp_path: Path) -> None:
    """A dry run tells what would happen and makes neither a database nor, in one that exists, a change."""
    outcome = await feedmill("sync", supplier.url, *to(), *FIELDS, "--dry-run", "--json", cwd=tmp_path)
    assert (outcome.code, outcome.json["created"], outcome.json["run"]) == (0, 100, None)
    assert not await anyio.Path(tmp_path, "shop.db").exists()
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    before = await items(tmp_path)
    supplier.body = supplier.body.replace(b";Part 42;0;", b";Part 42;9;")
    outcome = await feedmill("sync", supplier.url, *to(), "--dry-run", "--json", cwd=tmp_path)
    assert (outcome.json["updated"], outcome.json["unchanged"]) == (1, 99)
    assert await items(tmp_path) == before
    assert len((await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)).json) == 1


async def test_preview_shows_raw_beside_mapped_and_writes_nothing(supplier: Supplier, tmp_path: Path) -> None:
    """A preview shows dialect, raw record, mapped record and problems, for as many records as asked."""
    supplier.body = table([HEADER, ("7", "Bolt", "x", "1"), ("8", "Nut", "2", "1"), ("9", "Washer", "3", "1")])
    outcome = await feedmill("preview", supplier.url, *FIELDS, "--limit", "2", "--json", cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    first, second = outcome.json["records"]
    assert first["raw"] == {"Artikelnr": "7", "Bezeichnung": "Bolt", "Lager": "x", "Preis": "1"}
    assert first["item"] is None
    assert (first["problems"][0]["column"], first["problems"][0]["value"]) == ("Lager", "x")
    assert second["item"]["inventoryQuantity"] == 2
    assert outcome.json["dialect"]["encoding"] == "utf-8"
    assert [path async for path in anyio.Path(tmp_path).iterdir()] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--set", "delimeter=;"), 78, "delimiter"),
        (("--set", "guard.minItem=5"), 78, "minItems"),
        (("--set", "decimalNotation=dots"), 78, "comma"),
        (("--set", "hash=1"), 78, "set by Feedmill"),
        (("--set", "prefixSku=true"), 78, "prefixSku needs skuPrefix"),
        (("--set", "encoding=klingon"), 78, "klingon"),
        (("--field", "stock=Lager"), 78, "inventoryQuantity"),
        (("--field", "sku"), 2, "PURPOSE=COLUMN"),
        (("--frobnicate",), 2, "frobnicate"),
    ],
)
async def test_a_setting_that_cannot_work_is_said_by_name(
    supplier: Supplier, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    """A wrong setting ends with code 78 and a malformed command line with 2, each with a message that names it and the cure."""
    outcome = await feedmill("sync", supplier.url, *to(), *FIELDS, *arguments, cwd=tmp_path)
    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err


async def test_no_secret_reaches_output_logs_or_database(supplier: Supplier, tmp_path: Path) -> None:
    """A password in the URL (RFC 1738, percent-encoded) is sent, and found nowhere else."""
    url = supplier.url.replace("http://", "http://buyer:p%40ss%2Fw%3Ard@") + "?token=s3cr3t"
    good = await feedmill("sync", url, *to(), *FIELDS, "--json", cwd=tmp_path)
    bad = await feedmill("sync", url.replace("stock.csv", "missing.csv"), *to(), "--json", cwd=tmp_path)
    assert (good.code, bad.code) == (0, 4)
    assert supplier.authorizations == ["Basic YnV5ZXI6cEBzcy93OnJk"]
    runs = await feedmill("runs", "--db", "shop.db", cwd=tmp_path)
    stored = "".join([(await path.read_bytes()).decode("utf-8", "replace") async for path in anyio.Path(tmp_path).glob("shop.db*")])
    shown = good.out + good.err + bad.out + bad.err + runs.out + stored
    for secret in ("p@ss/w:rd", "p%40ss%2Fw%3Ard", "s3cr3t", "YnV5ZXI6cEBzcy93OnJk"):
        assert secret not in shown


@pytest.mark.parametrize("known", [False, True], ids=["first load", "known feed"])
async def test_a_killed_run_followed_by_a_full_one_ends_as_if_nothing_had_happened(supplier: Supplier, tmp_path: Path, known: bool) -> None:
    """SIGKILL in mid-run leaves what readers saw before; the next run ends where a clean one would."""
    if known:
        await run_feed(supplier.url, tmp_path, settings={"syncName": True, "syncPricing": True}, fields=ROWS)
        before = await items(tmp_path)
    supplier.body = table([HEADER, *((f"{n:05d}", f"Part {n} " + "x" * 60, n % 5, f"{n}.75") for n in range(1, 30_001))])
    supplier.gate = anyio.Event()
    async with started("sync", supplier.url, *to(), *FIELDS, cwd=tmp_path) as process:
        await supplier.half_sent.wait()
        await _until_rows_are_written(tmp_path / "shop.db")
        process.kill()
        assert await process.wait() == -signal.SIGKILL
    supplier.gate.set()
    supplier.gate = None
    if known:
        assert await items(tmp_path) == before
    outcome = await feedmill("sync", supplier.url, *to(), "--json", cwd=tmp_path)
    await run_feed(supplier.url, tmp_path, to="clean.db", fields=ROWS)
    assert (outcome.code, outcome.json["read"]) == (0, 30_000)
    assert comparable(await items(tmp_path)) == comparable(await items(tmp_path, "clean.db"))
    runs = await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)
    assert [run["status"] for run in runs.json][:2] == ["complete", "error"]


async def _until_rows_are_written(database: Path) -> None:
    """Wait until the run under way has written at least something of its own."""
    log = anyio.Path(f"{database}-wal")
    with anyio.fail_after(30):
        while not await log.exists() or (await log.stat()).st_size < 200_000:
            await anyio.sleep(0.01)


async def test_an_interrupted_run_applies_nothing(supplier: Supplier, tmp_path: Path) -> None:
    """Ctrl-C in mid-run ends with code 130, marks the run as failed and leaves every item alone."""
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    before = await items(tmp_path)
    supplier.body = supplier.body.replace(b";Part 42;0;", b";Part 42;9;")
    supplier.gate = anyio.Event()
    async with started("sync", supplier.url, *to(), cwd=tmp_path) as process:
        await supplier.half_sent.wait()
        process.send_signal(signal.SIGINT)
        with anyio.fail_after(20):
            assert await process.wait() == 130
    supplier.gate.set()
    assert await items(tmp_path) == before
    runs = await feedmill("runs", "--db", "shop.db", "--json", cwd=tmp_path)
    assert [run["status"] for run in runs.json] == ["error", "complete"]


async def test_jsonl_is_a_sink_of_its_own(supplier: Supplier, tmp_path: Path) -> None:
    """The same feed into a JSON Lines file gives the same items; again unchanged leaves the file alone."""
    first = await feedmill("sync", supplier.url, "--to", "jsonl:///items.jsonl", "--feed", "acme", *FIELDS, "--json", cwd=tmp_path)
    written = await anyio.Path(tmp_path, "items.jsonl").read_bytes()
    second = await feedmill("sync", supplier.url, "--to", "jsonl:///items.jsonl", "--feed", "acme", *FIELDS, "--json", cwd=tmp_path)
    assert (first.json["created"], second.json["unchanged"]) == (100, 100), first.err + second.err
    assert await anyio.Path(tmp_path, "items.jsonl").read_bytes() == written
    assert len(written.splitlines()) == 100


async def test_plugins_lists_what_is_installed_and_what_it_adds(tmp_path: Path) -> None:
    """The built-in rooms register like strangers: name, version, what they add."""
    outcome = await feedmill("plugins", "--json", cwd=tmp_path)
    added = {entry for plugin in outcome.json for entry in plugin["adds"]}
    assert {"connector http", "connector https", "connector file", "mapper csv", "sink sqlite", "sink jsonl"} <= added
    assert all(plugin["version"] for plugin in outcome.json)


async def test_logs_are_json_lines_when_nobody_watches(supplier: Supplier, tmp_path: Path) -> None:
    """Off a terminal, standard error holds one JSON object a line, with feed and run, and no progress bar."""
    import orjson

    outcome = await feedmill("sync", supplier.url, *to(), *FIELDS, cwd=tmp_path)
    logged = [orjson.loads(line) for line in outcome.err.splitlines()]
    assert [entry["event"] for entry in logged] == ["run started", "run finished"]
    assert all(entry["feed"] == "acme" and entry["run"] == 1 for entry in logged)


async def test_version_and_help_say_what_they_should(tmp_path: Path) -> None:
    """`--version` prints a version alone; `--help` lists every command."""
    version = await feedmill("--version", cwd=tmp_path)
    listed = await feedmill("--help", cwd=tmp_path)
    assert version.out.strip().count(".") == 2
    for command in ("sync", "preview", "items", "runs", "rejects", "plugins"):
        assert command in listed.out


async def test_a_refused_run_changes_no_setting(supplier: Supplier, tmp_path: Path) -> None:
    """Settings that came with a feed that was refused do not show in what may be sold."""
    await run_feed(supplier.url, tmp_path, fields=ROWS)
    before = await items(tmp_path)
    supplier.body = b"<html>login</html>"
    outcome = await feedmill("sync", supplier.url, *to(), "--set", "maximumInventoryQuantity=1", cwd=tmp_path)
    assert outcome.code == 4
    assert await items(tmp_path) == before


async def test_a_dry_run_writes_into_no_database_of_others(supplier: Supplier, tmp_path: Path) -> None:
    """A file that is no database of Feedmill's is refused and left as it was."""
    foreign = anyio.Path(tmp_path, "foreign.db")
    await foreign.write_bytes(b"")
    outcome = await feedmill("sync", supplier.url, *to("foreign.db"), *FIELDS, "--dry-run", cwd=tmp_path)
    assert outcome.code == 78
    assert await foreign.read_bytes() == b""


async def test_a_reader_that_leaves_early_is_no_failure(supplier: Supplier, tmp_path: Path) -> None:
    """A closed pipe ends the output, not the command: the run was applied and says so by its code."""
    command = f"{COMMAND} sync {supplier.url} {' '.join(to())} {' '.join(FIELDS)} | true; exit ${{PIPESTATUS[0]}}"
    done = await anyio.run_process(["bash", "-c", command], cwd=tmp_path, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert len(await items(tmp_path)) == 100


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("sync", "http://[::1", "--to", "x.db", "--feed", "a"), 78),
        (("sync", "s.csv", "--to", "", "--feed", "a"), 78),
        (("sync", "s.csv", "--to", "x.db", "--feed", " "), 78),
        (("preview", "s.csv", "--limit", "0"), 2),
        (("rejects", "99999999999999999999", "--db", "x.db"), 2),
    ],
)
async def test_what_cannot_be_meant_is_said_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    """Odd arguments end with their exit code and one message, never with a traceback."""
    outcome = await feedmill(*arguments, cwd=tmp_path)
    assert (outcome.code, "Traceback" in outcome.err) == (code, False), outcome.err
