"""How a stored feed is reached, and what a form changes of it: a secret that is left blank stays as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from feedmill.dashboard.adding.location import split_location
from feedmill.dashboard.reaching import paging, rows
from feedmill.dashboard.reaching.reach import SECRETS, TOKENS, WAYS, Reach, transport_setting
from feedmill.dashboard.sessions import shown_session

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

ATTRIBUTES: Final = frozenset(
    (
        *("authenticationToken", "authenticationSecret", "pagination", "parameters"),
        *("transport.auth", "transport.authHeader", "transport.tokenUrl", "transport.scope", "transport.requestsPerSecond"),
    )
)
"""The attributes of a feed that are set here, and nowhere else."""

_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    "basic": ("username", "password"),
    "bearer": ("password", "password"),
    "header": ("password", "password"),
    "oauth2": ("client_id", "client_secret"),
}
"""The fields of the form that are sent as `authenticationToken` and `authenticationSecret`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a form says of a stored feed. `settings` are for the API and hold secrets; everything else may be shown."""

    reach: Reach
    settings: Mapping[str, object] = field(repr=False)
    faults: Mapping[str, str]
    kept: str


def is_web(feed: Mapping[str, Any]) -> bool:
    """Return whether a feed comes over HTTP, which alone knows more than a user and a password."""
    return urlsplit(feed["resourceLocation"] or "").scheme in ("http", "https")


def has_user(feed: Mapping[str, Any]) -> bool:
    """Return whether the address of a feed carries a user, who goes before any other."""
    return "@" in urlsplit(feed["resourceLocation"] or "").netloc


def reach_of(feed: Mapping[str, Any]) -> Reach:
    """Return how a feed is reached, as the API shows it."""
    transport = feed["transport"]
    way = str(transport["auth"])
    if way == "basic" and not (feed["authenticationToken"] or feed["authenticationSecret"]):
        way = "none"
    token, secret = _FIELDS.get(way, ("", ""))
    kept = {token} if feed["authenticationToken"] else set[str]()
    return Reach(
        way=way,
        header=str(transport["authHeader"]) if way == "header" else "",
        token_url=str(transport["tokenUrl"] or ""),
        scope=str(transport["scope"] or ""),
        rate="" if transport["requestsPerSecond"] is None else f"{transport['requestsPerSecond']:g}",
        kept=frozenset(kept | ({secret} if feed["authenticationSecret"] else set[str]())),
        paging=paging.paging_of(feed),
        rows=rows.rows_of(feed),
    )


def state_of(feed: Mapping[str, Any]) -> str:
    """Return a text that is another one once somebody has changed how a feed is reached; secrets are in it as the API shows them."""
    shown = [
        feed[name] for name in ("resourceLocation", "transport", "authenticationToken", "authenticationSecret", "pagination", "parameters")
    ]
    return hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()


def read_change(view: View, feed: Mapping[str, Any], *, act: str | None = None, keep: bool = True) -> Change:
    """Return what a form changes of a feed, and keep the secrets in it until it is saved; see `read_source` of a new one."""
    form, typed, session = view.form, view.service.typed, shown_session(view.request)
    before = typed.find(session, form.get("kept", ""))
    before = before if before.get("feed") == str(feed["id"]) else {}
    stored = reach_of(feed)
    login = split_location(form.get("token_url", ""))
    pasted = {"client_id": login.username, "client_secret": login.password}
    secrets = {name: text for name in SECRETS if (text := pasted.get(name) or form.get(name) or before.get(name))}
    reach = _read_reach(form, before, login.url)
    shown, focus = rows.edit_rows(reach.rows, act) if act is not None else ([row for row in reach.rows if not row.is_blank], "")
    stays = stored.way == reach.way or {stored.way, reach.way} <= set(TOKENS)
    reach = replace(reach, rows=tuple(shown), focus=focus, kept=frozenset(secrets) | (stored.kept if stays else frozenset()))
    faults = {**paging.find_faults(view, reach.paging), **_find_faults(view, reach), **rows.find_faults(view, reach.rows, stored.rows)}
    kept = form.get("kept", "")
    if keep and (found := {**secrets, **rows.to_keep(reach.rows)}):
        kept = typed.keep(session, {"feed": str(feed["id"]), **found}, kept)
    settings: dict[str, object] = _signing_in(reach.way, secrets, stays=stays)
    if is_web(feed):
        settings |= {"transport": transport_setting(reach), "pagination": paging.paging_setting(reach.paging)}
        settings["parameters"] = rows.row_settings(reach.rows)
    return Change(reach, settings, faults, kept)


def field_of(attribute: str, way: str) -> str:
    """Return the field of the form that an attribute comes from."""
    token, secret = _FIELDS.get(way, ("username", "password"))
    known = {
        "authenticationToken": token,
        "authenticationSecret": secret,
        "transport.tokenUrl": "token_url",
        "transport.scope": "scope",
        "transport.authHeader": "auth_header",
    }
    return known.get(attribute, attribute)


def _read_reach(form: Mapping[str, str], before: Mapping[str, str], token_url: str) -> Reach:
    way = form.get("auth", "none")
    return Reach(
        way=way if way in WAYS else "none",
        header=form.get("auth_header", "").strip(),
        token_url=token_url,
        scope=form.get("scope", "").strip(),
        rate=form.get("transport.requestsPerSecond", "").strip(),
        paging=paging.read_paging(form),
        rows=rows.read_rows(form, before),
    )


def _signing_in(way: str, secrets: Mapping[str, str], *, stays: bool) -> dict[str, object]:
    """Return what becomes of the two secrets: what is typed, what stays, and nothing that was for another way of signing in."""
    if way == "none":
        return {"authenticationToken": None, "authenticationSecret": None}
    token, secret = _FIELDS[way]
    if way in TOKENS:
        return {"authenticationToken": secrets[token], "authenticationSecret": None} if token in secrets else {}
    pairs = {"authenticationToken": secrets.get(token), "authenticationSecret": secrets.get(secret)}
    return {name: text for name, text in pairs.items() if text is not None or not stays}


def _find_faults(view: View, reach: Reach) -> dict[str, str]:
    wanted = {"username"} if reach.way == "basic" else set(_FIELDS.get(reach.way, ()))
    faults = {name: view.say("type it: none is kept for this way of signing in") for name in wanted - reach.kept}
    if reach.way == "oauth2" and not reach.token_url:
        faults["token_url"] = view.say("OAuth2 needs it: ask your supplier")
    return faults
