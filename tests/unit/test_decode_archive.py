"""Quirk 3: several files in one zip, each a document of its own, and nothing of a zip is believed that can be checked."""

from __future__ import annotations

import gzip
import io
import random
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Decoding, Opened
from engine.errors import RefuseRun, Retry
from tests.unit.decode_parts import ROWS, archive, names, read

TWO = (("stock.csv", ROWS), ("prices.csv", b"sku;price\nA-1;2.50\n"))
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("step", [1, 1000, 10**6])
def test_each_member_is_a_document(method: int, step: int) -> None:
    """In the order of the archive, named after both, with the size that the directory knows and no type."""
    facts = DocumentFacts("https://supplier.example/export", 99, "application/zip", "iso-8859-1")
    first, second = read(archive(*TWO, method=method), step=step, facts=facts)
    assert first == (DocumentFacts("https://supplier.example/export!stock.csv", len(ROWS)), ROWS)
    assert second == (DocumentFacts("https://supplier.example/export!prices.csv", 19), TWO[1][1])


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [(None, ["a/stock.csv", "b/stock.csv", "b/prices.xml", "c\\x.txt"]), ("stock.csv", ["a/stock.csv", "b/stock.csv"]),
     ("b/*", ["b/stock.csv", "b/prices.xml"]), ("x.txt", ["c\\x.txt"]),
     ("*.xml", ["b/prices.xml"]), ("a/stock.csv", ["a/stock.csv"]), ("[ab]/s*", ["a/stock.csv", "b/stock.csv"])],
)  # fmt: skip
def test_members_are_chosen_by_a_pattern(pattern: str | None, chosen: list[str]) -> None:
    """It is held against the whole name and its last part, whatever the machine's habits with upper case."""
    packed = archive(("a/", b""), ("a/stock.csv", b"1"), ("b/stock.csv", b"2"), ("b/prices.xml", b"3"), ("c\\", b""), ("c\\x.txt", b"4"))
    assert names(read(packed, member=pattern)) == [f"feed!{name}" for name in chosen]


def test_what_systems_add_is_never_read() -> None:
    """Folders, the resource forks of macOS and hidden files are no feeds."""
    packed = archive(("x/", b""), ("__MACOSX/._stock.csv", b"x"), ("__MACOSX/stock.csv", b"x"), ("x/.DS_Store", b"x"), ("stock.csv", ROWS))
    assert names(read(packed)) == ["feed!stock.csv"]
    with pytest.raises(RefuseRun, match=r"no file of a supplier's \(there is: __MACOSX/a\)"):
        read(archive(("__MACOSX/a", b"")))


def test_no_member_that_fits_is_refused_with_what_is_there() -> None:
    """The message lists the members and names the setting."""
    message = r"feed is a zip archive with no file that fits '\*\.json' \(there is: stock\.csv, prices\.csv\).*set transport\.member"
    with pytest.raises(RefuseRun, match=message):
        read(archive(*TWO), member="*.json")
    with pytest.raises(RefuseRun, match=r"\(there is: 0, .*, 19, \.\.\.\)"):
        read(archive(*((str(number), b"") for number in range(30))), member="x")
    with pytest.raises(RefuseRun, match=r"feed is a zip archive without files.*whether the export ran"):
        read(archive())


