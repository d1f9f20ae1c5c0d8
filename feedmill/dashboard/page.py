"""A page as data: from it come the route, and the checks before the handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Literal, TypeAlias

from feedmill.dashboard import pages

if TYPE_CHECKING:
    from aiohttp import web

    from feedmill.dashboard.view import View

Needs: TypeAlias = Literal["nobody", "viewer", "admin"]
"""Who has to be signed in: nobody, anybody, an admin."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page, or one thing that is done on it. What only looks is a GET, what changes something a POST with the form's token."""

    method: Literal["GET", "POST"]
    path: str
    handle: Callable[[View], Awaitable[web.StreamResponse]]
    needs: Needs


def shows(path: str, handle: Callable[[View], Awaitable[web.StreamResponse]], needs: Needs = "viewer") -> Page:
    """Return a page that is looked at."""
    return Page("GET", path, handle, needs)


def does(path: str, handle: Callable[[View], Awaitable[web.StreamResponse]], needs: Needs = "admin") -> Page:
    """Return something that is done."""
    return Page("POST", path, handle, needs)


@cache
def all_pages() -> tuple[Page, ...]:
    """Return the pages of every module below `feedmill.dashboard.pages`, in the order of the modules' names. Blocks the first time."""
    names = sorted(found.name for found in walk_packages(pages.__path__, f"{pages.__name__}.") if not found.ispkg)
    return tuple(page for name in names for page in import_module(name).PAGES)
