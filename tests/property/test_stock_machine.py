"""Whatever happens to a feed, in whatever order, its tables equal a model of plain dictionaries, and the change log tells it all.

Runs go through the whole pipeline, from a file to SQLite; crashes are killed processes (`tests.fault.doomed`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Final

import anyio
import pytest
from hypothesis import HealthCheck, currently_in_test_context, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import feedmill
from engine.errors import ConfigError, LimitReached
from engine.run import RunRecord, RunStatus
from engine.schema import ATTRIBUTES
from feedmill.exits import Exit
from feedmill.library import sync
from plugins.manager import Registry, load_registry
from sinks.sqlite.database import Database, locate
from sinks.sqlite.decisions import approve, reject
from sinks.sqlite.history.undo import undo
from sinks.sqlite.migrate import migrate
from sinks.sqlite.queries import open_queries
from sinks.sqlite.single.plan import set_limit
from tests.fault.doomed import FEED, Doomed, Job, doomed
from tests.property.stock_feeds import (
    COLUMNS,
    FIELDS,
    KEYS,
    MONEY,
    NO_GUARD,
    PUSHED,
    RECORD,
    RECORDS,
    SETTINGS,
    money,
    usable,
    write_source,
)
from tests.property.stock_model import DEFAULTS, Cells, Model, Plan, Record, Refused
from tests.property.stock_tables import Row, Tables, find_differences

# A step is a whole run or call, some tenths of a second on a busy machine, and a failing history takes minutes to become a short one.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", autouse=True)
def doom() -> Iterator[None]:
    """Start what every machine needs, once."""
    with doomed() as process, TemporaryDirectory() as folder:
        Machine.doom, Machine.registry, Machine.template = process, load_registry(), Path(folder) / "template.db"
        migrate(locate(f"sqlite:///{Machine.template}"))
        yield


class Machine(RuleBasedStateMachine):
    """One feed in one database."""

    doom: Doomed
    registry: Registry
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        self.path = Path(self._folder.name) / "shop.db"
        copyfile(self.template, self.path)
        self.tables = Tables(self.path)
        self.database: Database = locate(f"sqlite:///{self.path}")
        self.model = Model()
        self.settings: Cells = {}
        self.held: tuple[int, Plan] | None = None
        self.unfinished: tuple[int, Plan, set[str]] | None = None
        self.undoing: tuple[int, int, int] | None = None
        self.undone: dict[int, int] = {}
        self.calls = 0
        self.records: list[Record] = []
        self.ids: dict[int, int] = {}

    def teardown(self) -> None:
        """Remove the database."""
        self._folder.cleanup()

    # --- what can happen ---

    @initialize(chosen=SETTINGS, records=RECORDS)
    def begin(self, chosen: Cells, records: list[Record]) -> None:
        """The feed has been read once."""
        self.settings = chosen
        self.run(records)

    @rule(chosen=SETTINGS)
    def change_settings(self, chosen: Cells) -> None:
        self.settings = chosen

    @rule(records=RECORDS)
    def run(self, records: list[Record]) -> None:
        """A run is refused, held or applied, as the model says, and did what the model says."""
        self.records = records
        record = self._sync(records)
        self._catch_up()
        assert self.unfinished is None
        assert self.undoing is None
        try:
            plan = self.model.plan(usable(records, self.settings), self.settings)
        except Refused:
            assert record.status is RunStatus.ERROR
            _tell("refused")
            return
        self.held = None
        if self.model.is_held(plan):
            assert (record.status, _figures(record)) == (RunStatus.HELD, _foreseen(plan)), record.problems
            self.held = record.run, plan
            _tell("held")
            return
        done = self.model.apply(_origin(record.run), plan)
        assert record.status is RunStatus.COMPLETE, record.problems
        assert _figures(record) == _foreseen(plan, done)
        _tell("complete")

    @precondition(lambda self: bool(self.records))
    @rule(changed=st.lists(RECORD, max_size=3), dropped=st.integers(0, 12), cells=PUSHED, data=st.data())
    def run_again(self, changed: list[Record], dropped: int, cells: Cells, data: st.DataObject) -> None:
        """The next run brings most of what the last one brought; what is pushed then outlives its approval, or its undo."""
        kept = [record for place, record in enumerate(self.records) if place != dropped]
        self.run([*kept, *changed] or self.records)
        then = data.draw(st.sampled_from(["go on", "push", "decide", "push and decide"]))
        keys = self.held[1].effects if self.held is not None else self.model.items
        if "push" in then and keys:
            self.push(data.draw(st.sampled_from(sorted(keys))), cells)
        if "decide" in then and self.held is not None:
            self.approve()
        elif "decide" in then:
            self.undo(data)

    @rule(records=RECORDS)
    def look(self, records: list[Record]) -> None:
        """A dry run says the same and changes nothing."""
        before = self.tables.dump()
        record = self._sync(records, dry_run=True)
        assert self.tables.dump() == before
        if self.unfinished is not None or self.undoing is not None:
            return
        try:
            plan = self.model.plan(usable(records, self.settings), self.settings)
        except Refused:
            assert record.status is RunStatus.ERROR
            return
        if self.model.is_held(plan):
            assert (record.status, _figures(record)) == (RunStatus.HELD, _foreseen(plan))
        else:
            done = deepcopy(self.model).apply("dry run", plan)
            assert (record.status, _figures(record)) == (RunStatus.COMPLETE, _foreseen(plan, done))

    @precondition(lambda self: self.model.limit is None)
    @rule(records=RECORDS, commit=st.integers(0, 12))
    def run_and_die(self, records: list[Record], commit: int) -> None:
        """A run whose process is killed before one of its transactions has changed nothing, or is finished by the next."""
        job = Job(
            "sync",
            str(self.path),
            write_source(self.path.with_name("feed.csv"), usable(records, self.settings)),
            settings=dict(self.settings),
            fields=FIELDS,
            fate="killed",
            commit=commit,
            chunk_rows=3,
        )
        newest = self.tables.newest()[0]
        end = self._ask(replace(job, fate="killed", commit=commit))
        self._catch_up()
        number, status, decided = self.tables.newest()
        if number == newest:
            return
        try:
            plan = self.model.plan(usable(records, self.settings), self.settings)
        except Refused:
            assert status in ("error", "started")
            return
        self._note_end(number, status, plan, decided=decided)
        _tell(f"{end}, {status}, {'decided' if decided else 'not decided'}")

    def _note_end(self, number: int, status: str, plan: Plan, *, decided: bool) -> None:
        if status == "held":
            self.held = number, plan
        elif status == "complete":
            self.held = None
            self.model.apply(_origin(number), plan)
        elif decided:
            self.unfinished = number, plan, set(plan.effects)
            self._catch_up()

    def _catch_up(self) -> None:
        """Do in the model what was done of the run that is to be finished: all that is not in its stage any more."""
        self._catch_up_undoing()
        if self.unfinished is None:
            return
        number, plan, left = self.unfinished
        ((status,),) = (row.values() for row in self.tables.query("SELECT status FROM data_imports WHERE id = ?", number))
        staged = self.tables.query("SELECT external_id FROM inventory_feed_stage WHERE run_id = ?", number)
        # What was loaded straight is where it belongs, and hidden to the last.
        still = set() if status == "complete" else left if self.tables.loading() == number else {str(row["external_id"]) for row in staged}
        self.model.apply(_origin(number), plan, left - still)
        self.unfinished = None if status == "complete" else (number, plan, left & still)
        self.held = None if status == "complete" else self.held

    def _catch_up_undoing(self) -> None:
        if self.undoing is None:
            return
        number, run, done = self.undoing
        ((status, cursor),) = (row.values() for row in self.tables.query("SELECT status, cursor FROM data_imports WHERE id = ?", number))
        reached = 2 if status == "complete" or (cursor or 0) > 0 else 1 if cursor is not None else 0
        for half in range(done, reached):
            take_back = self.model.take_back_changes if half else self.model.take_back_creations
            take_back(_origin(number), _origin(run))
        self.undoing = number, run, reached
        if status == "complete":
            self.undoing = None
            self._note_undone(number, run)

    @precondition(lambda self: self.held is not None)
    @rule()
    def approve(self) -> None:
        """An approved run does what is left to do of it; one that a newer run has overtaken is held no more."""
        assert self.held is not None
        number, plan = self.held
        if self.unfinished is not None or self.undoing is not None:
            self._refuse_decision(approve, number)
            return
        self.held = None
        self._check_approved(anyio.run(approve, self.database, number), plan)

    def _refuse_decision(self, decide: Callable[[Database, int], Awaitable[RunRecord]], number: int) -> None:
        with pytest.raises(ConfigError, match="is not held"):
            anyio.run(decide, self.database, number)
        self._catch_up()
        assert self.held is None

    def _check_approved(self, record: RunRecord, plan: Plan) -> None:
        done = self.model.apply(_origin(record.run), plan)
        assert record.status is RunStatus.COMPLETE
        counts = record.counts
        assert (counts.created, counts.updated, counts.removed) == (done["created"], done["updated"], done["removed"])
        _tell("approved")

    @precondition(lambda self: self.held is not None and self.model.limit is None)
    @rule(commit=st.integers(0, 6))
    def approve_and_die(self, commit: int) -> None:
        """An approval whose process is killed has changed nothing, or is finished by the next session."""
        assert self.held is not None
        number, plan = self.held
        self._ask(Job("approve", str(self.path), run=number, fate="killed", commit=commit, chunk_rows=3))
        self._catch_up()
        status, decided = self.tables.query("SELECT status, decided_at FROM data_imports WHERE id = ?", number)[0].values()
        if status != "held":
            self.held = None
            self._note_end(number, status, plan, decided=decided is not None)
            _tell(f"approval died, {status}")

    @precondition(lambda self: self.held is not None)
    @rule()
    def reject(self) -> None:
        """A rejected run changes nothing."""
        assert self.held is not None
        number, _ = self.held
        if self.unfinished is not None or self.undoing is not None:
            self._refuse_decision(reject, number)
            return
        self.held = None
        assert anyio.run(reject, self.database, number).status is RunStatus.CANCELLED
        _tell("rejected")

    @precondition(lambda self: self.tables.newest()[0] > 0)
    @rule(key=KEYS, cells=PUSHED)
    def push(self, key: str, cells: Cells) -> None:
        """A push is judged, counted and stored as the model has it."""
        sent = {name: money(cell) if name in MONEY else cell for name, cell in cells.items()}
        call, found = self._begin_call(), "limited"
        awaited = bool(self.tables.query("SELECT 1 FROM data_imports WHERE status IN ('started', 'held')"))
        try:
            found = anyio.run(feedmill.push, str(self.path), FEED, {"externalId": key, "vendorSku": key, **sent}).outcome
        except LimitReached:
            _tell("over the limit")
        self._catch_up()
        assert found == self.model.push(call, key, cells, awaited=awaited)
        _tell(f"push: {found}")

    @precondition(lambda self: bool(self.model.items))
    @rule(data=st.data(), override=st.sampled_from(["none", "manual", "maximum"]), manual=st.integers(0, 3))
    def edit(self, data: st.DataObject, override: str, manual: int) -> None:
        """An override is stored, and all else of the item stays."""
        key = data.draw(st.sampled_from(sorted(self.model.items)))
        sent: dict[str, object] = {"inventoryQuantityOverride": override}
        if override != "none":
            sent["manualInventoryQuantity"] = manual
        call = self._begin_call()
        anyio.run(feedmill.edit, str(self.path), FEED, key, sent)
        self._catch_up()
        self.model.write(call, key, {**self.model.items[key].cells, "manualInventoryQuantity": None, **sent})

    @precondition(lambda self: bool(self.model.items))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """An item that is taken away by a call is gone."""
        key = data.draw(st.sampled_from(sorted(self.model.items)))
        call = self._begin_call()
        anyio.run(feedmill.remove, str(self.path), FEED, key)
        self._catch_up()
        self.model.write(call, key, None)

    @precondition(lambda self: self.unfinished is None and self.undoing is None)
    @rule(limit=st.sampled_from([None, None, 0, 3, 20]))
    def limit(self, limit: int | None) -> None:
        """So many items may be written a day."""
        self.model.limit = limit
        anyio.run(set_limit, f"sqlite:///{self.path}", limit)

    @precondition(lambda self: self.tables.newest()[0] > 0)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        """An undo takes back what the model says; it has to be a run that changed something and is not undone."""
        run = data.draw(self._choose_run())
        refused, told = run in self.undone or not self._is_complete(run), ""
        record = None
        try:
            record = anyio.run(undo, self.database, run).record
        except ConfigError as error:
            told = str(error)
        self._catch_up()
        if record is None:
            # An undo of the run that had died was finished first.
            assert refused or run in self.undone
            assert re.search("was undone by run|cannot be undone", told)
            return
        assert not refused
        undoing = _origin(record.run)
        first = self.model.take_back_creations(undoing, _origin(run))
        second = self.model.take_back_changes(undoing, _origin(run))
        expected = {name: first[name] + second[name] for name in first}
        assert {name: figure for name, figure in _figures(record).items() if name in expected} == expected
        self._note_undone(record.run, run)
        _tell(f"undone, {'with' if expected['skipped'] else 'without'} conflicts")

    @precondition(lambda self: self.tables.newest()[0] > 0)
    @rule(data=st.data(), commit=st.integers(0, 5))
    def undo_and_die(self, data: st.DataObject, commit: int) -> None:
        """An undo whose process is killed has changed nothing, or is finished by the next session."""
        run, newest = data.draw(self._choose_run()), self.tables.newest()[0]
        self._ask(Job("undo", str(self.path), run=run, fate="killed", commit=commit))
        self._catch_up()
        number, *_ = self.tables.newest()
        if number > newest:
            self.undoing = number, run, 0
            self._catch_up()
            _tell("undo died")

    def _choose_run(self) -> st.SearchStrategy[int]:
        return st.sampled_from([row["id"] for row in self.tables.query("SELECT id FROM data_imports ORDER BY id DESC LIMIT 6")])

    def _is_complete(self, run: int) -> bool:
        """Return whether a run is complete, or will be when whatever works on the feed next has finished it."""
        pending = [each[0] for each in (self.unfinished, self.undoing) if each is not None]
        return run in pending or self.tables.query("SELECT status FROM data_imports WHERE id = ?", run)[0]["status"] == "complete"

    def _note_undone(self, undo: int, run: int) -> None:
        ((done, skipped),) = (row.values() for row in self.tables.query(_UNDONE, undo))
        if done or not skipped:
            self.undone[run] = undo
        self.held = None if done else self.held

    def _begin_call(self) -> str:
        self.calls += 1
        return f"call {self.calls}"

    # --- what has to hold after everything ---

    @invariant()
    def tables_equal_the_model(self) -> None:
        """The items are those of the model, and an item keeps its id for as long as it is."""
        shown = {row["external_id"]: row for row in self.tables.items().values()}
        expected = {key: {_column(name): value for name, value in item.cells.items()} for key, item in self.model.items.items()}
        assert find_differences({key: {name: row[name] for name in map(_column, DEFAULTS)} for key, row in shown.items()}, expected) == []
        for key, item in self.model.items.items():
            assert self.ids.setdefault(item.uid, shown[key]["id"]) == shown[key]["id"], "an item has another id than it had"
        assert len(set(self.ids.values())) == len(self.ids), "an id came to mean another item"

    @invariant()
    def runs_add_up(self) -> None:
        """Every run accounts for every record, but one that is still to be finished."""

        async def check() -> None:
            async with open_queries(f"sqlite:///{self.path}") as queries:
                for each in await queries.runs():
                    if each.record.status is not RunStatus.STARTED:
                        each.record.check_accounting()

        anyio.run(check)

    @invariant()
    def nothing_is_left_over(self) -> None:
        """Only what is held is held, and no transaction left its origin."""
        assert self.tables.query("SELECT * FROM write_origin") == []
        held = [row["id"] for row in self.tables.query("SELECT id FROM data_imports WHERE status = 'held'")]
        assert held == ([] if self.held is None else [self.held[0]])

    @invariant()
    def the_log_replays(self) -> None:
        """Taking back what the log holds, newest first, gives each earlier state of the items."""
        assert self.tables.replay() == []

    # --- how ---

    def _sync(self, records: list[Record], *, dry_run: bool = False) -> RunRecord:
        source = write_source(self.path.with_name("feed.csv"), usable(records, self.settings))

        async def run() -> RunRecord:
            return await sync(
                source,
                to=str(self.path),
                feed=FEED,
                settings=self.settings,
                fields=FIELDS,
                refetch=True,
                dry_run=dry_run,
                registry=self.registry,
            )

        return anyio.run(run)

    def _ask(self, job: Job) -> str:
        async def ask() -> str:
            end = await self.doom.run(job)
            assert end.how == "killed" or end.code in (Exit.COMPLETE, Exit.HELD, Exit.FAILED, Exit.CONFIGURATION), end
            return end.how

        return anyio.run(ask)


_UNDONE: Final = "SELECT created + updated + removed AS done, skipped FROM data_imports WHERE id = ?"


def _tell(what: str) -> None:
    """Tell Hypothesis what happened, for its statistics; a history by hand is none of its."""
    if currently_in_test_context():
        event(what)


def _column(name: str) -> str:
    return ATTRIBUTES[name].column if name in ATTRIBUTES else name


def _origin(run: int) -> str:
    return f"run {run}"


def _figures(record: RunRecord) -> Row:
    record.check_accounting()
    counts = record.counts
    return {
        "read": record.read,
        "created": counts.created,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "duplicate": counts.duplicate,
        "removed": counts.removed,
        "skipped": record.skipped,
        "rejected": record.rejected,
    }


def _foreseen(plan: Plan, done: Mapping[str, int] | None = None) -> Row:
    created, updated, removed = plan.size("create"), plan.size("update", "zero", "delete"), plan.size("zero", "delete", counted=False)
    if done is not None:
        created, updated, removed = done["created"], done["updated"], done["removed"]
    skipped = plan.skipped + (0 if done is None else done["overtaken"] + done["limited"])
    unchanged = plan.read - plan.rejected - plan.duplicate - created - updated - skipped
    return {
        "read": plan.read,
        "created": created,
        "updated": updated,
        "unchanged": unchanged,
        "duplicate": plan.duplicate,
        "removed": removed,
        "skipped": skipped,
        "rejected": plan.rejected,
    }


PLAIN: Final[Cells] = {
    "duplicateKeys": "last",
    "reviewChanges": False,
    "restrictInventoryImport": False,
    "inventoryRestrictionLevel": 0,
    "missingPolicy": "zero",
    "missingGraceRuns": 0,
    "fetchCleanup": "enabled",
    "feedKind": "full",
    "guard": NO_GUARD,
    "syncPricing": True,
    "syncSalePrices": True,
    "syncName": True,
    "syncWeight": True,
    "syncWeightZero": True,
}


def item(key: str, stock: int) -> Record:
    """Return a record of an item that has nothing but stock."""
    return Record(key, {name: stock if name == "inventoryQuantity" else None for name in COLUMNS.values()})


def test_a_history_that_chance_seldom_finds() -> None:
    """Written to, come and gone while a run is held: what was written later stays, and all else of the run is applied."""
    machine = Machine()
    try:
        machine.begin(PLAIN, [item("a", 1), item("01", 1), item("k7", 1)])
        machine.change_settings({**PLAIN, "reviewChanges": True})
        machine.run([item("a", 2), item("01", 2), item("k8", 2)])
        assert machine.held is not None
        machine.push("a", {"inventoryQuantity": 40})
        machine.push("k7", {"inventoryQuantity": 40})
        machine.push("k8", {"inventoryQuantity": 40})
        machine.approve()
        machine.tables_equal_the_model()
        assert [machine.model.items[key].stock for key in ("a", "01", "k7", "k8")] == [40, 2, 40, 40]
        machine.run([item("a", 2), item("01", 2), item("k8", 2)])
        machine.approve_and_die(2)
        machine.run([item("a", 2), item("01", 3)])
        machine.tables_equal_the_model()
        assert machine.tables.replay() == []
    finally:
        machine.teardown()


TestStock = Machine.TestCase
TestStock.settings = settings(max_examples=9, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
