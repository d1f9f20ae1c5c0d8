"""Changes in figures: what is counted without describing every change is what the descriptions come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.batch import Value
from sinks.sqlite.history.kinds import ItemChange, Row, describe_change
from sinks.sqlite.history.summing import SAMPLES, Summing

_QUANTITIES = st.one_of(st.none(), st.integers(-3, 5), st.sampled_from([0.5, 2.5, -0.5, 2.0]))
_ROWS = st.fixed_dictionaries(
    {
        "vendor_sku": st.sampled_from([None, "S-1", "S-2"]),
        "name": st.sampled_from([None, "Lamp", "Chair"]),
        "inventory_quantity": _QUANTITIES,
        "status": st.sampled_from([None, "pending", "connected", "removed"]),
    },
    optional={
        "retail_price": st.sampled_from([None, 0, 1_500_000]),
        "tags": st.sampled_from([None, "[]", '["a"]', '[ "a" ]']),
        "taxable": st.sampled_from([None, 0, 1, 2]),
        "grams": st.sampled_from([None, 0, 7]),
        "missing_runs": st.integers(0, 2),
    },
)


@st.composite
def sides(draw: st.DrawFn) -> tuple[Row | None, Row | None]:
    """Draw an item before and after, of which both know the same columns."""
    whole: dict[str, Value] = {"id": draw(st.integers(1, 9)), "external_id": draw(st.sampled_from(["a", "b"]))}
    drawn = draw(_ROWS), draw(_ROWS)
    columns = dict.fromkeys(drawn[0] | drawn[1])
    before: Row = {**columns, **drawn[0], **whole}
    after: Row = {**columns, **drawn[1], **whole}
    return draw(st.sampled_from([(before, after), (None, after), (before, None), (before, before)]))


def stocks(change: ItemChange) -> tuple[float, float]:
    """Return the stock of an item before and after, as a person reads it off the change: what is removed, or less than none, is none."""
    told = {each.field: (each.before, each.after) for each in change.fields}
    found: list[float] = []
    for place in (0, 1):
        quantity: Any = told["inventoryQuantity"][place] if "inventoryQuantity" in told else change.stock
        gone = "status" in told and told["status"][place] == "removed"
        found.append(0.0 if gone or quantity is None else max(float(Decimal(str(quantity))), 0.0))
    return found[0], found[1]


@settings(max_examples=50, deadline=None)
@given(st.lists(sides(), max_size=30))
def test_figures_are_what_the_described_changes_come_to(pairs: list[tuple[Row | None, Row | None]]) -> None:
    """Kinds, fields, stock and samples of any changes are those that one gets from looking at each change as it is shown."""
    summing = Summing()
    for before, after in pairs:
        summing.add(before, after)
    found = summing.changes()
    changes = [change for pair in pairs if (change := describe_change(*pair)) is not None]
    known = [change for change in changes if change.kind not in ("created", "deleted")]
    assert found.fields == Counter(each.field for change in known for each in change.fields)
    assert {kind: count for kind, count in found.counts.items() if count} == Counter(change.kind for change in changes)
    for kind, samples in found.samples.items():
        assert list(samples) == sorted((each for each in changes if each.kind == kind), key=lambda each: -each.stock)[:SAMPLES]
    moves = [(change.kind, *stocks(change)) for change in changes]
    told = {
        "emptied": sum(kind != "created" and before > 0 == after for kind, before, after in moves),
        "filled": sum(kind != "created" and after > 0 == before for kind, before, after in moves),
        "moved": sum(kind != "created" and before != after and 0 not in (before, after) for kind, before, after in moves),
        "same": sum(kind != "created" and before == after for kind, before, after in moves),
        "lost": sum(max(before - after, 0) for _, before, after in moves),
        "gained": sum(max(after - before, 0) for _, before, after in moves),
    }
    assert asdict(found.stock) == told
