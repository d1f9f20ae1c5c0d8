"""The mapping editor: a row a field, rules as chips, before and after on real records, and nothing lost when two edit at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import to_thread

from engine.contracts import PUSHED
from engine.errors import FeedmillError, NotFound
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import faults_of, problem_of
from feedmill.dashboard.mapping.acts import edit
from feedmill.dashboard.mapping.draft import NUMBER, RULE_NUMBERS, Draft, draft_of, draft_sent, for_api, mapping_of, number_rows
from feedmill.dashboard.mapping.looking import Looked, look_at, try_path
from feedmill.dashboard.mapping.presets import can_copy, copy_preset, preset_names, preset_of
from feedmill.dashboard.mapping.rules import PURPOSES, load_notes, rules_of, show_value
from feedmill.dashboard.mapping.seen import place_faults, show_cell
from feedmill.dashboard.page import Page, does, shows
from feedmill.service.definition.differences import Difference, find_differences
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

    from feedmill.dashboard.view import View

PATIENCE: Final = 1.0
"""How many seconds a button waits for the records: without them the rows are there at once, and the records follow."""

_TEMPLATE: Final = "mapping/editor.html"
_READ_BY: Final = {"xml": ("xmlPath", "xmlNamespaces"), "json": ("jsonRoot", "jsonStructure")}
_ATTEMPTS: Final = 3
_SHORT: Final = re.compile(r"\b(?:sku|id|mpn|url|xml|json)\b", re.IGNORECASE)


async def _show(view: View) -> web.StreamResponse:
    feed = await _feed(view)
    if not view.is_admin or feed["resourceType"] in PUSHED:
        return view.render("mapping/shown.html", feed=feed, draft=draft_of(feed), pushed=feed["resourceType"] in PUSHED, **_words())
    version = await _version(view) if "version" in view.query else None
    draft = draft_of(feed, None if version is None else version["mapping"])
    return view.render(_TEMPLATE, version=version, **_context(view, feed, draft))


async def _version(view: View) -> Mapping[str, Any]:
    versions = await view.get(feed_call(view.number(), "mapping-history"))
    found = next((each for each in versions if str(each["id"]) == view.query["version"]), None)
    if found is None:
        raise NotFound(view.say("this version of the mapping is not kept any more"))
    return dict(found)


async def _edit(view: View) -> web.StreamResponse:
    feed, draft, act = await _feed(view), draft_sent(view.sent), view.form.get("act", "")
    if act == "copy":
        draft = copy_preset(view.service.registry, feed["resourceType"], draft, (await look_at(view, feed, draft)).columns)
    else:
        draft = edit(draft, act, view.form)
    looked: Looked | None = None
    with anyio.move_on_after(PATIENCE):
        looked = await look_at(view, feed, draft)
    context = _context(view, feed, draft, looked)
    return view.answer(view.html(_TEMPLATE, "editor", **context) + ("" if looked is None else view.html(_TEMPLATE, "looked", **context)))


async def _look(view: View) -> web.StreamResponse:
    """Show what the form as it stands makes of real records. A POST, though it only looks: a mapping is too long for an address."""
    feed, draft = await _feed(view), draft_sent(view.sent)
    context = {**_context(view, feed, draft, await look_at(view, feed, draft)), "alone": True}
    shown = view.html(_TEMPLATE, "looked", **context) + view.html(_TEMPLATE, "seen", **context)
    return view.answer(shown + (await _tried(view, feed) if view.form.get("try") else ""))


async def _try(view: View) -> web.StreamResponse:
    return view.answer(await _tried(view, await _feed(view)))


async def _tried(view: View, feed: Mapping[str, Any]) -> str:
    """Return what the path that is tried leads to, by how the form says that the source is read."""
    path = view.form.get("try", "").strip()
    reading = {name: view.form[name] for name in ("xmlPath", "jsonRoot", "jsonStructure") if view.form.get(name)}
    pairs, problem = await try_path(view, feed, path, reading) if path else ([], None)
    return view.html(_TEMPLATE, "found", **{**_context(view, feed, draft_of(feed)), "path": path, "pairs": pairs, "problem": problem})


async def _save(view: View) -> web.StreamResponse:
    draft = draft_sent(view.sent)
    problem: Problem | None = None
    for _ in range(_ATTEMPTS):
        try:
            await view.send("PUT", feed_call(view.number()), {**for_api(draft).settings, "updatedAt": draft.updated_at})
        except (Problem, FeedmillError) as error:
            problem = problem_of(error)
        else:
            return view.go(f"/feeds/{view.number()}/mapping", view.say("The mapping was saved. The next run goes by it."))
        feed = await _feed(view)
        if not any(fault.field == "updatedAt" for fault in problem.faults):
            return await _refuse(view, feed, draft, problem)
        if mapping_of(feed) != draft.base:
            return await _tell_conflict(view, feed, draft)
        # Somebody has changed what is no mapping, as the schedule: that stands beside it.
        draft = replace(draft, updated_at=feed["updatedAt"])
    raise problem or NotFound(view.request.path)


async def _refuse(view: View, feed: Mapping[str, Any], draft: Draft, problem: Problem) -> web.StreamResponse:
    return view.render(_TEMPLATE, status=problem.status, version=None, **_context(view, feed, draft, problem=problem))


async def _tell_conflict(view: View, feed: Mapping[str, Any], draft: Draft) -> web.StreamResponse:
    """Show what others have changed since the editor was opened, above what was to be saved, which is saved over it only knowingly."""
    theirs = find_differences(draft.base, mapping_of(feed))
    context = _context(view, feed, replace(draft, base=mapping_of(feed), updated_at=feed["updatedAt"]), theirs=theirs)
    return view.render(_TEMPLATE, status=409, version=None, **context)


def _context(
    view: View,
    feed: Mapping[str, Any],
    draft: Draft,
    looked: Looked | None = None,
    problem: Problem | None = None,
    theirs: Sequence[Difference] = (),
) -> dict[str, Any]:
    kind = feed["resourceType"]
    faults, rest = place_faults(draft, problem)
    return {
        "feed": feed,
        "draft": number_rows(draft),
        "looked": looked,
        "problem": problem,
        "faults": faults_of(problem),
        "row_faults": faults if looked is None else looked.faults,
        "rest": rest,
        "theirs": theirs,
        "preset": preset_of(kind, draft),
        "presets": preset_names(view.service.registry, kind),
        "preset_name": "xmlMapping" if kind == "xml" else "mapping",
        "copies": can_copy(kind, draft),
        "paths": kind in _READ_BY,
        "pairs": [],
        "path": "",
        "alone": False,
        **_words(),
    }


def _words() -> dict[str, Any]:
    shown = {"show_value": show_value, "show_cell": show_cell, "words": words_of}
    return {"purposes": PURPOSES, "rules_of": rules_of, "numbers": (NUMBER, RULE_NUMBERS), **shown}


def words_of(name: str) -> str:
    """Return a name of the API in words: `inventoryQuantity` is "Inventory quantity"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return _SHORT.sub(lambda found: found[0].upper(), spaced[:1].upper() + spaced[1:].lower())


async def _feed(view: View) -> dict[str, Any]:
    # What the rules say of themselves is read from a file the first time.
    await to_thread.run_sync(load_notes)
    feed: dict[str, Any] = await view.get(feed_call(view.number()))
    return feed


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}/mapping", _show),
    does("/feeds/{id:[0-9]+}/mapping", _save),
    does("/feeds/{id:[0-9]+}/mapping/edit", _edit),
    does("/feeds/{id:[0-9]+}/mapping/look", _look),
    does("/feeds/{id:[0-9]+}/mapping/path", _try),
)
