"""Add a feed: paste an address, see what Feedmill makes of it, correct that, save, and watch the first fetch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from engine.errors import FeedmillError
from feedmill.dashboard.adding.reading import Reading, read_reading
from feedmill.dashboard.adding.saving import Unsaved, save_feed
from feedmill.dashboard.adding.sheet import make_sheet
from feedmill.dashboard.adding.shown import show_preview
from feedmill.dashboard.adding.source import EMPTY, NewSource, read_source
from feedmill.dashboard.adding.words import frequencies, purposes, pushed_types
from feedmill.dashboard.forms import problem_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.reaching.asking import ask_for, form_words
from feedmill.dashboard.reaching.rows import PREFIX
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

Part: TypeAlias = Literal["wizard", "reach", "asked", "reading", "preview"]

_TEMPLATE: Final = "feeds/add.html"
_API: Final = "/api/inventory-feeds"
_REQUESTS: Final = f"{_API}/requests.json"
_RECORDS: Final = 20
_FIELDS: Final = {
    "resourceLocation": "location",
    "resourcePath": "path",
    "transport.hostKey": "host_key",
    "transport.authHeader": "auth_header",
    "transport.tokenUrl": "token_url",
    "transport.scope": "scope",
    "authenticationToken": "password",
    "authenticationSecret": "client_secret",
    "proxyUrl": "proxy_url",
}
"""The fields of the form that attributes of the API come from."""

_OFFERED: Final = {
    "fingerprint": re.compile(r"host key (SHA256:[A-Za-z0-9+/]{43})\S* \([^)]*\), which is not known"),
    "widths": re.compile(r"set columnWidths \(([\d,-]+) would"),
}
"""What a refusal holds that a person has to confirm: the key that a server showed, and where columns of fixed width seem to begin."""


async def _show(view: View) -> web.StreamResponse:
    shown = {"supplier": view.query.get("supplier", ""), "form": {}}
    return await _answer(view, EMPTY, shown)


async def _look(view: View) -> web.StreamResponse:
    """Fetch the beginning of the source anew, and guess."""
    if view.form.get("way") == "push":
        # Enter in a field presses the first button, which is not seen where nothing is fetched.
        return await _save(view)
    source = read_source(view)
    if source.faults:
        return await _answer(view, source, {"faults": source.faults})
    return await _answer(view, source, await _guess(view, source, read_reading(view), refetch=True))


async def _read(view: View) -> web.StreamResponse:
    """Guess again with what somebody has set; the source is not asked anew."""
    source = read_source(view)
    if source.faults:
        return await _answer(view, source, {"faults": source.faults})
    return await _answer(view, source, await _guess(view, source, read_reading(view)), "reading")


async def _preview(view: View) -> web.StreamResponse:
    """Show the first records under what the form says now."""
    source, reading = read_source(view), read_reading(view)
    return await _answer(view, source, await _try(view, source, reading.settings, reading.fields), "preview")


async def _reach(view: View) -> web.StreamResponse:
    """Add or remove a row of what goes along with each request; everything else stays as it was typed."""
    source, reading = read_source(view, act=view.form.get("act", "")), read_reading(view)
    lost = {name: said for name, said in source.faults.items() if name.startswith(PREFIX) and name.endswith(".value")}
    found: dict[str, object] = {}
    if "HX-Request" not in view.request.headers and reading.guessed and not source.faults:
        found = await _guess(view, source, reading)
    return await _answer(view, source, {**found, "faults": lost}, "reach")


async def _ask(view: View) -> web.StreamResponse:
    """Say what would be asked first, while somebody types."""
    return await _answer(view, read_source(view, keep=False), {}, "asked")


async def _save(view: View) -> web.StreamResponse:
    source, reading = read_source(view), read_reading(view)
    pushed = view.form.get("way") == "push"
    if not pushed and source.faults:
        return await _answer(view, source, {"faults": source.faults})
    try:
        return await save_feed(view, source, reading, pushed=pushed)
    except Unsaved as refused:
        found: dict[str, object] = {} if pushed else await _guess(view, source, reading)
        return await _answer(view, source, {**found, "refused": refused.problem, "faults": _faults(refused.problem)})


async def _guess(view: View, source: NewSource, reading: Reading, *, refetch: bool = False) -> dict[str, object]:
    """Return what a template shows of a guess and of its preview, or why there is none."""
    known = {**source.settings, **reading.chosen}
    try:
        guess = await view.send("POST", f"{_API}/guess.json", {"settings": known, "refetch": refetch})
    except (Problem, FeedmillError) as error:
        problem = problem_of(error)
        return {"problem": problem, "faults": _faults(problem), **await _guess_freely(view, source, reading)}
    return await _present(view, source, reading, guess)


async def _guess_freely(view: View, source: NewSource, reading: Reading) -> dict[str, object]:
    """Return the choices to change back, where the source can be read and only what was set of it does not fit."""
    if not reading.chosen:
        return {}
    try:
        guess = await view.send("POST", f"{_API}/guess.json", {"settings": source.settings})
    except (Problem, FeedmillError):
        return {}
    return {"sheet": make_sheet(view, guess, reading)}


async def _present(view: View, source: NewSource, reading: Reading, guess: Mapping[str, Any]) -> dict[str, object]:
    sheet = make_sheet(view, guess, reading)
    now = Reading(sheet.sure, reading.chosen, sheet.chosen())
    seen = await ask_for(view, _REQUESTS, {**source.settings, **now.settings}, fetch=True) if source.reach.is_paged else {}
    return {"sheet": sheet, "guessed_name": guess["name"], **seen, **await _try(view, source, now.settings, now.fields)}


async def _try(view: View, source: NewSource, settings: Mapping[str, object], fields: object) -> dict[str, object]:
    """Return the first records under settings, or why there are none."""
    tried = {**source.settings, **settings, "fields": fields}
    try:
        found = await view.send("POST", f"{_API}/preview.json", {"settings": tried, "limit": _RECORDS})
    except (Problem, FeedmillError) as error:
        return {"unread": problem_of(error)}
    return {"preview": show_preview(view, found)}


def _faults(problem: Problem) -> dict[str, str]:
    return {_FIELDS.get(fault.field, fault.field): fault.message for fault in problem.faults}


async def _answer(view: View, source: NewSource, found: Mapping[str, object], part: Part = "wizard") -> web.Response:
    """Answer the page, or to its script the part of it that has changed."""
    suppliers = (await view.list("/api/dropship-providers.json", {"limit": 1000, "order[attribute]": "name"})).rows
    problem = found.get("problem")
    said = problem.detail if isinstance(problem, Problem) else ""
    context: dict[str, Any] = {
        "source": source,
        "form": view.form,
        "suppliers": [each for each in suppliers if each["status"] != "archived"],
        "supplier": view.form.get("supplier", ""),
        "purposes": purposes(view),
        "pushed_types": pushed_types(view),
        "frequencies": frequencies(view),
        "faults": {},
        "problem": None,
        "refused": None,
        "unread": None,
        "sheet": None,
        "preview": None,
        "guessed_name": "",
        "requests": None,
        "unasked": None,
        "base": "/feeds/new",
        **form_words(view),
        **{name: shape[1] if (shape := pattern.search(said)) is not None else "" for name, pattern in _OFFERED.items()},
        **found,
    }
    asked = source.reach.is_api or part == "asked"
    if context["requests"] is None and asked and source.settings and not source.faults:
        context |= await ask_for(view, _REQUESTS, source.settings)
    if "HX-Request" in view.request.headers:
        # The page's script asks for the largest part that is not true any more, and then for no smaller one.
        parts = (part, "asked") if asked and part in ("reading", "preview") else (part,)
        return view.answer("".join(view.html(_TEMPLATE, each, **context) for each in parts))
    return view.answer(view.html(_TEMPLATE, **context))


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/new", _show, "admin"),
    does("/feeds/new", _save),
    does("/feeds/new/look", _look),
    does("/feeds/new/read", _read),
    does("/feeds/new/preview", _preview),
    does("/feeds/new/rows", _reach),
    does("/feeds/new/asked", _ask),
)
