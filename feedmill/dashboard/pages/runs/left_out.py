"""What a run left out, record by record, and the files that can be kept of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from feedmill.dashboard.forms import whole_number
from feedmill.dashboard.page import Page, shows
from feedmill.dashboard.pages.runs.run import read_run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from feedmill.dashboard.view import View

_PAGE_ROWS: Final = 50
_PART_ROWS: Final = 5
_FILTERS: Final = {"fate": "where[fate]", "column": "where[column][$eq]", "whole": "where[column][$null]", "like": "where[reason][$like]"}
"""By the names of the page. `whole` records were left out for no single column of theirs."""


async def _show(view: View) -> web.Response:
    run = await read_run(view)
    part = "part" in view.query
    query = [(asked, view.query[name]) for name, asked in _FILTERS.items() if name in view.query]
    after = whole_number(view.query.get("after", "")) or 0
    query += [("after", str(after))]
    records = await view.list(f"/api/data-imports/{run['id']}/rejects.json", [*query, ("limit", str(_PART_ROWS if part else _PAGE_ROWS))])
    reason = view.query.get("reason", "")
    return view.render("runs/left_out.html", run=run, records=records, first=not after, reason=reason, is_part=part)


def _hands_on(name: str) -> Callable[[View], Awaitable[web.StreamResponse]]:
    """Return the download of a file that the API has of a run, with the rights of who is signed in."""

    async def download(view: View) -> web.StreamResponse:
        run = await read_run(view)
        return await view.call("GET", f"/api/data-imports/{run['id']}/{name}.csv")

    return download


PAGES: Final[tuple[Page, ...]] = (
    shows("/runs/{id}/rejects", _show),
    *(shows(f"/runs/{{id}}/{name}.csv", _hands_on(name)) for name in ("rejects", "skipped", "changes")),
)
