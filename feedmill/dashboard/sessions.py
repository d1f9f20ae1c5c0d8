"""Who is signed in, by a cookie that no script can read and no other site can have sent, and what every form has to show."""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

from feedmill.service.security.people import SESSION_SECONDS, find_session, form_token
from feedmill.web.problems import Problem
from feedmill.web.transport.proxies import client_of

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.service.context import Service
    from sinks.sqlite.service.resources.people import Person

COOKIE: Final = "feedmill_session"
NOTICE: Final = "feedmill_notice"
FIELD: Final = "form_token"
HEADER: Final = "X-Form-Token"

_OURS: Final = ("same-origin", "none")


def shown_session(request: web.BaseRequest) -> str:
    """Return the secret of the session that a request shows, a text without anything where it shows none."""
    return request.cookies.get(COOKIE, "")


async def signed_in(service: Service, request: web.BaseRequest) -> Person | None:
    """Return who is signed in."""
    secret = shown_session(request)
    return await find_session(service, secret) if secret else None


def keep_session(response: web.StreamResponse, service: Service, request: web.BaseRequest, secret: str) -> None:
    """Have the browser keep a session, and send it back over what is as safe as the way by which it came."""
    secure = client_of(request, service.settings.server.trusted_proxies).scheme == "https"
    # Lax, not Strict: somebody who follows a link in an alert would not be signed in. What changes anything is a POST.
    response.set_cookie(COOKIE, secret, max_age=SESSION_SECONDS, path="/", httponly=True, secure=secure, samesite="Lax")


def drop_session(response: web.StreamResponse) -> None:
    """Have the browser forget the session."""
    response.del_cookie(COOKIE, path="/")


def require_our_form(request: web.BaseRequest, service: Service, sent: str | None) -> None:
    """Refuse what another site has made a browser send. Raises `Problem` 403.

    Where the browser says that the request comes from has to be us, and `sent` the token of the session, which only our pages hold;
    it is None for a form that does nothing in the name of whoever is signed in.
    """
    secret = shown_session(request)
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    client = client_of(request, service.settings.server.trusted_proxies)
    ours = site in _OURS if site is not None else origin in (None, f"{client.scheme}://{client.host}")
    if not ours or (sent is not None and not compare_digest(form_token(secret).encode(), sent.encode(errors="replace"))):
        raise Problem(
            403, "foreign-form", "the form is not of this page, or is of an older session; load the page again and send it once more"
        )
