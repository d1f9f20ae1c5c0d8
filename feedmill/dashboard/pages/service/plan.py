"""The plan: how many items may be updated a day, and how many were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import FeedmillError
from feedmill.dashboard.forms import faults_of, problem_of, whole_number
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_PLAN: Final = "/api/plan.json"


async def _show(view: View) -> web.StreamResponse:
    return view.render("service/plan.html", plan=await view.get(_PLAN), problem=None, faults={}, typed=None)


async def _save(view: View) -> web.StreamResponse:
    typed = view.form.get("skuLimit", "").strip()
    number = whole_number(typed)
    try:
        await view.send("PUT", _PLAN, {"skuLimit": typed or None if number is None else number})
    except (Problem, FeedmillError) as error:
        problem = problem_of(error)
        context = {"problem": problem, "faults": faults_of(problem), "typed": typed}
        return view.render("service/plan.html", status=problem.status, plan=await view.get(_PLAN), **context)
    return view.go("/plan", view.say("The plan was saved."))


PAGES: Final[tuple[Page, ...]] = (shows("/plan", _show), does("/plan", _save))
