"""Where a new feed comes from, out of what was typed now and what was typed before and is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from feedmill.dashboard.adding.location import join_location, show_location, split_location
from feedmill.dashboard.sessions import shown_session
from feedmill.service.definition.masks import is_masked, same_host, unmask_location

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

_TOKENS: Final = ("bearer", "header")


@dataclass(frozen=True, slots=True)
class NewSource:
    """How a source is reached. `settings` are for the API and hold secrets; everything else may be shown. `faults` are by field."""

    settings: Mapping[str, object] = field(repr=False)
    location: str
    username: str
    has_password: bool
    kept: str
    faults: Mapping[str, str]


def read_source(view: View) -> NewSource:
    """Return where the feed of the form comes from, and keep the secrets in it for the next time that the form is sent."""
    form, typed, session = view.form, view.service.typed, shown_session(view.request)
    before = typed.find(session, form.get("kept", ""))
    faults: dict[str, str] = {}
    pasted = split_location(form.get("location", ""))
    url = _unmask(view, pasted.url, before, faults)
    auth = form.get("auth", "basic")
    username = (pasted.username if pasted.username is not None else form.get("username", "")).strip()
    password = pasted.password if pasted.password is not None else form.get("password", "") or None
    if password is None and "password" in before and (username or auth in _TOKENS):
        if _same_host(url, before.get("url", "")):
            password = before["password"]
        else:
            faults["password"] = view.say("it was typed for another host, and does not follow to a new one: type it again")
    elif password is None and form.get("has_password") and not before:
        faults["password"] = view.say("it is not kept any more: type it again")
    secrets = {"url": url, **({"password": password} if password is not None else {})}
    kept = typed.keep(session, secrets, form.get("kept", "")) if url else ""
    settings = _settings(form, url, username, password)
    return NewSource(settings, show_location(url), username, password is not None, kept, faults)


def _unmask(view: View, url: str, before: Mapping[str, str], faults: dict[str, str]) -> str:
    if not url:
        faults["location"] = view.say("paste the address that your supplier gave you")
    elif "://" not in url and not url.startswith("/"):
        faults["location"] = view.say("an address begins with https://, http://, ftp://, ftps:// or sftp://")
    else:
        try:
            return unmask_location(url, before.get("url"), "basic") if is_masked(url) else url
        except ConfigError as error:
            faults["location"] = str(error)
    return url


def _same_host(one: str, other: str) -> bool:
    try:
        return same_host(one, other)
    except ConfigError:
        return False


def _settings(form: Mapping[str, str], url: str, username: str, password: str | None) -> dict[str, object]:
    auth = form.get("auth", "basic")
    transport: dict[str, object] = {}
    settings: dict[str, object] = {"resourceLocation": url}
    if auth in _TOKENS:
        transport["auth"] = auth
        settings["authenticationToken"] = password
        if auth == "header" and form.get("auth_header", "").strip():
            transport["authHeader"] = form["auth_header"].strip()
    elif username and "://" in url:
        settings["resourceLocation"] = join_location(url, username, password)
    if form.get("host_key", "").strip():
        transport["hostKey"] = form["host_key"].strip()
    if transport:
        settings["transport"] = transport
    if form.get("path", "").strip():
        settings["resourcePath"] = form["path"].strip()
    return settings
