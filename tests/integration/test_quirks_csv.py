"""Quirks 8, 9 and 17 over several days: the same URL in another dialect, what is pinned of it, and noise that is no change."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

import anyio
import pytest

import feedmill
from engine.run import Counts, RunStatus
from tests.integration.quirk_feeds import COLUMNS, FEED, Items, Kept, Outcome, Quirk, check, check_items, each, sync

DAY_ONE: Final = b"artikel;lager;name\r\n00336;8;Hammer\r\n00337;0;Saege\r\n00338;12;Bohrer\r\n"
DAY_TWO: Final = (
    b'"artikel";"lager";"name";"notiz";\r\n"00336";"8,00";"Hammer";"Zeile 1\r\nZeile 2";\r\n"00337";"5,00";"Saege";;\r\n'
    b'"00338";"12,00";"Bohrer";"x;y";\r\n'
)
GERMAN: Final = {"sku": "artikel", "inventoryQuantity": "lager", "name": "name"}
COMMA: Final = {"decimalNotation": "comma"}
BY_NUMBER: Final = {"sku": "1", "inventoryQuantity": "2", "name": "3"}


def told(outcome: Outcome) -> list[str]:
    """Return what a run said of a changed dialect, without the words that are always the same."""
    return [problem.message.partition(": ")[2] for problem in outcome.record.problems if problem.code == "dialectChanged"]


async def day(body: bytes, folder: Path, *, fields: dict[str, str] | None = None, name: str = "stock.csv", **settings: object) -> Outcome:
    """Sync what a supplier has under his one address on a day."""
    await anyio.Path(folder / name).write_bytes(body)
    return await sync(str(folder / name), folder / "shop.db", fields=COLUMNS if fields is None else fields, settings=settings)


def pinned(outcome: Outcome, of: str) -> bool:
    """Tell whether a run read something as the run before."""
    reasons = outcome.record.dialect["reasons"]
    assert isinstance(reasons, dict)
    return reasons[of] == "pinned to the feed (run before)"


async def test_another_dialect_three_days_later_changes_what_changed(tmp_path: Path) -> None:
    """q9: everything quoted, `8,00` for `8`, a new column, a trailing delimiter, line ends in cells: one item of three is updated."""
    first = await day(DAY_ONE, tmp_path, fields=GERMAN, **COMMA)
    assert (first.record.counts, told(first)) == (Counts(created=3), [])
    second = await day(DAY_TWO, tmp_path, fields=GERMAN, **COMMA)
    assert (second.record.status, second.record.counts, second.record.rejected) == (RunStatus.COMPLETE, Counts(updated=1, unchanged=2), 0)
    check_items({"00336": 8, "00337": 5, "00338": 12}, second.items)
    assert told(second) == ["quoting was 'minimal' and is 'all'; columns added: 'notiz', one without a name"]
    third = await day(DAY_TWO.replace(b"Hammer", b"Hammer, gross"), tmp_path, fields=GERMAN, **COMMA, syncName=True)
    assert (third.record.counts, told(third), pinned(third, "delimiter")) == (Counts(updated=1, unchanged=2), [], True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (DAY_ONE.replace(b";", b"\t"), r"delimiter was ';' and is '\t'"),
        (DAY_ONE.decode().encode("utf-16"), "encoding was 'cp1252' and is 'utf-16-le'"),
        (DAY_ONE.replace(b"\r\n", b"\n"), "lineEnding was 'crlf' and is 'lf'"),
        (b"Bestand vom 1.7.\r\n\r\n" + DAY_ONE, "headerRow was 1 and is 3"),
        (DAY_ONE.replace(b";name", b";NAME"), "the column 'name', which is mapped, is called 'NAME'"),
        (DAY_ONE.replace(b";", b"~|~"), "delimiter was ';' and is '~|~'"),
        (
            b"artikel     lager  name\r\n00336           8  Hammer\r\n00337           0  Saege\r\n00338          12  Bohrer\r\n",
            "delimiter was ';' and is none; quote was '\"' and is none",
        ),
    ],
    ids=["delimiter", "encoding", "line ends", "preamble", "name", "several characters", "fixed width"],
)
async def test_a_new_dialect_alone_updates_nothing(body: bytes, said: str, tmp_path: Path) -> None:
    """q9: the same values written otherwise are no update of any item, and the run names what is other."""
    await day(DAY_ONE + "00339;1;Zubehör\r\n".encode("cp1252"), tmp_path, fields=GERMAN, fetchCleanup="disabled")
    second = await day(body, tmp_path, fields=GERMAN)
    assert (second.record.status, second.record.counts, told(second)) == (RunStatus.COMPLETE, Counts(unchanged=3), [said])


async def test_from_csv_to_json_is_a_change_of_format(tmp_path: Path) -> None:
    """q9: a supplier may go over to another format under the same feed."""
    await day(b"sku;stock;name\na;5;Anvil\n", tmp_path)
    body = b'[{"sku": "a", "stock": 5, "name": "Anvil"}]'
    second = await day(body, tmp_path, resourceType="json", jsonStructure="flat")
    assert (second.record.counts, told(second)) == (Counts(unchanged=1), ["format was 'csv' and is 'json'"])


async def test_a_refused_run_pins_nothing(tmp_path: Path) -> None:
    """q9: what was not applied is not what the next file is held against; but the refusal says what had changed."""
    await day(b"sku;stock;name\na;5;Anvil\n", tmp_path)
    refused = await day(b"sku|bestand|name\na|5|Anvil\n", tmp_path)
    assert refused.record.status is RunStatus.ERROR
    assert told(refused) == ["delimiter was ';' and is '|'; columns gone: 'stock'; columns added: 'bestand'"]
    third = await day(b"sku;stock;name\na;6;Anvil\n", tmp_path)
    assert (third.record.counts, told(third), pinned(third, "delimiter")) == (Counts(updated=1), [], True)


async def test_an_unchanged_source_keeps_what_is_pinned(tmp_path: Path) -> None:
    """q9: a run that read nothing leaves the dialect of the run before; pinning makes no source look changed."""
    first = await day(b"sku;stock;name\na;5;Anvil\n", tmp_path)
    same = await sync(str(tmp_path / "stock.csv"), tmp_path / "shop.db")
    assert [problem.code for problem in same.record.problems] == ["not-modified"]
    assert (first.record.bytes > 0, same.record.bytes, same.record.dialect) == (True, 0, {})
    third = await day(b"sku|stock|name\na|6|Anvil\n", tmp_path)
    assert told(third) == ["delimiter was ';' and is '|'"]


async def test_previews_and_dry_runs_read_as_the_run_will(tmp_path: Path) -> None:
    """q9: one record without a figure is a record where there was no header before, whoever looks at it."""
    await day(b"a;5;Anvil\nb;6;Bolt\n", tmp_path, fields=BY_NUMBER, feedKind="delta")
    path, store = str(tmp_path / "stock.csv"), f"sqlite:///{tmp_path / 'shop.db'}"
    await anyio.Path(path).write_bytes(b"c;;Clamp\n")
    seen = await feedmill.preview(path, to=store, feed=FEED)
    assert [record.item and record.item["externalId"] for record in seen.records] == ["c"]
    dry = await feedmill.sync(path, to=store, feed=FEED, dry_run=True)
    real = await feedmill.sync(path, to=store, feed=FEED)
    assert (dry.status, dry.counts) == (real.status, real.counts) == (RunStatus.COMPLETE, Counts(created=1))


async def test_a_numbered_column_that_moved_changes_nothing_until_a_person_says_so(tmp_path: Path) -> None:
    """q9: a new column in the middle would make stock of it; --refetch takes the numbers as they are."""
    before = await day(b"sku;stock;name\na;5;Anvil\nb;6;Bolt\n", tmp_path, fields=BY_NUMBER)
    moved = await day(b"sku;ean;stock;name\na;1;5;Anvil\nb;2;6;Bolt\n", tmp_path, fields=BY_NUMBER)
    assert (moved.record.status, moved.items) == (RunStatus.ERROR, before.items)
    (message,) = [problem.message for problem in moved.record.problems if problem.code == "refused"]
    assert "column 2 of 3 was 'stock' in the last complete run and is 'ean' of 4 now" in message
    assert "map the column by its name, or run with --refetch" in message
    by_name = await day(b"sku;ean;stock;name\na;1;5;Anvil\nb;2;7;Bolt\n", tmp_path, fields={"inventoryQuantity": "stock", "name": "name"})
    assert by_name.record.counts == Counts(updated=1, unchanged=1)


async def test_a_refetch_forgets_how_the_run_before_read(tmp_path: Path) -> None:
    """q9: when a person knows that the numbers are right as they are, --refetch reads the source as if for the first time."""
    await day(b"sku;stock;name\na;5;Anvil\nb;6;Bolt\n", tmp_path, fields=BY_NUMBER)
    body = b"sku;quantity;stock;text\na;7;x;Anvil\nb;8;y;Bolt\n"
    refused = await day(body, tmp_path, fields=BY_NUMBER)
    anyway = await feedmill.sync(str(tmp_path / "stock.csv"), to=f"sqlite:///{tmp_path / 'shop.db'}", feed=FEED, refetch=True)
    assert (refused.record.status, anyway.status, anyway.counts) == (RunStatus.ERROR, RunStatus.COMPLETE, Counts(updated=2))
    assert "dialectChanged" in {problem.code for problem in anyway.problems}


async def test_documents_of_an_archive_may_differ(tmp_path: Path) -> None:
    """q9: pinned is the dialect of the first document; the others are read as they are, today as yesterday."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "a;5;Anvil\nb;6;Bolt\n")
        archive.writestr("b.csv", "c|7|Clamp|x\nd|8|Drill|y\n")
    for counts in (Counts(created=4), Counts(unchanged=4)):
        outcome = await day(packed.getvalue(), tmp_path, fields=BY_NUMBER, name="stock.zip")
        assert (outcome.record.status, outcome.record.counts, told(outcome)) == (RunStatus.COMPLETE, counts, []), outcome.record.problems
        assert outcome.record.bytes == len(packed.getvalue())
        await anyio.Path(tmp_path / "stock.zip").unlink()


