"""A run whose figures are implausible changes nothing until somebody approves it, and then it is what the next one is judged against."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Final

import anyio
import pytest

from engine.events import RunEvent, RunFinished
from engine.run import Counts, RunRecord, RunStatus
from feedmill.library import sync as sync_feed
from sinks.sqlite.database import locate
from sinks.sqlite.decisions import approve
from sinks.sqlite.queries import open_queries

FIELDS: Final = {"sku": "sku", "inventoryQuantity": "stock", "retailPrice": "price", "compareAtPrice": "was"}
SYNCED: Final = {"syncPricing": True}

Row = tuple[str, int, int, int]


def row(number: int, stock: int = 10, price: int = 5, was: int = 8) -> Row:
    """Return an item of the supplier's list."""
    return (f"A-{number:03}", stock, price, was)


LIST: Final = [row(number) for number in range(40)]


def but(rows: Iterable[Row], many: int, change: Callable[[Row], Row]) -> list[Row]:
    """Return rows of which the first so many are changed."""
    return [change(each) if number < many else each for number, each in enumerate(rows)]


def emptied(each: Row) -> Row:
    """Sell an item out."""
    return (each[0], 0, *each[2:])


@dataclass(frozen=True)
class Hold:
    """What a supplier sends that holds the run, what it sends that is just bearable, and what the reason says."""

    limit: str
    held: list[Row]
    passes: list[Row]
    reason: str


HOLDS: Final = [
    Hold(
        "maxZeroFlipRatio",
        but(LIST, 11, emptied),
        but(LIST, 10, emptied),
        "11 of 40 items in stock (27.5 %) would have no stock left; guard.maxZeroFlipRatio allows 25 %",
    ),
    Hold(
        "maxStockDropRatio",
        but(but(LIST, 40, lambda each: (each[0], 5, *each[2:])), 1, lambda each: (each[0], 4, *each[2:])),
        but(LIST, 40, lambda each: (each[0], 5, *each[2:])),
        "the stock of all items would fall from 400 to 199, by 50.2 %; guard.maxStockDropRatio allows 50 %",
    ),
    Hold(
        "maxPriceMoveRatio",
        but(LIST, 3, lambda each: (each[0], each[1], 16, each[3])),
        but(but(LIST, 40, lambda each: (each[0], each[1], 15, each[3])), 2, lambda each: (*each[:3], 2)),
        "3 of 40 items with a price (7.5 %) would have one that moves by more than guard.maxPriceFactor, 3; "
        "guard.maxPriceMoveRatio allows 5 %",
    ),
    Hold(
        "maxZeroPriceRatio",
        but(LIST, 3, lambda each: (each[0], each[1], 0, each[3])),
        but(LIST, 2, lambda each: (each[0], each[1], 0, each[3])),
        "3 of 40 items with a retail price (7.5 %) would have none or zero; guard.maxZeroPriceRatio allows 5 %",
    ),
    Hold(
        "maxMissingRatio",
        LIST[11:],
        LIST[10:],
        "11 of 40 items (27.5 %) are missing from the source, 11 of them in stock; guard.maxMissingRatio allows 25 %",
    ),
]


async def sync(
    folder: Path, rows: list[Row], settings: Mapping[str, object] = SYNCED, *, to: str | None = None, dry_run: bool = False
) -> RunRecord:
    """Sync a supplier's list."""
    path = folder / "stock.csv"
    await anyio.Path(path).write_text("".join(f"{';'.join(map(str, each))}\n" for each in [("sku", "stock", "price", "was"), *rows]))
    return await sync_feed(
        str(path), to=to or database(folder), feed="acme", settings=settings, fields=FIELDS, dry_run=dry_run, refetch=True
    )


def database(folder: Path) -> str:
    """Return where the items go."""
    return f"sqlite:///{folder}/shop.db"


