"""What a worker can be asked to do, by name. Each answers with JSON text, and raises what the engine raises."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import anyio
import structlog
from anyio import to_thread

from engine.errors import ConfigError, FeedmillError, Retry, Superseded, UnderWay
from engine.flow.pipeline import run_feed
from engine.run import Problem
from engine.settings.transport import locate
from feedmill.assembly import make_job
from feedmill.changes import shape_diff, shape_foreseen, shape_undo
from feedmill.logs import log_event, log_listener_error
from feedmill.service.definition.merging import State
from feedmill.service.definition.stored_feeds import StoredFeed, read_stored_feed
from feedmill.service.workers.beginnings import Beginnings
from feedmill.service.workers.looking import list_columns, look_at_requests, preview
from feedmill.service.workers.trying import guess_settings, preview_settings, try_requests
from feedmill.shapes import dump, shape_run
from sinks.sqlite import decisions
from sinks.sqlite.fence import Writer
from sinks.sqlite.history.diff import read_diff
from sinks.sqlite.history.foreseeing import foresee_undo
from sinks.sqlite.history.undo import plan_undo, undo
from sinks.sqlite.service.resources.feeds import read_feed, read_rows
from sinks.sqlite.service.runs import AskedRun, end_undecided, read_asked_run
from sinks.sqlite.sink import SqliteSink

if TYPE_CHECKING:
    from engine.events import RunEvent
    from engine.feed import Feed
    from engine.flow.pipeline import Job
    from engine.flow.tally import Progress
    from engine.source import Egress
    from feedmill.lanes.choosing import LaneName
    from feedmill.service.keys import KeyRing
    from plugins.manager import Registry
    from sinks.sqlite.database import Database

Arguments: TypeAlias = Mapping[str, Any]
T = TypeVar("T")

TIDYING_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.05
"""How long, and how often, whoever decides tries to get a feed on which no run is under way."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker works with; `tell` is told how far a run has come, `beginnings` are kept from one call to the next."""

    database: Database
    keys: KeyRing
    registry: Registry
    egress: Egress
    lane: LaneName = "auto"
    tell: Callable[[Progress], None] | None = None
    beginnings: Beginnings = field(default_factory=Beginnings)

    async def stored_feed(self, number: int) -> StoredFeed:
        """Return a feed with its secrets."""
        return await self._opening(lambda reader: read_stored_feed(reader, self.keys, number))

    async def state(self, number: int) -> State:
        """Return a feed as a change of it begins."""

        async def read(reader: Writer) -> State:
            row = await read_feed(reader, number)
            secrets = self.keys.open(row.sealed) if row.sealed is not None else {}
            return State(row, secrets, (await read_rows(reader, [number]))[number])

        return await self._opening(read)

    async def _opening(self, read: Callable[[Writer], Awaitable[T]]) -> T:
        """Read something sealed. The keys may have been changed since this process began, which first shows here."""
        async with self.database.connect() as connection:
            reader = Writer(connection, None, self.database.name)
            try:
                return await read(reader)
            except ConfigError:
                if not await to_thread.run_sync(self.keys.reload):
                    raise
            return await read(reader)

    async def job(self, feed: Feed, *, run: int | None = None, dry_run: bool = False, refetch: bool = False) -> Job:
        """Return a run of a feed, within the rules of egress."""
        source = locate(feed, feed.resource_location or "", egress=self.egress)
        sink = SqliteSink(self.database, run=run)
        return await make_job(
            self.registry,
            feed,
            source,
            sink,
            dry_run=dry_run,
            refetch=refetch,
            lane=self.lane,
            on_progress=self.tell,
            notify=self.notify,
        )

    def notify(self, event: RunEvent) -> None:
        """Log what happens to a run, and tell the plugins."""
        log_event(event)
        for error in self.registry.notify(event):
            log_listener_error(error)


async def run(place: Workplace, arguments: Arguments) -> str:
    """Do a run that was asked for, or what is left of one that is decided; the run's row tells what became of it.

    Raises `Retry` where nothing was begun: another session works on the feed, or the database is locked.
    """
    asked = await _asked(place, int(arguments["run"]))
    if asked is None or asked.status not in ("pending", "started"):
        return "{}"
    with structlog.contextvars.bound_contextvars(run=asked.number, feed_id=asked.feed):
        try:
            await _do(place, asked)
        except Superseded as error:
            structlog.get_logger("feedmill").info("run ended from outside", reason=str(error))
        except Retry:
            raise
        except FeedmillError as error:
            structlog.get_logger("feedmill").error("run failed", error=str(error))
            async with (
                place.database.connect() as connection,
                Writer(connection, None, place.database.name, locking=True).transaction() as writer,
            ):
                await end_undecided(writer, asked.number, "error", Problem("failed", str(error)))
    return "{}"


