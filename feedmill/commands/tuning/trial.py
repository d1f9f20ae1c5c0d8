"""One run of a feed in a process of its own, so that its memory is its own: `python -m feedmill.commands.tuning.trial`."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from engine.errors import FeedmillError
from engine.run import RunStatus
from feedmill.exits import Exit, exit_of_error

if TYPE_CHECKING:
    from engine.contracts import FeedDefinition
    from engine.run import RunRecord
    from feedmill.feedfile.model import FeedFile
    from feedmill.lanes.choosing import LaneName
    from plugins.manager import Registry

DRY: Final = "dry run"
LOAD: Final = "first load"
AGAIN: Final = "again"
MEBIBYTE: Final = 1024 * 1024
Kind = Literal["dry run", "first load", "again"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to run a feed. A dry run is one against the shop's database; the others fill a throw-away one, `scratch`."""

    kind: Kind
    lane: str
    buffered_bytes: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line said of the feed, as `feedmill sync` takes it; it may hold secrets, so it goes to a trial by a pipe."""

    source: str | None
    feed: str | None
    to: str | None
    config: str | None
    settings: Mapping[str, object]
    fields: Sequence[Mapping[str, object]]
    scratch: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended: seconds by stage as a run's record has them, `peak_rss` in bytes with its children's.

    `error` and `exit` say why there was no run at all.
    """

    status: str = ""
    read: int = 0
    bytes: int = 0
    seconds: float = 0.0
    stages: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    compression: str | None = None
    problems: Sequence[str] = ()
    peak_rss: int = 0
    error: str | None = None
    exit: int = 0

    @property
    def bottleneck(self) -> str | None:
        """Return the stage that was busy longest, None when no stage ran."""
        return max(self.stages, key=lambda name: self.stages[name]["busy"], default=None)

    @property
    def measured(self) -> bool:
        """Say whether the run read its source to the end."""
        return self.status in (RunStatus.COMPLETE.value, RunStatus.HELD.value) and self.seconds > 0

    @property
    def rows_per_second(self) -> float:
        """Return the records read in a second."""
        return self.read / self.seconds if self.seconds else 0.0

    @property
    def megabytes_per_second(self) -> float:
        """Return the megabytes that the source sent in a second, packed where it packs."""
        return self.bytes / 1e6 / self.seconds if self.seconds else 0.0


def known_lanes() -> tuple[str, ...]:
    """Return the lanes a mapper can work in, the usual one of small feeds first."""
    from feedmill.lanes.choosing import LaneName

    return "thread", *(name for name in get_args(LaneName) if name not in ("auto", "thread"))


async def run_trial(asked: Asked) -> RunRecord:
    """Run the feed once, reading its source whatever was read before. Raises as `feedmill.sync` does."""
    from engine.flow.channel import Budget
    from engine.flow.pipeline import run_feed
    from feedmill.assembly import Request, load_plugins, make_job, open_sink
    from feedmill.lanes.choosing import choose_lane

    registry, config = await load_plugins(), await _read_config(asked.config)
    source = asked.source or (config.source if config else "")
    request = Request(source, asked.feed or (config.name if config else "bench"), asked.settings, asked.fields, config=config)
    shop = await _traceless(asked.to or (config.to if config else None))
    built = request.build_feed(await _read_stored(registry, shop, request.feed))
    dry = asked.trial.kind == DRY
    async with open_sink(registry, shop if dry else asked.scratch) as sink:
        job = await make_job(registry, built, request.locate(built), sink, dry_run=dry, refetch=True)
        lane = choose_lane(registry, cast("LaneName", asked.trial.lane))
        return await run_feed(replace(job, lane=lane, budget=Budget(asked.trial.buffered_bytes)))


async def _read_config(path: str | None) -> FeedFile | None:
    if path is None:
        return None
    from anyio import to_thread

    from feedmill.feedfile.model import load_feed_file

    return await to_thread.run_sync(load_feed_file, path)


async def _traceless(to: str | None) -> str:
    from anyio import to_thread

    from feedmill.assembly import as_sink_url, traceless

    return await to_thread.run_sync(traceless, as_sink_url(to)) if to is not None else "sqlite://"


async def _read_stored(registry: Registry, shop: str, feed: str) -> FeedDefinition | None:
    from feedmill.assembly import open_sink

    async with open_sink(registry, shop) as sink:
        return await sink.feed(feed)


def _outcome_of(record: RunRecord) -> Outcome:
    from feedmill.tables import describe_problem

    packed = record.dialect.get("compression")
    return Outcome(
        status=record.status.value,
        read=record.read,
        bytes=record.bytes,
        seconds=record.seconds,
        stages={name: {"busy": each.busy, "starved": each.starved, "blocked": each.blocked} for name, each in record.stages.items()},
        compression=None if packed is None else str(packed),
        problems=[describe_problem(problem) for problem in record.problems],
        peak_rss=_own_peak() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
    )


def _own_peak() -> int:
    """Return the most memory that this process held, in bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    # Where there is this line it is better: what getrusage tells begins with the memory of the process that started this one.
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def main() -> None:
    """Read what to do from standard input as JSON, do it, and print the outcome as JSON."""
    import anyio
    import msgspec

    from feedmill.logs import configure_logging
    from feedmill.process import tune_process

    configure_logging()
    tune_process()
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    try:
        outcome = _outcome_of(anyio.run(run_trial, asked))
    except FeedmillError as error:
        outcome = Outcome(error=str(error), exit=exit_of_error(error))
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    sys.stdout.buffer.write(msgspec.json.encode(outcome))


if __name__ == "__main__":
    main()
