"""The imported items: looked at, written one by one, connected, exported; and what was done to them."""

from __future__ import annotations

from typing import Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.items import channels, connecting, export, history, search, single

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    # Before the one item: both are one part below the list.
    *search.ENDPOINTS,
    *single.ENDPOINTS,
    *history.ENDPOINTS,
    *connecting.ENDPOINTS,
    *channels.ENDPOINTS,
    *export.ENDPOINTS,
)
