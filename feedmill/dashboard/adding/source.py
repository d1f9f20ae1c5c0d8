"""Where a new feed comes from, out of what was typed now and what was typed before and is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from feedmill.dashboard.adding.location import Location, join_location, show_location, split_location
from feedmill.dashboard.reaching import paging, rows
from feedmill.dashboard.reaching.reach import TOKENS, WAYS, Reach, transport_setting
from feedmill.dashboard.sessions import shown_session
from feedmill.service.definition.masks import is_masked, same_host, unmask_location

if TYPE_CHECKING:
    from feedmill.dashboard.view import View


@dataclass(frozen=True, slots=True)
class NewSource:
    """How a source is reached. `settings` are for the API and hold secrets; everything else may be shown. `faults` are by field."""

    settings: Mapping[str, object] = field(repr=False)
    location: str
    kept: str
    faults: Mapping[str, str]
    reach: Reach


EMPTY: Final = NewSource({}, "", "", {}, Reach())
"""A form that nothing was typed into."""


def read_source(view: View, *, act: str | None = None, keep: bool = True) -> NewSource:
    """Return where the feed of the form comes from, and keep the secrets in it for the next time that the form is sent.

    `act` is the button of a row that was pressed; without one rows that say nothing are left out. Without `keep` the form only looks,
    and sends all that it has once more.
    """
    form, typed, session = view.form, view.service.typed, shown_session(view.request)
    before = typed.find(session, form.get("kept", ""))
    faults: dict[str, str] = {}
    pasted = split_location(form.get("location", ""))
    url = _unmask(view, pasted.url, before, faults)
    reach = _read_reach(form, pasted, before)
    shown, focus = rows.edit_rows(reach.rows, act) if act is not None else ([row for row in reach.rows if not row.is_blank], "")
    found = _Secrets(view, before, url, reach, faults)
    password = found.take("password", pasted.password, needed=bool(reach.username) or reach.way in TOKENS)
    login = split_location(form.get("token_url", ""))
    secret = found.take("client_secret", login.password or pasted.password, needed=reach.way == "oauth2")
    proxy = found.take("proxy_url", None, needed=True)
    reach = replace(reach, rows=found.rows(shown), focus=focus, kept=found.names)
    faults = {**paging.find_faults(view, reach.paging), **_find_faults(view, reach), **rows.find_faults(view, reach.rows), **faults}
    secrets = {"url": url, "token_url": reach.token_url, **found.kept, **rows.to_keep(reach.rows)}
    kept = form.get("kept", "")
    if keep and (url or len(secrets) > 2):
        kept = typed.keep(session, secrets, kept)
    settings = {**_settings(form, url, reach, password, secret), **({"proxyUrl": proxy} if proxy is not None else {})}
    return NewSource(settings, show_location(url), kept, faults, reach)


def _read_reach(form: Mapping[str, str], pasted: Location, before: Mapping[str, str]) -> Reach:
    way = form.get("auth", "basic")
    way = way if way in WAYS else "basic"
    login = split_location(form.get("token_url", ""))
    if way == "none" and pasted.username is not None:
        way = "basic"
    username = (pasted.username if pasted.username is not None else form.get("username", "")).strip()
    client = login.username or (pasted.username if way == "oauth2" else None) or form.get("client_id", "")
    return Reach(
        way=way,
        username=username,
        header=form.get("auth_header", "").strip(),
        client_id=client.strip(),
        token_url=login.url,
        scope=form.get("scope", "").strip(),
        rate=form.get("transport.requestsPerSecond", "").strip(),
        paging=paging.read_paging(form),
        rows=rows.read_rows(form, before),
    )


class _Secrets:
    """The secrets of a form: what is typed now, else what was typed for the same host before."""

    def __init__(self, view: View, before: Mapping[str, str], url: str, reach: Reach, faults: dict[str, str]) -> None:
        self._view, self._before, self._faults = view, before, faults
        self._stays = _same_host(url, before.get("url", ""))
        self._token_stays = _same_host(reach.token_url, before.get("token_url", ""))
        self.kept: dict[str, str] = {}

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.kept)

    def take(self, name: str, pasted: str | None, *, needed: bool) -> str | None:
        """Return a secret, None where there is none; say it where the one of before may not be used any more."""
        say, form, before = self._view.say, self._view.form, self._before
        found = pasted if pasted is not None else form.get(name) or None
        stays = self._stays and (name != "client_secret" or self._token_stays)
        if found is None and name in before and stays:
            found = before[name]
        elif found is None and needed and name in before:
            self._faults[name] = say("it was typed for another host, and does not follow to a new one: type it again")
        elif found is None and needed and form.get(f"has_{name}") and not before:
            self._faults[name] = say("it is not kept any more: type it again")
        if found is not None:
            self.kept[name] = found
        return found if needed else None

    def rows(self, read: Sequence[rows.ParameterRow]) -> tuple[rows.ParameterRow, ...]:
        """Return rows without values that were typed for another host, and say it of these, and of such as are not kept any more."""
        found: list[rows.ParameterRow] = []
        for at, row in enumerate(read):
            gone = row.is_kept and (not self._stays or row.value is None)
            if gone:
                say = self._view.say
                message = (
                    say("it was typed for another host: type it again") if row.value else say("it is not kept any more: type it again")
                )
                self._faults[f"{rows.PREFIX}{at}.value"] = message
            found.append(replace(row, value=None) if gone else row)
        return tuple(found)


def _find_faults(view: View, reach: Reach) -> dict[str, str]:
    if reach.way != "oauth2":
        return {}
    lacking = view.say("OAuth2 needs it: ask your supplier")
    wanted = {"client_id": reach.client_id, "token_url": reach.token_url, "client_secret": "client_secret" in reach.kept}
    return {name: lacking for name, value in wanted.items() if not value}


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
    """Return whether what was typed for one address may go to the other: what was typed before any address may go anywhere."""
    if not other:
        return True
    try:
        return same_host(one, other)
    except ConfigError:
        return False


def _settings(form: Mapping[str, str], url: str, reach: Reach, password: str | None, secret: str | None) -> dict[str, object]:
    transport = {name: value for name, value in transport_setting(reach).items() if value is not None}
    settings: dict[str, object] = {"resourceLocation": url}
    if reach.way in TOKENS:
        settings["authenticationToken"] = password
    elif reach.way == "oauth2":
        settings |= {"authenticationToken": reach.client_id, "authenticationSecret": secret}
    elif reach.way == "basic" and reach.username and "://" in url:
        settings["resourceLocation"] = join_location(url, reach.username, password)
    if form.get("host_key", "").strip():
        transport["hostKey"] = form["host_key"].strip()
    if transport:
        settings["transport"] = transport
    if form.get("path", "").strip():
        settings["resourcePath"] = form["path"].strip()
    if (paged := paging.paging_setting(reach.paging)) is not None:
        settings["pagination"] = paged
    if sent := rows.row_settings(reach.rows):
        settings["parameters"] = sent
    return settings
