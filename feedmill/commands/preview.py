"""`feedmill preview`: show how a source would be read, without writing anything."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Config, Fields, Json, Settings, parse_fields, parse_settings, read_config

if TYPE_CHECKING:
    from engine.flow.preview import Preview


def preview(
    source: Annotated[str | None, Parameter(help="A URL or a path; not needed with --config.")] = None,
    /,
    *,
    config: Config = None,
    to: Annotated[str | None, Parameter(help="A database whose stored settings of the feed apply.")] = None,
    feed: Annotated[str | None, Parameter(help="The feed's name.")] = None,
    settings: Settings = None,
    fields: Fields = None,
    limit: Annotated[int, Parameter(help="How many records to show.")] = 20,
    dry_run: Annotated[bool, Parameter(negative=(), show=False)] = False,
    as_json: Json = False,
) -> int:
    """Show how a URL or a path would be read: each field of the first records from raw to mapped, and each problem."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from feedmill.library import preview as preview_feed
    from feedmill.shapes import dump, shape_preview

    if limit < 1:
        raise UsageError("--limit has to be at least 1")
    chosen, rows = parse_settings(settings), parse_fields(fields)
    file = read_config(config, ("SOURCE", source))

    async def work() -> int:
        found = await preview_feed(source, to=to, feed=feed, config=file, settings=chosen, fields=rows, limit=limit)
        if as_json:
            sys.stdout.write(f"{dump(shape_preview(found))}\n")
        else:
            _print_preview(found)
        return Exit.COMPLETE

    return run_async(work)


def _print_preview(preview: Preview) -> None:
    from feedmill.tables import preview_lines

    sys.stdout.write("".join(f"{line}\n" for line in preview_lines(preview)))
