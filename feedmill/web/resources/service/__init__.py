"""The service as a whole, for who looks after it: how much there is, and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.web.resources.service import system, totals

if TYPE_CHECKING:
    from feedmill.web.endpoint import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*totals.ENDPOINTS, *system.ENDPOINTS)