async def stored(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return what of the items a buyer sees, and when they were changed."""
    async with open_queries(database(folder)) as queries:
        names = ("status", "inventoryQuantity", "retailPrice", "compareAtPrice", "updatedAt")
        return {str(item["externalId"]): tuple(item[name] for name in names) async for item in queries.items("acme")}


@pytest.mark.parametrize("hold", HOLDS, ids=attrgetter("limit"))
async def test_a_run_over_a_limit_waits_and_its_approval_is_the_new_baseline(hold: Hold, tmp_path: Path) -> None:
    """It changes nothing, says the figures and why; approved it is applied, and the same source again is complete."""
    await sync(tmp_path, LIST)
    before = await stored(tmp_path)
    foreseen = await sync(tmp_path, hold.held, dry_run=True)
    held = await sync(tmp_path, hold.held)
    assert (held.status, foreseen.status) == (RunStatus.HELD, RunStatus.HELD)
    assert hold.reason in held.reasons
    assert (foreseen.reasons, foreseen.figures, foreseen.counts, foreseen.run) == (held.reasons, held.figures, held.counts, 0)
    assert await stored(tmp_path) == before
    async with open_queries(database(tmp_path)) as queries:
        assert (await queries.run(held.run)).record == held
    approved = await approve(locate(database(tmp_path)), held.run)
    assert (approved.status, approved.figures, approved.reasons) == (RunStatus.COMPLETE, held.figures, held.reasons)
    assert await stored(tmp_path) != before
    again = await sync(tmp_path, hold.held)
    assert (again.status, again.counts) == (RunStatus.COMPLETE, Counts(unchanged=len(hold.held)))


@pytest.mark.parametrize("hold", HOLDS, ids=attrgetter("limit"))
async def test_a_run_at_a_limit_is_applied(hold: Hold, tmp_path: Path) -> None:
    """Exactly what is allowed passes, and so does more where the feed allows it or its guard is off."""
    await sync(tmp_path, LIST)
    before = await stored(tmp_path)
    for guard in ({"enabled": False}, {"maxMissingRatio": 0.9, "maxZeroFlipRatio": 0.9, "maxStockDropRatio": 0.9, hold.limit: 0.9}):
        record = await sync(tmp_path, hold.held, {**SYNCED, "guard": guard}, dry_run=True)
        assert (record.status, record.reasons) == (RunStatus.COMPLETE, ())
    record = await sync(tmp_path, hold.passes)
    assert (record.status, record.reasons) == (RunStatus.COMPLETE, ())
    assert await stored(tmp_path) != before


async def test_a_newer_run_that_is_complete_takes_the_place_of_a_held_one(tmp_path: Path) -> None:
    """The supplier mends the list: it is applied, and there is nothing to decide any more."""
    await sync(tmp_path, LIST)
    held = await sync(tmp_path, but(LIST, 40, emptied))
    mended = await sync(tmp_path, but(LIST, 1, emptied))
    assert (held.status, mended.status, mended.counts.updated) == (RunStatus.HELD, RunStatus.COMPLETE, 1)
    async with open_queries(database(tmp_path)) as queries:
        assert (await queries.run(held.run)).record.status is RunStatus.CANCELLED


async def test_a_price_that_the_feed_does_not_follow_holds_nothing(tmp_path: Path) -> None:
    """Without syncPricing the retail price of a known item stays, whatever the source says of it."""
    await sync(tmp_path, LIST, {})
    record = await sync(tmp_path, but(LIST, 40, lambda each: (each[0], 9, 0, each[3])), {})
    assert record.status is RunStatus.COMPLETE
    assert record.figures is not None
    assert (record.figures.compared, record.figures.price_moved, record.figures.priced) == (40, 0, 0)


async def test_a_small_feed_and_a_first_load_are_not_held(tmp_path: Path) -> None:
    """Of fewer than 20 items all may be sold out; a feed that begins with no stock at all has lost none."""
    first = await sync(tmp_path, but(LIST, 40, emptied)[:19])
    assert (first.status, first.figures and first.figures.known) == (RunStatus.COMPLETE, 0)
    await sync(tmp_path, LIST[:19])
    record = await sync(tmp_path, but(LIST, 40, emptied)[:19])
    assert (record.status, record.counts.updated) == (RunStatus.COMPLETE, 19)


async def test_where_changes_are_reviewed_every_change_waits(tmp_path: Path) -> None:
    """From the first load on; a run that finds everything as it is has nothing to wait for."""
    settings = {**SYNCED, "reviewChanges": True}
    for rows in (LIST, but(LIST, 1, emptied)):
        held = await sync(tmp_path, rows, settings)
        (reason,) = held.reasons
        assert held.status is RunStatus.HELD
        assert reason.startswith("the feed has reviewChanges set")
        await approve(locate(database(tmp_path)), held.run)
        assert (await sync(tmp_path, rows, settings)).status is RunStatus.COMPLETE
    assert (await stored(tmp_path))["A-000"][1] == 0


async def test_listeners_are_told_why_a_run_is_held(tmp_path: Path) -> None:
    """The event of its end carries the record with the reasons."""
    await sync(tmp_path, LIST)
    events: list[RunEvent] = []
    await anyio.Path(tmp_path / "stock.csv").write_text("sku;stock\n" + "".join(f"{each[0]};0\n" for each in LIST))
    await sync_feed(str(tmp_path / "stock.csv"), to=database(tmp_path), feed="acme", on_event=events.append)
    (finished,) = [event for event in events if isinstance(event, RunFinished)]
    assert finished.record.status is RunStatus.HELD
    assert [reason.partition("guard.")[2].split()[0] for reason in finished.record.reasons] == ["maxZeroFlipRatio", "maxStockDropRatio"]


async def test_a_file_of_lines_cannot_wait_and_refuses(tmp_path: Path) -> None:
    """Nothing is kept that somebody could approve: the run is an error that says why, and the file stays."""
    url = f"jsonl:///{tmp_path}/items.jsonl"
    await sync(tmp_path, LIST, to=url)
    before = await anyio.Path(tmp_path / "items.jsonl").read_bytes()
    record = await sync(tmp_path, HOLDS[0].held, to=url)
    assert record.status is RunStatus.ERROR
    assert HOLDS[0].reason in record.reasons
    assert any(problem.code == "refused" and "guard.enabled=false" in problem.message for problem in record.problems)
    assert await anyio.Path(tmp_path / "items.jsonl").read_bytes() == before
    freed = await sync(tmp_path, HOLDS[0].held, {**SYNCED, "guard": {"enabled": False}}, to=url)
    assert (freed.status, freed.counts.updated) == (RunStatus.COMPLETE, 11)


async def test_a_list_that_lost_much_of_itself_in_another_dialect_is_held(tmp_path: Path) -> None:
    """Quirk 18, beside 9: 45 of 100 rows gone, 15 of them in stock, the rest quoted otherwise; only what changed is to be updated."""
    fields = {"sku": "Nr", "inventoryQuantity": "Lager"}
    first = "Nr;Lager\r\n" + "".join(f"{number};{0 if number % 3 else 8}\r\n" for number in range(100))
    second = '"Nr";"Lager";"Notiz";\n' + "".join(f'"{n}";"{9 if n < 60 else 0 if n % 3 else 8},00";;\n' for n in range(45, 100))
    records = []
    for text in (first, second):
        await anyio.Path(tmp_path / "list.csv").write_text(text)
        source = str(tmp_path / "list.csv")
        records.append(await sync_feed(source, to=database(tmp_path), feed="list", fields=fields, refetch=True))
    held = records[1]
    assert held.status is RunStatus.HELD
    assert "45 of 100 items (45.0 %) are missing from the source, 15 of them in stock; guard.maxMissingRatio allows 25 %" in held.reasons
    assert (held.counts.updated, held.counts.removed) == (15, 45)
    approved = await approve(locate(database(tmp_path)), held.run)
    assert (approved.counts.updated, approved.counts.removed) == (15, 45)
