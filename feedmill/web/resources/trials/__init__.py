"""Sources that no feed is stored for yet: guessed and previewed."""

from __future__ import annotations

from typing import Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.trials import looking

ENDPOINTS: Final[tuple[Endpoint, ...]] = (*looking.ENDPOINTS,)
