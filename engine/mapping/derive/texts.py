"""Vendors, handles and names: `vendorName`, `handleStrategy`, `prefixHandle`, `prefixName`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.mapping.convert import slug
from engine.mapping.derive.table import Plan, Table


def fill_vendors(plan: Plan) -> None:
    """Give the feed's vendor to items that name none, or to all of them (`vendorName`, `overrideVendorName`)."""
    vendor, override = plan.feed.vendor_name, plan.feed.override_vendor_name
    if vendor is None:
        return

    def step(table: Table) -> None:
        named = [None] * table.rows if override else table.texts("vendorName")
        table.columns["vendorName"] = [vendor if name is None else name for name in named]

    plan.add(step, "vendorName")


def make_handles(plan: Plan) -> None:
    """Make the handles that the source does not give, out of what `handleStrategy` names.

    By default the group stands for the handle: none is stored, unless it is to get a prefix.
    """
    strategy = plan.feed.handle_strategy
    if strategy == "externalGroupId" and not plan.feed.prefix_handle:
        return
    parts = {"externalGroupId": ("externalGroupId",), "externalGroupIdStart": ("externalGroupId", "name"), "name": ("name",)}[strategy]
    if not set(parts) <= plan.mapped:
        return

    def step(table: Table) -> None:
        made = zip(*map(table.texts, parts), strict=True)
        given = table.texts("handle")
        table.columns["handle"] = [_join(texts) if handle is None else handle for handle, texts in zip(given, made, strict=True)]

    plan.add(step, "handle")


def _join(texts: Sequence[str | None]) -> str | None:
    # Half a handle is none: the group alone is another product's.
    if None in texts:
        return None
    return "-".join(part for part in map(slug, filter(None, texts)) if part) or None


def prefix_handles(plan: Plan) -> None:
    """Put `handlePrefix`, or else the item's vendor, before each handle (`prefixHandle`)."""
    feed = plan.feed
    if not feed.prefix_handle or "handle" not in plan.mapped:
        return
    if feed.handle_prefix is None and "vendorName" not in plan.mapped:
        plan.miss("prefixHandle is set without a handlePrefix, and no column is mapped to vendorName: handles stay as they are")
        return

    def step(table: Table) -> None:
        prefixes = table.texts("vendorName") if feed.handle_prefix is None else [feed.handle_prefix] * table.rows
        pairs = zip(table.texts("handle"), prefixes, strict=True)
        table.columns["handle"] = [_prefixed(handle, slug(prefix or ""), "-") for handle, prefix in pairs]

    plan.add(step)


def prefix_names(plan: Plan) -> None:
    """Put the item's vendor before its name (`prefixName`)."""
    if not plan.feed.prefix_name or "name" not in plan.mapped:
        return
    if "vendorName" not in plan.mapped:
        plan.miss("prefixName is set, but no column is mapped to vendorName and the feed has none: names stay as they are")
        return

    def step(table: Table) -> None:
        pairs = zip(table.texts("name"), table.texts("vendorName"), strict=True)
        table.columns["name"] = [_prefixed(name, vendor, " ") for name, vendor in pairs]

    plan.add(step)


def _prefixed(text: str | None, prefix: str | None, mark: str) -> str | None:
    """Put a prefix before a text that does not begin with it already, whatever the case: suppliers do it in half their rows."""
    if not text or not prefix or f"{text}{mark}".casefold().startswith(f"{prefix}{mark}".casefold()):
        return text
    return f"{prefix}{mark}{text}"
