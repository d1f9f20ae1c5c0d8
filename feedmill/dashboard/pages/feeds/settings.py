"""The settings of a feed, by theme: every attribute that is not mapped, each with what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio import to_thread

from engine.errors import FeedmillError, NotFound
from feedmill.dashboard.controls import changes_of, controls_of, groups
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import faults_of, problem_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "feeds/settings.html"


async def _show(view: View) -> web.StreamResponse:
    feed = await view.get(_one(view))
    names, group = await _group(view)
    return view.render(_TEMPLATE, feed=feed, groups=names, group=group, controls=controls_of(group, feed), problem=None, faults={})


async def _save(view: View) -> web.StreamResponse:
    feed = await view.get(_one(view))
    names, group = await _group(view)
    controls = controls_of(group, feed)
    try:
        await view.send("PUT", _one(view), changes_of(controls, view.form))
    except (Problem, FeedmillError) as error:
        problem = problem_of(error)
        context = {"feed": feed, "groups": names, "group": group, "controls": controls, "typed": view.form}
        return view.render(_TEMPLATE, status=problem.status, problem=problem, faults=faults_of(problem), **context)
    return view.go(f"/feeds/{view.number()}/settings?group={group}", view.say("Saved. The next run goes by it."))


async def _group(view: View) -> tuple[tuple[str, ...], str]:
    names = await to_thread.run_sync(groups)
    group = view.query.get("group", names[0])
    if group not in names:
        raise NotFound(view.say("there are no settings of that name"))
    return names, group


def _one(view: View) -> str:
    return feed_call(view.number())


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}/settings", _show, "admin"),
    does("/feeds/{id:[0-9]+}/settings", _save),
)
