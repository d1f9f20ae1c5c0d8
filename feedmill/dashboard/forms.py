"""What a form is answered with when the API refuses what it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.errors import Retry
from feedmill.dashboard.rendering import NOTHING
from feedmill.web.problems import FieldFault, Outdated, Problem, explain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from engine.errors import FeedmillError
    from feedmill.dashboard.view import View

_ATTEMPTS: Final = 8
"""How often a change is tried before which others came that decided nothing of the same, as an import does."""


def problem_of(error: Problem | FeedmillError) -> Problem:
    """Return an error as what a person is told. Raises it again when it is our fault."""
    problem = error if isinstance(error, Problem) else explain(error)
    if problem is None:
        raise error
    return problem


def whole_number(text: str) -> int | None:
    """Return a whole number from 0 that somebody has typed, None for any other text and for one that no database takes."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def status_of(problem: Problem | None) -> int:
    """Return the HTTP status of a form that is shown, again where a problem is told."""
    return 200 if problem is None else problem.status


def faults_of(problem: Problem | None) -> dict[str, str]:
    """Return what is wrong with each field, by its name."""
    return {} if problem is None else {fault.field: fault.message for fault in problem.faults}


async def change_as_seen(view: View, looked: str, changed: str, decide: Callable[[Any], object]) -> Any:
    """Send what `decide` makes of a thing as it is now, for that state of it alone, and return the answer: nothing comes between.

    `looked` is where the API shows the thing, `changed` what the PUT goes to. Raises what `decide` and the call raise.
    """
    for _ in range(_ATTEMPTS):
        shown, state = await view.look(looked)
        sent = decide(shown)
        try:
            return await view.send("PUT", changed, sent, holding=state)
        except Outdated:
            continue
    raise Retry(view.say("This is being changed again and again, and nothing of yours was saved. Send it again."), retry_after=1.0)


def refuse_decided(view: View, now: Mapping[str, object]) -> None:
    """Raise `Problem` 409 where somebody has decided something else since a form was made: nobody is overruled unseen.

    `now` holds what was decided meanwhile, by attribute.
    """
    if now:
        detail = view.say("Somebody else has changed this meanwhile, and nothing of yours was saved. Look, and send it again.")
        told = {name: _worded(value) or NOTHING for name, value in now.items()}
        faults = [FieldFault(name, view.say("Is now: %(value)s.", value=value)) for name, value in told.items()]
        raise Problem(409, "conflict", detail, faults=faults)


def _worded(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
