"""The JSON Lines sink: what the file holds, when it is touched, whom it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from anyio import Path as AsyncPath

from engine.batch import Reject
from engine.errors import ConfigError, Superseded
from engine.run import Counts, RunRecord, RunStatus
from plugins.conformance.sink import FEED, batch, import_items, settle
from sinks.jsonl import open_jsonl
from sinks.lines import read_state

COLUMNS = ("retailPrice", "name")
NEW = batch(COLUMNS, ("00123", 12_345_678, 'a "b"\n'), ("b", 5_000_000, None), ("big", 2**62, "x"))


@pytest.fixture
def path(tmp_path: Path) -> AsyncPath:
    """Name a file that does not exist yet."""
    return AsyncPath(tmp_path / "items.jsonl")


async def fill(path: AsyncPath) -> None:
    """Import the sample."""
    async with open_jsonl(f"jsonl:///{path}") as sink:
        await import_items(sink, NEW)


async def test_lines_hold_exact_money_in_schema_order(path: AsyncPath) -> None:
    """A line is an item by API names in the schema's order; money is digits, however large, and reads back the same."""
    await fill(path)
    first, second, third = (await path.read_text()).splitlines()
    assert first.startswith('{"externalId":"00123","name":"a \\"b\\"\\n","images":[],')
    assert '"retailPrice":12.345678,' in first
    assert '"retailPrice":5,' in second
    assert '"retailPrice":4611686018427.387904,' in third
    async with open_jsonl(f"jsonl:///{path}") as sink:
        assert (await import_items(sink, NEW))[1] == Counts(unchanged=3)


async def test_nothing_changed_touches_nothing(path: AsyncPath) -> None:
    """A run that changes nothing leaves the very same file, with its time, and no other file beside it."""
    await fill(path)
    before = await path.stat()
    await fill(path)
    after = await path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [each.name async for each in path.parent.iterdir()] == ["items.jsonl"]


async def test_a_change_keeps_order_and_permissions(path: AsyncPath) -> None:
    """Items keep their places, new ones follow, and the file may be read by whom it could be read before."""
    await fill(path)
    await path.chmod(0o640)
    async with open_jsonl(f"jsonl:///{path}") as sink:
        await import_items(sink, batch(COLUMNS, ("z", 1, None), ("b", 1, None)))
    assert [line.split('"')[3] for line in (await path.read_text()).splitlines()] == ["00123", "b", "big", "z"]
    assert (await path.stat()).st_mode & 0o777 == 0o640


async def test_concurrent_writer_is_noticed(path: AsyncPath) -> None:
    """A run whose file was changed since it was read is refused, and neither file nor directory is changed by it."""
    await fill(path)
    async with open_jsonl(f"jsonl:///{path}") as sink, sink.session(FEED) as old:
        await old.stage(batch(COLUMNS, ("b", 1, "old")))
        await import_items(sink, batch(COLUMNS, ("b", 2, "new")))
        before = await path.read_bytes()
        with pytest.raises(Superseded, match="was changed by another program"):
            await settle(old, 1)
    assert await path.read_bytes() == before
    assert [each.name async for each in path.parent.iterdir()] == ["items.jsonl"]


async def test_rejects_lie_beside_the_items(path: AsyncPath) -> None:
    """Rejects of the last run are beside the items, also of a discarded one, and go when a run has none."""
    beside = path.with_suffix(".rejects.jsonl")
    async with open_jsonl(f"jsonl:///{path}") as sink:
        async with sink.session(FEED) as session:
            await session.keep([Reject(1, 2, "stock", "many", "is no number", "a;many", "a.csv")])
            await session.discard()
            await session.finish(RunRecord(FEED.name, 0, RunStatus.ERROR, 1, rejected=1))
        assert '"reason":"is no number"' in await beside.read_text()
        await import_items(sink, NEW, dry_run=True)
        assert await beside.exists()
        await import_items(sink, NEW)
    assert not await beside.exists()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "line 2"),
        ("[]", "not an object with an externalId"),
        ('{"externalId": 5}', "not an object with an externalId"),
        ('{"externalId": "b", "colour": "red"}', "unknown attribute 'colour'"),
        ('{"externalId": "b", "retailPrice": 0.0000001}', "retailPrice is out of range"),
        ('{"externalId": "b", "retailPrice": NaN}', "retailPrice is not a value"),
        ('{"externalId": "b", "inventoryQuantity": "1"}', "inventoryQuantity is not a value of kind quantity"),
        ('{"externalId": "b", "taxable": 1}', "taxable is not a value of kind flag"),
        ('{"externalId": "b", "name": 1}', "name is not a value of kind text"),
    ],
)
def test_foreign_files_are_not_overwritten(tmp_path: Path, line: str, says: str) -> None:
    """A file that this sink would not have written is refused, with the line and the reason."""
    path = tmp_path / "items.jsonl"
    path.write_text('{"externalId": "a", "name": null}\n' + line + "\n")
    with pytest.raises(ConfigError, match=says) as refusal:
        read_state(path)
    assert "items.jsonl, line 2" in str(refusal.value)


async def test_places_that_cannot_be(tmp_path: Path) -> None:
    """A URL without a file, a missing directory and a directory in place of the file are each refused."""
    for place, says in (("", "names no file"), (f"{tmp_path}/no/x.jsonl", "does not exist"), (f"{tmp_path}", "is not a file")):
        with pytest.raises(ConfigError, match=says):
            async with open_jsonl(f"jsonl:///{place}"):
                pass
