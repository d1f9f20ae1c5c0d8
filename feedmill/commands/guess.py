"""`feedmill guess`: a feed file for a source, each choice with its reason."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Json, Settings, parse_settings


def guess(
    source: Annotated[str, Parameter(help="A URL or a path.")],
    /,
    *,
    feed: Annotated[str | None, Parameter(help="The feed's name; unset, that of the file.")] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> int:
    """Look at the beginning of a URL or a path and print a feed file for it, feed.toml, with a reason for each choice.

    What is not certain is a comment. Exit codes: 0 also where no key or no stock was found, which is then said, 2 usage,
    4 the source cannot be read or is no feed, 78 configuration.
    """
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.feedfile.draft import draft_lines, name_of
    from feedmill.library import guess as guess_feed
    from feedmill.shapes import dump, shape_guess

    chosen = parse_settings(settings)
    name = feed if feed is not None else name_of(source)

    async def work() -> int:
        found = await guess_feed(source, feed=name, settings=chosen)
        if as_json:
            sys.stdout.write(f"{dump(shape_guess(found, name=name, source=source))}\n")
        else:
            lines = draft_lines(found, name=name, source=source, given=chosen)
            sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stderr.write("".join(f"feedmill: {note}\n" for note in found.notes))
        return Exit.COMPLETE

    return run_async(work)
