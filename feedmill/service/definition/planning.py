"""What a change of a feed comes to: the record that is written, and what the scheduler is told."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from engine.contracts import PUSHED
from engine.errors import ConfigError
from feedmill.service.definition.judging import Judge
from feedmill.service.definition.masks import is_masked
from feedmill.service.definition.merging import State, build, merge_changes, stored_definition, with_ids
from feedmill.service.definition.stored_feeds import split_secrets
from feedmill.service.keys import digest
from sinks.sqlite.definitions import normal_row
from sinks.sqlite.service.resources import feeds as stored

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.feed import Feed
    from feedmill.service.context import Service
    from feedmill.service.definition.stored_feeds import StoredFeed

SCHEDULING: Final = frozenset({"resourceType", "resourceLocation", "enabled", "automatedFetching", "fetchFrequency", "fetchSchedule"})
"""Attributes that say whether and when a feed is fetched by itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written, None where nothing differs; `resumes` takes a pause off, `plans` says what the scheduler is told."""

    record: stored.FeedRecord
    differs: bool
    resumes: bool
    plans: bool
    next_fetch_at: int | None


def plan_change(service: Service, state: State, feed: Feed, rows: stored.Rows, sent: Mapping[str, object]) -> Change:
    """Return what becomes of a stored feed that is to be this one; `sent` is what the caller said. Raises `ConfigError`. Blocks."""
    problem = _judge_change(service, state, feed)
    record = make_record(service, feed, problem, state, rows)
    row = state.row
    definition = record.definition
    before = {**row.settings, **_filled(state.rows)}
    after = {**{name: value for name, value in definition.attributes.items() if name not in record.rows}, **_filled(record.rows)}
    differs = (before, row.name, row.provider, row.problem) != (after, definition.name, record.provider, problem)
    differs = differs or record.sealed is not row.sealed
    # Who sends back the whole of what was shown has not asked for a fetch, nor for the end of a pause.
    asked = "id" not in sent
    resumes = asked and sent.get("enabled") is True and row.paused_at is not None
    first = first_fetch(feed, problem)
    rescheduled = (
        any(before.get(name) != after.get(name) for name in SCHEDULING) or problem != row.problem or record.provider != row.provider
    )
    wanted = first is not None and row.next_fetch_at is None and asked and not SCHEDULING.isdisjoint(sent)
    plans = resumes or (rescheduled and _is_managed(state)) or wanted or (first is None and row.next_fetch_at is not None)
    return Change(record, differs, resumes, plans, first)


def _filled(rows: stored.Rows) -> dict[str, Any]:
    return {
        kind: [(number, normal_row(row) if kind == stored.FIELDS else row) for number, row in of_kind]
        for kind, of_kind in rows.items()
        if of_kind
    }


def _judge_change(service: Service, state: State, feed: Feed) -> str | None:
    judge = Judge(service.registry, service.egress)
    try:
        return judge.judge(feed)
    except ConfigError as error:
        if not _had(judge, state, error):
            raise
        return "; ".join(error.problems)


def _had(judge: Judge, state: State, error: ConfigError) -> bool:
    """Return whether a feed had all these faults before: plugins went, or the operator narrowed what may be reached."""
    try:
        judge.judge(state.feed())
    except ConfigError as before:
        return set(error.problems) <= set(before.problems)
    return False


def try_feed(judge: Judge, state: State, known: StoredFeed, sent: Mapping[str, object], *, replace: bool = False) -> Feed:
    """Return a stored feed with changes that are only tried; of its rows those of the same name are replaced, or all. Blocks.

    Raises `ConfigError` where the same change would not be taken, for a trial connects as a fetch does: a secret would follow to
    another host, or what the operator does not allow would be reached.
    """
    merged = merge_changes(state, sent, {})
    feed = build(merged) if replace else known.build({name: sent[name] if name == stored.FIELDS else merged.get(name) for name in sent})
    refused = list(judge.find_refused(feed))
    if refused and not set(refused) <= set(_refused_before(judge, state)):
        raise ConfigError(f"feed {feed.name!r} cannot be tried like this", problems=tuple(refused))
    return feed


def _refused_before(judge: Judge, state: State) -> list[str]:
    try:
        return list(judge.find_refused(state.feed()))
    except ConfigError:
        return []


def make_record(
    service: Service, feed: Feed, problem: str | None, state: State | None, rows: stored.Rows | None = None
) -> stored.FeedRecord:
    """Return what is stored of a feed; what is sealed already and is the same stays as it is."""
    sealed_before = state.row.sealed if state is not None else None
    secret = (state.secrets.get("hash") if state is not None else None) or secrets.token_urlsafe(32)
    document: dict[str, JsonValue] = {**split_secrets(feed), "hash": secret}
    if feed.resource_location is not None and is_masked(feed.resource_location):
        del document["resourceLocation"]
    same = state is not None and sealed_before is not None and document == dict(state.secrets)
    sealed = sealed_before if same and sealed_before is not None else service.keys.seal(document)
    provider = feed.dropship_provider_id
    if provider is None:
        raise ConfigError(f"feed {feed.name!r} cannot be taken so", problems=("dropshipProviderId: is mandatory",))
    return stored.FeedRecord(
        stored_definition(feed), provider, sealed, digest(str(secret)).hex(), problem, rows if rows is not None else with_ids(feed, None)
    )


def first_fetch(feed: Feed, problem: str | None) -> int | None:
    """Return 0 where the scheduler is to plan a feed, None where nothing fetches it by itself."""
    fetched = feed.enabled and feed.automated_fetching == "enabled" and feed.fetch_frequency not in ("never", "webhook")
    return 0 if fetched and problem is None and feed.resource_type not in PUSHED else None


def _is_managed(state: State) -> bool:
    """Return whether a service has had the feed's definition, or only the command line."""
    return "resourceLocation" in state.secrets or state.row.settings.get("resourceLocation") is None
