"""Variants looked for while somebody types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from feedmill.web.endpoint import LARGEST, Call, Endpoint, Parameter, answer
from feedmill.web.resources.catalogue.models import Variant
from feedmill.web.resources.catalogue.variants import TAG
from feedmill.web.resources.items.asked import Asked
from feedmill.web.schemas import properties_of, shown
from sinks.sqlite.service.browsing.catalogue import find_variants
from sinks.sqlite.service.browsing.questions import LONGEST_TEXT

if TYPE_CHECKING:
    from aiohttp import web

MOST: Final = 50
USUAL: Final = 10

_FOUND: Final[dict[str, Any]] = {
    "title": "VariantsFound",
    "description": "Variants; `after` is where to look further, null where all of the catalogue was looked through.",
    "type": "object",
    "properties": {
        "variants": {"type": "array", "items": shown(properties_of(Variant), whole=True)},
        "after": {"type": ["integer", "null"]},
    },
    "required": ["variants", "after"],
    "additionalProperties": False,
}
_QUERY: Final = (
    Parameter("q", f"How a SKU or barcode begins, or words of a name; at most {LONGEST_TEXT} characters.", {"type": "string"}),
    Parameter("limit", "Variants to answer with.", {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}),
    Parameter("after", "Where to look further, as an earlier answer says.", {"type": "integer", "minimum": 0}),
)


async def _search(call: Call) -> web.Response:
    asked = Asked(call.request.query, _QUERY)
    text = (asked.text("q") or "").strip()
    if not 0 < len(text) <= LONGEST_TEXT:
        asked.fault("q", f"is mandatory, and of at most {LONGEST_TEXT} characters")
    limit, after = asked.number("limit", USUAL, MOST), asked.number("after", None, LARGEST, 0)
    asked.refuse("the variants cannot be looked for so")
    async with call.service.store.reading() as reader:
        found = await find_variants(reader, text, after=after, limit=limit or USUAL)
    return answer({"variants": found.variants, "after": found.after})


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        "GET",
        "/api/variants/search.json",
        _search,
        "Look for variants by SKU, barcode or name (ours).",
        TAG,
        "read",
        answer=_FOUND,
        query=_QUERY,
    ),
)
