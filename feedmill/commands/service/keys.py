"""`feedmill keys`: make a key for secrets at rest, and change the keys of a database."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database


def new() -> int:
    """Print a new key, alone: for FEEDMILL_KEYS, or for a key file."""
    from feedmill.exits import Exit
    from feedmill.service.keys import new_key

    sys.stdout.write(f"{new_key()}\n")
    return Exit.COMPLETE


def rotate(
    *,
    db: Database,
    key_file: Annotated[str | None, Parameter(help="The key file of the service; unset, the one beside the database.")] = None,
) -> int:
    """Seal every secret of a database with a new key, and drop the old ones. A service may run meanwhile; it takes some seconds.

    Exit codes: 0 done, 4 another process is at it, 78 configuration.
    """
    from pathlib import Path

    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.service.security.rotation import rotate_keys

    async def work() -> int:
        count = await rotate_keys(as_sink_url(db), None if key_file is None else Path(key_file))
        sys.stdout.write(f"{count} secrets are sealed with the new key\n")
        return Exit.COMPLETE

    return run_async(work)
