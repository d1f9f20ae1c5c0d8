"""`feedmill token`: make API tokens, list and revoke them, without a running service."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from feedmill.commands.arguments import Database
from feedmill.commands.service.existing import open_existing

_SCOPE = "What it may: admin, read, or feed:ID:push (repeatable)."


def create(
    *,
    name: Annotated[str, Parameter(help="What it is for, for people.")],
    scope: Annotated[list[str], Parameter(help=_SCOPE, negative=())],
    db: Database,
) -> int:
    """Make a token and print it, alone; nobody can show it again. The database is created where there is none.

    Exit codes: 0 made, 2 usage, 4 a feed that is not there, 78 configuration.
    """
    from feedmill.assembly import as_sink_url
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from feedmill.service.security.tokens import create_token, is_scope
    from sinks.sqlite.service.store import open_store

    if wrong := [given for given in scope if not is_scope(given)]:
        raise UsageError(f"--scope {wrong[0]!r} is none of admin, read, feed:ID:push")
    if not 0 < len(name.strip()) <= 200:
        raise UsageError("--name is empty, or longer than 200 characters")

    async def work() -> int:
        async with open_store(as_sink_url(db)) as store, store.writing() as writer:
            text, _ = await create_token(writer, name.strip(), list(dict.fromkeys(scope)))
        sys.stdout.write(f"{text}\n")
        return Exit.COMPLETE

    return run_async(work)


def list_(*, db: Database) -> int:
    """Print every token but itself, one JSON object a line: its id, name, scopes, last four characters, when it was used and revoked."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.service.security.tokens import shape_token
    from feedmill.shapes import dump
    from sinks.sqlite.service.tokens import read_tokens

    async def work() -> int:
        async with open_existing(db) as store, store.reading() as reader:
            for token in await read_tokens(reader):
                sys.stdout.write(f"{dump(shape_token(token))}\n")
        return Exit.COMPLETE

    return run_async(work)


def revoke(number: Annotated[int, Parameter(help="The id of the token, as `token list` shows it.")], /, *, db: Database) -> int:
    """Revoke a token, be it the last. A running service refuses it within a second.

    Exit codes: 0 revoked, 2 usage, 78 there is no such token.
    """
    from feedmill.cli import run_async
    from feedmill.exits import Exit, UsageError
    from sinks.sqlite.service.tokens import revoke_token

    if not 0 < number < 2**63:
        raise UsageError(f"{number} is no id of a token")

    async def work() -> int:
        async with open_existing(db) as store, store.writing() as writer:
            token = await revoke_token(writer, number, even_last=True)
        sys.stdout.write(f"token {token.id} ({token.name}) is revoked\n")
        return Exit.COMPLETE

    return run_async(work)
