"""The figures of a run that the guard judges, against their limits, and beside the runs before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final

from engine.feed import GuardLimits
from engine.figures import Figures
from engine.guard import Measure, measure
from feedmill.web.endpoint import Call, Endpoint, answer
from sinks.sqlite.service.resources.guard import JudgedRun, read_judged

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.web.endpoint import Schema

_UNITS: Final = {"maxStockDropRatio": "pieces"}


async def _show(call: Call) -> web.Response:
    async with call.service.store.reading() as reader:
        judged, earlier = await read_judged(reader, call.id)
    limits = GuardLimits.model_validate(judged.limits)
    before = [_shape_run(each, limits) for each in earlier]
    complete = [_values(each, limits) for each in earlier if each.status == "complete"]
    shown = {
        "dataImportId": judged.run,
        "inventoryFeedId": judged.feed,
        "limits": limits.model_dump(by_alias=True),
        "measures": [_shape(each, complete) for each in _measures(judged, limits)],
        "run": _shape_run(judged, limits),
        "earlier": before,
    }
    return answer(shown)


def _measures(judged: JudgedRun, limits: GuardLimits) -> tuple[Measure, ...]:
    return measure(limits, judged.figures or Figures())


def _values(judged: JudgedRun, limits: GuardLimits) -> dict[str, float | None]:
    """Return the shares of a run by their limits; None where there was nothing of its kind."""
    nothing = 0.0 if judged.figures is not None and judged.figures.known and not _is_counted(judged.figures) else None
    return {each.name: round(each.value, 6) if each.whole and nothing is None else nothing for each in _measures(judged, limits)}


def _is_counted(figures: Figures) -> bool:
    """Return whether more was counted than the known items, which are all that is counted of a run that would change nothing."""
    return any((figures.missing, figures.in_stock, figures.stock_before, figures.stock_after, figures.compared, figures.priced))


def _shape(measured: Measure, complete: Sequence[dict[str, float | None]]) -> dict[str, object]:
    usual = [value for each in complete if (value := each[measured.name]) is not None]
    return {
        "name": measured.name,
        "part": measured.part,
        "whole": measured.whole,
        "unit": _UNITS.get(measured.name, "items"),
        "value": round(measured.value, 6),
        "limit": measured.limit,
        "usual": median(usual) if usual else None,
        "judged": measured.judged,
        "exceeded": measured.exceeded,
    }


def _shape_run(judged: JudgedRun, limits: GuardLimits) -> dict[str, object]:
    figures = judged.figures
    return {
        "dataImportId": judged.run,
        "status": judged.status,
        "createdAt": datetime.fromtimestamp(judged.at / 1_000_000, UTC),
        "stock": figures.stock_after if figures is not None and (_is_counted(figures) or not figures.known) else None,
        "values": _values(judged, limits),
    }


_SHARE: Final[Schema] = {"type": ["number", "null"]}
_RUN: Final[Schema] = {
    "type": "object",
    "description": "A run of the feed that was judged, and its shares by their limits.",
    "properties": {
        "dataImportId": {"type": "integer"},
        "status": {"type": "string"},
        "createdAt": {"type": "string", "format": "date-time"},
        "stock": {**_SHARE, "description": "The stock of all items after it, as its source had it; null where nothing was counted."},
        "values": {"type": "object", "additionalProperties": _SHARE},
    },
}
_MEASURE: Final[Schema] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "The limit, as the feed's `guard` names it."},
        "part": {"type": "number"},
        "whole": {"type": "number"},
        "unit": {"enum": ["items", "pieces"], "description": "What part and whole are counted in."},
        "value": {"type": "number", "description": "The share of the whole."},
        "limit": {"type": "number"},
        "usual": {**_SHARE, "description": "The median of the complete runs among the ten before it; null where there is none."},
        "judged": {"type": "boolean", "description": "Whether the limit holds: it does not of fewer items than guard.minItems."},
        "exceeded": {"type": "boolean"},
    },
}
_GUARD: Final[Schema] = {
    "type": "object",
    "title": "GuardFigures",
    "description": "What the guard judges a run on. The limits of a run that is decided are the feed's as they are now.",
    "properties": {
        "dataImportId": {"type": "integer"},
        "inventoryFeedId": {"type": "integer"},
        "limits": {"type": "object"},
        "measures": {"type": "array", "items": _MEASURE},
        "run": _RUN,
        "earlier": {"type": "array", "items": _RUN, "description": "The last ten runs before it that were judged, oldest first."},
    },
}

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint(
        *("GET", "/api/data-imports/{id}/guard.json", _show),
        summary="Show the figures of a run that the guard judges, their limits, and the runs before it.",
        tag="data-imports",
        scope="read",
        answer=_GUARD,
    ),
)
