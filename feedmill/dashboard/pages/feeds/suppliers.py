"""Suppliers: who brings goods, with their feeds, and what is known of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, get_args

from engine.errors import FeedmillError
from feedmill.dashboard.feeds import MOST, judged_feeds
from feedmill.dashboard.forms import faults_of, problem_of, status_of
from feedmill.dashboard.health import FeedHealth
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem
from feedmill.web.resources.providers import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

_ALL: Final = "/api/dropship-providers.json"
_FIELDS: Final = ("name", "status", "websiteUrl", "timezone", "externalId", "adminNotes")


async def _list(view: View) -> web.StreamResponse:
    suppliers = await view.list(_ALL, {"order[attribute]": "name", "limit": MOST})
    feeds: defaultdict[int, list[FeedHealth]] = defaultdict(list)
    for each in await judged_feeds(view):
        feeds[each.feed["dropshipProviderId"]].append(each)
    return view.render("feeds/suppliers.html", suppliers=suppliers.rows, feeds=feeds)


async def _edit(view: View) -> web.StreamResponse:
    return _form(view, await view.get(_one(view)))


async def _new(view: View) -> web.StreamResponse:
    return _form(view, {"id": None, "status": "accepted"})


async def _create(view: View) -> web.StreamResponse:
    try:
        await view.send("POST", _ALL, _sent(view))
    except (Problem, FeedmillError) as error:
        return _refuse(view, error, None)
    return view.go("/suppliers", view.say("%(name)s was added.", name=view.form.get("name", "")))


async def _change(view: View) -> web.StreamResponse:
    try:
        await view.send("PUT", _one(view), _sent(view))
    except (Problem, FeedmillError) as error:
        return _refuse(view, error, view.number())
    return view.go("/suppliers", view.say("%(name)s was saved.", name=view.form.get("name", "")))


async def _delete(view: View) -> web.StreamResponse:
    removed = await view.send("DELETE", _one(view))
    return view.go("/suppliers", view.say("%(name)s was removed.", name=removed["name"]))


def _refuse(view: View, error: Problem | FeedmillError, number: int | None) -> web.StreamResponse:
    return _form(view, {**view.form, "id": number}, problem_of(error))


def _form(view: View, supplier: Mapping[str, object], problem: Problem | None = None) -> web.StreamResponse:
    context = {
        "supplier": {**dict.fromkeys(_FIELDS), **supplier},
        "statuses": get_args(Status),
        "problem": problem,
        "faults": faults_of(problem),
        "fields": _FIELDS,
    }
    return view.render("feeds/supplier.html", status=status_of(problem), **context)


def _sent(view: View) -> dict[str, str | None]:
    return {name: view.form[name].strip() or None for name in _FIELDS if name in view.form}


def _one(view: View) -> str:
    return f"/api/dropship-providers/{view.number()}.json"


PAGES: Final[tuple[Page, ...]] = (
    shows("/suppliers", _list),
    shows("/suppliers/new", _new, "admin"),
    does("/suppliers/new", _create),
    shows("/suppliers/{id:[0-9]+}", _edit, "admin"),
    does("/suppliers/{id:[0-9]+}", _change),
    does("/suppliers/{id:[0-9]+}/delete", _delete),
)
