"""One run: how far it is while it is under way, what became of it, and what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from yarl import URL

from engine.contracts import PUSHED
from engine.errors import Conflict, NotFound, UnderWay
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.items.showing import labels
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.pages.runs.runs import UNDER_WAY
from feedmill.dashboard.presenters.changes import show_value
from feedmill.dashboard.presenters.run_problems import show_notes
from feedmill.dashboard.presenters.stages import find_bottleneck, show_stages
from feedmill.dashboard.view import HEADERS

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

SHOWN_AT_ONCE: Final = 20_000
"""Changed items up to which a run's changes are looked at unasked: all of them are read, which takes a second or two for so many."""

_TEMPLATE: Final = "runs/run.html"
_KINDS: Final = ("created", "updated", "zeroed", "removed", "restored", "deleted")


async def _show(view: View) -> web.Response:
    run = await read_run(view)
    part = view.query.get("part")
    if part is not None and view.query.get("was") == run["status"]:
        return web.Response(status=204, headers=HEADERS)
    shown: dict[str, Any] = {"run": run, "under_way": run["status"] in UNDER_WAY}
    if part in (None, "now"):
        shown |= await _now(view, run)
        if run["status"] in UNDER_WAY:
            shown |= _pipeline(shown["progress"]["stages"])
    if part in (None, "outcome") and run["status"] not in UNDER_WAY:
        shown |= _pipeline(run["stages"])
        shown |= await _outcome(view, run)
    if part in (None, "changes"):
        shown |= await _changes(view, run, ask=part == "changes")
    return view.render(_TEMPLATE, **shown)


async def read_run(view: View) -> dict[str, Any]:
    """Return the run of the path. Raises `NotFound` in words for who may have known it."""
    number = view.number()
    try:
        found: dict[str, Any] = await view.get(f"/api/data-imports/{number}.json")
    except NotFound:
        why = view.say("There is no run %(run)s. Either it never was, or it went with its feed when that was removed.", run=number)
        raise NotFound(why) from None
    return found


async def _now(view: View, run: Mapping[str, Any]) -> dict[str, Any]:
    progress = await view.get(f"/api/data-imports/{run['id']}/progress.json")
    feed = await view.get(feed_call(run["inventoryFeedId"]))
    undone = await view.list("/api/data-imports.json", {"where[undoes]": run["id"], "order[attribute]": "id", "limit": 20})
    return {
        "progress": progress,
        # What a run did is in figures of its row; while it is read nothing is, and what its worker told is all there is.
        "bytes": progress["bytes"] if progress["bytes"] is not None else run["bytes"],
        "records": progress["records"] if progress["records"] is not None else run["read"],
        "feed": feed,
        "is_fetched": feed["resourceType"] not in PUSHED,
        "undone_by": next((each["id"] for each in undone.rows if each["status"] in ("complete", *UNDER_WAY)), None),
        "changed": run["created"] + run["updated"] + run["removed"],
        "not_modified": any(each["code"] == "not-modified" for each in run["messages"]),
    }


def _pipeline(stages: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {"stages": show_stages(stages), "bottleneck": find_bottleneck(stages)}


async def _outcome(view: View, run: Mapping[str, Any]) -> dict[str, Any]:
    left_out = run["errorUri"] is not None or run["skippedUri"] is not None
    reasons = await view.get(f"/api/data-imports/{run['id']}/reject-reasons.json") if left_out else []
    for each in reasons:
        each["address"] = _records_of(run["id"], each)
    return {"reasons": reasons, "notes": show_notes(run["messages"], run["status"])}


def _records_of(run: int, reason: Mapping[str, Any]) -> str:
    """Return the address of the records that were left out for a reason, as a part to be put below it."""
    column = {"whole": "true"} if reason["column"] is None else {"column": reason["column"]}
    asked = {"fate": reason["fate"], **column, "like": reason["like"], "reason": reason["reason"], "part": "records"}
    return str(URL(f"/runs/{run}/rejects").with_query(asked))


async def _changes(view: View, run: Mapping[str, Any], *, ask: bool) -> dict[str, Any]:
    changed = run["created"] + run["updated"] + run["removed"]
    shown: dict[str, Any] = {"state": "none", "diff": None, "lost": "", "kinds": _KINDS, "show_value": show_value, "labels": labels(view)}
    if run["status"] not in ("complete", "held") or not changed:
        return shown
    if changed > SHOWN_AT_ONCE and "all" not in view.query:
        return {**shown, "state": "ask"}
    if not ask:
        return {**shown, "state": "load"}
    try:
        return {**shown, "state": "shown", "diff": await view.get(f"/api/data-imports/{run['id']}/diff.json")}
    except Conflict as why:
        return {**shown, "state": "lost", "lost": str(why)}


async def _cancel(view: View) -> web.Response:
    number = view.number()
    try:
        await view.send("POST", f"/api/data-imports/{number}/cancel.json")
    except Conflict:
        return view.go(f"/runs/{number}", view.say("The run could not be cancelled any more: see below what became of it."))
    return view.go(f"/runs/{number}", view.say("The run is cancelled. Nothing of it was applied."))


async def _fetch(view: View) -> web.Response:
    run = await read_run(view)
    query = {"refetch": True} if view.form.get("refetch") else {}
    try:
        begun = await view.send("POST", feed_call(run["inventoryFeedId"], "fetch"), query=query)
    except UnderWay as other:
        return view.go(f"/runs/{other.run}", view.say("The feed is being fetched already. This is that run."))
    return view.go(f"/runs/{begun['id']}", view.say("The feed is fetched again."))


PAGES: Final[tuple[Page, ...]] = (
    shows("/runs/{id}", _show),
    does("/runs/{id}/cancel", _cancel),
    does("/runs/{id}/fetch", _fetch),
)
