"""The settings of a feed, by theme: every attribute that is not mapped, each with what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from anyio import to_thread

from engine.contracts import PUSHED
from engine.errors import FeedmillError, NotFound
from feedmill.dashboard.controls import changes_of, controls_of, groups
from feedmill.dashboard.feeds import feed_call
from feedmill.dashboard.forms import change_as_seen, faults_of, problem_of, refuse_decided, status_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

Suppliers: TypeAlias = Sequence[tuple[str, str]]

_TEMPLATE: Final = "feeds/settings.html"


async def _show(view: View) -> web.StreamResponse:
    feed = await view.get(feed_call(view.number()))
    names, group = await _group(view)
    return _render(view, feed, names, group, await _suppliers(view), None)


async def _save(view: View) -> web.StreamResponse:
    names, group = await _group(view)
    was, suppliers = _read(view.form.get("was", "{}")), await _suppliers(view)

    def decide(feed: Mapping[str, Any]) -> Mapping[str, object]:
        """Return what somebody has changed of what he was shown, and no other: what others have set meanwhile stays."""
        now = {control.name: control for control in controls_of(group, feed, suppliers)}
        shown = {name: replace(control, value=was.get(name, control.value)) for name, control in now.items()}
        mine = [control for control in shown.values() if changes_of((control,), view.form)]
        refuse_decided(view, {each.name: now[each.name].value for each in mine if now[each.name].value != each.value})
        return changes_of(mine, view.form)

    try:
        await change_as_seen(view, feed_call(view.number()), feed_call(view.number()), decide)
    except (Problem, FeedmillError) as error:
        return _render(view, await view.get(feed_call(view.number())), names, group, suppliers, problem_of(error))
    return view.go(f"/feeds/{view.number()}/settings?group={group}", view.say("Saved. The next run goes by it."))


def _render(
    view: View, feed: Mapping[str, Any], names: tuple[str, ...], group: str, suppliers: Suppliers, problem: Problem | None
) -> web.Response:
    """Answer a group of settings; where a form was refused, with what was typed."""
    controls = controls_of(group, feed, suppliers)
    was = orjson.dumps({control.name: control.value for control in controls}).decode()
    context: dict[str, Any] = {"feed": feed, "groups": names, "group": group, "controls": controls, "was": was, "typed": view.form}
    context["pushed"] = feed["resourceType"] in PUSHED
    return view.render(_TEMPLATE, status=status_of(problem), problem=problem, faults=faults_of(problem), **context)


def _read(text: str) -> dict[str, Any]:
    """Return what a form says that it has shown, nothing where it says nothing that can be read."""
    try:
        was = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return was if isinstance(was, dict) else {}


async def _suppliers(view: View) -> Suppliers:
    listed = await view.list("/api/dropship-providers.json", {"limit": 1000, "order[attribute]": "name"})
    return [(str(each["id"]), str(each["name"])) for each in listed.rows]


async def _group(view: View) -> tuple[tuple[str, ...], str]:
    names = await to_thread.run_sync(groups)
    group = view.query.get("group", names[0])
    if group not in names:
        raise NotFound(view.say("there are no settings of that name"))
    return names, group


PAGES: Final[tuple[Page, ...]] = (
    shows("/feeds/{id:[0-9]+}/settings", _show, "admin"),
    does("/feeds/{id:[0-9]+}/settings", _save),
)
