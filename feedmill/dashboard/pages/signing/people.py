"""People: who may sign in, as what, and the links by which they set their passwords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import FeedmillError
from feedmill.dashboard.forms import problem_of, status_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.service.security.people import change_role, invite, list_people, remove, renew_link
from feedmill.web.problems import Problem
from feedmill.web.transport.proxies import client_of
from sinks.sqlite.service.resources.people import ROLES

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View
    from sinks.sqlite.service.resources.people import Role

_TEMPLATE: Final = "signing/people.html"


async def _show(view: View) -> web.StreamResponse:
    return await _render(view)


async def _invite(view: View) -> web.StreamResponse:
    name = view.form.get("name", "").strip()
    try:
        link = await invite(view.service, name, _role(view))
    except FeedmillError as error:
        return await _render(view, problem=problem_of(error), name=name)
    return await _render(view, link=_address(view, link), invited=name)


async def _renew(view: View) -> web.StreamResponse:
    person, link = await renew_link(view.service, view.number())
    return await _render(view, link=_address(view, link), invited=person.name)


async def _change(view: View) -> web.StreamResponse:
    await change_role(view.service, view.number(), _role(view))
    return view.go("/people")


async def _remove(view: View) -> web.StreamResponse:
    person = await remove(view.service, view.number())
    return view.go("/people", view.say("%(name)s was removed, and is signed out.", name=person.name))


async def _render(view: View, *, link: str = "", invited: str = "", name: str = "", problem: Problem | None = None) -> web.StreamResponse:
    people = await list_people(view.service)
    return view.render(_TEMPLATE, status=status_of(problem), people=people, link=link, invited=invited, name=name, problem=problem)


def _role(view: View) -> Role:
    sent = view.form.get("role", "")
    for role in ROLES:
        if sent == role:
            return role
    raise Problem(422, "invalid", view.say("choose what the person may do"))


def _address(view: View, link: str) -> str:
    client = client_of(view.request, view.service.settings.server.trusted_proxies)
    return f"{client.scheme}://{client.host}/welcome/{link}"


PAGES: Final[tuple[Page, ...]] = (
    shows("/people", _show, "admin"),
    does("/people", _invite),
    does("/people/{id}/link", _renew),
    does("/people/{id}/role", _change),
    does("/people/{id}/remove", _remove),
)
