"""The merchant's catalogue: products and their variants, which the items of feeds are connected to."""

from __future__ import annotations

from typing import Final

from feedmill.web.endpoint import Endpoint
from feedmill.web.resources.catalogue import bulk, products, search, variants

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *products.ENDPOINTS,
    # Before the one variant: both are one part below the list.
    *search.ENDPOINTS,
    *variants.ENDPOINTS,
    *bulk.ENDPOINTS,
)
