"""Webhooks: where what happens is told, and the log of what was told, with what came back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from engine.errors import FeedmillError
from feedmill.dashboard.feeds import MOST
from feedmill.dashboard.forms import faults_of, problem_of, status_of, whole_number
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem
from sinks.sqlite.service.outbox.news import TOPICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

_ALL: Final = "/api/webhooks.json"
_LOG: Final = "/api/webhook-payloads"
_PAGE: Final = 50
STATUSES: Final = ("pending", "delivered", "failed")
_NEW: Final = {"id": None, "name": None, "location": "", "topics": TOPICS, "inventoryFeedId": None, "enabled": True}


async def _show(view: View) -> web.StreamResponse:
    hooks = await view.list(_ALL, {"order[attribute]": "id", "limit": MOST})
    status, page = view.query.get("status", ""), whole_number(view.query.get("from", "")) or 0
    where = {"where[status]": status} if status in STATUSES else {}
    newest = {"order[attribute]": "id", "order[descending]": True, "limit": _PAGE, "from": page}
    log = await view.list(f"{_LOG}.json", {**where, **newest})
    names = {hook["id"]: hook["name"] or hook["location"] for hook in hooks.rows}
    return view.render("service/webhooks.html", hooks=hooks.rows, log=log, state=status, states=STATUSES, page=page, names=names)


async def _new(view: View) -> web.StreamResponse:
    return await _form(view, _NEW)


async def _edit(view: View) -> web.StreamResponse:
    return await _form(view, await view.get(_one(view)))


async def _create(view: View) -> web.StreamResponse:
    try:
        made = await view.send("POST", _ALL, _sent(view))
    except (Problem, FeedmillError) as error:
        return await _form(view, {**_NEW, **_sent(view)}, problem_of(error))
    return await _form(view, made, made=True)


async def _change(view: View) -> web.StreamResponse:
    try:
        await view.send("PUT", _one(view), _sent(view))
    except (Problem, FeedmillError) as error:
        return await _form(view, {**_NEW, **_sent(view), "id": view.number()}, problem_of(error))
    return view.go("/webhooks", view.say("The webhook was saved."))


async def _ping(view: View) -> web.StreamResponse:
    payload = await view.send("POST", f"/api/webhooks/{view.number()}/test.json")
    return view.go(f"/webhooks/log/{payload['id']}")


async def _resume(view: View) -> web.StreamResponse:
    await view.send("PUT", _one(view), {"enabled": True})
    return view.go("/webhooks", view.say("It goes on: what waits is sent."))


async def _delete(view: View) -> web.StreamResponse:
    await view.send("DELETE", _one(view))
    return view.go("/webhooks", view.say("The webhook was removed."))


async def _payload(view: View) -> web.StreamResponse:
    payload = await view.get(f"{_LOG}/{view.number()}.json")
    hook = await view.get(f"/api/webhooks/{payload['webhookId']}.json")
    return view.render("service/payload.html", payload=payload, hook=hook, body=json.dumps(payload["body"], indent=2, ensure_ascii=False))


async def _redeliver(view: View) -> web.StreamResponse:
    await view.send("POST", f"{_LOG}/{view.number()}/redeliver.json")
    return view.go(f"/webhooks/log/{view.number()}", view.say("It is sent once more."))


async def _form(view: View, hook: Mapping[str, Any], problem: Problem | None = None, *, made: bool = False) -> web.StreamResponse:
    feeds = await view.list("/api/inventory-feeds.json", {"order[attribute]": "name", "limit": MOST})
    choices = [("", view.say("of all feeds")), *((str(feed["id"]), feed["name"]) for feed in feeds.rows)]
    context = {"hook": hook, "choices": choices, "topics": TOPICS, "problem": problem, "faults": faults_of(problem), "made": made}
    return view.render("service/webhook.html", status=status_of(problem), **context)


def _sent(view: View) -> dict[str, Any]:
    feed = view.form.get("inventoryFeedId", "")
    sent: dict[str, Any] = {
        "name": view.form.get("name", "").strip() or None,
        "topics": [value for name, value in view.sent if name == "topics"],
        "inventoryFeedId": whole_number(feed),
        "enabled": "enabled" in view.form,
    }
    return sent | {name: view.form[name] for name in ("location", "secret") if view.form.get(name)}


def _one(view: View) -> str:
    return f"/api/webhooks/{view.number()}.json"


PAGES: Final[tuple[Page, ...]] = (
    shows("/webhooks", _show),
    shows("/webhooks/new", _new, "admin"),
    does("/webhooks/new", _create),
    shows("/webhooks/{id:[0-9]+}", _edit, "admin"),
    does("/webhooks/{id:[0-9]+}", _change),
    does("/webhooks/{id:[0-9]+}/ping", _ping),
    does("/webhooks/{id:[0-9]+}/resume", _resume),
    does("/webhooks/{id:[0-9]+}/delete", _delete),
    shows("/webhooks/log/{id:[0-9]+}", _payload),
    does("/webhooks/log/{id:[0-9]+}/redeliver", _redeliver),
)
