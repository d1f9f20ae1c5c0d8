"""`/api/dropship-providers.json`: whose goods feeds bring."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Final, Literal
from zoneinfo import available_timezones

from anyio import to_thread
from pydantic import Field, StringConstraints

from engine.settings.resource import OptionalText, Resource
from feedmill.service.definition.reading import plan_provider
from feedmill.web.endpoint import Call, Endpoint, answer, changes
from feedmill.web.problems import FieldFault, Problem
from feedmill.web.queries import answer_list
from feedmill.web.schemas import ID, TIME, properties_of, shown
from sinks.sqlite import clock
from sinks.sqlite.service.resources.feed_lists import PROVIDERS
from sinks.sqlite.service.resources.providers import delete_provider, insert_provider, read_provider, update_provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Status = Literal["pending", "accepted", "onboarding", "away", "disabled", "archived"]


class Described(Resource):
    """What may be said of a provider beside its name and its status."""

    external_id: OptionalText = Field(default=None, max_length=255)
    website_url: OptionalText = Field(default=None, max_length=2048, pattern=r"^(https?://)?[^\s:/]+(:\d+)?(/\S*)?$")
    timezone: OptionalText = Field(default=None, max_length=64, description="An IANA name, as Europe/Vienna.")
    admin_notes: OptionalText = Field(default=None, max_length=10_000)


class NewProvider(Described):
    """A provider as it is created."""

    name: Name
    status: Status = "accepted"


class ChangedProvider(Described):
    """What may be changed of a provider. What is computed may be sent back as it was shown."""

    name: Name = Field(default="unchanged")
    status: Status | None = None
    id: int | None = None
    created_at: str | None = None
    updated_at: str | None = None


_PROVIDER: Final = {**properties_of(NewProvider), "id": ID, "createdAt": TIME, "updatedAt": TIME}


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


async def _refuse_timezone(values: Mapping[str, object]) -> None:
    zone = values.get("timezone")
    if zone is not None and zone not in await to_thread.run_sync(_timezones):
        fault = FieldFault("timezone", "is no IANA time zone, such as Europe/Vienna")
        raise Problem(422, "invalid", "the provider cannot be taken so", faults=[fault])


def refuse_computed(sent: dict[str, object], before: Mapping[str, object]) -> None:
    """Take out what a caller may only send back as it was shown. Raises `Problem` 422 naming what is otherwise."""
    computed = [name for name in ("id", "inventoryFeedId", "createdAt", "updatedAt") if name in sent]
    faults = [
        FieldFault(name, "is set by Feedmill itself, and is not what was sent") for name in computed if sent.pop(name) != before.get(name)
    ]
    if faults:
        raise Problem(422, "invalid", "the body cannot be taken as it is", faults=faults)


async def _list(call: Call) -> web.StreamResponse:
    return await answer_list(call)


async def _get(call: Call) -> web.StreamResponse:
    async with call.service.store.reading() as reader:
        return answer(await read_provider(reader, call.id))


async def _create(call: Call) -> web.StreamResponse:
    values = call.body(NewProvider).model_dump(by_alias=True)
    await _refuse_timezone(values)
    async with call.service.store.writing() as writer:
        number = await insert_provider(writer, values, now=clock.now())
        made = await read_provider(writer, number)
    return answer(made)


async def _change(call: Call) -> web.StreamResponse:
    sent = changes(call.body(ChangedProvider))
    await _refuse_timezone(sent)
    async with call.service.store.writing() as writer:
        before = await read_provider(writer, call.id)
        refuse_computed(sent, before)
        if "status" in sent and sent["status"] is None:
            sent["status"] = "accepted"
        differing = {name: None if value is None else str(value) for name, value in sent.items() if value != before[name]}
        planned = not differing.keys().isdisjoint(("status", "timezone"))
        if differing:
            await update_provider(writer, call.id, differing, now=clock.now())
        if planned:
            await plan_provider(call.service, writer, call.id)
        after = await read_provider(writer, call.id)
    if planned:
        call.service.bells.schedule.ring()
    return answer(after)


async def _delete(call: Call) -> web.StreamResponse:
    async with call.service.store.writing() as writer:
        removed = await read_provider(writer, call.id)
        await delete_provider(writer, call.id)
    return answer(removed)


_ALL: Final = "/api/dropship-providers.json"
_ONE: Final = "/api/dropship-providers/{id}.json"
_TAG: Final = "dropship-providers"
_WHOLE: Final = shown(_PROVIDER, whole=True)

ENDPOINTS: Final = (
    Endpoint("GET", _ALL, _list, "List dropship providers", _TAG, "read", answer=shown(_PROVIDER, whole=False), lists=PROVIDERS, many=True),
    Endpoint("POST", _ALL, _create, "Create a dropship provider", _TAG, "admin", NewProvider, _WHOLE),
    Endpoint("GET", _ONE, _get, "Show a dropship provider", _TAG, "read", answer=_WHOLE),
    Endpoint("PUT", _ONE, _change, "Change a dropship provider", _TAG, "admin", ChangedProvider, _WHOLE),
    Endpoint(
        *("DELETE", _ONE, _delete, "Remove a dropship provider", _TAG, "admin"),
        answer=_WHOLE,
        statuses={409: "Feeds are of the provider."},
    ),
)
