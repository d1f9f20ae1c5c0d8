"""`feedmill sync`: run a feed once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from feedmill.commands.arguments import Config, Fields, Json, Settings, parse_fields, parse_settings, read_config
from feedmill.exits import UsageError, exit_of_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.flow.tally import Progress
    from engine.run import RunRecord

_TO: Final = "Where the items go: sqlite:///shop.db, jsonl:///items.jsonl, or the path of an SQLite database."


def sync(
    source: Annotated[str | None, Parameter(help="A URL or a path; not needed with --config.")] = None,
    /,
    *,
    config: Config = None,
    to: Annotated[str | None, Parameter(help=_TO)] = None,
    feed: Annotated[str | None, Parameter(help="The feed's name; the feed is created on first use.")] = None,
    settings: Settings = None,
    fields: Fields = None,
    dry_run: Annotated[bool, Parameter(negative=(), help="Do everything but apply: show what would change.")] = False,
    refetch: Annotated[bool, Parameter(negative=(), help="Fetch the source even when it is what the last run read.")] = False,
    as_json: Json = False,
) -> int:
    """Import a feed from a URL or a path, or as a feed file says.

    Without --config, SOURCE, --to and --feed are needed.

    Exit codes: 0 complete or unchanged, 2 usage, 3 held, 4 refused or failed, 78 configuration.
    """
    from feedmill.cli import run_async
    from feedmill.library import sync as sync_feed
    from feedmill.logs import log_event, log_listener_error
    from feedmill.shapes import dump, shape_run

    chosen, rows = parse_settings(settings), parse_fields(fields)
    file = read_config(config, ("SOURCE", source), ("--to", to), ("--feed", feed))
    if to is None and file is not None and file.to is None:
        raise UsageError(f'--to is not given, and {config} does not say where the items go (to = "sqlite:///shop.db")')

    async def work() -> int:
        with _progress_bar() as on_progress:
            record = await sync_feed(
                source,
                to=to,
                feed=feed,
                config=file,
                settings=chosen,
                fields=rows,
                dry_run=dry_run,
                refetch=refetch,
                on_progress=on_progress,
                on_event=log_event,
                on_listener_error=log_listener_error,
            )
        if as_json:
            sys.stdout.write(f"{dump(shape_run(record))}\n")
        else:
            _print_run(record, to or (file and file.to) or "...")
        return exit_of_status(record.status)

    return run_async(work)


@contextmanager
def _progress_bar() -> Iterator[Callable[[Progress], None] | None]:
    """Show bytes, records, rate and bottleneck on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(progress: Progress) -> None:
            rate = progress.records / progress.seconds if progress.seconds else 0
            text = f"{progress.records:,} records, {rate:,.0f}/s, bottleneck: {progress.bottleneck}"
            bar.update(task, completed=progress.bytes, total=progress.total_bytes, description=text)

        yield show


def _print_run(record: RunRecord, to: str) -> None:
    from feedmill.tables import run_lines

    for line in run_lines(record, to):
        sys.stdout.write(f"{line}\n")
