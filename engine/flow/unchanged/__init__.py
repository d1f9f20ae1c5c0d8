"""A source that is unchanged by its bytes: held back while they equal those of the last complete run, and told at the end."""

from __future__ import annotations

from engine.flow.unchanged.gate import Gate
from engine.flow.unchanged.limits import Limits

__all__ = ["Gate", "Limits"]
