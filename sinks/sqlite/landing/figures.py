"""What the guard judges a stage on, counted by SQL. Items that are staged are joined; of all others only sums are taken.

The sums cost one pass over the feed's items, 0.4 s for a million of 260 bytes, so they are not taken where nothing is staged, and
while the source is still read where something is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.contracts import FeedDefinition
from engine.figures import PRICES, Figures, pieces
from engine.guard import price_factor
from engine.schema import ATTRIBUTES
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.statements import DELETED, GONE, GRACE, VARIANTS, Layout, StageTable

_RETAIL = "retailPrice"
_STANDS = "v.status <> 'removed'"


@dataclass(frozen=True, slots=True)
class _Count:
    """A SELECT of one row: what is counted, by names of our own, and the rest of the statement."""

    columns: Mapping[str, str]
    rest: str

    async def run(self, writer: Writer) -> dict[str, float]:
        ((*values,),) = await writer.query(f"SELECT {', '.join(self.columns.values())} {self.rest}")
        return dict(zip(self.columns, map(_number, values), strict=True))


class Standing:
    """The sums over the items as they stand, taken early: while the source is read the database has hardly anything else to do.

    A run writes no item before it is decided, so they are true until somebody else commits, which the database tells. What it tells by
    is a number that a connection's own commits leave alone; it covers every table, and where it has moved the sums are taken again.
    """

    def __init__(self, writer: Writer, stage: StageTable, definition: FeedDefinition) -> None:
        self._writer = writer
        followed = _followed(definition)
        retail = f"v.{_column(_RETAIL)} > 0" if _RETAIL in followed else "0"
        self._count = _standing(stage, _any(f"v.{_column(name)} > 0" for name in followed), retail)
        self._version = 0
        self._sums: Mapping[str, float] | None = None

    @property
    def taken(self) -> bool:
        """Return whether there are sums, true or not."""
        return self._sums is not None

    async def take(self) -> None:
        """Take the sums, if they are not taken."""
        if self._sums is None:
            # First the number: what is committed between the two is then noticed.
            self._version = await self._data_version()
            self._sums = await self._count.run(self._writer)

    async def sums(self) -> Mapping[str, float]:
        """Return the sums as they are now."""
        if self._sums is not None and await self._data_version() == self._version:
            return self._sums
        self._sums = None
        await self.take()
        return self._sums or {}

    async def _data_version(self) -> int:
        return await self._writer.number("PRAGMA main.data_version")


async def measure_load(writer: Writer, feed: int) -> Figures:
    """Return the figures of the load of an empty feed."""
    stock = {"stock": _total("inventory_quantity", "inventory_quantity > 0")}
    loaded = await _Count(stock, f"FROM {VARIANTS} WHERE inventory_feed_id = {feed}").run(writer)
    return Figures(stock_after=pieces(loaded["stock"]))


async def measure_stage(
    writer: Writer,
    stage: StageTable,
    layouts: Sequence[Layout],
    definition: FeedDefinition,
    standing: Standing,
    *,
    known: int,
    seen: int,
) -> tuple[Figures, int]:
    """Return what applying a stage would do to the `known` items, of which `seen` were met, and how many it would update.

    `layouts` are those of the stage by their numbers. What is missing has to be staged already.
    """
    if not await writer.query(f"SELECT 1 FROM {stage.table} WHERE run_id = ? LIMIT 1", stage.run):
        return Figures(known=known), 0
    followed = _followed(definition)
    counted: defaultdict[str, float] = defaultdict(float, await standing.sums())
    for count in _counts(stage, layouts, followed, price_factor(definition)):
        for name, number in (await count.run(writer)).items():
            counted[name] += number
    unchanged = seen - counted["met"]
    # Which of the unchanged items have a price nobody looked up. Where all that was not met is staged as missing, they are the rest.
    figures = Figures(
        known=int(counted["known"]),
        missing=int(counted["missing"]),
        missing_in_stock=int(counted["missing_in_stock"]),
        in_stock=int(counted["in_stock"]),
        emptied=int(counted["emptied"]),
        stock_before=pieces(counted["stock"]),
        stock_after=pieces(counted["stock"] - counted["lost"] + counted["gained"]),
        compared=int(counted["compared"] + max(0, min(unchanged, counted["with_price"] - counted["staged_with_price"]))),
        price_moved=int(counted["moved"]),
        priced=int(counted["priced"] + max(0, min(unchanged, counted["with_retail"] - counted["staged_with_retail"]))),
        price_zeroed=int(counted["zeroed"]),
    )
    return figures, int(counted["updated"])


def _followed(definition: FeedDefinition) -> tuple[str, ...]:
    return tuple(name for name in PRICES if name not in definition.settled)


def _counts(stage: StageTable, layouts: Sequence[Layout], followed: Sequence[str], factor: tuple[int, int]) -> Iterator[_Count]:
    """Yield what is to be counted; what has the same name belongs together."""
    any_price = _any(f"v.{_column(name)} > 0" for name in followed)
    retail = f"v.{_column(_RETAIL)} > 0" if _RETAIL in followed else "0"
    yield _missing(stage, any_price, retail)
    yield _created(stage)
    for number, layout in enumerate(layouts):
        yield _met(stage, number, layout, _Prices(layout, followed, factor))


def _standing(stage: StageTable, any_price: str, retail: str) -> _Count:
    columns = {
        "known": "count(*)",
        "in_stock": _number_of("v.inventory_quantity > 0"),
        "stock": _total("v.inventory_quantity", "v.inventory_quantity > 0"),
        "with_price": _number_of(any_price),
        "with_retail": _number_of(retail),
    }
    return _Count(columns, f"{stage.items()} AND {_STANDS}")


def _missing(stage: StageTable, any_price: str, retail: str) -> _Count:
    # What was missing before has been judged; that its grace is over shows in what it empties.
    first, acted_upon, in_stock = "v.missing_runs = 0", f"s.layout <> {GRACE}", "v.inventory_quantity > 0"
    columns = {
        "missing": _number_of(first),
        "missing_in_stock": _number_of(f"{first} AND {in_stock}"),
        "emptied": _number_of(f"{acted_upon} AND {in_stock}"),
        "lost": _total("v.inventory_quantity", f"{acted_upon} AND {in_stock}"),
        "staged_with_price": _number_of(any_price),
        "staged_with_retail": _number_of(retail),
    }
    return _Count(columns, f"{_joined(stage)} AND s.layout IN ({GONE}, {DELETED}, {GRACE}) AND {_STANDS}")


def _created(stage: StageTable) -> _Count:
    above = max(0, stage.creates_above or 0)
    of = f"FROM {stage.table} WHERE run_id = {stage.run} AND item_id IS NULL AND layout >= 0 AND status IS NOT 'removed'"
    return _Count({"gained": _total("inventory_quantity", f"inventory_quantity > {above}")}, of)


def _met(stage: StageTable, number: int, layout: Layout, prices: _Prices) -> _Count:
    gone, after = "s.status IS 'removed'", dict(layout.stored()).get("inventory_quantity", "v.inventory_quantity")
    inner = {
        "stands": _STANDS,
        "stays": f"{_STANDS} AND NOT ({gone})",
        "before": f"CASE WHEN {_STANDS} THEN coalesce(max(v.inventory_quantity, 0), 0) ELSE 0 END",
        "after": f"CASE WHEN {gone} THEN 0 ELSE coalesce(max({after}, 0), 0) END",
        "had": prices.had,
        "kept": prices.kept,
        "moved": prices.moved,
        "retail": prices.had_retail,
        "zeroed": prices.zeroed,
        "differs": layout.differs(),
    }
    columns = {
        "updated": _number_of("differs"),
        "met": _number_of("stands"),
        "emptied": _number_of("stands AND before > 0 AND after = 0"),
        "lost": "total(before)",
        "gained": "total(after)",
        "compared": _number_of("stays AND kept"),
        "moved": _number_of("stays AND moved"),
        "priced": _number_of("stays AND retail"),
        "zeroed": _number_of("stays AND zeroed"),
        "staged_with_price": _number_of("stands AND had"),
        "staged_with_retail": _number_of("stands AND retail"),
    }
    cells = ", ".join(f"{value} AS {name}" for name, value in inner.items())
    return _Count(columns, f"FROM (SELECT {cells} {_joined(stage)} AND s.layout = {number})")


class _Prices:
    """Conditions on the prices of a staged item, as it stands (v) and as it will be; on those that the feed follows."""

    def __init__(self, layout: Layout, followed: Sequence[str], factor: tuple[int, int]) -> None:
        stored = dict(layout.stored())
        sides = {name: (f"v.{_column(name)}", stored.get(_column(name), f"v.{_column(name)}")) for name in followed}
        most, least = factor
        both = [(old, new, f"{old} > 0 AND {new} > 0") for old, new in sides.values()]
        self.had = _any(f"{old} > 0" for old, _ in sides.values())
        self.kept = _any(known for _, _, known in both)
        self.moved = _any(f"{known} AND max({old}, {new}) * {least} > min({old}, {new}) * {most}" for old, new, known in both)
        old, new = sides.get(_RETAIL, ("0", "0"))
        self.had_retail = f"{old} > 0"
        self.zeroed = f"{old} > 0 AND coalesce({new}, 0) <= 0"


def _joined(stage: StageTable) -> str:
    # CROSS JOIN is SQLite's way to fix the order: the stage outside, the items by their ids inside.
    return f"FROM {stage.table} AS s CROSS JOIN {VARIANTS} AS v WHERE s.run_id = {stage.run} AND v.id = s.item_id"


def _any(conditions: Iterator[str]) -> str:
    return " OR ".join(f"({condition})" for condition in conditions) or "0"


def _number_of(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _total(value: str, condition: str) -> str:
    # `sum` raises an error where whole numbers overflow, `total` does not.
    return f"total({value}) FILTER (WHERE {condition})"


def _column(name: str) -> str:
    return ATTRIBUTES[name].column


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0
