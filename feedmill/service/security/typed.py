"""Secrets that somebody has typed and not stored yet: in memory alone, for the session in which they were typed, for an hour.

No draft of a feed is stored for them: half a feed would have a name that is taken, stand in lists, and be left behind by everybody who
closes the page. What is in memory is gone with the process; whoever was in the middle of it types the password again.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final

from feedmill.service.keys import digest

TYPED_SECONDS: Final = 3600.0
TYPED_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, repr=False)
class _Typed:
    owner: bytes
    values: Mapping[str, str]
    until: float


class TypedSecrets:
    """Keep what was typed under a random handle, and give it back to the session alone that typed it. Never printed."""

    def __init__(self) -> None:
        self._typed: OrderedDict[str, _Typed] = OrderedDict()

    def keep(self, session: str, values: Mapping[str, str], handle: str = "") -> str:
        """Keep values for a session and return the handle: the same one where it was its own already."""
        known = self._typed.get(handle)
        if known is None or known.owner != digest(session):
            handle = secrets.token_urlsafe(18)
        self._typed[handle] = _Typed(digest(session), dict(values), monotonic() + TYPED_SECONDS)
        self._typed.move_to_end(handle)
        while len(self._typed) > TYPED_AT_ONCE:
            self._typed.popitem(last=False)
        return handle

    def find(self, session: str, handle: str) -> Mapping[str, str]:
        """Return what was typed, nothing where the handle is unknown, too old, or another session's."""
        now = monotonic()
        for old in [each for each, typed in self._typed.items() if typed.until < now]:
            del self._typed[old]
        known = self._typed.get(handle)
        return known.values if known is not None and known.owner == digest(session) else {}

    def forget(self, session: str, handle: str) -> None:
        """Forget what was typed."""
        if self.find(session, handle):
            del self._typed[handle]
