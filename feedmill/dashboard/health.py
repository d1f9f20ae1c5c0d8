"""How a feed fares, in a word and with its reason: pure, from what the API shows of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from engine.contracts import PUSHED

Word: TypeAlias = Literal["failing", "held", "stale", "new", "off", "fresh"]

WORDS: Final[tuple[Word, ...]] = ("failing", "held", "stale", "new", "off", "fresh")
"""From what needs a person first to what needs nobody."""

OVERDUE: Final = timedelta(minutes=10)
"""How late a fetch may be before a feed counts as stale: a run that waits for its turn is none."""


@dataclass(frozen=True, slots=True)
class FeedHealth:
    """A feed as the API shows it, with how it fares. `run` is the run that is held."""

    feed: Mapping[str, Any]
    word: Word
    reason: str
    run: int | None = None

    @property
    def pushed(self) -> bool:
        """Return whether the feed is pushed to."""
        return self.feed["resourceType"] in PUSHED


def judge_feed(feed: Mapping[str, Any], held: Mapping[int, int], now: datetime) -> FeedHealth:
    """Return how a feed fares. `held` maps feeds to their held runs."""
    if (run := held.get(feed["id"])) is not None:
        return FeedHealth(feed, "held", "a run waits for somebody to judge it", run)
    if not feed["isValid"]:
        return FeedHealth(feed, "failing", str(feed["validationMessage"]))
    if feed["pausedAt"] is not None:
        return FeedHealth(feed, "failing", str(feed["pauseReason"] or "paused"))
    if not feed["enabled"] or feed["automatedFetching"] == "disabled":
        return FeedHealth(feed, "off", "disabled")
    if feed["resourceType"] in PUSHED:
        return FeedHealth(feed, "fresh", "pushed to")
    if feed["failures"] or feed["fetchProblem"]:
        return FeedHealth(feed, "failing", str(feed["fetchProblem"] or "the last run failed"))
    if feed["lastFetchedAt"] is None:
        return FeedHealth(feed, "new", "not fetched yet")
    due = feed["nextFetchAt"]
    if due is not None and datetime.fromisoformat(due) + OVERDUE < now:
        return FeedHealth(feed, "stale", "the fetch is overdue")
    return FeedHealth(feed, "fresh", "")


def count_words(judged: Collection[FeedHealth]) -> Mapping[Word, int]:
    """Return how many feeds fare how, of every word."""
    return {word: sum(each.word == word for each in judged) for word in WORDS}
