"""`feedmill connect` and `feedmill disconnect`: what an item is in the catalogue, decided by hand."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Json
from feedmill.exits import UsageError

if TYPE_CHECKING:
    from sinks.sqlite.catalogue.manual import Handled

_ITEM = "The item's external id, or '#' and its id."


def connect(
    item: Annotated[str, Parameter(help=_ITEM)],
    /,
    *,
    db: Database,
    variant: Annotated[str | None, Parameter(help="The SKU of a variant of the catalogue.")] = None,
    variant_id: Annotated[int | None, Parameter(help="The variant's id, where several have the SKU or it has none.")] = None,
    feed: Annotated[str | None, Parameter(help="The feed's name, where several have such an item.")] = None,
    as_json: Json = False,
) -> int:
    """Connect an item to a variant of the catalogue; no run and no load changes that."""
    from feedmill.catalogue import connect_item
    from feedmill.cli import run_async
    from feedmill.exits import Exit

    if (variant is None) == (variant_id is None):
        raise UsageError("give the variant by its SKU (--variant) or by its id (--variant-id)")

    async def work() -> int:
        _print(await connect_item(item, db=db, sku=variant, variant=variant_id, feed=feed), as_json=as_json)
        return Exit.COMPLETE

    return run_async(work)


def disconnect(
    item: Annotated[str, Parameter(help=_ITEM)],
    /,
    *,
    db: Database,
    feed: Annotated[str | None, Parameter(help="The feed's name, where several have such an item.")] = None,
    as_json: Json = False,
) -> int:
    """Take an item off its variant; it stays off until it is connected by hand."""
    from feedmill.catalogue import disconnect_item
    from feedmill.cli import run_async
    from feedmill.exits import Exit

    async def work() -> int:
        _print(await disconnect_item(item, db=db, feed=feed), as_json=as_json)
        return Exit.COMPLETE

    return run_async(work)


def _print(done: Handled, *, as_json: bool) -> None:
    from feedmill.shapes import dump

    if as_json:
        shaped = {"id": done.item, "externalId": done.external_id, "feed": done.feed, "action": done.action, "variantId": done.variant}
        sys.stdout.write(f"{dump({**shaped, 'released': list(done.released)})}\n")
        return
    word = "to" if done.action == "connected" else "from"
    where = "" if done.variant is None else f" {word} variant {done.variant}"
    sys.stdout.write(f"item {done.external_id!r} of feed {done.feed!r} is {done.action}{where}\n")
    for key in done.released:
        sys.stdout.write(f"item {key!r} is not connected to it any more\n")
