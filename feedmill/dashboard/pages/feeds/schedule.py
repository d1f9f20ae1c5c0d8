"""The schedule: when each feed is fetched next, and how often; what a schedule means is shown before it is saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from engine.contracts import PUSHED
from engine.errors import ConfigError, FeedmillError
from engine.scheduling.calendar import next_fetch, schedule_of
from feedmill.dashboard.feeds import feed_call, judged_feeds
from feedmill.dashboard.forms import change_as_seen, faults_of, problem_of, refuse_decided, status_of
from feedmill.dashboard.page import Page, does, shows
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from feedmill.dashboard.view import View

_SHOWN: Final = 5
_LAST: Final = "9999"


async def _list(view: View) -> web.StreamResponse:
    feeds = [each for each in await judged_feeds(view) if each.feed["resourceType"] not in PUSHED]
    feeds.sort(key=lambda each: each.feed["nextFetchAt"] or _LAST)
    return view.render("feeds/schedule.html", feeds=feeds)


async def _edit(view: View) -> web.StreamResponse:
    feed = await view.get(feed_call(view.number()))
    return await _form(view, feed, str(feed["fetchFrequency"]), str(feed["fetchSchedule"] or ""))


async def _try(view: View) -> web.StreamResponse:
    """Show when a feed would be fetched, while somebody types."""
    frequency, text = view.query.get("fetchFrequency", "never"), view.query.get("fetchSchedule", "")
    moments, fault = await _moments(view, await view.get(feed_call(view.number())), frequency, text)
    return view.part("feeds/schedule_edit.html", "moments", moments=moments, fault=fault)


async def _save(view: View) -> web.StreamResponse:
    frequency, text = view.form.get("fetchFrequency", "never"), view.form.get("fetchSchedule", "").strip()

    def decide(feed: Mapping[str, Any]) -> Mapping[str, object]:
        seen = {name: view.form[f"was-{name}"] for name in ("fetchFrequency", "fetchSchedule") if f"was-{name}" in view.form}
        refuse_decided(view, {name: feed[name] for name, was in seen.items() if was != (feed[name] or "")})
        return {"fetchFrequency": frequency, "fetchSchedule": text or None}

    try:
        await change_as_seen(view, feed_call(view.number()), feed_call(view.number()), decide)
    except (Problem, FeedmillError) as error:
        return await _form(view, await view.get(feed_call(view.number())), frequency, text, problem_of(error))
    return view.go("/schedule", view.say("The schedule was saved."))


async def _form(view: View, feed: Mapping[str, Any], frequency: str, text: str, problem: Problem | None = None) -> web.StreamResponse:
    moments, fault = await _moments(view, feed, frequency, text)
    context = {"feed": feed, "frequency": frequency, "text": text, "problem": problem, "faults": faults_of(problem)}
    return view.render("feeds/schedule_edit.html", status=status_of(problem), moments=moments, fault=fault, **context)


async def _moments(view: View, feed: Mapping[str, Any], frequency: str, text: str) -> tuple[list[str], str]:
    """Return the next moments of a schedule of a feed, and what is wrong with it."""
    supplier = await view.get(f"/api/dropship-providers/{feed['dropshipProviderId']}.json")
    try:
        return await to_thread.run_sync(_foresee, frequency, text or None, supplier["timezone"]), ""
    except ConfigError as error:
        return [], str(error)


def _foresee(frequency: str, text: str | None, zone: str | None) -> list[str]:
    """Return when a feed would be fetched next. Blocks: time zones are files. Raises `ConfigError` for a schedule that says nothing."""
    schedule, moments = schedule_of(frequency, text, zone), list[str]()
    moment: datetime | None = datetime.now(UTC)
    while schedule is not None and moment is not None and len(moments) < _SHOWN:
        moment = next_fetch(schedule, moment)
        if moment is not None:
            moments.append(moment.isoformat())
    return moments


PAGES: Final[tuple[Page, ...]] = (
    shows("/schedule", _list),
    shows("/feeds/{id:[0-9]+}/schedule", _edit, "admin"),
    shows("/feeds/{id:[0-9]+}/schedule/moments", _try, "admin"),
    does("/feeds/{id:[0-9]+}/schedule", _save),
)
