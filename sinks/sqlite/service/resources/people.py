"""People who may use the dashboard, the links by which they set a password, and where they are signed in; secrets by their digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast

from engine.errors import Conflict, NotFound
from sinks.sqlite import clock
from sinks.sqlite.failures import explained

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer

Role: TypeAlias = Literal["admin", "viewer"]
"""What a person may: everything, or look."""

ROLES: Final[tuple[Role, ...]] = ("admin", "viewer")

_COLUMNS: Final = "p.id, p.name, p.role, p.password IS NOT NULL, p.seen_at, p.created_at"
_OTHER_ADMINS: Final = "SELECT count(*) FROM main.people WHERE role = 'admin' AND password IS NOT NULL AND id <> ?"

Secret: TypeAlias = Literal["password_links", "sessions"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person. `ready` tells whether a password was set; moments in microseconds."""

    id: int
    name: str
    role: Role
    ready: bool
    seen_at: int | None
    created_at: int


async def insert_person(writer: Writer, name: str, role: Role) -> Person:
    """Keep a new person, without a password. Raises `Conflict` when the name is taken."""
    if await writer.number("SELECT count(*) FROM main.people WHERE name = ? COLLATE NOCASE", name):
        raise Conflict(f"there is a person {name!r} already; take another name")
    now = clock.now()
    await writer.execute("INSERT INTO main.people (name, role, created_at, updated_at) VALUES (?, ?, ?, ?)", name, role, now, now)
    return await read_person(writer, await writer.number("SELECT last_insert_rowid()"))


async def read_person(reader: Writer, person: int | str) -> Person:
    """Return a person by the id, or by the name as it is signed in with. Raises `NotFound` when there is none."""
    asked = "p.id = ?" if isinstance(person, int) else "p.name = ? COLLATE NOCASE"
    rows = await reader.query(f"SELECT {_COLUMNS} FROM main.people AS p WHERE {asked}", person)
    if not rows:
        nobody = f"there is no person {person}" if isinstance(person, int) else f"there is nobody called {person!r}"
        raise NotFound(f"{nobody}; `feedmill people list` prints who there is")
    return _person(rows[0])


async def read_people(reader: Writer) -> list[Person]:
    """Return everybody, by name."""
    return [_person(row) for row in await reader.query(f"SELECT {_COLUMNS} FROM main.people AS p ORDER BY p.name COLLATE NOCASE")]


async def find_password(reader: Writer, name: str) -> tuple[Person, str] | None:
    """Return the person of a name and the hash of the password; None for nobody, and for who has not set one yet."""
    rows = await reader.query(
        f"SELECT {_COLUMNS}, p.password FROM main.people AS p WHERE p.name = ? COLLATE NOCASE AND p.password IS NOT NULL", name
    )
    return (_person(rows[0][:-1]), str(rows[0][-1])) if rows else None


async def write_password(writer: Writer, person: int, hashed: str) -> None:
    """Set the hash of a person's password; every link and every session of the old one ends."""
    await writer.execute("UPDATE main.people SET password = ?, updated_at = ? WHERE id = ?", hashed, clock.now(), person)
    await end_secrets(writer, person)


async def write_role(writer: Writer, person: int, role: Role) -> None:
    """Give a person another role. Raises `NotFound`, and `Conflict` for the last admin."""
    if role != "admin":
        await _check_last(writer, person)
    await read_person(writer, person)
    await writer.execute("UPDATE main.people SET role = ?, updated_at = ? WHERE id = ?", role, clock.now(), person)


async def delete_person(writer: Writer, person: int) -> None:
    """Remove a person, who is signed out at once. Raises `NotFound`, and `Conflict` for the last admin."""
    await _check_last(writer, person)
    await writer.execute("DELETE FROM main.people WHERE id = ?", person)


async def insert_secret(writer: Writer, kind: Secret, digest: bytes, person: int, *, expires_at: int) -> None:
    """Keep the digest of a link or of a session; what has expired of that kind is forgotten."""
    now = clock.now()
    await writer.execute(f"DELETE FROM main.{kind} WHERE expires_at <= ?", now)
    with explained(writer.name):
        await writer.connection.execute(
            f"INSERT INTO main.{kind} (digest, person_id, expires_at, created_at) VALUES (?, ?, ?, ?)", (digest, person, expires_at, now)
        )


async def find_secret(reader: Writer, kind: Secret, digest: bytes) -> Person | None:
    """Return whose link or session it is, None for nobody's and for one that has expired."""
    select = f"SELECT {_COLUMNS} FROM main.{kind} AS s JOIN main.people AS p ON p.id = s.person_id WHERE s.digest = ? AND s.expires_at > ?"
    with explained(reader.name):
        rows = list(await reader.connection.execute_fetchall(select, (digest, clock.now())))
    return _person(tuple(rows[0])) if rows else None


async def delete_secret(writer: Writer, kind: Secret, digest: bytes) -> None:
    """End one link or session."""
    with explained(writer.name):
        await writer.connection.execute(f"DELETE FROM main.{kind} WHERE digest = ?", (digest,))


async def end_secrets(writer: Writer, person: int) -> None:
    """End every link and every session of a person."""
    for kind in ("password_links", "sessions"):
        await writer.execute(f"DELETE FROM main.{kind} WHERE person_id = ?", person)


async def note_seen(writer: Writer, person: int) -> None:
    """Note that a person has signed in."""
    await writer.execute("UPDATE main.people SET seen_at = ? WHERE id = ?", clock.now(), person)


async def has_admin(reader: Writer) -> bool:
    """Return whether there is an admin who can sign in."""
    return bool(await reader.number(_OTHER_ADMINS, 0))


async def _check_last(writer: Writer, person: int) -> None:
    found = await read_person(writer, person)
    if found.role == "admin" and found.ready and not await writer.number(_OTHER_ADMINS, person):
        raise Conflict(f"{found.name!r} is the last admin who can sign in; make another one first")


def _person(row: Sequence[object]) -> Person:
    number, name, role, ready, seen, created = row
    seen_at = None if seen is None else int(str(seen))
    return Person(int(str(number)), str(name), cast("Role", str(role)), bool(ready), seen_at, int(str(created)))