async def test_a_letter_in_a_key_is_the_same_letter_tomorrow(tmp_path: Path) -> None:
    """q7, q9: an encoding that was found among many letters is not guessed anew from one, and plain ASCII is no change."""
    letters = "sku;stock;name\nŁ-1;5;Łódź żółw\nb;0;Příliš žluťoučký kůň\nc;7;Śruba długa, źródło\n"
    await day(letters.encode("cp1250"), tmp_path, feedKind="delta")
    plain = await day(b"sku;stock;name\nb;1;\n", tmp_path)
    one = await day("sku;stock;name\nŁ-1;6;\n".encode("cp1250"), tmp_path)
    assert (plain.record.counts, one.record.counts, told(plain), told(one)) == (Counts(updated=1), Counts(updated=1), [], [])
    assert {str(item["externalId"]): item["inventoryQuantity"] for item in one.items} == {"Ł-1": 6, "b": 1, "c": 7}
    utf8 = await day("sku;stock;name\nŁ-1;7;\n".encode(), tmp_path)
    assert (utf8.record.counts, told(utf8)) == (Counts(updated=1), ["encoding was 'cp1250' and is 'utf-8'"])


NOISY: Final[Items] = {"a": {"inventoryQuantity": 5, "name": "Anvil"}, "b": {"inventoryQuantity": 0, "name": "Bolt"}}


