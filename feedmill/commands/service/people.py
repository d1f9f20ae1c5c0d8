"""`feedmill people`: who may sign in at the dashboard, without a running service; also for who has forgotten the only password."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from feedmill.commands.arguments import Database
from feedmill.commands.service.existing import open_existing

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

Name = Annotated[str, Parameter(help="The name by which the person signs in.")]
Address = Annotated[str, Parameter(help="The address of the service, as browsers reach it.")]
_LOCAL = "http://127.0.0.1:8080"


def list_(*, db: Database) -> int:
    """Print everybody, one JSON object a line: id, name, role, whether a password was set, when they last signed in."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit
    from feedmill.shapes import dump
    from sinks.sqlite.clock import rfc3339
    from sinks.sqlite.service.resources.people import read_people

    async def work() -> int:
        async with open_existing(db) as store, store.reading() as reader:
            for each in await read_people(reader):
                shown = {"id": each.id, "name": each.name, "role": each.role, "ready": each.ready, "seenAt": rfc3339(each.seen_at)}
                sys.stdout.write(f"{dump(shown)}\n")
        return Exit.COMPLETE

    return run_async(work)


def invite(name: Name, /, *, db: Database, role: Literal["admin", "viewer"] = "viewer", url: Address = _LOCAL) -> int:
    """Make a person and print a link by which the password is set, once, within a day.

    Exit codes: 0 made, 2 usage, 78 the name is taken.
    """
    from feedmill.service.security.people import make_link
    from sinks.sqlite.service.resources.people import insert_person

    async def work(writer: Writer) -> str:
        return f"{url}/welcome/{await make_link(writer, (await insert_person(writer, name, role)).id)}"

    return _print(db, work)


def link(
    name: Name,
    /,
    *,
    db: Database,
    url: Address = _LOCAL,
    enter: Annotated[bool, Parameter(help="A link that signs in without a password, for as long as a session lasts.", negative=())] = False,
) -> int:
    """Print a new link by which a person sets a password, once, within a day; the old password stays until then.

    Exit codes: 0 made, 2 usage, 78 there is nobody of that name.
    """
    from feedmill.service.security.people import make_link, open_session
    from sinks.sqlite.service.resources.people import read_person

    async def work(writer: Writer) -> str:
        person = await read_person(writer, name)
        if enter:
            return f"{url}/enter/{await open_session(writer, person.id)}"
        return f"{url}/welcome/{await make_link(writer, person.id)}"

    return _print(db, work)


def remove(name: Name, /, *, db: Database) -> int:
    """Remove a person, who is signed out at once.

    Exit codes: 0 removed, 2 usage, 78 there is nobody of that name, or it is the last admin.
    """
    from sinks.sqlite.service.resources.people import delete_person, read_person

    async def work(writer: Writer) -> str:
        person = await read_person(writer, name)
        await delete_person(writer, person.id)
        return f"{person.name} is removed"

    return _print(db, work)


def _print(db: str, work: Callable[[Writer], Awaitable[str]]) -> int:
    """Do something in one transaction and print what it returns."""
    from feedmill.cli import run_async
    from feedmill.exits import Exit

    async def do() -> int:
        async with open_existing(db) as store, store.writing() as writer:
            told = await work(writer)
        sys.stdout.write(f"{told}\n")
        return Exit.COMPLETE

    return run_async(do)
