"""Every error Feedmill raises on purpose, by what the engine does next.

::

    FeedmillError
    ├── NotModified     the source is what the last complete run read: nothing is fetched, nothing done
    ├── Retry           the source failed in passing: nothing applied, try again after `retry_after`
    │   ├── Stalled     nothing moved in any stage for too long
    │   ├── UnderWay    another run of the feed is under way: this one has not begun
    │   └── LimitReached  no more items may be updated today: nothing was written, try again after midnight UTC
    ├── RejectRecord    one record cannot be read: it is kept with its reason, the run goes on
    │   └── InvalidItem  what a call says of one item cannot be stored: nothing of it was; names every faulty attribute
    ├── RefuseRun       what arrived cannot be trusted: nothing applied, the last good state stays
    │   └── Superseded  the run was ended from outside: it may not write any more
    ├── ConfigError     the operator has to change something first
    │   ├── StoreFailed  the database cannot be read or written, as on a full disk: nothing was stored
    │   ├── NotFound    what a call names is not there
    │   └── Conflict    the state of what a call names does not admit it; nothing was done
    ├── PluginError     a plugin is at fault; names plugin, distribution and hook
    └── InternalError   Feedmill is at fault; please report it

Messages say what happened, where, and what cures it. No message ever holds a secret: URLs are masked before they get here.
"""

from __future__ import annotations

from collections.abc import Mapping


class FeedmillError(Exception):
    """Base of every error that Feedmill raises on purpose."""


class NotModified(FeedmillError):
    """Report that a source has nothing new since `Source.known`. The engine ends the run as complete, with nothing done."""


class Retry(FeedmillError):
    """Report a passing failure of the source.

    `retry_after` is in seconds, as the supplier asked for it, or None when it said nothing. The engine applies nothing;
    the scheduler (or the operator) tries again.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Stalled(Retry):
    """Report that no stage of the pipeline moved within the watchdog's patience; the message names each stage's state."""


class UnderWay(Retry):
    """Report that a run of the feed is under way, whose number is `run`. Nothing has begun; try again when it has ended."""

    def __init__(self, message: str, *, run: int) -> None:
        super().__init__(message)
        self.run = run


class LimitReached(Retry):
    """Report that the day's limit of updated items is reached. Nothing was written; `retry_after` ends at midnight UTC."""


class RejectRecord(FeedmillError):
    """Report one unreadable value. The engine keeps the record as a reject, leaves the stored item alone and goes on."""


class InvalidItem(RejectRecord):
    """Report what a call says of an item and cannot be stored. `faults` holds the fault of each attribute, all of them at once."""

    def __init__(self, message: str, faults: Mapping[str, str]) -> None:
        super().__init__("\n".join((message, *(f"  - {name} {fault}" for name, fault in faults.items()))))
        self.faults = faults


class RefuseRun(FeedmillError):
    """Report that a run must not be applied. The engine discards what was staged and ends the run with status `error`."""


class Superseded(RefuseRun):
    """Report that the run no longer holds its fencing token, since somebody ended it or took it over. The engine stops at once."""


class ConfigError(FeedmillError):
    """Report a setting that cannot work. `problems` holds one line per fault, all of them at once."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((message, *(f"  - {problem}" for problem in problems))))
        self.problems = problems


class NotFound(ConfigError):
    """Report that a feed, an item, a run or whatever else a call names is not there."""


class StoreFailed(ConfigError):
    """Report a database that cannot be read or written until the operator cures it, such as one on a full disk. Nothing was stored."""


class Conflict(ConfigError):
    """Report that what a call names is in a state that does not admit the call, such as a provider that still has feeds."""


class PluginError(FeedmillError):
    """Report a plugin that failed to load or broke its contract."""

    def __init__(self, message: str, *, plugin: str, distribution: str, hook: str) -> None:
        super().__init__(f"plugin {plugin!r} (distribution {distribution!r}), {hook}: {message}")
        self.plugin = plugin
        self.distribution = distribution
        self.hook = hook


class InternalError(FeedmillError):
    """Report a broken invariant of Feedmill's own. Nothing that follows can be trusted, so the run ends with it."""
