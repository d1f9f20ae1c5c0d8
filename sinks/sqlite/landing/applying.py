"""Applying a stage: chunk by chunk, each in a transaction of its caller, by whichever process gets to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from engine.contracts import Checkpoint, FeedDefinition
from engine.run import Counts
from sinks.sqlite.fence import Writer
from sinks.sqlite.landing.housekeeping import CHUNK_ROWS
from sinks.sqlite.landing.left_out import keep_unwanted
from sinks.sqlite.landing.limit import RunLimit
from sinks.sqlite.landing.removals import bury, forget_missing, leave_overtaken, take_missing
from sinks.sqlite.landing.statements import Layout, StageTable
from sinks.sqlite.screen.gathering import note_applied


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be known to apply a stage, beside the stage itself; a run keeps it from its decision to its end.

    `at` is the time of the changes, `mark` the last change that was logged before the run began. `planned` is what applying is
    expected to do, `skipped` how many records of the source were no items. A straight load has no stage: its rows are where they
    belong, and `loaded` is set.
    """

    definition: FeedDefinition
    layouts: tuple[Layout, ...]
    planned: Counts
    skipped: int
    mark: int
    at: int
    checkpoint: Checkpoint | None = None
    loaded: bool = False

    def dump(self) -> str:
        """Return the plan as JSON text."""
        layouts = [{**asdict(each), "clears": sorted(each.clears), "settled": sorted(each.settled)} for each in self.layouts]
        definition = {"name": self.definition.name, "attributes": dict(self.definition.attributes), "fields": list(self.definition.fields)}
        return orjson.dumps({**_shallow(self), "layouts": layouts, "definition": definition}, default=_plain).decode()

    @classmethod
    def load(cls, text: str) -> Plan:
        """Return the plan that `dump` made a text of."""
        read: dict[str, Any] = orjson.loads(text)
        definition = FeedDefinition(read["definition"]["name"], read["definition"]["attributes"], tuple(read["definition"]["fields"]))
        layouts = tuple(map(_load_layout, read["layouts"]))
        checkpoint = None if read["checkpoint"] is None else Checkpoint(**read["checkpoint"])
        return cls(definition, layouts, Counts(**read["planned"]), read["skipped"], read["mark"], read["at"], checkpoint, read["loaded"])

    def settle(self, effect: Counts) -> Counts:
        """Return what became of every record, given what the database did: what it did not touch is unchanged."""
        planned = self.planned
        skipped = planned.skipped + effect.skipped
        total = planned.created + planned.updated + planned.unchanged + planned.skipped
        unchanged = total - effect.created - effect.updated - skipped
        return Counts(effect.created, effect.updated, unchanged, planned.duplicate, effect.removed, skipped, effect.limited)


def _load_layout(read: dict[str, Any]) -> Layout:
    return Layout(tuple(read["columns"]), frozenset(read["clears"]), frozenset(read["settled"]), read["keeps_weight"])


def _shallow(plan: Plan) -> dict[str, object]:
    checkpoint = None if plan.checkpoint is None else asdict(plan.checkpoint)
    numbers = {"skipped": plan.skipped, "mark": plan.mark, "at": plan.at, "loaded": plan.loaded}
    return {"planned": asdict(plan.planned), "checkpoint": checkpoint, **numbers}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


class Application:
    """Apply a stage, a chunk at a time. What is applied leaves the stage in the same transaction, so the rest can be gone on with.

    What somebody else wrote after the run had begun is left to him, and its records count as skipped. With `notes` the records that
    were applied as they are, are noted for the screen.
    """

    def __init__(self, writer: Writer, stage: StageTable, plan: Plan, *, notes: bool = False) -> None:
        self._writer = writer
        self._notes = notes
        self._stage = stage
        self._plan = plan
        self._limit = RunLimit(writer, stage, plan.layouts)

    async def step(self) -> Counts | None:
        """Apply the next chunk inside the caller's transaction and return what the database did, None when nothing is left."""
        ((end,),) = await self._writer.query(self._stage.chunk_end(CHUNK_ROWS))
        if end is None:
            return None
        writer, stage, plan, last = self._writer, self._stage, self._plan, str(end)
        counts = Counts(skipped=await leave_overtaken(writer, stage, plan.layouts, last, mark=plan.mark))
        limited = await self._limit.leave_out(last)
        counts += Counts(skipped=limited, limited=limited)
        if any(layout.buries for layout in plan.layouts):
            counts += await bury(writer, stage, last, deletes=plan.definition.removal == "remove", now=plan.at)
        counts += await take_missing(writer, stage, last, now=plan.at)
        if stage.creates_above is not None or any(layout.buries for layout in plan.layouts):
            await keep_unwanted(writer, stage, last)
        before = counts.created + counts.updated
        for number, layout in enumerate(plan.layouts):
            updated = await writer.execute(stage.update(number, layout, now=plan.at), last)
            created = await writer.execute(stage.create(number, layout.columns, now=plan.at), last)
            counts += Counts(created=created, updated=updated)
        await forget_missing(writer, stage, last)
        if counts.created + counts.updated - before < await writer.number(stage.count_told(), last):
            await writer.execute(stage.rehash(), last)
        if self._notes:
            await note_applied(writer, stage, last)
        await writer.execute(stage.clear(), last)
        await self._limit.count()
        return counts
