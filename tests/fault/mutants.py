"""Seeded defects: what somebody might break in the sink, the guard or the service, and the quickest tests that must notice.

Each is an exact text of a file and what takes its place. `test_mutants.py` plays them on a copy of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_KILLED: Final = "tests/fault/test_sqlite_killed.py::"
_SCOPES: Final = "tests/unit/test_sqlite_scopes.py::"
_CONFORMS: Final = "tests/conformance/test_sinks.py::test_sink_conforms"
_HOLDS: Final = "tests/unit/test_guard_holds.py"
_UNDO: Final = "tests/unit/test_undo.py::"
_LIMIT: Final = "tests/integration/test_daily_limit.py::"
_PUSHES: Final = "tests/integration/test_pushes.py::"
_TOGETHER: Final = "tests/integration/test_together.py::"
_TOKENS: Final = "tests/integration/test_api_tokens.py::"
_LATER: Final = "tests/unit/test_sqlite_later_writes.py"
_LAW: Final = "tests/property/test_screen_law.py"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect: in `file`, `new` takes the place of `old`, and at least one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS: Final = (
    Mutant(
        "a writer does not check its epoch",
        "sinks/sqlite/fence.py",
        "WHERE id = ? AND epoch = ? AND status = 'started'",
        "WHERE id = ? AND epoch >= ? AND status = 'started'",
        (f"{_KILLED}test_refuses_the_writes_of_a_process_that_lost_its_run[sync-taken over]",),
    ),
    Mutant(
        "the end of a run does not check its epoch",
        "sinks/sqlite/control.py",
        "_MINE: Final = \"id = ? AND epoch = ? AND status = 'started'\"",
        "_MINE: Final = \"id = ? AND epoch >= ? AND status = 'started'\"",
        (f"{_KILLED}test_refuses_the_writes_of_a_process_that_lost_its_run[sync-taken over]",),
    ),
    Mutant(
        "missing items are sought in every feed",
        "sinks/sqlite/landing/statements.py",
        'return f"FROM {VARIANTS} AS v WHERE v.inventory_feed_id = {self.feed}{self._visible()}"',
        'return f"FROM {VARIANTS} AS v WHERE {self.feed}{self._visible()}"',
        (f"{_SCOPES}test_what_one_feed_misses_stays_in_another",),
    ),
    Mutant(
        "an unfinished load is deleted by its ids alone",
        "sinks/sqlite/landing/housekeeping.py",
        'f"DELETE {of_feed} AND created_run_id = ? AND id BETWEEN ? AND ?"',
        'f"DELETE FROM {VARIANTS} WHERE ? AND ? AND id BETWEEN ? AND ?"',
        (f"{_SCOPES}test_a_load_that_is_given_up_takes_nothing_of_another_feed",),
    ),
    Mutant(
        "the checkpoint is there before the last chunk",
        "sinks/sqlite/control.py",
        "            await _change_own(writer, fence, values)\n\n    async def hold",
        "            await _change_own(writer, fence, values)\n"
        "            await _reveal(writer, fence, plan.checkpoint)\n\n    async def hold",
        (f"{_KILLED}test_run_after_a_kill_in_a_later_run[applied]",),
    ),
    Mutant(
        "what was planned is counted, not what was done",
        "sinks/sqlite/decisions.py",
        "return plan.settle(Counts(created=created, updated=updated, removed=removed, skipped=skipped, limited=limited))",
        "return plan.planned",
        (_LATER,),
    ),
    Mutant(
        "a chunk leaves the stage in a transaction of its own",
        "sinks/sqlite/landing/applying.py",
        "        await writer.execute(stage.clear(), last)",
        "        await writer.connection.commit()\n        await writer.execute(stage.clear(), last)",
        (f"{_KILLED}test_run_after_a_kill_in_a_later_run[applied]",),
    ),
    Mutant(
        "what a chunk did is not counted with it",
        "sinks/sqlite/decisions.py",
        "created = created + ?, updated = updated + ?, removed = removed + ?",
        "created = ?, updated = ?, removed = ?",
        (f"{_KILLED}test_run_after_a_kill_in_a_later_run[applied]",),
    ),
    Mutant(
        "digests do not know what clears and what is settled",
        "sinks/sqlite/landing/rows.py",
        "    if not marks:\n",
        "    if marks or not marks:\n",
        (f"{_CONFORMS}[sqlite-clears_blank_cells_where_told]", f"{_CONFORMS}[sqlite-leaves_settled_attributes_alone]"),
    ),
    Mutant(
        "at a limit a run is held already",
        "engine/guard.py",
        "return _exact(part) > _exact(limit) * _exact(whole)",
        "return _exact(part) >= _exact(limit) * _exact(whole)",
        (_HOLDS,),
    ),
    Mutant(
        "the floor is off by one",
        "engine/guard.py",
        "(judging and whole >= floor for whole in",
        "(judging and whole > floor for whole in",
        (_HOLDS,),
    ),
    Mutant(
        "a held run is applied",
        "engine/flow/pipeline.py",
        "await _hold(session, tally, held, planned.counts, checkpoint) if held else _Decided(planned, checkpoint)",
        "_Decided(planned, checkpoint)",
        ("tests/integration/test_guard_holds.py::test_where_changes_are_reviewed_every_change_waits",),
    ),
    Mutant(
        "a rejected run is taken for a decided one",
        "sinks/sqlite/control.py",
        "await _update_runs(writer, _ending(record), \"id = ? AND status = 'held'\", run,",
        'early = {"status": "started", "decided_at": clock.now()}\n'
        "            await _update_runs(writer, early, \"id = ? AND status = 'held'\", run,",
        (f"{_KILLED}test_run_after_a_kill_in_a_rejection",),
    ),
    Mutant(
        "a decided run is not finished",
        "sinks/sqlite/session.py",
        "        await finish_decided(connection, control, database.name, number)\n",
        "",
        (f"{_KILLED}test_run_after_a_kill_in_a_later_run[applied]",),
    ),
    Mutant(
        "a load shows before it is whole",
        "sinks/sqlite/queries.py",
        " AND (f.loading_run_id IS NULL OR v.created_run_id IS NOT f.loading_run_id)",
        "",
        (f"{_CONFORMS}[sqlite-shows_nothing_before_it_applies]",),
    ),
    Mutant(
        "what an incomplete run did not read is missing",
        "engine/flow/pipeline.py",
        "ended = await _discard(session, tally, RunStatus.ERROR, error)",
        "ended = _Decided(await _plan(session, tally, feed.definition()), None)",
        ("tests/unit/test_sqlite_scopes.py::test_what_a_refused_run_did_not_read_is_not_missing",),
    ),
    Mutant(
        "the key of a rejected record is missing",
        "sinks/sqlite/landing/staged.py",
        "self._fallen += self._seen.add(number) and bool(fallen)",
        "self._fallen += bool(fallen)",
        (f"{_CONFORMS}[sqlite-leaves_rejected_items_alone]",),
    ),
    Mutant(
        "grace is a run shorter",
        "sinks/sqlite/landing/missing.py",
        "WHEN v.missing_runs < {feed.missing_grace}",
        "WHEN v.missing_runs + 1 < {feed.missing_grace}",
        (f"{_CONFORMS}[sqlite-waits_for_missing_items_as_told]",),
    ),
    Mutant(
        "a later write is overwritten",
        "sinks/sqlite/landing/removals.py",
        "c.run_id IS NOT {stage.run}",
        "c.run_id IS NOT c.run_id",
        (_LATER,),
    ),
    Mutant(
        "an undo overwrites what was written since",
        "sinks/sqlite/history/judging.py",
        "if row is not None and writer is None:",
        "if row is not None:",
        (f"{_UNDO}test_a_later_write_stays_and_is_named",),
    ),
    Mutant(
        "an undo keeps the digest of what it took back",
        "sinks/sqlite/history/undoing.py",
        '"content_hash": None, "updated_at": at}',
        '"updated_at": at}',
        (f"{_UNDO}test_a_later_write_stays_and_is_named",),
    ),
    Mutant(
        "what a run writes is not counted in its transaction",
        "sinks/sqlite/landing/applying.py",
        "        await self._limit.count()\n",
        "",
        (f"{_LIMIT}test_a_run_takes_what_the_day_allows_in_the_order_of_the_feed", f"{_LIMIT}test_feeds_share_one_limit"),
    ),
    Mutant(
        "a pushed item keeps its digest",
        "sinks/sqlite/single/rows.py",
        '        cells["content_hash"] = None\n',
        "        pass\n",
        ("tests/unit/test_sqlite_scopes.py::test_the_source_has_the_last_word_after_a_push",),
    ),
    Mutant(
        "nobody is named as the origin of a change",
        "sinks/sqlite/fence.py",
        'VALUES (?, ?, ?)", origin.run, origin.call, origin.at)',
        'SELECT ?, ?, ? WHERE 0", origin.run, origin.call, origin.at)',
        (f"{_UNDO}test_an_undo_gives_back_every_column",),
    ),
    Mutant(
        "another call under a known key is answered as the first",
        "feedmill/service/push_group.py",
        "if first is not None and first.digest != once.digest:",
        "if False:",
        (f"{_PUSHES}test_a_key_makes_a_call_that_comes_again_answer_what_it_answered",),
    ),
    Mutant(
        "twins of one commit are both done",
        "feedmill/service/push_group.py",
        "if (feed, once.key) in self._seen:\n            return False",
        "if (feed, once.key) in self._seen:\n            return True",
        (f"{_PUSHES}test_a_key_makes_a_call_that_comes_again_answer_what_it_answered",),
    ),
    Mutant(
        "a key is known whatever feed it is of",
        "sinks/sqlite/service/idempotency.py",
        "FROM main.idempotency_keys WHERE feed_id = ? AND key = ? AND created_at > ?",
        "FROM main.idempotency_keys WHERE ? AND key = ? AND created_at > ?",
        (f"{_PUSHES}test_a_key_makes_a_call_that_comes_again_answer_what_it_answered",),
    ),
    Mutant(
        "an older sequence is taken",
        "sinks/sqlite/single/checks.py",
        "return mine < last",
        "return False",
        (f"{_PUSHES}test_one_item_is_created_updated_and_answered_whole",),
    ),
    Mutant(
        "pushed items are not counted in their transaction",
        "sinks/sqlite/single/group.py",
        "finish(count_items(self._writer, purse.allowance, sorted(spent)))",
        "pass",
        (
            "tests/integration/test_api_items.py::test_a_put_counts_against_the_daily_limit_and_an_older_one_is_stale",
            f"{_LIMIT}test_an_item_counts_once_a_day_and_an_unchanged_one_never",
        ),
    ),
    Mutant(
        "what became of a batch is stored apart from what it did",
        "feedmill/service/batch_group.py",
        "    for batch, pushes in chosen:\n        end_batch",
        "    connection.commit()\n    for batch, pushes in chosen:\n        end_batch",
        (f"{_TOGETHER}test_a_batch_is_applied_and_ended_at_once",),
    ),
    Mutant(
        "a webhook's mark moves in a transaction of its own",
        "feedmill/service/outbox/fan_out.py",
        "        for hook, feed in found.lagging:\n",
        "        await writer.connection.commit()\n        for hook, feed in found.lagging:\n",
        (f"{_TOGETHER}test_payloads_are_stored_and_the_mark_moves_at_once",),
    ),
    Mutant(
        "a revoked token is taken",
        "sinks/sqlite/service/tokens.py",
        "FROM main.api_tokens WHERE digest = ? AND revoked_at IS NULL",
        "FROM main.api_tokens WHERE digest = ?",
        (f"{_TOKENS}test_tokens_live_from_being_made_to_being_revoked",),
    ),
    Mutant(
        "a revoked token is remembered",
        "feedmill/service/security/gate.py",
        "        self._known.clear()\n        self._era += 1",
        "        self._era += 1",
        (f"{_TOKENS}test_tokens_live_from_being_made_to_being_revoked",),
    ),
    Mutant(
        "a token of one feed pushes to all",
        "feedmill/web/access.py",
        'f"feed:{feed}:push" in caller.scopes',
        'any(scope.startswith("feed:") for scope in caller.scopes)',
        ("tests/integration/test_security.py::test_who_may_not",),
    ),
    Mutant(
        "what the service posts goes anywhere",
        "feedmill/service/outgoing.py",
        "replace(source, egress=egress, shown_as=mask_url(url))",
        "replace(source, shown_as=mask_url(url))",
        ("tests/integration/test_outgoing.py::test_an_address_that_is_not_allowed_gets_no_connection",),
    ),
    Mutant(
        "a run that begins again keeps its epoch",
        "sinks/sqlite/control.py",
        "SET {_setting(values)}, {_NEXT_EPOCH} WHERE {waits} RETURNING epoch",
        "SET {_setting(values)} WHERE {waits} RETURNING epoch",
        ("tests/unit/test_bound_runs.py::test_a_dead_run_is_taken_over_as_the_same",),
    ),
    Mutant(
        "a change of a feed replaces it",
        "feedmill/service/definition/merging.py",
        "    merged = dict(stored)\n    for name, value in sent.items():\n        if name not in COMPUTED:",
        "    merged: dict[str, object] = {}\n    for name, value in sent.items():\n        if name not in COMPUTED:",
        ("tests/unit/test_feed_merging.py",),
    ),
    Mutant(
        "an item that was met twice stays known",
        "sinks/sqlite/screen/gathering.py",
        "        self._dropped.update(items)\n",
        "        self._dropped.update(())\n",
        (f"{_LAW}::test_of_a_key_that_stood_twice_the_record_that_is_left_counts",),
    ),
    Mutant(
        "an item that somebody has written stays known",
        "sinks/sqlite/screen/stored.py",
        "WHERE inventory_feed_id = ? AND content_hash IS NULL",
        "WHERE inventory_feed_id = ? AND content_hash = 0",
        (_LAW,),
    ),
    Mutant(
        "a known record never counts more than one that was parsed",
        "sinks/sqlite/landing/staged.py",
        "if item is not None and known.comes_after(item, record)}",
        "if item is None and known.comes_after(0, record)}",
        (_LAW,),
    ),
    Mutant(
        "what was overtaken in part is known as if it had been applied",
        "engine/screen/settling.py",
        "(told[at, 0] == ordinals) & (told[at, 2] == values[awaited])",
        "told[at, 0] == ordinals",
        ("tests/unit/test_screen.py", f"{_LAW}::test_what_was_overtaken_in_part_is_applied_by_the_next_run"),
    ),
    Mutant(
        "an applied record lends its item to another one's fingerprint",
        "engine/screen/settling.py",
        "(told[at, 0] == ordinals) & (told[at, 2] == values[awaited])",
        "told[at, 2] == values[awaited]",
        ("tests/unit/test_screen.py",),
    ),
    Mutant(
        "what the last run knew outlives an undo",
        "sinks/sqlite/migrations/newest.sql",
        "DELETE FROM inventory_feed_screens WHERE feed_id = new.inventory_feed_id; END",
        "DELETE FROM inventory_feed_screens WHERE 0; END",
        (f"{_LAW}::test_what_was_undone_is_applied_again",),
    ),
)
