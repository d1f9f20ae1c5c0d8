"""What a form is answered with when the API refuses what it has sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedmill.web.problems import Problem, explain

if TYPE_CHECKING:
    from engine.errors import FeedmillError


def problem_of(error: Problem | FeedmillError) -> Problem:
    """Return an error as what a person is told. Raises it again when it is our fault."""
    problem = error if isinstance(error, Problem) else explain(error)
    if problem is None:
        raise error
    return problem


def status_of(problem: Problem | None) -> int:
    """Return the HTTP status of a form that is shown, again where a problem is told."""
    return 200 if problem is None else problem.status


def faults_of(problem: Problem | None) -> dict[str, str]:
    """Return what is wrong with each field, by its name."""
    return {} if problem is None else {fault.field: fault.message for fault in problem.faults}
