"""Which elements are records and which must be held whole, told by names alone while a document passes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mappers.markup.streaming import Look, RecordStep

_MOVES_KEPT: Final = 4_096
Pending = tuple[tuple[int, int], ...]
"""What may still come: pairs of a way's number and the step that an element here would match."""


class Role(Enum):
    """What an element is to the cutter."""

    PASSAGE = "passage"
    RECORD = "record"
    HOLDER = "holder"
    """An ancestor of records whose own children a field looks at."""


@dataclass(slots=True)
class OpenElement:
    """An element whose end has not come. `kept` holds its children before the records where it is too big to be held whole.

    `served` says that records have come in it; `start` is where it began in the buffer, valid while nothing in it may be cut.
    """

    name: bytes
    tag: bytes
    pending: Pending
    start: int = 0
    kept: bytearray | None = None
    served: bool = False

    @property
    def local(self) -> bytes:
        """Return the name without its prefix."""
        return self.name.rpartition(b":")[2]


@dataclass(slots=True)
class Ancestry:
    """The ways to the records, and what fields look at on them.

    Names are compared without their prefixes, so an element may be taken for a record that is none. That only decides where a
    document is cut; what is a record is decided in the piece.
    """

    ways: Sequence[Sequence[RecordStep]]
    looks: Sequence[Look]
    encoding: str
    wanted: frozenset[bytes] = field(init=False)
    _steps: list[list[tuple[bytes, bool]]] = field(init=False)
    _moves: dict[tuple[Pending, bytes], tuple[Pending, bool]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._steps = [[(self._encode(step.name), step.deep) for step in way] for way in self.ways]
        self.wanted = frozenset(self._encode(look.child) for look in self.looks)

    def _encode(self, name: str) -> bytes:
        try:
            return name.encode(self.encoding)
        except UnicodeEncodeError:
            # No element of this document can have such a name.
            return b"<"

    @property
    def first(self) -> Pending:
        """Return what may come as the root."""
        return tuple((number, 0) for number in range(len(self._steps)))

    def enter(self, pending: Pending, name: bytes, depth: int) -> tuple[Pending, Role]:
        """Return what may come inside an element at `depth`, the root being 1, and what the element is."""
        local = name.rpartition(b":")[2]
        move = self._moves.get((pending, local))
        if move is None:
            if len(self._moves) >= _MOVES_KEPT:
                self._moves.clear()
            move = self._moves[(pending, local)] = self._move(pending, local)
        inner, record = move
        if record:
            return inner, Role.RECORD
        return inner, Role.HOLDER if self.looks and inner and self._is_looked_at(inner, local, depth) else Role.PASSAGE

    def _move(self, pending: Pending, local: bytes) -> tuple[Pending, bool]:
        inner: dict[tuple[int, int], None] = {}
        record = False
        for number, index in pending:
            name, deep = self._steps[number][index]
            if deep:
                inner[(number, index)] = None
            if name in (local, b"*"):
                if index + 1 == len(self._steps[number]):
                    record = True
                else:
                    inner[(number, index + 1)] = None
        return tuple(inner), record

    def _is_looked_at(self, inner: Pending, local: bytes, depth: int) -> bool:
        for look in self.looks:
            if look.up is None:
                if self._encode(look.ancestor) in (local, b"*"):
                    return True
            elif any(any(deep for _, deep in self._steps[number]) or len(self._steps[number]) - look.up == depth for number, _ in inner):
                return True
        return False

    def looks_at_records(self) -> bool:
        """Tell whether a field looks at something that may be a record itself, or at everything."""
        return b"*" in self.wanted or any(steps[-1][0] == b"*" or steps[-1][0] in self.wanted for steps in self._steps)
