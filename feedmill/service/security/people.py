"""People of the dashboard: passwords (Argon2id, RFC 9106), one-time links to set one, and sessions.

A session and a link are 256 random bits each, of which the database keeps the digest alone.
"""

from __future__ import annotations

import hmac
import secrets
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter, to_thread

from engine.errors import InvalidItem, NotFound, Retry
from feedmill.service.keys import digest
from sinks.sqlite import clock
from sinks.sqlite.service.resources.people import (
    delete_person,
    delete_secret,
    find_password,
    find_secret,
    has_admin,
    insert_person,
    insert_secret,
    note_seen,
    read_people,
    read_person,
    write_password,
    write_role,
)

if TYPE_CHECKING:
    from argon2 import PasswordHasher

    from feedmill.service.context import Service
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.service.resources.people import Person, Role

FIRST_NAME: Final = "admin"
"""The name of the first person."""

SHORTEST: Final = 10
LONGEST: Final = 1024
"""Characters of a password; of a longer one the hash would take an attacker's time rather than ours."""

LONGEST_NAME: Final = 200
LINK_SECONDS: Final = 24 * 3600
SESSION_SECONDS: Final = 30 * 24 * 3600

_AT_ONCE: Final = CapacityLimiter(1)
"""A hash takes 64 MiB and 50 ms on purpose; two at once would be what an attacker asks for."""


async def make_link(writer: Writer, person: int) -> str:
    """Return the secret of a link by which a person sets a password, once, within a day; the links before it stay as they are."""
    secret = secrets.token_urlsafe(32)
    await insert_secret(writer, "password_links", digest(secret), person, expires_at=clock.now() + LINK_SECONDS * 1_000_000)
    return secret


async def first_link(service: Service) -> str | None:
    """Return the secret of a link for the first admin, None where there is an admin who can sign in."""
    async with service.store.writing() as writer:
        if await has_admin(writer):
            return None
        waiting = [person for person in await read_people(writer) if person.role == "admin"]
        person = waiting[0] if waiting else await insert_person(writer, FIRST_NAME, "admin")
        return await make_link(writer, person.id)


async def list_people(service: Service) -> list[Person]:
    """Return everybody, by name."""
    async with service.store.reading() as reader:
        return await read_people(reader)


async def invite(service: Service, name: str, role: Role) -> str:
    """Make a person and return the secret of a link by which a password is set. Raises `InvalidItem`, `Conflict` when the name is taken."""
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidItem("the person cannot be taken", {"name": f"has to have 1 to {LONGEST_NAME} characters that can be read"})
    async with service.store.writing() as writer:
        return await make_link(writer, (await insert_person(writer, name, role)).id)


async def renew_link(service: Service, person: int) -> tuple[Person, str]:
    """Return a person and the secret of a new link; the password stays until the link is used. Raises `NotFound`."""
    async with service.store.writing() as writer:
        return await read_person(writer, person), await make_link(writer, person)


async def change_role(service: Service, person: int, role: Role) -> None:
    """Give a person another role. Raises `NotFound`, and `Conflict` for the last admin."""
    async with service.store.writing() as writer:
        await write_role(writer, person, role)


async def remove(service: Service, person: int) -> Person:
    """Remove a person, who is signed out at once, and return who it was. Raises `NotFound`, and `Conflict` for the last admin."""
    async with service.store.writing() as writer:
        found = await read_person(writer, person)
        await delete_person(writer, person)
    return found


async def find_link(service: Service, secret: str) -> Person:
    """Return whose link it is. Raises `NotFound` for one that was used, has expired, or never was."""
    async with service.store.reading() as reader:
        person = await find_secret(reader, "password_links", digest(secret))
    if person is None:
        raise NotFound("this link was used, has expired, or is not whole; ask for a new one")
    return person


async def set_password(service: Service, secret: str, password: str) -> str:
    """Set the password of whom a link is for and return the secret of a session; the link ends, and so does every older session.

    Raises `NotFound` as `find_link` does, `InvalidItem` for a password that is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        fault = {"password": f"has to have {SHORTEST} to {LONGEST} characters"}
        raise InvalidItem("the password cannot be taken", fault)
    await find_link(service, secret)
    hashed = await to_thread.run_sync(_hasher().hash, password, limiter=_AT_ONCE)
    async with service.store.writing() as writer:
        # Once more, now that nobody else can use it.
        person = await find_secret(writer, "password_links", digest(secret))
        if person is None:
            raise NotFound("this link was used meanwhile; ask for a new one")
        await write_password(writer, person.id, hashed)
        return await open_session(writer, person.id)


async def sign_in(service: Service, name: str, password: str, address: str) -> str | None:
    """Return the secret of a new session, None when name or password is wrong: which one it is shows in nothing, nor in the time.

    Raises `Retry` when this address, or anybody for this name, has been wrong too often lately; what is right is then not tried.
    """
    failures, keys = service.gate.sign_ins, (f"address {address}", f"name {name.casefold()[:LONGEST_NAME]}")
    for key in keys:
        if not (level := failures.look(key, monotonic())).admitted:
            raise Retry("too many wrong passwords; wait a little", retry_after=level.wait)
    # Counted before it is tried: a thousand that come at once would all be tried before the first one had been found wrong.
    for key in keys:
        failures.take(key, monotonic())
    secret = await _sign_in(service, name, password)
    if secret is not None:
        for key in keys:
            failures.give_back(key, monotonic())
    return secret


async def _sign_in(service: Service, name: str, password: str) -> str | None:
    async with service.store.reading() as reader:
        found = await find_password(reader, name)
    person, hashed = found or (None, await to_thread.run_sync(_nobody, limiter=_AT_ONCE))
    matches = await to_thread.run_sync(_verify, hashed, password[: LONGEST + 1], limiter=_AT_ONCE)
    if person is None or not matches:
        return None
    renewed = await to_thread.run_sync(_renew, hashed, password, limiter=_AT_ONCE)
    async with service.store.writing() as writer:
        if renewed is not None:
            await writer.execute("UPDATE main.people SET password = ? WHERE id = ? AND password = ?", renewed, person.id, hashed)
        return await open_session(writer, person.id)


async def find_session(service: Service, secret: str) -> Person | None:
    """Return who is signed in by a session, None for nobody."""
    async with service.store.reading() as reader:
        return await find_secret(reader, "sessions", digest(secret))


async def sign_out(service: Service, secret: str) -> None:
    """End a session."""
    async with service.store.writing() as writer:
        await delete_secret(writer, "sessions", digest(secret))


def form_token(secret: str) -> str:
    """Return what every form of a session has to send back: who cannot read our pages cannot know it."""
    return hmac.new(secret.encode(), b"feedmill form", "sha256").hexdigest()


async def open_session(writer: Writer, person: int) -> str:
    """Return the secret of a new session of a person."""
    secret = secrets.token_urlsafe(32)
    await insert_secret(writer, "sessions", digest(secret), person, expires_at=clock.now() + SESSION_SECONDS * 1_000_000)
    await note_seen(writer, person)
    return secret


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobody() -> str:
    """Return the hash of a password that nobody has."""
    return _hasher().hash(secrets.token_urlsafe(32))


def _verify(hashed: str, password: str) -> bool:
    from argon2.exceptions import VerifyMismatchError

    try:
        return _hasher().verify(hashed, password)
    except VerifyMismatchError:
        return False


def _renew(hashed: str, password: str) -> str | None:
    """Return the hash anew where it was made with less work than today's, else None."""
    return _hasher().hash(password) if _hasher().check_needs_rehash(hashed) else None
