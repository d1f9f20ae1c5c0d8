"""Where the values of an item came from, out of its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from feedmill.dashboard.view import View

GROUPS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Identity", ("externalId", "externalGroupId", "vendorSku", "originalSku", "barcode", "mpn", "handle")),
    ("Description", ("name", "description", "productType", "vendorName", "options", "tags", "images", "metaFields")),
    ("Stock", ("inventoryQuantity", "locations", "inventoryPolicy")),
    ("Price", ("retailPrice", "compareAtPrice", "costPrice", "taxable")),
    ("Shipping", ("grams", "requiresShipping", "position")),
)
"""The attributes of an item as a page groups them; what is decided by hand has places of its own."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote something: `run` is its number where a run did, `label` says it in words. `at` as the API shows it."""

    label: str
    at: str
    run: int | None = None


def origin_of(view: View, entry: Mapping[str, Any]) -> Origin:
    """Return who made an entry of a history."""
    if entry["run"] is not None:
        return Origin(view.say("Run %(run)s", run=entry["run"]), entry["at"], entry["run"])
    kind = str(entry["call"] or "").partition(":")[0]
    said = {
        "hand": view.say("By hand"),
        "connect": view.say("Connected by hand"),
        "disconnect": view.say("Disconnected by hand"),
        "push": view.say("Push"),
        "batch": view.say("Push"),
        "catalogue": view.say("Change of the catalogue"),
        "": view.say("Push"),
    }
    return Origin(said.get(kind, kind), entry["at"])


def find_origins(view: View, entries: Sequence[Mapping[str, Any]]) -> dict[str, Origin]:
    """Return who wrote each attribute last, of a history that is newest first."""
    found: dict[str, Origin] = {}
    for entry in entries:
        for change in entry["fields"]:
            found.setdefault(change["field"], origin_of(view, entry))
    return found
