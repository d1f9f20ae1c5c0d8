"""The way from one page of a paged API to the next, and the account of what the pages held. No I/O here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, unquote_plus, urldefrag, urljoin, urlsplit, urlunsplit

from connectors.web.links import Link, parse_links
from connectors.web.request import with_query
from engine.errors import ConfigError, RefuseRun, Retry

if TYPE_CHECKING:
    from connectors.web.pages import Page
    from engine.source import Paging, Source

PARAMETERS: Final = {"page": "page", "offset": "offset", "cursor": "cursor", "link": ""}
"""What the query parameter of a style is called, unless a feed says otherwise."""

_STARTS: Final = {"page": 1, "offset": 0}
_WHOLE_URL: Final = re.compile(r"https?://", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PAGING_RELATIONS: Final = frozenset({"first", "last", "prev", "previous", "next"})


@dataclass(frozen=True, slots=True)
class Step:
    """A page to ask for. `doubtful`: the page before looked like the last one, so it is no surprise when nothing is there."""

    url: str
    doubtful: bool = False


class Walk:
    """Find the next page of each page, for one fetch of `source`, whose URL carries its query parameters already.

    `page` and `offset` end with an empty page. A page with fewer items than `size` is not taken for the last one by itself:
    a server that caps or filters its pages sends short ones all the way, and half a feed would pass for a feed. What is asked
    after it is doubtful instead: an empty page, a 404 or the same page again confirm the end. Raises `ConfigError` for the style
    `cursor` without the cursor's path: it would end after one page.
    """

    def __init__(self, source: Source, paging: Paging, query: Sequence[tuple[str, str]] = ()) -> None:
        if paging.style == "cursor" and not paging.cursor_path:
            raise ConfigError(f"{source.name}: set pagination.cursorPath to where a page names the next cursor")
        self._source = source
        self._paging = paging
        self._query = query
        self._name = paging.parameter or PARAMETERS[paging.style]
        self._count = paging.start if paging.start is not None else _STARTS.get(paging.style, 0)
        self._base = source.url
        if paging.size_parameter is not None:
            self._base = set_query(self._base, paging.size_parameter, str(paging.size))
        self._seen: set[str] = set()
        self._asked = ""
        self._first = True

    def first(self) -> Step:
        """Return the first page."""
        counted = self._paging.style in _STARTS or (self._paging.style == "cursor" and self._paging.start is not None)
        return self._step(set_query(self._base, self._name, str(self._count)) if counted else self._base)

    def after(self, page: Page, url: str, links: Sequence[str], census: Census) -> Step | None:
        """Return the page after one that `url` answered with these `Link` headers, None at the end.

        Raises `RefuseRun` where the way leads back, or to a place that may not see the feed's credentials.
        """
        match self._paging.style:
            case "page" | "offset":
                return self._counted(page, census)
            case "cursor":
                step = self._by_cursor(page, url)
                named = page.names_cursor
            case "link":
                found = self._parsed(links)
                step = self._by_link(url, found)
                named = any(link.relations & _PAGING_RELATIONS for link in found)
        if step is None and self._first and not named:
            self._doubt_the_end(page, census)
        self._first = False
        return step

    def _counted(self, page: Page, census: Census) -> Step | None:
        size = self._paging.size
        short, whole = size is not None and page.items < size, census.is_whole
        if not page.items or (short and whole):
            return None
        # By what came, not by what was asked for: a server may cap its pages.
        self._count += page.items if self._paging.style == "offset" else 1
        return self._step(set_query(self._base, self._name, str(self._count)), doubtful=short or whole)

    def _by_cursor(self, page: Page, url: str) -> Step | None:
        cursor = page.cursor
        if cursor is None:
            return None
        # A cursor may well begin with a slash (base64): where a parameter is named for it, only a whole URL is one.
        if _WHOLE_URL.match(cursor) or (self._paging.parameter is None and cursor.startswith(("/", "?"))):
            target = self._followed(cursor, url)
        else:
            target = set_query(self._base, self._name, cursor)
        # An empty page that names itself is how some say that there is none.
        return None if target == self._asked and not page.items else self._step(target)

    def _parsed(self, links: Sequence[str]) -> tuple[Link, ...]:
        try:
            return parse_links(links)
        except ValueError as error:
            raise RefuseRun(f"{self._source.name}: its Link header cannot be read ({error}); ask the supplier") from None

    def _by_link(self, url: str, links: Sequence[Link]) -> Step | None:
        # RFC 8288, section 3.2: a link with an anchor may speak of another document than this one.
        following = [link for link in links if "next" in link.relations and (link.anchor is None or urljoin(url, link.anchor) == url)]
        return self._step(self._followed(following[0].target, url)) if following else None

    def _followed(self, target: str, url: str) -> str:
        """Return the whole address that a page names as the next one, fit to be sent what the feed's own is sent."""
        try:
            parts = urlsplit(urldefrag(urljoin(url, target)).url)
            target.encode()  # aiohttp gives bytes of a header that are no UTF-8 as surrogates, which stand in no address
            home, origin = _origin(urlsplit(self._source.url)), _origin(parts)
        except ValueError:
            home, origin = ("", "", 0), None
            parts = SplitResult("", "", "", "", "")
        if origin is None or not origin[1]:
            raise RefuseRun(f"{self._source.name}: names a next page that is no http or https URL; ask the supplier")
        # Servers behind a proxy that speaks TLS for them think they are on http.
        if origin == ("http", home[1], 80) and home == ("https", home[1], 443):
            parts, origin = parts._replace(scheme="https", netloc=urlsplit(self._source.url).netloc), home
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        if origin == home or (home, origin) == (("http", home[1], 80), ("https", home[1], 443)):
            for name, value in self._query:
                bare = bare if has_query(bare, name) else with_query(bare, name, value)
        elif self._source.has_credentials or self._source.request.parameters or self._query:
            raise RefuseRun(
                f"{self._source.name}: names a next page on another host ({origin[0]}://{origin[1]}:{origin[2]}), where its credentials "
                "must not go; use the address of that host itself, or ask the supplier"
            )
        return bare

    def _step(self, url: str, *, doubtful: bool = False) -> Step:
        if url in self._seen:
            raise RefuseRun(f"{self._source.name}: its pages repeat: a page names as the next one a page that was read; ask the supplier")
        self._seen.add(url)
        self._asked = url
        return Step(url, doubtful)

    def _doubt_the_end(self, page: Page, census: Census) -> None:
        """Judge a first page that says nothing at all of a next one: it may be the only one, or the setting wrong."""
        if census.is_whole:
            return
        cursor = self._paging.style == "cursor"
        missing = f"no {self._paging.cursor_path!r}" if cursor else "no Link header that names pages"
        if self._paging.size is not None and page.items >= self._paging.size:
            cure = "check pagination.cursorPath" if cursor else "check pagination.style"
            raise RefuseRun(f"{self._source.name}: its first page is full and has {missing}: there may be more; {cure}")
        if cursor and self._paging.size is None and page.items:
            # No Link header is how an API says that there is one page. A path that leads nowhere is as likely misspelt.
            raise RefuseRun(
                f"{self._source.name}: its first page has {missing}: it may be the only one, or the path misspelt; check "
                "pagination.cursorPath, or set pagination.size to the items of a full page, so that a shorter one is known for the last"
            )
        self._source.tell(f"{self._source.name}: the first page has {missing}, so it was taken for the only one")


