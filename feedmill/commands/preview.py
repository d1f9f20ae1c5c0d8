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
    from feedmill.exits import Exit, UsageError
    from feedmill.library import preview as preview_feed
    from feedmill.shapes import dump, shape_preview

    if limit < 1:
        raise UsageError("--limit has to be at least 1")
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
    from feedmill.tables import preview_lines

    sys.stdout.write("".join(f"{line}\n" for line in preview_lines(preview)))
