"""Messages of the engine as pages say them."""

from __future__ import annotations

import pytest

from engine.errors import RefuseRun
from feedmill.dashboard.presenters.plain import plain_words
from feedmill.dashboard.rendering import show_money, show_seconds


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("892 of 1,985 items are missing; guard.maxMissingRatio allows 25 %", "892 of 1,985 items are missing; the limit is 25 %"),
        (
            "no column is mapped to externalId or sku; name it with --field sku=COLUMN; the source has 'a'",
            "No column is used for the SKU, by which an item is known again; choose one in the mapping; the source has 'a'",
        ),
        ("inventoryQuantity is not a number", "The stock is not a number"),
        ("http://shop.test/a.csv: answered 404", "http://shop.test/a.csv: answered 404"),
        ("skuPrefix is blank", "skuPrefix is blank"),
        (RefuseRun("the file is empty"), "The file is empty"),
    ],
)
def test_a_message_names_no_option(told: object, shown: str) -> None:
    """Limits and options of the command line become words; addresses and names stay as they are."""
    assert plain_words(told) == shown


@pytest.mark.parametrize(("amount", "shown"), [(7.5, "7.50"), (68, "68.00"), (1234.5, "1\u202f234.50"), (0.125, "0.125"), (None, "\u2013")])
def test_amounts_have_two_decimals_at_least(amount: float | None, shown: str) -> None:
    """Cents stand below cents; what is finer is not cut."""
    assert show_money(amount) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.0121, "12 ms"), (0.0994, "99 ms"), (0.0996, "0.1 s"), (61.0, "1 min 01 s")])
def test_a_short_while_is_told_in_milliseconds(seconds: float, shown: str) -> None:
    """What took a hundredth of a second did not take none."""
    assert show_seconds(seconds) == shown
