"""What a source is asked first, and what its first pages hold, as the API tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import FeedmillError
from feedmill.dashboard.forms import problem_of
from feedmill.dashboard.reaching.words import going_on, labels, say_plainly, styles, ways
from feedmill.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feedmill.dashboard.view import View


async def ask_for(view: View, path: str, settings: Mapping[str, object], *, fetch: bool = False) -> dict[str, object]:
    """Return what a template shows of the requests for a source, or why they cannot be told."""
    try:
        return {"requests": await view.send("POST", path, {"settings": settings, "fetch": fetch}), "unasked": None}
    except (Problem, FeedmillError) as error:
        return {"requests": None, "unasked": problem_of(error)}


def form_words(view: View) -> dict[str, object]:
    """Return what the form's part on requests is written with."""

    def plainly(message: str) -> str:
        return say_plainly(view, message)

    return {"ways": ways(view), "styles": styles(view), "going_on": going_on(view), "labels": labels(view), "plainly": plainly}