@each(
    Quirk(
        "q17-order-of-rows",
        "the same rows in another order",
        b"sku;stock;name\nb;0;Bolt\na;5;Anvil\n",
        NOISY,
        before=b"sku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        counts=Counts(unchanged=2),
    ),
    Quirk(
        "q17-order-of-columns",
        "the same columns in another order",
        b"name;sku;stock\nAnvil;a;5\nBolt;b;0\n",
        NOISY,
        before=b"sku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        counts=Counts(unchanged=2),
    ),
    Quirk(
        "q17-row-number",
        "a number that every row gets anew",
        b"no;sku;stock;name\n2;a;5;Anvil\n1;b;0;Bolt\n",
        NOISY,
        before=b"no;sku;stock;name\n1;a;5;Anvil\n2;b;0;Bolt\n",
        counts=Counts(unchanged=2),
    ),
    Quirk(
        "q17-build-date",
        "a date in the preamble, in a column and behind the last record",
        b"Built 2026-07-02 05:00;;;\nsku;stock;name;built\na;5;Anvil;2026-07-02\nb;0;Bolt;2026-07-02\nGenerated 2026-07-02 by ERP\n",
        NOISY,
        (Kept(3, 5, "note at the end", "Generated 2026-07-02 by ERP", fate="skipped"),),
        before=b"Built 2026-07-01 05:00;;;\nsku;stock;name;built\na;5;Anvil;2026-07-01\nb;0;Bolt;2026-07-01\nGenerated 2026-07-01 by ERP\n",
        counts=Counts(unchanged=2),
    ),
    Quirk(
        "q17-padding",
        "blanks around the values",
        b"sku ; stock ; name\n a ; 5 ; Anvil \n b ; 0 ; Bolt \n",
        NOISY,
        before=b"sku;stock;name\na;5;Anvil\nb;0;Bolt\n",
        counts=Counts(unchanged=2),
    ),
)
async def test_noise_is_no_change(quirk: Quirk, tmp_path: Path) -> None:
    """What suppliers stamp, number and shuffle with every export updates no item."""
    await check(quirk, tmp_path)


