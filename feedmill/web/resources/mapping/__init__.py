"""What stands below a feed of its mapping: what it was, and what its source has to be mapped."""

from __future__ import annotations

from typing import Final

from feedmill.web.resources.mapping import columns, history

ENDPOINTS: Final = (*history.ENDPOINTS, *columns.ENDPOINTS)
