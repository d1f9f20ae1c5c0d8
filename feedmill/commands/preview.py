"""`feedmill preview`: show how a source would be read, without writing anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Fields, Json, Settings, parse_fields, parse_settings

if TYPE_CHECKING:
    from engine.flow.preview import Preview


def preview(
    source: str,
    /,
    *,
    to: Annotated[str | None, Parameter(help="A database whose stored settings of the feed apply.")] = None,
    feed: Annotated[str, Parameter(help="The feed's name.")] = "preview",
    settings: Settings = None,
    fields: Fields = None,
    limit: Annotated[int, Parameter(help="How many records to show.")] = 20,
    dry_run: Annotated[bool, Parameter(negative=(), show=False)] = False,
    as_json: Json = False,
) -> int:
    """Show dialect, raw records, mapped records and problems of a URL or a path."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.library import preview as preview_feed
    from feedmill.shapes import dump, shape_preview

    chosen, rows = parse_settings(settings), parse_fields(fields)

    async def work() -> int:
        found = await preview_feed(source, to=to, feed=feed, settings=chosen, fields=rows, limit=limit)
        if as_json:
            sys.stdout.write(f"{dump(shape_preview(found))}\n")
        else:
            _print_preview(found)
        return Exit.COMPLETE

    return run_async(work)


def _print_preview(preview: Preview) -> None:
    from rich.console import Console

    from feedmill.shapes import dump
    from feedmill.tables import describe_problem

    console = Console(highlight=False)
    for name, value in preview.dialect.items():
        console.print(f"{name}: {value if isinstance(value, str) else dump(value)}", markup=False, soft_wrap=True)
    for record in preview.records:
        console.print(f"\nrecord {record.record}, line {record.line}", markup=False)
        console.print(f"  raw     {dump(record.raw)}", markup=False, soft_wrap=True)
        console.print(f"  mapped  {dump(record.item) if record.item is not None else 'no item'}", markup=False, soft_wrap=True)
        for problem in record.problems:
            console.print(f"  {describe_problem(problem)}", markup=False, soft_wrap=True)
    for problem in preview.problems:
        console.print(f"\n{describe_problem(problem)}", markup=False, soft_wrap=True)
