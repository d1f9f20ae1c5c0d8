"""What is told of one run beside its row: how far it has come, and what it left out, record by record."""

from __future__ import annotations

from typing import Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.run_details import progress, rejects

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*progress.ENDPOINTS, *rejects.ENDPOINTS)