async def _asked(place: Workplace, number: int) -> AskedRun | None:
    async with place.database.connect() as connection:
        return await read_asked_run(Writer(connection, None, place.database.name), number)


async def _do(place: Workplace, asked: AskedRun) -> None:
    if asked.decided:
        # Whatever has become of the feed's settings: how it is applied stands with the run.
        async with decisions.deciding(place.database, asked.number):
            return
    feed = (await place.stored_feed(asked.feed)).build()
    await run_feed(await place.job(feed, run=asked.number, refetch=asked.refetch))


async def plan_run(place: Workplace, arguments: Arguments) -> str:
    """Do all of a run of a feed but its effects, and answer the record that it would have."""
    feed = (await place.stored_feed(int(arguments["feed"]))).build()
    return dump(shape_run(await run_feed(await place.job(feed, dry_run=True, refetch=bool(arguments.get("refetch"))))))


async def approve(place: Workplace, arguments: Arguments) -> str:
    """Apply a held run and answer its record."""
    number, comment = int(arguments["run"]), arguments.get("comment")
    return dump(shape_run(await _once_free(lambda: decisions.approve(place.database, number, comment=comment))))


async def reject(place: Workplace, arguments: Arguments) -> str:
    """End a held run and answer its record."""
    number, comment = int(arguments["run"]), arguments.get("comment")
    return dump(shape_run(await _once_free(lambda: decisions.reject(place.database, number, comment=comment))))


async def undo_run(place: Workplace, arguments: Arguments) -> str:
    """Undo a run, or with `dryRun` say what that would come to, and answer the record of it with its conflicts."""
    number = int(arguments["run"])
    do = plan_undo if arguments.get("dryRun") else undo
    return dump(shape_undo(await _once_free(lambda: do(place.database, number)), number))


async def foresee(place: Workplace, arguments: Arguments) -> str:
    """Answer what undoing a run would come to."""
    return dump(shape_foreseen(await foresee_undo(place.database, int(arguments["run"]))))


async def _once_free(decide: Callable[[], Awaitable[T]]) -> T:
    """Decide, as soon as whoever holds the feed without a run under way lets go of it: a run that has just ended tidies up."""
    until = anyio.current_time() + TIDYING_SECONDS
    while True:
        try:
            return await decide()
        except UnderWay as error:
            if error.run or anyio.current_time() > until:
                raise
        await anyio.sleep(PAUSE_SECONDS)


async def diff(place: Workplace, arguments: Arguments) -> str:
    """Answer what a run did, or would do."""
    async with place.database.connect() as connection:
        return dump(shape_diff(await read_diff(Writer(connection, None, place.database.name), int(arguments["run"]))))


async def load_catalogue(place: Workplace, arguments: Arguments) -> str:
    """Load the merchant's catalogue from a file that the server has taken in, and connect what can be connected."""
    from feedmill import catalogue

    path = place.database.path
    loaded = await catalogue.load_catalogue(
        arguments["source"],
        db=f"sqlite:///{path}",
        settings=arguments.get("settings"),
        fields=arguments.get("fields") or (),
        replace=bool(arguments.get("replace")),
        dry_run=bool(arguments.get("dryRun")),
        registry=place.registry,
    )
    feeds = [{"feed": each.feed, "connected": each.connected, "disconnected": each.disconnected} for each in loaded.feeds]
    return dump({**shape_run(loaded.record), "feeds": feeds, "underWay": list(loaded.under_way)})


CALLS: Final[Mapping[str, Callable[[Workplace, Arguments], Awaitable[str]]]] = {
    "run": run,
    "plan-run": plan_run,
    "preview": preview,
    "guess-settings": guess_settings,
    "preview-settings": preview_settings,
    "try-requests": try_requests,
    "requests": look_at_requests,
    "columns": list_columns,
    "approve": approve,
    "reject": reject,
    "undo": undo_run,
    "foresee-undo": foresee,
    "diff": diff,
    "load-catalogue": load_catalogue,
}
