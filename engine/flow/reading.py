"""The documents of a run to batches: everything of the map stage that a lane does, as one synchronous unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.batch import JsonValue
from engine.decode import Ended, Opened, Part
from engine.errors import RefuseRun
from engine.flow.absence import Absence
from engine.flow.drift import find_drift
from engine.flow.transform import MappedBatch, Recipe, Transform
from engine.run import Problem

if TYPE_CHECKING:
    from engine.screen.screening import Screening


@dataclass(frozen=True, slots=True)
class Advance:
    """What came of a part of the source. `refusal` says why the document cannot be read; the batches before it are void then."""

    batches: list[MappedBatch]
    dialect: Mapping[str, JsonValue]
    problems: tuple[Problem, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all records together say, when the source has ended.

    `contradiction` and `refusal` are reasons to refuse the run: what the numbers say of each other, and which columns no record had.
    With `doubt` it cannot be told, because records were known and not parsed: the source is read again, without a screen. `pattern` and
    `evidence` are for the screen of the next run.
    """

    problems: tuple[Problem, ...] = ()
    contradiction: str | None = None
    refusal: str | None = None
    doubt: bool = False
    pattern: bytes = b""
    evidence: Mapping[str, JsonValue] = field(default_factory=dict)


class Reading:
    """Read all documents of a run, one after the other. Not for several threads at once.

    `before` is how the last complete run read its first document, `source` the source's name, for messages.
    """

    def __init__(self, recipe: Recipe, source: str, before: Mapping[str, JsonValue], screening: Screening | None = None) -> None:
        self._recipe = recipe
        self._source = source
        self._before = before
        self._screening = screening
        self._numbers = recipe.read_numbers()
        self._absence = Absence(recipe.rows)
        self._first: Transform | None = None
        self._transform: Transform | None = None
        self._records = 0

    def take(self, part: Part) -> Advance:
        """Take the next part of the source and return what it completes. Raises whatever a plugin's code raises."""
        problems: list[Problem] = []
        batches: list[MappedBatch] = []
        refusal = None
        try:
            batches = self._read(part, problems)
        except RefuseRun as error:
            if self._first is not None and self._transform is self._first:
                self._note_drift(self._first, problems)
            name = part.facts.name if isinstance(part, Opened) else self._transform.document if self._transform is not None else ""
            refusal = str(_of_document(error, name, self._source))
        if self._transform is not None:
            # Also when the document is refused: how it was read is half of the explanation.
            problems += self._transform.problems
        return Advance(batches, self._first.dialect if self._first is not None else {}, tuple(problems), refusal)

    def _read(self, part: Part, problems: list[Problem]) -> list[MappedBatch]:
        if isinstance(part, Opened):
            self._transform = None
            self._transform = Transform(self._recipe, part.facts, numbers=self._numbers, records=self._records, screening=self._screening)
            self._first = self._first or self._transform
            return []
        transform = self._transform
        if transform is None:
            return []
        if not isinstance(part, Ended):
            return self._count(list(transform.feed(part)))
        batches = self._count(list(transform.finish()))
        if transform is self._first:
            self._note_drift(transform, problems)
        transform.tell(self._absence)
        return batches

    def _count(self, batches: list[MappedBatch]) -> list[MappedBatch]:
        self._records += sum(batch.read for batch in batches)
        return batches

    def _note_drift(self, transform: Transform, problems: list[Problem]) -> None:
        names = [name for row in self._recipe.rows for name in row.names]
        drift = find_drift(self._before, transform.dialect, names)
        if drift is not None:
            problems.append(drift)

    def judge(self) -> Verdict:
        """Judge the run by all of its records together, after the last part."""
        screening = self._screening
        met = screening is not None and bool(screening.met)
        told: Mapping[str, JsonValue] = screening.evidence if screening is not None and met else {}
        contradiction = self._numbers.contradiction()
        refusal: str | None = None
        problems: tuple[Problem, ...] = ()
        try:
            problems = self._absence.judge()
        except RefuseRun as error:
            refusal = str(error)
        if met:
            # The records that were known had what the last run found in any record at all.
            absent = told.get("absent")
            problems = tuple(problem for problem in problems if isinstance(absent, list) and problem.column in absent)
        evidence: dict[str, JsonValue] = {
            "numbers": self._numbers.evidence(told.get("numbers")),
            "absent": [problem.column for problem in problems if problem.column is not None],
        }
        doubt = met and contradiction is None and (refusal is not None or self._numbers.doubts(told.get("numbers")))
        if screening is not None:
            screening.let_go()
        return Verdict(problems, contradiction, refusal, doubt, screening.pattern if screening is not None else b"", evidence)


def _of_document(error: RefuseRun, document: str, source: str) -> RefuseRun:
    """Return a refusal that names the one of several documents that it is of."""
    return error if document == source or document in str(error) else RefuseRun(f"{document}: {error}")
