"""What the benchmarks read: the same catalogue as every kind of file, with and without quirks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import pytest

from benchmarks.catalogue import FIELDS, SETTINGS
from benchmarks.formats.material import FORMATS
from benchmarks.generator import QUIRKS, Kind, Material, Quirk, parse_quirks
from benchmarks.peers.command_line import TABLE
from benchmarks.peers.values import VALUES, read_fingerprint, select_values
from engine.run import Counts, RunStatus
from feedmill.library import sync

ROWS = 1_200
QUERY = select_values(VALUES, TABLE)


def load(material: Material, directory: Path, version: int = 0) -> tuple[Path, Counts]:
    """Sync a material into a database of its own and return it with what the run counted."""
    source, database = directory / f"stock.{material.kind}", directory / f"{material.kind}-{len(material.quirks)}.db"
    source.write_bytes(b"".join(material.blocks(version)))
    chosen = FORMATS.get(material.kind)
    settings, fields = (chosen.settings, chosen.fields) if chosen else (SETTINGS, FIELDS)
    run = anyio.run(partial(sync, str(source), to=str(database), feed="bench", settings=settings, fields=fields))
    assert run.status is RunStatus.COMPLETE, run.problems
    assert run.read == material.records
    return database, run.counts


def test_every_kind_holds_the_same_items(tmp_path: Path) -> None:
    """A catalogue ends as the same table, whether it comes as CSV, XML, JSON or JSON Lines; another version of it does not."""
    kinds: tuple[Kind, ...] = ("csv", "xml", "json", "jsonl")
    found = [read_fingerprint("sqlite", load(Material(kind, ROWS), tmp_path)[0], QUERY) for kind in kinds]
    assert found[0].rows == ROWS
    assert len(set(found)) == 1
    (tmp_path / "csv-0.db").unlink()
    changed, _ = load(Material("csv", ROWS), tmp_path, version=1)
    assert read_fingerprint("sqlite", changed, QUERY) not in found


@pytest.mark.parametrize("kind", ["csv", "xml", "json", "jsonl"])
def test_quirks_change_no_item_but_for_names(kind: Kind, tmp_path: Path) -> None:
    """Repeated records count as duplicates, comments and blank lines as nothing; only the names with line ends differ."""
    plain, _ = load(Material(kind, ROWS), tmp_path)
    odd, counts = load(Material(kind, ROWS, quirks=QUIRKS), tmp_path)
    assert Material(kind, ROWS, quirks=QUIRKS).records == ROWS + 2
    assert (counts.created, counts.duplicate) == (ROWS, 2)
    with closing(sqlite3.connect(plain)) as connection:
        connection.execute("ATTACH ? AS odd", (str(odd),))
        told = ", ".join(column for column in VALUES if column != "name")
        assert connection.execute(f"SELECT {told} FROM {TABLE} EXCEPT SELECT {told} FROM odd.{TABLE}").fetchall() == []
        names = f"SELECT count(*) FROM {TABLE} JOIN odd.{TABLE} AS b USING (external_id) WHERE {TABLE}.name <> b.name"
        assert connection.execute(names).fetchone() == (12,)


@pytest.mark.parametrize("quirk", sorted(QUIRKS))
def test_every_quirk_is_in_the_bytes(quirk: Quirk) -> None:
    """A quirk changes the file of each kind that can have it, and is the same each time."""
    changed = set()
    kinds: tuple[Kind, ...] = ("csv", "xml", "json", "jsonl")
    for kind in kinds:
        once, twice = (b"".join(Material(kind, ROWS, quirks=frozenset({quirk})).blocks()) for _ in range(2))
        assert once == twice
        if once != b"".join(Material(kind, ROWS).blocks()):
            changed.add(kind)
    assert changed == ({"xml"} if quirk in ("cdata", "comments") else {"csv", "xml", "json", "jsonl"})


def test_a_quirk_that_there_is_not_is_named() -> None:
    """A list with commas names quirks; another word is refused with those that there are."""
    assert parse_quirks("cdata,newlines") == {"cdata", "newlines"}
    with pytest.raises(ValueError, match="no such quirk: typos; there are blank-lines, cdata"):
        parse_quirks("cdata,typos")
