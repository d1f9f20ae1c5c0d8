"""Prices of a feed: `retailPriceChange` and what belongs to it, `zeroNullPrices`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from engine.errors import RefuseRun, RejectRecord
from engine.mapping.derive.table import Plan, Table
from engine.mapping.numbers import checked
from engine.mapping.readers import Bad
from engine.schema import MONEY_SCALE

if TYPE_CHECKING:
    from engine.mapping.readers import Read

_PRICES: Final = ("retailPrice", "compareAtPrice", "costPrice")


def change_prices(plan: Plan) -> None:
    """Change retail prices by a share or an amount, reckoned from themselves or from the cost price.

    Raises `RefuseRun` where it is reckoned from cost prices and the source has none: prices without the margin would be sold.
    """
    feed = plan.feed
    if not feed.retail_price_change:
        return
    base = {"retail_price": "retailPrice", "cost_price": "costPrice"}[feed.price_change_base]
    if base not in plan.mapped:
        if base == "costPrice":
            cure = "name it with --field costPrice=COLUMN"
            raise RefuseRun(f"retailPriceChange is reckoned from costPrice, but no column is mapped to it; {cure}")
        return
    change = changing(feed.retail_price_change, fixed=feed.retail_price_change_type == "fixed")

    def step(table: Table) -> None:
        table.columns["retailPrice"] = [change(price) if isinstance(price, int) else price for price in table.columns[base]]

    plan.add(step, "retailPrice")
    plan.blamed.add("retailPrice")


def changing(amount: Decimal, *, fixed: bool) -> Callable[[int], Read]:
    """Return what changes a price in millionths, exactly; half a millionth goes to the even one. Never below zero."""
    if fixed:
        added = _round(Fraction(amount) * MONEY_SCALE)
        return lambda price: _changed(price + added)
    factor = 1 + Fraction(amount) / 100
    top, bottom = factor.numerator, factor.denominator
    return lambda price: _changed(_divide(price * top, bottom))


def _changed(price: int) -> Read:
    if price < 0:
        return Bad("is below zero after retailPriceChange")
    try:
        return checked(price)
    except RejectRecord as fault:
        return Bad(f"{fault} after retailPriceChange")


def _round(number: Fraction) -> int:
    return _divide(number.numerator, number.denominator)


def _divide(number: int, by: int) -> int:
    """Divide integers to the nearest one, halves to the even one."""
    whole, rest = divmod(number, by)
    return whole + (2 * rest > by or (2 * rest == by and whole & 1))


def zero_prices(plan: Plan) -> None:
    """Read blank cells of mapped prices as zero (`zeroNullPrices`), after changes: nothing is added to a price that is not known."""
    found = [name for name in _PRICES if name in plan.mapped]
    if not plan.feed.zero_null_prices or not found:
        return

    def step(table: Table) -> None:
        for name in found:
            table.columns[name] = [0 if price is None else price for price in table.columns[name]]

    plan.add(step)
