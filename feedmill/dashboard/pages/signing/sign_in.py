"""Signing in and out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from yarl import URL

from engine.errors import Retry
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.sessions import drop_session, keep_session, shown_session
from feedmill.service.security.people import sign_in, sign_out
from feedmill.web.transport.proxies import client_of, network_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "signing/sign_in.html"


async def _show(view: View) -> web.StreamResponse:
    if view.person is not None:
        return view.go(_inside(view.query.get("to", "/")))
    return view.render(_TEMPLATE, to=view.query.get("to", "/"), name="", wrong="")


async def _sign_in(view: View) -> web.StreamResponse:
    name, to = view.form.get("name", ""), view.form.get("to", "/")
    address = network_of(client_of(view.request, view.service.settings.server.trusted_proxies).address)
    try:
        secret = await sign_in(view.service, name, view.form.get("password", ""), address)
    except Retry as error:
        wrong = view.say("Too many wrong passwords. Try again in %(seconds)d seconds.", seconds=math.ceil(error.retry_after or 1))
        return view.render(_TEMPLATE, status=429, to=to, name=name, wrong=wrong)
    if secret is None:
        return view.render(_TEMPLATE, status=401, to=to, name=name, wrong=view.say("Name or password is wrong."))
    response = view.go(_inside(to))
    keep_session(response, view.service, view.request, secret)
    return response


async def _sign_out(view: View) -> web.StreamResponse:
    await sign_out(view.service, shown_session(view.request))
    response = view.go("/sign-in")
    drop_session(response)
    return response


def _inside(address: str) -> str:
    """Return an address of ours, the overview for any other: nobody is to be led elsewhere by a link to us."""
    # Judged as it will be sent: tabs and line ends are left out, by which `/<tab>/host` is another host, and a backslash is encoded.
    try:
        address = str(URL(address))
    except ValueError:
        return "/"
    return address if address.startswith("/") and not address.startswith("//") else "/"


PAGES: Final[tuple[Page, ...]] = (
    shows("/sign-in", _show, "nobody"),
    does("/sign-in", _sign_in, "nobody"),
    does("/sign-out", _sign_out, "viewer"),
)
