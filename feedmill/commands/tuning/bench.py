"""`feedmill bench`: run a feed in several ways, and say what holds it up."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from feedmill.commands.arguments import Config, Fields, Json, Settings, parse_fields, parse_settings, read_config
from feedmill.commands.tuning.trial import AGAIN, DRY, LOAD, MEBIBYTE, Asked, Kind, Outcome, Trial, known_lanes
from feedmill.exits import Exit, UsageError, exit_of_status

_SHOP: Final = "The shop's database, which is read and never written: runs then are what they would be there."


def bench(
    source: Annotated[str | None, Parameter(help="A URL or a path; not needed with --config.")] = None,
    /,
    *,
    config: Config = None,
    to: Annotated[str | None, Parameter(help=_SHOP)] = None,
    feed: Annotated[str | None, Parameter(help="The feed's name.")] = None,
    settings: Settings = None,
    fields: Fields = None,
    runs: Annotated[int, Parameter(help="How often each way is run; the fastest counts.")] = 1,
    as_json: Json = False,
) -> int:
    """Run a feed in several ways and say how fast each is, what holds it up, and what to do about it. Writes nothing.

    The source is read once for every run. Exit codes: as `sync`.
    """
    from feedmill.cli import run_async

    if runs < 1:
        raise UsageError("--runs has to be at least 1")
    read_config(config, ("SOURCE", source))
    asked = Asked(source, feed, to, config, parse_settings(settings), parse_fields(fields), "", Trial(DRY, "", 0))

    async def work() -> int:
        outcomes: dict[Trial, Outcome] = {}
        for _ in range(runs):
            # A database of its own each time: the first load is into an empty one.
            with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
                scratch = f"sqlite:///{Path(directory, 'scratch.db')}"
                for trial in plan_trials(known_lanes()):
                    outcome = await _run(replace(asked, scratch=scratch, trial=trial))
                    if outcome.error is not None:
                        sys.stderr.write(f"feedmill: {outcome.error}\n")
                        return outcome.exit
                    outcomes[trial] = max(outcomes.get(trial, outcome), outcome, key=lambda each: (each.measured, each.rows_per_second))
                    if not outcome.measured:
                        # What failed or is to be left alone is not asked another five times.
                        return _tell(outcomes, as_json=as_json)
        return _tell(outcomes, as_json=as_json)

    return run_async(work)


def plan_trials(lanes: Sequence[str]) -> list[Trial]:
    """Return the ways in which a feed is run, the usual one first; the last two fill a database as a sync does."""
    from engine.flow.channel import MAX_BUFFERED_BYTES

    usual = lanes[0]
    ways: list[tuple[Kind, str, int]] = [
        (DRY, usual, MAX_BUFFERED_BYTES),
        (DRY, usual, MAX_BUFFERED_BYTES // 8),
        (DRY, usual, MAX_BUFFERED_BYTES * 4),
        *((DRY, lane, MAX_BUFFERED_BYTES) for lane in lanes[1:]),
        (LOAD, usual, MAX_BUFFERED_BYTES),
        (AGAIN, usual, MAX_BUFFERED_BYTES),
    ]
    return [Trial(*way) for way in ways]


async def _run(asked: Asked) -> Outcome:
    import anyio
    import msgspec

    if sys.stderr.isatty():
        sys.stderr.write(f"{asked.trial.kind}, lane {asked.trial.lane}, {asked.trial.buffered_bytes // MEBIBYTE} MiB ...\n")
    # What is asked goes by a pipe and not on the command line, which everybody on the machine can read. With -P the current folder is
    # no place to import from: a `csv.py` that lies beside the feed is not ours.
    command = [sys.executable, "-P", "-m", "feedmill.commands.tuning.trial"]
    done = await anyio.run_process(command, input=msgspec.json.encode(asked), stderr=None, check=False)
    if done.returncode != 0:
        return Outcome(error=f"{asked.trial.kind}: its process ended with code {done.returncode}", exit=Exit.INTERNAL)
    return msgspec.json.decode(done.stdout, type=Outcome)


def _tell(outcomes: Mapping[Trial, Outcome], *, as_json: bool) -> Exit:
    from engine.run import RunStatus
    from feedmill.commands.tuning.table import bench_lines, shape_bench
    from feedmill.shapes import dump

    sys.stdout.write(f"{dump(shape_bench(outcomes))}\n" if as_json else "".join(f"{line}\n" for line in bench_lines(outcomes)))
    codes = {exit_of_status(RunStatus(outcome.status)) for outcome in outcomes.values()}
    return next((code for code in (Exit.FAILED, Exit.HELD) if code in codes), Exit.COMPLETE)
