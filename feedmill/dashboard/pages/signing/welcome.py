"""Setting a password by a link that was given for it, and coming in by one that needs none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import InvalidItem, NotFound
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.sessions import keep_session
from feedmill.service.security.people import SHORTEST, find_link, find_session, set_password

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View
    from sinks.sqlite.service.resources.people import Person

_TEMPLATE: Final = "signing/welcome.html"


async def _show(view: View) -> web.StreamResponse:
    return _render(view, await find_link(view.service, _secret(view)))


async def _set(view: View) -> web.StreamResponse:
    person, password = await find_link(view.service, _secret(view)), view.form.get("password", "")
    if password != view.form.get("again", ""):
        return _render(view, person, {"again": view.say("the two passwords are not the same")})
    try:
        session = await set_password(view.service, _secret(view), password)
    except InvalidItem as error:
        return _render(view, person, error.faults)
    response = view.go("/", view.say("Welcome. Next time sign in as %(name)s.", name=person.name))
    keep_session(response, view.service, view.request, session)
    return response


async def _enter(view: View) -> web.StreamResponse:
    """Sign in by the secret of a session, which the command line makes for whoever has the database anyway."""
    if view.person is not None:
        # A link from elsewhere is not to make somebody work under another name unnoticed.
        return _unseen(view.go("/"))
    if await find_session(view.service, _secret(view)) is None:
        raise NotFound(view.say("this link has expired, or is not whole; ask for a new one"))
    response = view.go("/")
    keep_session(response, view.service, view.request, _secret(view))
    return _unseen(response)


def _secret(view: View) -> str:
    return view.request.match_info["secret"]


def _render(view: View, person: Person, faults: object = None) -> web.StreamResponse:
    response = view.render(_TEMPLATE, name=person.name, shortest=SHORTEST, faults=faults or {}, status=422 if faults else 200)
    return _unseen(response)


def _unseen(response: web.StreamResponse) -> web.StreamResponse:
    # The address is a secret: no page that is opened from here may learn it.
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


PAGES: Final[tuple[Page, ...]] = (
    shows("/welcome/{secret}", _show, "nobody"),
    does("/welcome/{secret}", _set, "nobody"),
    shows("/enter/{secret}", _enter, "nobody"),
)
