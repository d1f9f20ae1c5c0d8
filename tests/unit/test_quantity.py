"""What of a supplier's stock may be sold."""

from __future__ import annotations

from typing import TypedDict, Unpack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.quantity import available_quantity, effective_policy

SMALL = st.none() | st.integers(0, 20)


class Limits(TypedDict, total=False):
    """The arguments beside the quantity."""

    status: str
    policy: str
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
        (100, Limits(override="maximum", manual=4, minimum=5), 4),
        (9, Limits(override="maximum", manual=4, minimum=10), 0),
        (10, Limits(override="maximum", manual=8, maximum=6), 6),
        (10, Limits(override="maximum", manual=-1), 0),
        (39.5, Limits(buffer=1), 38),
    ],
)
def test_the_quantity_that_may_be_sold(quantity: float | None, limits: Limits, available: int | None) -> None:
    """Buffer, minimum and caps in this order, unless a manual figure stands for all; what is unknown stays unknown."""
    assert available_quantity(quantity, **limits) == available


@pytest.mark.parametrize("policy", ["track", "deny", "continue", "dropship"])
@pytest.mark.parametrize(("quantity", "limits", "available"), [(10, Limits(buffer=3), 7), (-2, Limits(), 0), (4, Limits(minimum=5), 0)])
def test_a_policy_that_tracks_changes_no_figure(policy: str, quantity: int, limits: Limits, available: int) -> None:
    """What a shop does at 0 does not change how much is there: also under `continue` buffer and minimum apply, and 0 is the least."""
    merged: Limits = {**limits, "policy": policy}
    assert available_quantity(quantity, **merged) == available


@pytest.mark.parametrize(
    ("limits", "available"),
    [
        (Limits(), None),
        (Limits(buffer=3, minimum=20, maximum=5), None),
        (Limits(override="manual", manual=0), 0),
        (Limits(override="maximum", manual=4), 4),
        (Limits(override="maximum", manual=-4), 0),
    ],
)
@pytest.mark.parametrize("quantity", [None, 0, 10])
def test_stock_that_is_not_tracked_is_no_figure_unless_a_person_gives_one(
    quantity: int | None, limits: Limits, available: int | None
) -> None:
    """Under `ignore` the supplier's figure counts for nothing; an override is a person's word and is a figure."""
    merged: Limits = {**limits, "policy": "ignore"}
    assert available_quantity(quantity, **merged) == available


@given(
    st.none() | st.integers(-20, 20),
    SMALL,
    SMALL,
    st.sampled_from(["none", "maximum", "manual"]),
    st.sampled_from(["track", "ignore", "deny", "continue", "dropship"]),
)
def test_a_removed_item_is_never_available(
    quantity: int | None, manual: int | None, buffer: int | None, override: str, policy: str
) -> None:
    """What the supplier no longer has cannot be sold, whatever override or policy says."""
    assert available_quantity(quantity, status="removed", policy=policy, override=override, manual=manual, buffer=buffer) == 0


def test_the_feeds_policy_counts_unless_it_leaves_it_to_the_item() -> None:
    """`default`, and a feed that says nothing, leave the policy to the item."""
    assert effective_policy("ignore", "deny") == "ignore"
    assert effective_policy("default", "deny") == effective_policy(None, "deny") == "deny"


@given(st.integers(-20, 20), SMALL, SMALL, SMALL, SMALL, st.sampled_from(["none", "maximum"]))
def test_no_setting_ever_sells_more_than_there_is(
    quantity: int, manual: int | None, buffer: int | None, minimum: int | None, maximum: int | None, override: str
) -> None:
    """Never negative, never over the stock or the cap; only a manual figure may stand against the supplier's."""
    limits = Limits(override=override, manual=manual, buffer=buffer, minimum=minimum, maximum=maximum)
    available = check(quantity, **limits)
    assert 0 <= available <= max(quantity, 0)
    assert maximum is None or available <= maximum
    caps = [each for each in (maximum, manual if override == "maximum" else None) if each is not None]
    assert available == 0 or minimum is None or available >= min([minimum, *caps])


def check(quantity: int, **limits: Unpack[Limits]) -> int:
    """Return what is available of a known quantity, which is always known."""
    available = available_quantity(quantity, **limits)
    assert available is not None
    return available
