"""What of a supplier's stock may be sold."""

from __future__ import annotations

from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.quantity import available_quantity

SMALL = st.none() | st.integers(0, 20)


class Limits(TypedDict, total=False):
    """The arguments beside the quantity."""

    override: str
    manual: int | None
    buffer: int | None
    minimum: int | None
    maximum: int | None


@pytest.mark.parametrize(
    ("quantity", "limits", "available"),
    [
        (10, Limits(), 10),
        (0, Limits(), 0),
        (-3, Limits(), 0),
        (None, Limits(), None),
        (10, Limits(buffer=3), 7),
        (2, Limits(buffer=3), 0),
        (4, Limits(minimum=5), 0),
        (5, Limits(minimum=5), 5),
        (7, Limits(buffer=3, minimum=5), 0),
        (2000, Limits(maximum=1500), 1500),
        (2000, Limits(maximum=0), 0),
        (10, Limits(override="manual", manual=2), 2),
        (10, Limits(override="manual", manual=50, maximum=20), 50),
        (None, Limits(override="manual", manual=2), 2),
        (10, Limits(override="manual", manual=-2), 0),
        (10, Limits(override="manual"), 10),
        (10, Limits(override="maximum", manual=4), 4),
        (3, Limits(override="maximum", manual=4), 3),
        (None, Limits(override="maximum", manual=4), None),
        (10, Limits(override="maximum"), 10),
        (10, Limits(override="none", manual=4), 10),
    ],
)
def test_the_quantity_that_may_be_sold(quantity: int | None, limits: Limits, available: int | None) -> None:
    """Override, buffer, minimum and cap in this order; what is unknown stays unknown."""
    assert available_quantity(quantity, **limits) == available


@given(st.integers(-20, 20), SMALL, SMALL, SMALL, SMALL, st.sampled_from(["none", "maximum"]))
def test_no_setting_ever_sells_more_than_there_is(
    quantity: int, manual: int | None, buffer: int | None, minimum: int | None, maximum: int | None, override: str
) -> None:
    """Never negative, never over the stock or the cap; only a manual figure may stand against the supplier's."""
    limits = Limits(override=override, manual=manual, buffer=buffer, minimum=minimum, maximum=maximum)
    available = check(quantity, **limits)
    assert 0 <= available <= max(quantity, 0)
    assert maximum is None or available <= maximum
    assert available == 0 or minimum is None or available >= min(minimum, maximum if maximum is not None else minimum)


def check(quantity: int, **limits: Unpack[Limits]) -> int:
    """Return what is available of a known quantity, which is always known."""
    available = available_quantity(quantity, **limits)
    assert available is not None
    return available
