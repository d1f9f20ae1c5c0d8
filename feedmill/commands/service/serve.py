"""`feedmill serve`: run the service."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter


def serve(
    *,
    config: Annotated[str | None, Parameter(help="The configuration, feedmill.toml; what is given beside it counts first.")] = None,
    db: Annotated[str | None, Parameter(help="The database: sqlite:///shop.db, or a path; unset, feedmill.db.")] = None,
    host: Annotated[str | None, Parameter(help="Address to listen on; unset, 127.0.0.1.")] = None,
    port: Annotated[int | None, Parameter(help="Port to listen on; unset, 8080; 0 takes a free one.")] = None,
) -> int:
    """Serve the API, fetch feeds on schedule, take what is pushed, until SIGTERM or Ctrl-C; a second one ends it at once.

    Exit codes: 0 stopped as told, 2 usage, 4 the port is taken or the database has a service already, 70 a bug, 78 configuration.
    """
    import anyio

    from feedmill.logs import configure_logging
    from feedmill.service.config.loading import load_settings

    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(config, **({} if db is None else {"database": db}), server=given)
    configure_logging(settings.log.level)

    from feedmill.service.daemon import run_daemon

    return anyio.run(run_daemon, settings, _say)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    # Whoever started it may wait for this line, and stdout may be a pipe.
    sys.stdout.flush()
