"""What comes out of the decode stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from engine.contracts import DocumentFacts


@dataclass(frozen=True, slots=True)
class Opened:
    """A document begins; its bytes follow."""

    facts: DocumentFacts


@dataclass(frozen=True, slots=True)
class Ended:
    """The document that was opened last is complete."""


Part: TypeAlias = "Opened | bytes | Ended"
