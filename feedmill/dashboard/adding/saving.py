"""A new feed is saved, with its supplier where that is new as well, and fetched for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import Conflict, FeedmillError, UnderWay
from feedmill.dashboard.adding.words import frequencies, pushed_types
from feedmill.dashboard.forms import problem_of, whole_number
from feedmill.dashboard.sessions import shown_session
from feedmill.web.problems import FieldFault, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.adding.reading import Reading
    from feedmill.dashboard.adding.source import NewSource
    from feedmill.dashboard.view import View

NEW: Final = "new"
"""What the form says in place of the id of a supplier that is to be made."""

_FEEDS: Final = "/api/inventory-feeds"
_SUPPLIERS: Final = "/api/dropship-providers"
_OF_FORM: Final = {"dropshipProviderId": "supplier"}


class Unsaved(Exception):
    """End the saving of a feed: nothing of it is left behind. `problem` names the fields of the form where it can."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


async def save_feed(view: View, source: NewSource, reading: Reading, *, pushed: bool) -> web.StreamResponse:
    """Make the feed of the form and go to where its first run is watched, or where it is said how to push to it.

    Raises `Unsaved` where the form cannot be taken.
    """
    settings = _pushed(view) if pushed else _fetched(view, source, reading)
    name = view.form.get("name", "").strip()
    if not name:
        raise _refuse(view, "name", view.say("give the feed a name, by which you know it again"))
    supplier, made = await _supplier(view)
    try:
        number = await _create(view, {"name": name, "dropshipProviderId": supplier, **settings})
    except (Problem, FeedmillError) as error:
        if made:
            await view.send("DELETE", f"{_SUPPLIERS}/{supplier}.json")
        raise Unsaved(_explain(error)) from None
    view.service.typed.forget(shown_session(view.request), source.kept)
    if pushed:
        return view.go(f"/feeds/{number}/push", view.say("The feed %(name)s is saved.", name=name))
    return await _begin(view, number, name)


async def _create(view: View, settings: Mapping[str, object]) -> int:
    """Make a feed and return its id; one that could not be fetched is taken back. Raises what the call raises, and `Problem`."""
    feed = await view.send("POST", f"{_FEEDS}.json", settings)
    if not feed["isValid"]:
        await view.send("DELETE", f"{_FEEDS}/{feed['id']}.json")
        raise Problem(422, "invalid", str(feed["validationMessage"]))
    return int(feed["id"])


def _pushed(view: View) -> dict[str, object]:
    kind = view.form.get("pushed", "")
    known = dict(pushed_types(view))
    return {"resourceType": kind if kind in known else next(iter(known)), "fetchFrequency": "webhook"}


def _fetched(view: View, source: NewSource, reading: Reading) -> dict[str, object]:
    if not reading.guessed:
        raise _refuse(view, "location", view.say("look at the address first"))
    often = view.form.get("frequency", "")
    known = dict(frequencies(view))
    frequency = often if often in known else next(iter(known))
    return {**source.settings, **reading.settings, "fields": reading.fields, "fetchFrequency": frequency}


async def _supplier(view: View) -> tuple[int, bool]:
    """Return the id of the supplier, and whether it was made just now."""
    chosen, name = view.form.get("supplier", NEW), view.form.get("supplier_name", "").strip()
    if (known := whole_number(chosen)) is not None:
        return known, False
    if not name:
        raise _refuse(view, "supplier_name", view.say("choose a supplier, or name a new one"))
    try:
        made = await view.send("POST", f"{_SUPPLIERS}.json", {"name": name})
    except (Problem, FeedmillError) as error:
        problem = _explain(error)
        raise _refuse(view, "supplier_name", problem.faults[0].message if problem.faults else problem.detail) from None
    return int(made["id"]), True


async def _begin(view: View, feed: int, name: str) -> web.StreamResponse:
    """Fetch a feed for the first time, unless that is under way already, and go to the run."""
    try:
        run = (await view.send("POST", f"{_FEEDS}/{feed}/fetch.json"))["id"]
    except UnderWay as error:
        run = error.run
    except Conflict as error:
        # The feed is there, and will be fetched once its supplier is not paused any more.
        return view.go("/suppliers", str(error))
    return view.go(f"/runs/{run}", view.say("The feed %(name)s is saved, and fetched for the first time.", name=name))


def _refuse(view: View, field: str, message: str) -> Unsaved:
    return Unsaved(Problem(422, "invalid", view.say("the feed is not saved yet"), faults=[FieldFault(field, message)]))


def _explain(error: Problem | FeedmillError) -> Problem:
    problem = problem_of(error)
    name = "name" if isinstance(error, Conflict) else ""
    faults = [FieldFault(_OF_FORM.get(fault.field, fault.field), fault.message) for fault in problem.faults]
    return Problem(problem.status, problem.name, problem.detail, faults=faults or ([FieldFault(name, problem.detail)] if name else []))
