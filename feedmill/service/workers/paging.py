"""What an API is asked, and what its first pages hold, before anything is made of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from connectors.rest import Peek, RestConnector, SeenPage, peek
from connectors.web.showing import FirstRequest, first_request
from feedmill.shapes import dump

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from engine.contracts import Connector
    from engine.document import Document
    from engine.source import Source

LOOKED_AT: Final = 2
"""How many pages tell whether there is a way from one to the next."""

_WEB: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class SeenPages:
    """The first pages of an API, and why there are no more, None where nothing is wrong."""

    pages: tuple[SeenPage, ...]
    problem: str | None

    def fits(self, source: Source) -> bool:
        """Return whether the items were counted where the source says that they stand."""
        paging = source.request.paging
        return paging is None or paging.items_path is None or paging.items_path == self.pages[0].place


@dataclass(frozen=True, slots=True)
class _Given:
    """A connector that brings a document that is there already."""

    document: Document

    @asynccontextmanager
    async def fetch(self, source: Source) -> AsyncIterator[AsyncIterator[Document]]:
        yield self._documents()

    async def _documents(self) -> AsyncIterator[Document]:
        yield self.document


async def see_pages(connector: Connector, source: Source) -> tuple[SeenPages | None, Connector]:
    """Return the first pages of a paged API and a connector that brings the first of them; of any other source its own."""
    if source.request.paging is None or not isinstance(connector, RestConnector):
        return None, connector
    found: Peek = await peek(source, LOOKED_AT)
    return SeenPages(found.pages, found.problem), _Given(found.document)


def shape_requests(source: Source, seen: SeenPages | None) -> str:
    """Return as JSON what a source is asked first, secrets masked, and what was seen of its pages. Raises `ConfigError`."""
    first = first_request(source) if source.scheme in _WEB else FirstRequest(source.name, ())
    request = source.request
    token = {"address": _without_query(request.token_url), "scope": request.scope} if request.token_url is not None else None
    pages = [] if seen is None else [_shape_page(number, page) for number, page in enumerate(seen.pages, 1)]
    return dump(
        {
            "request": {"address": first.address, "headers": [{"name": name, "value": value} for name, value in first.headers]},
            "token": token,
            "pages": pages,
            "problem": None if seen is None else seen.problem,
        }
    )


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(query="", fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def _shape_page(number: int, page: SeenPage) -> dict[str, object]:
    return {"page": number, "asked": page.asked, "records": page.items, "total": page.total, "place": page.place, "next": page.next}
