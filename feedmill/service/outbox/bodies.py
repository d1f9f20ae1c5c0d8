"""The bodies of payloads: what happened as JSON, with the whole item or run as the API shows it at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from engine.errors import ConfigError, NotFound
from feedmill.shapes import dump, shape_run
from sinks.sqlite import clock
from sinks.sqlite.queries import Queries

if TYPE_CHECKING:
    from sinks.sqlite.fence import Writer
    from sinks.sqlite.history.kinds import FieldChange


def body_of(
    topic: str,
    data: Mapping[str, object],
    *,
    changes: Sequence[FieldChange] = (),
    run: int | None = None,
    call: str | None = None,
) -> bytes:
    """Return a body but for its id, which is known when it is stored."""
    body: dict[str, object] = {"topic": topic, "createdAt": clock.rfc3339(clock.now()), "data": data}
    if changes:
        body["changes"] = [{"field": each.field, "before": each.before, "after": each.after} for each in changes]
    if run is not None:
        body["run"] = run
    if call is not None:
        body["call"] = call
    return dump(body).encode()


async def show_run(reader: Writer, run: int, feed: int) -> dict[str, object]:
    """Return a run as a payload shows it. Raises `NotFound` when it is gone with its feed."""
    try:
        stored = await Queries(reader).run(run)
    except ConfigError:
        raise NotFound(f"there is no run {run}") from None
    return {
        "id": run,
        "inventoryFeedId": feed,
        **shape_run(stored.record),
        "startedAt": clock.rfc3339(clock.microseconds(stored.started_at)),
        "finishedAt": None if stored.finished_at is None else clock.rfc3339(clock.microseconds(stored.finished_at)),
    }