@each(
    Quirk(
        "q8-fixed-width-found",
        "columns that a header vouches for are read, and the guess is said",
        b"sku       stock  name\na             5  Anvil\nb             0  Bolt\n\n* prices without VAT\n",
        NOISY,
        (Kept(3, 5, "note at the end", "* prices without VAT", fate="skipped"),),
        dialect={"delimiter": None, "columnWidths": "1-3,11-15,18-"},
        noted=("dialect",),
    ),
    Quirk(
        "q8-fixed-width-set",
        "columns that a person sets need neither header nor blanks",
        b"a         00005Anvil\nb         00000Bolt\n",
        NOISY,
        fields=BY_NUMBER,
        settings={"columnWidths": [10, 5, 20], "csvHasHeader": False},
        dialect={"columnWidths": "1-10,11-15,16-35"},
    ),
    Quirk(
        "q8-database-client",
        "a line of dashes, padded cells, and the count of the rows",
        b" sku | stock | name  \n-----+-------+-------\n a   |     5 | Anvil\n b   |     0 | Bolt\n(2 rows)\n\n",
        NOISY,
        (
            Kept(1, 2, "ruled line", "-----+-------+-------", fate="skipped"),
            Kept(4, 5, "note at the end", "(2 rows)", fate="skipped"),
        ),
    ),
    Quirk(
        "q8-sep-line",
        "a first line for spreadsheets, and the mark of an old file's end",
        b"sep=;\r\nsku;stock;name\r\na;5;Anvil\r\nb;0;Bolt\r\n\x1a",
        NOISY,
        (Kept(3, 5, "end-of-file mark", "\x1a", fate="skipped"),),
        dialect={"headerRow": 2, "delimiter": ";"},
    ),
)
async def test_what_surrounds_the_records_is_known_for_what_it_is(quirk: Quirk, tmp_path: Path) -> None:
    """The items are there, and what is none is kept as skipped with its reason."""
    await check(quirk, tmp_path)
