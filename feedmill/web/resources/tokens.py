"""API tokens: made, shown once, listed by their hints, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, AwareDatetime, Field

from engine.settings.resource import Resource
from feedmill.service.security.tokens import SCOPE, create_token, shape_token
from feedmill.web.endpoint import Call, Endpoint, answer, changes
from feedmill.web.queries import answer_list
from sinks.sqlite.service.tokens import LISTED, read_token, revoke_token, update_token

if TYPE_CHECKING:
    from aiohttp import web

_PATH: Final = "/api/api-tokens"


def _distinct(scopes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scopes))


Name = Annotated[str, Field(min_length=1, max_length=200)]
ScopeText = Annotated[str, Field(pattern=f"^(?:{SCOPE})$", max_length=40)]
Scopes = Annotated[tuple[ScopeText, ...], Field(min_length=1, max_length=100), AfterValidator(_distinct)]


class NewToken(Resource):
    """A token to be made: `admin` may everything, `read` what changes nothing, `feed:7:push` the push calls of feed 7."""

    name: Name
    scopes: Scopes


class TokenChange(Resource, validate_default=False):
    """What changes of a token."""

    name: Name = ""
    scopes: Scopes = ()


class ShownToken(Resource):
    """A token without itself; `hint` is its last four characters."""

    id: Annotated[int, Field(ge=1)]
    name: str
    scopes: tuple[str, ...]
    hint: str
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class MadeToken(ShownToken):
    """A token that was just made. `token` is shown this once."""

    token: str


async def _list(call: Call) -> web.StreamResponse:
    return await answer_list(call)


async def _get(call: Call) -> web.StreamResponse:
    async with call.service.store.reading() as reader:
        return answer(shape_token(await read_token(reader, call.id)))


async def _create(call: Call) -> web.StreamResponse:
    wanted = call.body(NewToken)
    async with call.service.store.writing() as writer:
        text, token = await create_token(writer, wanted.name, wanted.scopes)
    return answer({**shape_token(token), "token": text})


async def _change(call: Call) -> web.StreamResponse:
    sent, wanted = changes(call.body(TokenChange)), call.body(TokenChange)
    async with call.service.store.writing() as writer:
        name, scopes = wanted.name if "name" in sent else None, wanted.scopes if "scopes" in sent else None
        token = await update_token(writer, call.id, name=name, scopes=scopes)
    call.service.gate.forget()
    return answer(shape_token(token))


async def _revoke(call: Call) -> web.StreamResponse:
    async with call.service.store.writing() as writer:
        token = await revoke_token(writer, call.id)
    call.service.gate.forget()
    return answer(shape_token(token))


_LAST: Final = {409: "It is the last token of scope admin, or was revoked."}
_ONE: Final = f"{_PATH}/{{id}}.json"

ENDPOINTS: Final = (
    Endpoint(
        "GET",
        f"{_PATH}.json",
        _list,
        "List the API tokens, revoked ones too.",
        "API tokens",
        "admin",
        answer=ShownToken,
        lists=LISTED,
        many=True,
    ),
    Endpoint(
        "POST",
        f"{_PATH}.json",
        _create,
        "Make an API token, which is shown this once.",
        "API tokens",
        "admin",
        body=NewToken,
        answer=MadeToken,
    ),
    Endpoint("GET", _ONE, _get, "Show an API token.", "API tokens", "admin", answer=ShownToken),
    Endpoint(
        "PUT",
        _ONE,
        _change,
        "Rename an API token, or change its scopes.",
        "API tokens",
        "admin",
        body=TokenChange,
        answer=ShownToken,
        statuses=_LAST,
    ),
    Endpoint("DELETE", _ONE, _revoke, "Revoke an API token.", "API tokens", "admin", answer=ShownToken, statuses=_LAST),
)
