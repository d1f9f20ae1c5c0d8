"""`feedmill edit`: change one item by hand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database

if TYPE_CHECKING:
    from engine.schema import Attribute


def edit(
    item: Annotated[str, Parameter(help="The item's external id.")],
    /,
    *,
    db: Database,
    feed: Annotated[str | None, Parameter(help="The feed's name, where several have such an item.")] = None,
    values: Annotated[
        list[str] | None,
        Parameter(name="--set", negative=(), help="NAME=VALUE: an attribute, e.g. --set inventoryPolicy=deny (repeatable)."),
    ] = None,
) -> int:
    """Change attributes of one item and print it as JSON. An empty VALUE clears.

    Overrides (inventoryQuantityOverride with manualInventoryQuantity, allocationBufferOverride) survive imports.
    """
    from feedmill.cli import run_async
    from feedmill.commands.arguments import parse_settings
    from feedmill.exits import Exit, UsageError
    from feedmill.items import edit as edit_item
    from feedmill.shapes import dump

    if not values:
        raise UsageError("--set is not given: there is nothing to change")
    attributes = {name: _read(name, str(text)) for name, text in parse_settings(values).items()}

    async def work() -> int:
        written = await edit_item(db, feed, item, attributes)
        sys.stdout.write(f"{dump(written.item)}\n")
        return Exit.COMPLETE

    return run_async(work)


def _read(name: str, text: str) -> object:
    """Return what a text of the command line means for an attribute; what it cannot mean stays text, and is refused as that."""
    from engine.schema import ATTRIBUTES

    attribute = ATTRIBUTES.get(name)
    return None if text == "" else text if attribute is None else _typed(attribute, text)


def _typed(attribute: Attribute, text: str) -> object:
    import orjson

    from engine.schema import Kind

    if attribute.kind in (Kind.TEXT, Kind.MONEY, Kind.QUANTITY):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
