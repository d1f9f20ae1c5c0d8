"""Undo: what would be restored and what was written since, and then doing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import Conflict, UnderWay
from feedmill.dashboard.items.showing import labels
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.standing import Row, Standing, list_kinds, nothing_new, read_standing, show_value
from feedmill.web.problems import Problem, explain

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "decisions/undo.html"
_PATH: Final = "/runs/{id:[0-9]+}/undo"
_KINDS: Final = (
    ("restored", "Come back into stock"),
    ("updated", "Are set back"),
    ("created", "Brought back after being deleted"),
    ("deleted", "Deleted, for the run had created them"),
    ("removed", "Taken out of stock again"),
    ("zeroed", "Fall to no stock again"),
)
_CALLS: Final = {
    "edit": "a change by hand",
    "remove": "a removal by hand",
    "connect": "a connection by hand",
    "disconnect": "a disconnection by hand",
    "catalogue": "a change of the catalogue",
}


async def _show(view: View) -> web.StreamResponse:
    standing = await read_standing(view, view.number())
    if view.query.get("part") == "plan":
        return nothing_new(view, standing) or view.render(_TEMPLATE, **await _plan(view, standing))
    return await _whole(view, standing)


async def _whole(view: View, standing: Standing, problem: Problem | None = None) -> web.StreamResponse:
    # What an undo would come to is counted while the page is shown; what is known at once is shown at once.
    undone = await _undone_by(view, standing)
    if standing.run["status"] == "complete" and undone is None and problem is None:
        return view.render(_TEMPLATE, standing=standing, run=standing.run, feed=standing.feed, waits=True)
    return view.render(_TEMPLATE, **await _plan(view, standing, problem))


async def _plan(view: View, standing: Standing, problem: Problem | None = None) -> dict[str, Any]:
    run = standing.run
    shown: dict[str, Any] = {"standing": standing, "run": run, "feed": standing.feed, "waits": False, "problem": problem}
    shown |= {"undone": await _undone_by(view, standing), "refused": "", "plan": None}
    if run["status"] != "complete" or (shown["undone"] or {}).get("status") == "started":
        return shown
    try:
        plan = await view.get(f"/api/data-imports/{run['id']}/undo.json")
    except Conflict as error:
        return {**shown, "refused": str(error)}
    conflicts = [_shape(view, each) for each in plan["conflicts"]]
    return {**shown, "undone": None, "plan": plan, "conflicts": conflicts, "kinds": list_kinds(view, plan["changes"], _KINDS)}


async def _undone_by(view: View, standing: Standing) -> Row | None:
    """Return the newest undo of a run, None where nobody has begun one; one that met nothing but conflicts undid nothing."""
    asked = {"where[undoes]": standing.run["id"], "order[attribute]": "id", "order[descending]": True, "limit": 20}
    undos = (await view.list("/api/data-imports.json", asked)).rows
    return next((each for each in undos if each["status"] == "started" or (each["status"] == "complete" and _did(each))), None)


def _did(undo: Row) -> bool:
    return bool(undo["created"] + undo["updated"] + undo["removed"] or not undo["skipped"])


def _shape(view: View, conflict: Row) -> Row:
    address = None if conflict["did"] == "deleted" else f"/items/{conflict['id']}"
    values = {"left": show_value(conflict["left"]), "now": show_value(conflict["now"])}
    field = conflict["field"] and labels(view).get(conflict["field"], conflict["field"])
    return {**conflict, **values, "field": field, "by": _by(view, conflict), "address": address}


def _by(view: View, conflict: Row) -> str:
    """Return who wrote what an undo leaves alone, in words; a run is told by its number."""
    call = conflict["call"]
    if call is None:
        return "" if conflict["run"] else view.say("somebody")
    return view.say(_CALLS.get(call.partition(":")[0], "a call of the API"))


async def _undo(view: View) -> web.StreamResponse:
    number = view.number()
    here = f"/runs/{number}/undo"
    try:
        made = await view.send("POST", f"/api/data-imports/{number}/undo.json")
    except UnderWay as error:
        return await _whole(view, await read_standing(view, number), explain(error))
    except Conflict:
        return view.go(here, view.say("Nothing was done: the run cannot be undone any more, as the page now tells."))
    if made["id"] == number:
        return view.go(here, view.say("The undo is under way."))
    return view.go(f"/runs/{made['id']}", view.say("Run %(undo)s undoes run %(run)s.", undo=made["id"], run=number))


PAGES: Final[tuple[Page, ...]] = (shows(_PATH, _show), does(_PATH, _undo))
