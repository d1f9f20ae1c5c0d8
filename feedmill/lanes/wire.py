"""What a run and its mapper's process say to each other: frames of a kind, a length and a payload, and what is in the payloads.

Both ends are one version of one interpreter, started by the other: so the payloads are its own `marshal`, which is four times as fast as
anything that asks for classes, and makes nothing but plain values. Errors are JSON.
"""

from __future__ import annotations

import marshal
from array import array
from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from engine.batch import NO_BLOCKS, NO_ITEMS, Blocks, ItemBatch, JsonValue, Known, Reject, ValuesByColumn
from engine.errors import InternalError
from engine.flow.reading import Advance, Verdict
from engine.flow.transform import MappedBatch
from engine.run import Problem

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

HEADER: Final = Struct("<cI")
"""The kind of a frame and the bytes of its payload."""

ORDER: Final = b"O"
OPENED: Final = b"D"
BYTES: Final = b"B"
ENDED: Final = b"E"
JUDGE: Final = b"J"
ADVANCE: Final = b"A"
VERDICT: Final = b"V"
ERROR: Final = b"X"
CRASH: Final = b"C"

Told: TypeAlias = tuple[Any, ...]


def dump(told: Any) -> bytes:
    """Return plain values as they are sent. Raises `InternalError` for what is none, which names its type."""
    try:
        return marshal.dumps(told)
    except ValueError:
        # A plugin's text may be of a class of its own, as that of an enumeration or of a parser's results.
        return marshal.dumps(_plain(told))


def load(payload: bytes | memoryview) -> Any:
    """Return what was sent."""
    return marshal.loads(payload)


def _plain(told: object) -> Any:
    # Not by str(told) and its like: a class may say of itself what it likes.
    if told is None or isinstance(told, bool | bytes):
        return told
    if isinstance(told, str):
        return str.__str__(told)
    if isinstance(told, int):
        return int.__int__(told)
    if isinstance(told, float):
        return float.__float__(told)
    if isinstance(told, tuple):
        return tuple(map(_plain, told))
    if isinstance(told, Mapping):
        return {_plain(name): _plain(value) for name, value in told.items()}
    if isinstance(told, Sequence):
        return list(map(_plain, told))
    raise InternalError(f"a value of type {type(told).__name__} cannot be sent from the mapper's process: give text or a number")


def dump_advance(advance: Advance, taken: int, dialect: Mapping[str, JsonValue] | None, problems: Iterable[Problem]) -> bytes:
    """Return what came of a frame of `taken` bytes; `dialect` and `problems` are what is new of them."""
    return dump(
        (
            taken,
            [_tell_batch(batch) for batch in advance.batches],
            None if dialect is None else dict(dialect),
            [_tell_problem(problem) for problem in problems],
            advance.refusal,
        )
    )


def load_advance(payload: memoryview, dialect: Mapping[str, JsonValue]) -> tuple[int, Advance]:
    """Return for how many bytes an answer is, and the answer. `dialect` is the last one that was told."""
    taken, batches, told, problems, refusal = load(payload)
    return taken, Advance(
        [_make_batch(*batch) for batch in batches],
        dialect if told is None else told,
        tuple(Problem(*problem) for problem in problems),
        refusal,
    )


def join(advances: Sequence[Advance], dialect: Mapping[str, JsonValue]) -> Advance:
    """Return what came of several frames as one advance; it says how the first document is read as far as that is known."""
    return Advance(
        [batch for advance in advances for batch in advance.batches],
        dialect,
        tuple(problem for advance in advances for problem in advance.problems),
        next((advance.refusal for advance in advances if advance.refusal is not None), None),
    )


def dump_verdict(verdict: Verdict) -> bytes:
    """Return a verdict as it is sent."""
    return dump(
        (
            [_tell_problem(problem) for problem in verdict.problems],
            verdict.contradiction,
            verdict.refusal,
            verdict.doubt,
            verdict.pattern,
            dict(verdict.evidence),
        )
    )


def load_verdict(payload: memoryview) -> Verdict:
    """Return a verdict that was sent."""
    problems, contradiction, refusal, doubt, pattern, evidence = load(payload)
    return Verdict(tuple(Problem(*problem) for problem in problems), contradiction, refusal, doubt, pattern, evidence)


def _tell_problem(problem: Problem) -> Told:
    return (problem.code, problem.message, problem.record, problem.line, problem.column, problem.value, problem.retry_after)


def _tell_reject(reject: Reject) -> Told:
    place = (reject.record, reject.line, reject.column, reject.value)
    return (*place, reject.reason, reject.raw, reject.document, reject.fate)


def _tell_batch(batch: MappedBatch) -> Told:
    items = batch.items
    known, blocks = items.known, items.blocks
    return (
        items.columns,
        items.keys,
        *((items.rows.columns, True) if isinstance(items.rows, ValuesByColumn) else (items.rows, False)),
        _pack(items.digests),
        _pack(items.lines),
        _pack(items.records),
        tuple(items.clears),
        dict(items.spoiled),
        items.prints,
        (known.items, known.records, known.places) if known else None,
        (blocks.prints, blocks.firsts, blocks.records, blocks.lines, blocks.sizes) if blocks else None,
        [_tell_reject(reject) for reject in batch.rejects],
        (batch.read, batch.weight, batch.keyless),
    )


def _pack(numbers: Sequence[int]) -> bytes:
    return array("q", numbers).tobytes()


def _unpack(packed: bytes) -> array[int]:
    """Return numbers as they are packed: most lines and ordinals are never looked at one by one, and need not be objects."""
    numbers = array("q")
    numbers.frombytes(packed)
    return numbers


def _make_batch(
    columns: tuple[str, ...],
    keys: list[str],
    rows: list[Any],
    by_column: bool,
    digests: bytes,
    lines: bytes,
    records: bytes,
    clears: AbstractSet[str],
    spoiled: dict[str, int],
    prints: bytes,
    known: tuple[bytes, bytes, bytes] | None,
    blocks: tuple[bytes, bytes, bytes, bytes, bytes] | None,
    rejects: list[Told],
    figures: tuple[int, int, int],
) -> MappedBatch:
    items = ItemBatch(
        columns,
        keys,
        ValuesByColumn(rows) if by_column else rows,
        _unpack(digests).tolist(),
        _unpack(lines),
        _unpack(records),
        frozenset(clears),
        spoiled,
        prints,
        NO_ITEMS if known is None else Known(*known),
        NO_BLOCKS if blocks is None else Blocks(*blocks),
    )
    read, weight, keyless = figures
    return MappedBatch(items, tuple(Reject(*reject) for reject in rejects), read, weight, keyless)
