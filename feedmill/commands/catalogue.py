"""`feedmill catalogue`: load the merchant's catalogue, and list it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database, Fields, Json, Settings, parse_fields, parse_settings

if TYPE_CHECKING:
    from feedmill.catalogue import CatalogueLoad

_REPLACE = "Delete the variants that the source does not name; their items are disconnected."


def load(
    source: Annotated[str, Parameter(help="A URL or a path: CSV, XML or JSON, or a shop's product export.")],
    /,
    *,
    db: Database,
    settings: Settings = None,
    fields: Fields = None,
    replace: Annotated[bool, Parameter(negative=(), help=_REPLACE)] = False,
    dry_run: Annotated[bool, Parameter(negative=(), help="Read everything and change nothing.")] = False,
    as_json: Json = False,
) -> int:
    """Load products and variants, then connect the items of all feeds to them.

    Exit codes: 0 complete, 2 usage, 4 refused or failed, 78 configuration.
    """
    from feedmill.catalogue import load_catalogue
    from feedmill.cli import run_async
    from feedmill.exits import exit_of_status

    chosen, rows = parse_settings(settings), parse_fields(fields)

    async def work() -> int:
        loaded = await load_catalogue(source, db=db, settings=chosen, fields=rows, replace=replace, dry_run=dry_run)
        sys.stdout.write("".join(f"{line}\n" for line in ([_as_json(loaded)] if as_json else _lines(loaded))))
        return exit_of_status(loaded.record.status)

    return run_async(work)


def list_variants(*, db: Database) -> int:
    """Print the variants of the catalogue, one JSON object a line."""
    from feedmill.catalogue import list_catalogue
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump

    async def work() -> int:
        async for variant in list_catalogue(db):
            sys.stdout.write(f"{dump(variant)}\n")
        return Exit.COMPLETE

    return run_async(work)


def _as_json(loaded: CatalogueLoad) -> str:
    from feedmill.shapes import dump, shape_problem, shape_run

    feeds = [
        {
            "feed": each.feed,
            "connected": each.connected,
            "disconnected": each.disconnected,
            "problems": [] if each.problem is None else [shape_problem(each.problem)],
        }
        for each in loaded.feeds
    ]
    return dump({**shape_run(loaded.record), "feeds": feeds, "underWay": list(loaded.under_way)})


def _lines(loaded: CatalogueLoad) -> list[str]:
    from feedmill.tables import describe_problem, run_lines

    lines = list(run_lines(loaded.record))
    for each in loaded.feeds:
        lines.append(f"  feed {each.feed}: {each.connected:,} connected, {each.disconnected:,} disconnected")
        lines += [] if each.problem is None else [f"    {describe_problem(each.problem)}"]
    return [*lines, *(f"  feed {name}: a run is under way and will connect its items" for name in loaded.under_way)]
