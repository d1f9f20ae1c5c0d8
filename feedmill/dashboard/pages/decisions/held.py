"""Held runs: why they are held, what approving and rejecting them will do, and the decision."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from engine.errors import Conflict, UnderWay
from feedmill.dashboard.forms import faults_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.standing import Row, Standing, list_kinds, nothing_new, read_standing
from feedmill.web.problems import Problem, explain

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "decisions/held.html"
_PATH: Final = "/runs/{id:[0-9]+}/held"
_LONGEST: Final = 900
"""Letters of a comment, beside the name that is put behind it."""

_MEASURES: Final = {
    "maxMissingRatio": "Items missing from the source",
    "maxZeroFlipRatio": "Items that fall to no stock",
    "maxStockDropRatio": "Fall of the total stock",
    "maxPriceMoveRatio": "Items whose price jumps",
    "maxZeroPriceRatio": "Prices that vanish",
}
_KINDS: Final = (
    ("removed", "Taken out of stock as gone"),
    ("zeroed", "Fall to no stock"),
    ("updated", "Change otherwise"),
    ("created", "New items"),
    ("restored", "Come back"),
    ("deleted", "Deleted"),
)
_OUTCOMES: Final = ("approved", "rejected", "superseded", "cancelled")


async def _list(view: View) -> web.StreamResponse:
    query: dict[str, object] = {"where[status]": "held", "order[attribute]": "id", "order[descending]": True}
    held = await view.list("/api/data-imports.json", {**query, "from": view.query.get("from", "0")})
    feeds = sorted({run["inventoryFeedId"] for run in held.rows})
    asked = [("where[id][$in][]", str(feed)) for feed in feeds] + [("attributes[]", "name"), ("attributes[]", "id"), ("limit", "1000")]
    names = {feed["id"]: feed["name"] for feed in (await view.list("/api/inventory-feeds.json", asked)).rows} if feeds else {}
    return view.render("decisions/list.html", held=held, names=names, page=int(view.query.get("from", "0")))


async def _show(view: View) -> web.StreamResponse:
    standing = await read_standing(view, view.number())
    if view.query.get("part") == "decision":
        return nothing_new(view, standing) or view.render(_TEMPLATE, **await _decision(view, standing))
    return await _whole(view, standing)


async def _whole(view: View, standing: Standing, problem: Problem | None = None) -> web.StreamResponse:
    run, guard = standing.run, await view.get(f"/api/data-imports/{standing.run['id']}/guard.json")
    # What approving will do is counted while the rest of the page is read; a form that was refused is shown at once.
    waits = run["status"] == "held" and problem is None
    shown: dict[str, Any] = (
        {"standing": standing, "run": run, "feed": standing.feed, "waits": True} if waits else await _decision(view, standing, problem)
    )
    charts = _charts(view, guard)
    over = any(measure["exceeded"] for measure in guard["measures"])
    # What is over its limit the table says; the run's own words are for what it does not.
    reasons = [each["message"] for each in run["messages"] if each["code"] == "review"] if over else run["guard"]
    labels = {name: view.say(label) for name, label in _MEASURES.items()}
    return view.render(_TEMPLATE, **shown, guard=guard, reasons=reasons, over=over, labels=labels, charts=charts)


async def _decision(view: View, standing: Standing, problem: Problem | None = None) -> dict[str, Any]:
    run = standing.run
    shown: dict[str, Any] = {"standing": standing, "run": run, "feed": standing.feed, "waits": False, "longest": _LONGEST}
    if run["status"] != "held":
        told = next((each for each in run["messages"] if each["code"] in _OUTCOMES), None)
        return {**shown, "outcome": told, "applying": run["status"] == "started" and bool(run["guard"])}
    diff, plan = await view.get(f"/api/data-imports/{run['id']}/diff.json"), await view.get("/api/plan.json")
    left = None if plan["skuLimit"] is None else max(plan["skuLimit"] - plan["usedToday"], 0)
    faults = faults_of(problem)
    form = {"problem": problem, "faults": faults, "comment": view.form.get("comment", ""), "verb": view.form.get("verb", "")}
    return {**shown, "diff": diff, "kinds": list_kinds(view, diff, _KINDS), "left": left, **form}


async def _download(view: View) -> web.StreamResponse:
    return await view.call("GET", f"/api/data-imports/{view.number()}/changes.csv")


def _charts(view: View, guard: Row) -> list[Row]:
    """Return the charts of the last runs: of the figures that are over their limits, and of the stock."""
    runs = [*guard["earlier"], guard["run"]]
    over = [measure for measure in guard["measures"] if measure["exceeded"]]
    stock = view.say("Total stock after each run")
    charts = [_chart(stock, runs, [_series(stock, [each["stock"] for each in runs])])]
    if over:
        shares = sorted({round(100 * each["limit"], 2) for each in over})
        limits = [{"label": view.say("Limit %(share)s %%", share=f"{share:g}"), "value": share} for share in shares]
        names = [each["name"] for each in over]
        series = [_series(view.say(_MEASURES[name]), [_percent(each["values"][name]) for each in runs]) for name in names]
        charts.insert(0, _chart(view.say("What is over its limit"), runs, series, limits=limits, unit="%"))
    return charts


def _chart(label: str, runs: list[Row], series: list[Row], **more: object) -> Row:
    times = [datetime.fromisoformat(each["createdAt"]).timestamp() for each in runs]
    return {"label": label, "data": {"times": times, "series": series, "height": 200, **more}}


def _series(label: str, values: list[Any]) -> Row:
    return {"label": label, "values": values, "kind": "line"}


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)


async def _decide(view: View) -> web.StreamResponse:
    number, verb = view.number(), "approve" if view.form.get("verb") == "approve" else "reject"
    here = f"/runs/{number}/held"
    try:
        await view.send("POST", f"/api/data-imports/{number}/{verb}.json", {"comment": _signed(view)})
    except UnderWay as error:
        return await _whole(view, await read_standing(view, number), explain(error))
    except Conflict:
        return view.go(here, view.say("Somebody else has decided about it, or a newer run has taken its place; nothing was done."))
    except Problem as problem:
        if problem.status != 422:
            raise
        return await _whole(view, await read_standing(view, number), problem)
    return view.go(here)


def _signed(view: View) -> str:
    """Return the comment with the name of who decides, for whoever reads the run later."""
    comment, name = view.form.get("comment", "").strip(), "" if view.person is None else view.person.name
    if len(comment) > _LONGEST:
        raise Problem(422, "invalid", view.say("the comment is too long: %(most)s letters at most", most=_LONGEST))
    return f"{comment} (by {name})" if comment else f"by {name}"


PAGES: Final[tuple[Page, ...]] = (
    shows("/held", _list),
    shows(_PATH, _show),
    does(_PATH, _decide),
    shows(f"{_PATH}/changes.csv", _download),
)
