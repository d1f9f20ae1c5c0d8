"""What one complete run leaves for the next: what may be taken for unchanged, and when it is too soon to ask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from engine.contracts import Checkpoint
from engine.errors import RefuseRun
from engine.run import Counts

if TYPE_CHECKING:
    from engine.flow.transform import Recipe
    from engine.run import RunRecord
    from engine.source import Source


def fingerprint(recipe: Recipe, source: Source) -> str:
    """Return what stands for a source and everything that decides what becomes of its bytes.

    It covers the whole URL and the request's parameters, not only what may be shown: another value in a query means other
    goods, though it is masked alike. A password is not in it, since a new one brings the same file, but a token is: it stands
    for the user too, and a server that minds only the time would answer for another customer's file that it is unchanged.
    """
    definition = recipe.feed.definition()
    request = source.request
    covered: list[object] = [
        recipe.generation,
        *(source.url, source.username, source.path, source.select),
        [[each.name, each.place, each.value.reveal()] for each in request.parameters],
        source.password.reveal() if source.password is not None and request.auth in ("bearer", "header") else None,
        {name: value for name, value in definition.attributes.items() if name != "resourceLocation"},
        [[*row.names, row.row.model_dump(mode="json", by_alias=True)] for row in recipe.rows],
    ]
    return blake2b(orjson.dumps(covered, option=orjson.OPT_SORT_KEYS), digest_size=16, person=b"feedmill").hexdigest()


def make_checkpoint(
    print_: str, versions: Mapping[str, str | None], newest: datetime | None, record: RunRecord, digests: str = ""
) -> Checkpoint | None:
    """Return what a complete run leaves; None when nothing stands for what it read.

    A document that could not say by what it would be known again leaves the source to be known by its bytes alone.
    """
    told, stamp = _known_again(versions, newest)
    if not told and not digests:
        return None
    return Checkpoint(print_, told, record.run, record.read, record.counts.duplicate, record.skipped, record.rejected, stamp, digests)


def renew(checkpoint: Checkpoint, versions: Mapping[str, str | None], newest: datetime | None) -> Checkpoint:
    """Return what a run leaves that found its source unchanged: where it read the bytes to see that, as they are known now."""
    if not versions:
        return checkpoint
    told, stamp = _known_again(versions, newest)
    return replace(checkpoint, versions=told, newest=stamp)


def _known_again(versions: Mapping[str, str | None], newest: datetime | None) -> tuple[dict[str, str], str | None]:
    told = {name: version for name, version in versions.items() if version is not None}
    if len(told) != len(versions):
        # A time that is too coarse to be a version proves no more when it seems to go back.
        return {}, None
    return told, None if newest is None else newest.isoformat()


def left_by(checkpoint: Checkpoint | None, *, limited: int) -> Checkpoint | None:
    """Return the checkpoint that a run leaves: what is over the daily limit is taken by the next run, which has to read the source."""
    return checkpoint.unread() if checkpoint is not None and limited else checkpoint


def refuse_older(checkpoint: Checkpoint | None, print_: str, newest: datetime | None, source: Source) -> None:
    """Raise `RefuseRun` when the newest of the files that a path means is older than the last complete run's.

    The newer file was withdrawn, or a mirror lags behind: what is there now is yesterday's stock. Where one file is named
    without a path its time proves less, since the servers behind one address may disagree.
    """
    if source.path is None or newest is None or checkpoint is None or checkpoint.newest is None or checkpoint.fingerprint != print_:
        return
    before = datetime.fromisoformat(checkpoint.newest)
    if newest < before:
        raise RefuseRun(
            f"{source.name}: the newest file of {source.path!r} is of {newest:%Y-%m-%d %H:%M:%S} UTC, but run {checkpoint.run} read one of "
            f"{before:%Y-%m-%d %H:%M:%S}: the newer one was withdrawn or has not arrived here; nothing was applied: ask the supplier, or "
            "read it all the same with --refetch"
        )


def confirm(checkpoint: Checkpoint, record: RunRecord) -> RunRecord:
    """Return the record of a run that found its source unchanged: what it would be, had the same bytes been read again."""
    unchanged = checkpoint.read - checkpoint.duplicate - checkpoint.skipped - checkpoint.rejected
    counts = Counts(unchanged=unchanged, duplicate=checkpoint.duplicate)
    return replace(record, read=checkpoint.read, counts=counts, skipped=checkpoint.skipped, rejected=checkpoint.rejected)


def read_alike(checkpoint: Checkpoint | None, print_: str) -> Checkpoint | None:
    """Return what the last complete run left, None when it read its documents in another way."""
    return checkpoint if checkpoint is not None and checkpoint.fingerprint == print_ else None


def wait_left(asked_at: datetime | None, min_interval: float) -> float:
    """Return the seconds for which the source is still to be left alone.

    A moment in the future is a clock that was set back; it does not keep a feed waiting for longer than the interval.
    """
    if asked_at is None:
        return 0.0
    passed = (datetime.now(UTC) - asked_at).total_seconds()
    return min_interval - passed if 0 <= passed < min_interval else 0.0
