"""What a run counts while it goes on, and the record that this becomes at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Final

from engine.batch import JsonValue
from engine.contracts import DuplicateKeys, FeedDefinition, StageSummary
from engine.document import Document
from engine.figures import Figures
from engine.flow.channel import StageClock
from engine.flow.transform import MappedBatch
from engine.run import Counts, Problem, RunRecord, RunStatus, StageTimes

_REJECTS_SHOWN: Final = 20
_REASONS_COUNTED: Final = 1_000
_NOTES_KEPT: Final = 20
_KEPT_OF_DUPLICATES: Final[Mapping[DuplicateKeys, str]] = {
    "last": "the last one won",
    "first": "the first one won",
    "sum": "their stock was added up, all else is the last one's",
    "error": "which refuses the run",
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: bytes so far and in all (None when the source did not say), records read, its busiest stage.

    `stages` holds for each stage the seconds it was at work, without input, and without room, up to now.
    """

    bytes: int
    total_bytes: int | None
    records: int
    seconds: float
    bottleneck: str
    stages: Mapping[str, StageTimes] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """The figures of one run under way."""

    feed: str
    dry_run: bool
    clocks: tuple[StageClock, ...]
    duplicate_keys: DuplicateKeys = "last"
    bytes: int = 0
    total_bytes: int | None = None
    read: int = 0
    skipped: int = 0
    rejected: int = 0
    keyless: int = 0
    screened: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    dialect: Mapping[str, JsonValue] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    asked_at: datetime | None = None
    versions: dict[str, str | None] = field(default_factory=dict)
    unpacked: str | None = None
    figures: Figures | None = None
    awaited: bool = False
    _times: list[datetime | None] = field(default_factory=list)
    _samples: list[Problem] = field(default_factory=list)
    _begun: float = field(default_factory=perf_counter)

    def open(self, document: Document) -> None:
        """Note one more document: its announced size and its version; of two with one name neither is known again."""
        if document.size is not None:
            self.total_bytes = (self.total_bytes or 0) + document.size
        self.versions[document.name] = None if document.name in self.versions else document.version
        self._times.append(document.mtime)

    @property
    def newest(self) -> datetime | None:
        """Return the latest time of change of the documents, None when one of them has none."""
        times = [time for time in self._times if time is not None]
        return max(times, default=None) if len(times) == len(self._times) else None

    def tell(self, message: str) -> None:
        """Keep what the connector says of the source; the first sentences tell the story."""
        if sum(problem.code == "source" for problem in self.problems) < _NOTES_KEPT:
            self.note([Problem("source", message)])

    def add(self, batch: MappedBatch) -> None:
        """Count a mapped batch."""
        self.read += batch.read
        self.keyless += batch.keyless
        self.screened += len(batch.items.known)
        for reject in batch.rejects:
            if reject.fate == "skipped":
                self.skipped += 1
                continue
            self.rejected += 1
            # Some reasons quote the cell; what is counted by reason must not grow with the source.
            if len(self.reasons) < _REASONS_COUNTED or reject.reason in self.reasons:
                self.reasons[reject.reason] += 1
            if len(self._samples) < _REJECTS_SHOWN:
                self._samples.append(Problem.of(reject))

    def note(self, problems: Iterable[Problem]) -> None:
        """Add problems of the run as a whole, each once."""
        self.problems += [problem for problem in problems if problem not in self.problems]

    def note_outcome(self, summary: StageSummary, definition: FeedDefinition) -> None:
        """Say what a person should know of the figures themselves."""
        self.figures = summary.figures
        if summary.duplicate:
            of_them = _KEPT_OF_DUPLICATES[self.duplicate_keys]
            self.note([Problem("duplicate", f"{summary.duplicate} records repeat the key of another record of this run; {of_them}")])
        if summary.skipped:
            above = "are not above inventoryRestrictionLevel in stock" if definition.creates_above is not None else ""
            reasons = " or ".join(filter(None, (above, "are gone by the source's own word")))
            self.note([Problem("restricted", f"{summary.skipped} new items {reasons} and were not imported")])
        missing = summary.known - summary.seen
        # How long an item has been missing is counted in runs, so the next one must look for it, be the source what it was or not.
        self.awaited = missing > 0 and definition.missing_grace > 0 and definition.missing_policy != "keep"
        if missing > 0:
            where = "not among the records that could be read" if self.rejected else "not in the source"
            self.note([Problem("missing", f"{missing} known items were {where}; {_fate_of_missing(definition)}")])

    def progress(self) -> Progress:
        """Return how far the run has come."""
        busiest = max(self.clocks, key=lambda clock: clock.times.busy)
        stages = {clock.name: clock.times for clock in self.clocks}
        return Progress(self.bytes, self.total_bytes, self.read, perf_counter() - self._begun, busiest.name, stages)

    def record(self, run: int, status: RunStatus, counts: Counts) -> RunRecord:
        """Return the record of the run. Of one that was neither applied nor held every readable record counts as skipped."""
        applied = status in (RunStatus.COMPLETE, RunStatus.HELD)
        return RunRecord(
            feed=self.feed,
            run=run,
            status=status,
            read=self.read,
            counts=counts,
            skipped=self.skipped + counts.skipped if applied else self.read - self.rejected,
            rejected=self.rejected,
            limited=counts.limited,
            screened=self.screened,
            bytes=self.bytes,
            seconds=perf_counter() - self._begun,
            stages={clock.name: clock.times for clock in self.clocks},
            dialect=self.dialect if self.unpacked is None else {**self.dialect, "compression": self.unpacked},
            problems=(*self.problems, *self._samples, *self._withheld()),
            dry_run=self.dry_run,
            asked_at=self.asked_at,
            figures=self.figures,
        )

    def _withheld(self) -> tuple[Problem, ...]:
        withheld = self.rejected - len(self._samples)
        return (Problem("rejected", f"{withheld} more records were rejected; all are kept with the run"),) if withheld else ()


def _fate_of_missing(definition: FeedDefinition) -> str:
    """Say what a run does to missing items, in words that fit one that is held or dry as well."""
    policy, grace = definition.missing_policy, definition.missing_grace
    if policy == "keep":
        said = {"fetchCleanup": "disabled", "feedKind": "delta"}
        why = next((f"{name}={word}" for name, word in said.items() if definition.attributes.get(name) == word), "missingPolicy=keep")
        return f"by {why} they are left as they are"
    whom = f"those that were missing in {grace} runs before (missingGraceRuns)" if grace else "they"
    fate = "get status removed and no stock" if policy == "zero" else "are deleted"
    return f"by missingPolicy={policy} {whom} {fate}" + (", the others are left as they are for now" if grace else "")