class Census:
    """Count the items of the pages, and notice when they do not make up one whole list."""

    def __init__(self, source: Source, paging: Paging) -> None:
        self._source = source
        self._paging = paging
        self._pages = 0
        self._items = 0
        self._total: int | None = None
        self._per_page = True
        self._before: Page | None = None
        self._digests: set[bytes] = set()
        self._told = False

    @property
    def is_whole(self) -> bool:
        """Return whether as many items came as the pages announce."""
        return self._total is not None and self._items >= self._total

    def repeats(self, page: Page) -> bool:
        """Return whether a page holds the very items of the page before, or of any page once all that are announced came."""
        return self._is_the_one_before(page) or (self.is_whole and bool(page.items) and page.digest in self._digests)

    def take(self, page: Page) -> None:
        """Count a page.

        Raises `RefuseRun` for a page that was there before and for more items than `max_items`, `Retry` when the announced
        number of items has changed between two pages.
        """
        if self._is_the_one_before(page):
            raise RefuseRun(
                f"{self._source.name}: its pages repeat: this one holds the items of the page before; check pagination.parameter, "
                "which the server seems to ignore"
            )
        if page.items and page.digest in self._digests:
            raise RefuseRun(
                f"{self._source.name}: its pages repeat: this one holds the items of an earlier page; the server seems to begin anew "
                "beyond its last page: ask the supplier how the end is told"
            )
        if page.items:
            self._digests.add(page.digest)
        self._pages += 1
        self._items += page.items
        self._note_total(page)
        self._note_edges(page)
        most = self._paging.max_items
        if most is not None and self._items > most:
            raise RefuseRun(
                f"{self._source.name}: has more than {most} items; nothing was applied, for a feed cut there would be half a feed: "
                "raise pagination.maxItems"
            )
        self._before = page

    def _is_the_one_before(self, page: Page) -> bool:
        return self._before is not None and bool(page.items) and page.digest == self._before.digest

    def refuse_more_pages(self) -> None:
        """Raise `RefuseRun` when more than `max_pages` pages came, or are to come."""
        if self._pages > self._paging.max_pages:
            raise RefuseRun(
                f"{self._source.name}: has more than {self._paging.max_pages} pages; nothing was applied, for a feed cut there would be "
                "half a feed: raise pagination.maxPages, or pagination.size"
            )

    def close(self) -> None:
        """Judge the whole. Raises `RefuseRun` when fewer items came than the pages announce."""
        if self._total is None or (self._per_page and self._pages > 1):
            return
        if self._items < self._total:
            raise RefuseRun(
                f"{self._source.name}: its pages end after {self._items} of the {self._total} items that they announce; nothing was "
                "applied: check pagination.itemsPath and the page size, ask the supplier how to read them all, or, where that number is of "
                "something else, set pagination.checkTotal to false"
            )
        if self._items > self._total:
            self._source.tell(
                f"{self._source.name}: announces {self._total} items and sent {self._items}: some moved between pages and came twice"
            )

    def _note_total(self, page: Page) -> None:
        # An empty page past the end is often said to be one of nothing.
        if page.total is None or not self._paging.check_total or (not page.items and self._pages > 1):
            return
        self._per_page = self._per_page and page.total == page.items
        if self._total is None:
            self._total = page.total
        elif page.total != self._total and not self._per_page:
            raise Retry(
                f"{self._source.name}: changed while it was read (it announced {self._total} items, then {page.total}): items may "
                "have moved between pages; nothing was applied, try again later"
            )

    def _note_edges(self, page: Page) -> None:
        before = self._before.edges if self._before is not None else None
        if self._told or page.edges is None or before is None or page.edges[0] != before[1]:
            return
        self._told = True
        self._source.tell(
            f"{self._source.name}: a page begins with the item that ended the page before: items moved while they were read; "
            "if the API can sort by a key, ask for that"
        )


def set_query(url: str, name: str, value: str) -> str:
    """Return the URL with a query parameter set to one value; all other parts stay as they are written."""
    bare, _, query = url.partition("#")[0].partition("?")
    kept = "&".join(pair for pair in query.split("&") if pair and not _names(pair, name))
    return with_query(f"{bare}?{kept}" if kept else bare, name, value)


def has_query(url: str, name: str) -> bool:
    """Return whether a URL has a query parameter of this name."""
    return any(_names(pair, name) for pair in urlsplit(url).query.split("&"))


def _names(pair: str, name: str) -> bool:
    return unquote_plus(pair.partition("=")[0]) == name


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    """Return scheme, host and port. Raises `ValueError` for what is no http or https URL."""
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _DEFAULT_PORTS[parts.scheme]
