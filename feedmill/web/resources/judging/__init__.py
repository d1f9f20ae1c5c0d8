"""What helps to decide about a run: the figures that the guard judges it on, and what undoing it would come to."""

from __future__ import annotations

from typing import Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.judging import guard, undo

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*guard.ENDPOINTS, *undo.ENDPOINTS)
