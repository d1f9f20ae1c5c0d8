"""How a feed signs in, what its requests carry and how its pages follow each other: changed, and tried before it is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from engine.contracts import PUSHED
from engine.errors import FeedmillError, NotFound
from feedmill.dashboard.controls import groups
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import change_as_seen, problem_of, status_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.dashboard.reaching.asking import ask_for, form_words
from feedmill.dashboard.reaching.changing import Change, field_of, has_user, is_web, reach_of, read_change, state_of
from feedmill.dashboard.sessions import shown_session
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

_TEMPLATE: Final = "feeds/reaching.html"


async def _show(view: View) -> web.StreamResponse:
    feed = await _feed(view)
    return await _answer(view, feed, Change(reach_of(feed), {}, {}, ""), {})


async def _save(view: View) -> web.StreamResponse:
    feed = await _feed(view)
    change = read_change(view, feed)
    if change.faults:
        return await _answer(view, feed, change, {"faults": change.faults})

    def decide(now: Mapping[str, Any]) -> Mapping[str, object]:
        if view.form.get("was", state_of(feed)) != state_of(now):
            raise Problem(409, "conflict", view.say("Somebody else has changed this meanwhile; sent again, what you see here is saved."))
        return change.settings

    try:
        await change_as_seen(view, feed_call(view.number()), feed_call(view.number()), decide)
    except (Problem, FeedmillError) as error:
        problem = problem_of(error)
        faults = {field_of(fault.field, change.reach.way): fault.message for fault in problem.faults}
        return await _answer(view, await _feed(view), change, {"problem": problem, "faults": faults})
    view.service.typed.forget(shown_session(view.request), change.kept)
    return view.go(_page(view), view.say("Saved. The next run goes by it."))


async def _edit_rows(view: View) -> web.StreamResponse:
    feed = await _feed(view)
    return await _answer(view, feed, read_change(view, feed, act=view.form.get("act", "")), {}, "reach")


async def _ask(view: View) -> web.StreamResponse:
    feed = await _feed(view)
    return await _answer(view, feed, read_change(view, feed, keep=False), {}, "asked")


async def _try(view: View) -> web.StreamResponse:
    """Fetch the first pages under what the form says; nothing is saved."""
    feed = await _feed(view)
    change = read_change(view, feed)
    found: dict[str, object] = {"faults": change.faults}
    if not change.faults:
        found = {"tried": True, **await ask_for(view, feed_call(view.number(), "requests"), change.settings, fetch=True)}
    return await _answer(view, feed, change, found)


async def _answer(
    view: View, feed: Mapping[str, Any], change: Change, found: Mapping[str, object], part: str | None = None
) -> web.Response:
    """Answer the page, or to its script the part of it that has changed."""
    problem = found.get("problem")
    offered = form_words(view)
    web_ways: Any = offered["ways"]
    context: dict[str, Any] = {
        **offered,
        "feed": feed,
        "groups": await to_thread.run_sync(groups),
        "reach": change.reach,
        "kept": change.kept,
        "ways": web_ways if is_web(feed) else web_ways[:2],
        "is_web": is_web(feed),
        "has_user": has_user(feed),
        "base": _page(view),
        "was": state_of(feed),
        "faults": {},
        "problem": None,
        "requests": None,
        "unasked": None,
        "tried": False,
        **found,
    }
    if is_web(feed) and context["requests"] is None and not (change.faults or context["unasked"]):
        context |= await ask_for(view, feed_call(view.number(), "requests"), change.settings)
    if part is not None and "HX-Request" in view.request.headers:
        return view.part(_TEMPLATE, part, **context)
    return view.answer(view.html(_TEMPLATE, **context), status_of(problem if isinstance(problem, Problem) else None))


async def _feed(view: View) -> Any:
    feed = await view.get(feed_call(view.number()))
    if feed["resourceType"] in PUSHED:
        raise NotFound(view.say("the feed %(name)s is pushed to: nothing is asked of a source", name=feed["name"]))
    return feed


def _page(view: View) -> str:
    return f"/feeds/{view.number()}/settings/requests"


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}/settings/requests", _show, "admin"),
    does("/feeds/{id:[0-9]+}/settings/requests", _save),
    does("/feeds/{id:[0-9]+}/settings/requests/rows", _edit_rows),
    does("/feeds/{id:[0-9]+}/settings/requests/asked", _ask),
    does("/feeds/{id:[0-9]+}/settings/requests/try", _try),
)