def test_a_name_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member called ../x is read like any other, and nothing is written under any name; the temporary file is gone at the end."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    monkeypatch.setattr(tempfile, "tempdir", str(inner))
    evil = ["../x", "/etc/feedmill-x", "..\\x", "C:\\x", "a/../../../x", "line\nend"]
    decoder = Decoder(Decoding(), DocumentFacts("feed"))
    parts = [*decoder.feed(archive(*((name, b"1") for name in evil))), *decoder.finish()]
    shown = [part.facts.name for part in parts if isinstance(part, Opened)]
    assert shown == [*(f"feed!{name}" for name in evil[:-1]), "feed!line\N{REPLACEMENT CHARACTER}end"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    decoder.close()
    decoder.close()
    assert not Path("/etc/feedmill-x").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_may_be_packed_themselves() -> None:
    """A gzip in a zip, a zip in a zip, a zip in a gzip; the pattern chooses from the outermost archive."""
    inner = archive(("a.csv", b"1"), ("b.csv", ROWS))
    packed = gzip.compress(archive(("stock.csv.gz", gzip.compress(ROWS)), ("in.zip", inner), ("in.txt", b"x")))
    assert names(read(packed)) == ["feed!stock.csv.gz", "feed!in.zip!a.csv", "feed!in.zip!b.csv", "feed!in.txt"]
    assert read(packed, member="*.gz") == [(DocumentFacts("feed!stock.csv.gz"), ROWS)]
    assert names(read(packed, member="in.zip")) == ["feed!in.zip!a.csv", "feed!in.zip!b.csv"]
    with pytest.raises(RefuseRun, match=r"feed!in\.zip!deep\.gz is packed more than 3 times over"):
        read(gzip.compress(archive(("in.zip", archive(("deep.gz", gzip.compress(b"1")))))))


def test_a_workbook_passes_through_whole() -> None:
    """Zip is how Excel stores it, not how it was sent: a plugin can have it, the others say what it is; by name its sheets can be had."""
    workbook = archive(("[Content_Types].xml", b"<Types/>"), ("xl/worksheets/sheet1.xml", b"<worksheet/>"))
    facts = DocumentFacts("stock.xlsx", len(workbook), "application/vnd.ms-excel")
    assert read(workbook, facts=facts) == [(facts, workbook)]
    assert read(archive(("stock.xlsx", workbook))) == [(DocumentFacts("feed!stock.xlsx", len(workbook)), workbook)]
    assert names(read(workbook, member="sheet1.xml")) == ["feed!xl/worksheets/sheet1.xml"]


@pytest.mark.parametrize("comment", [b"", b"made by a tool, with a long comment " * 3])
def test_an_archive_cut_short_is_tried_again(comment: bytes) -> None:
    """At whatever byte it ends."""
    packed = archive(*TWO, comment=comment)
    for kept in [*range(4, 60), *range(len(packed) - 250, len(packed))]:
        with pytest.raises(Retry, match="nothing was applied"):
            read(packed[:kept])


def test_an_archive_cut_behind_an_archive_in_it_is_not_taken_for_that_one() -> None:
    """Its last bytes are a directory, but not its own: half of the feed would pass for the whole."""
    inner = archive(("first.csv", ROWS))
    packed = archive(("in.zip", inner), ("second.csv", ROWS), method=zipfile.ZIP_STORED)
    end = packed.index(inner) + len(inner)
    for kept in range(end - 5, end + 40):
        with pytest.raises(Retry, match="nothing was applied"):
            read(packed[:kept])


def test_a_directory_that_lost_entries_is_damage() -> None:
    """The end of the archive says how many there are."""
    packed = bytearray(archive(*TWO))
    end = packed.index(b"PK\x05\x06")
    packed[end + 8] = packed[end + 10] = 3
    with pytest.raises(Retry, match="its directory does not describe all of it"):
        read(bytes(packed))


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_member_is_tried_again(method: int) -> None:
    """The member's check sum is looked at, however it is stored."""
    packed = bytearray(archive(("stock.csv", ROWS), method=method))
    packed[30 + len("stock.csv") + 60] ^= 4
    with pytest.raises(Retry, match=r"feed!stock\.csv: the compressed file is damaged \(zip: .*try again later"):
        read(bytes(packed))


def test_what_stands_behind_an_archive_is_damage() -> None:
    """Padding is nothing, other bytes are something that nobody can name."""
    assert len(read(archive(*TWO) + bytes(100))) == 2
    with pytest.raises(Retry, match="other bytes follow its end"):
        read(archive(*TWO) + b"<html>")
    with pytest.raises(Retry, match="does not describe all of it"):
        read(archive(*TWO) + archive(*TWO))


def flagged(packed: bytes, *, flags: int = 0, method: int | None = None) -> bytes:
    """Change the flags and the method of the first member, in the directory."""
    changed = bytearray(packed)
    entry = changed.index(b"PK\x01\x02")
    changed[entry + 8] |= flags
    if method is not None:
        changed[entry + 10 : entry + 12] = method.to_bytes(2, "little")
    return bytes(changed)


def test_an_encrypted_member_is_refused() -> None:
    """No retry opens it; one that the pattern does not choose is in nobody's way."""
    packed = flagged(archive(*TWO), flags=1)
    with pytest.raises(
        RefuseRun, match=r"feed!stock\.csv is encrypted: nothing was applied; ask the supplier for an archive without a password"
    ):
        read(packed)
    assert names(read(packed, member="prices.csv")) == ["feed!prices.csv"]


def test_a_method_that_is_not_read_is_refused() -> None:
    """Such as LZMA, whose window a member may choose at will."""
    with pytest.raises(RefuseRun, match=r"feed!stock\.csv is packed by method 14 of zip, which is not read.*\(deflate\)"):
        read(flagged(archive(*TWO), method=zipfile.ZIP_LZMA))


def test_a_part_of_a_split_archive_is_refused() -> None:
    """The other parts were never sent."""
    packed = bytearray(archive(*TWO))
    packed[packed.index(b"PK\x05\x06") + 4] = 1
    with pytest.raises(RefuseRun, match="feed is one part of a zip in several files"):
        read(bytes(packed))


class Pipe(io.RawIOBase):
    """A file that cannot be sought, so that a writer has to put sizes behind its members."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wide", [False, True])
def test_archives_written_as_streams_are_read(method: int, wide: bool) -> None:
    """Data descriptors, and the fields of zip64 that a writer uses which does not know the size beforehand."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as directory:
        for name, data in TWO:
            with directory.open(name, "w", force_zip64=wide) as member:
                member.write(data)
    assert [data for _, data in read(bytes(pipe.data))] == [data for _, data in TWO]


def test_the_directory_of_zip64_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive beyond the old limits ends in two more records; here the limits are lowered to get them."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    packed = archive(*TWO)
    assert b"PK\x06\x06" in packed
    assert names(read(packed)) == ["feed!stock.csv", "feed!prices.csv"]
    for kept in range(len(packed) - 98, len(packed)):
        with pytest.raises(Retry, match="nothing was applied"):
            read(packed[:kept])


def test_a_large_directory_is_refused_unread() -> None:
    """It would be held in memory at once."""
    packed = bytearray(archive(("stock.csv", random.Random(1).randbytes(17 * 1024 * 1024)), method=zipfile.ZIP_STORED))
    end = packed.rindex(b"PK\x05\x06")
    packed[end + 12 : end + 16] = (16 * 1024 * 1024 + 1).to_bytes(4, "little")
    with pytest.raises(RefuseRun, match="a zip with a directory of 16,777,217 bytes"):
        read(bytes(packed), step=2**20)


def test_a_disk_that_takes_no_archive_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the place and the way out."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(Retry, match=r"feed: the archive cannot be kept in .*gone while it is read .*point TMPDIR elsewhere"):
        read(archive(*TWO))


def test_two_members_of_one_name_are_not_told_apart() -> None:
    """An archive that was added to holds the old state beside the new one, whose items would come back: it is refused."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        packed = archive(("a/stock.csv", ROWS), ("b/stock.csv", ROWS), ("a/stock.csv", ROWS[:500]))
    with pytest.raises(RefuseRun, match=r"feed is a zip archive that holds a/stock\.csv 2 times.*ask for a new archive"):
        read(packed)
    assert names(read(packed, member="b/*")) == ["feed!b/stock.csv"]
