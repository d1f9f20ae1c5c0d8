"""How a source is reached, as the form shows it: nothing in it is a secret but what was typed into rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from feedmill.dashboard.reaching.paging import NAMES

if TYPE_CHECKING:
    from feedmill.dashboard.reaching.rows import ParameterRow

WAYS: Final = ("none", "basic", "bearer", "header", "oauth2")
TOKENS: Final = ("bearer", "header")
"""Ways of signing in that send one secret and no user."""

_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)

SECRETS: Final = ("username", "password", "client_id", "client_secret", "proxy_url")
"""The fields of which a form may keep what was typed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The form's part on requests. `way` is one of `WAYS`; `kept` names the fields whose secret is kept and not shown.

    `paging` holds texts by the names of the API. `focus` is the field that the work goes on in.
    """

    way: str = "basic"
    username: str = ""
    header: str = ""
    client_id: str = ""
    token_url: str = ""
    scope: str = ""
    rate: str = ""
    kept: frozenset[str] = frozenset()
    paging: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(NAMES, ""))
    rows: tuple[ParameterRow, ...] = ()
    focus: str = ""

    @property
    def is_paged(self) -> bool:
        """Return whether the source is read page by page."""
        return bool(self.paging["style"])

    @property
    def is_api(self) -> bool:
        """Return whether more is said of the requests than a user and a password."""
        return self.is_paged or bool(self.rows) or bool(self.rate) or self.way not in ("none", "basic")


def transport_setting(reach: Reach) -> dict[str, object]:
    """Return what `transport` says of signing in and of pace, null for what goes by the default."""
    # What is no number the API judges, and says so beside its field.
    rate: object = float(reach.rate) if _NUMBER.fullmatch(reach.rate) else reach.rate or None
    return {
        "auth": reach.way if reach.way in (*TOKENS, "oauth2") else None,
        "authHeader": (reach.header or None) if reach.way == "header" else None,
        "tokenUrl": (reach.token_url or None) if reach.way == "oauth2" else None,
        "scope": (reach.scope or None) if reach.way == "oauth2" else None,
        "requestsPerSecond": rate,
    }
