"""The order of the steps, and the one that is too small for a module of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from engine.errors import RefuseRun
from engine.mapping.derive.identity import fold_keys, make_keys, prefix_skus
from engine.mapping.derive.prices import change_prices, zero_prices
from engine.mapping.derive.rewriting import rewrite_meta_fields, rewrite_options
from engine.mapping.derive.table import Plan, Table
from engine.mapping.derive.tags import shape_tags, skip_by_tags
from engine.mapping.derive.texts import fill_vendors, make_handles, prefix_handles, prefix_names

if TYPE_CHECKING:
    from engine.feed import Feed


def set_policies(plan: Plan) -> None:
    """Store the feed's `inventoryPolicy` with each item; `default` says nothing of it."""
    policy = plan.feed.inventory_policy
    if policy == "default":
        return

    def step(table: Table) -> None:
        table.columns["inventoryPolicy"] = [policy] * table.rows

    plan.add(step, "inventoryPolicy")


def require_stock(plan: Plan) -> None:
    """Refuse to choose items by a stock that the source does not tell (`restrictInventoryImport`).

    Which of them are new, and so left out, only the sink knows; it is told by the feed's definition.
    """
    if plan.feed.restrict_inventory_import and "inventoryQuantity" not in plan.mapped:
        cure = "name it with --field inventoryQuantity=COLUMN"
        raise RefuseRun(f"restrictInventoryImport is set, but no column is mapped to inventoryQuantity; {cure}")


# Keys come before anything is rewritten, vendors before what is made of them, handles before names get a prefix, so that a
# handle made of a name is made of the supplier's.
_ORDER: Final = (
    require_stock, skip_by_tags, make_keys, fold_keys, prefix_skus, fill_vendors, make_handles, prefix_handles, prefix_names,
    shape_tags, rewrite_options, rewrite_meta_fields, change_prices, zero_prices, set_policies,
)  # fmt: skip


def plan_steps(feed: Feed, mapped: Collection[str], *, sku_is_key: bool) -> Plan:
    """Return the steps of a feed for documents whose columns fill the attributes `mapped`; a feed that asks for none has none.

    Raises `RefuseRun` when a step lacks a column that stock, prices or the choice of items depend on.
    """
    plan = Plan(feed, set(mapped), sku_is_key)
    for arrange in _ORDER:
        arrange(plan)
    return plan
