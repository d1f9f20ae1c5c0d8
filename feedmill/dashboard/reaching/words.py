"""What a merchant calls the ways of signing in and of paging, and the attributes that a message names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from feedmill.dashboard.view import View


def ways(view: View) -> tuple[tuple[str, str], ...]:
    """Return how a feed may sign in, as (name in the form, label)."""
    say = view.say
    return (
        ("none", say("not at all")),
        ("basic", say("with user and password")),
        ("bearer", say("with a bearer token")),
        ("header", say("with a key in a header")),
        ("oauth2", say("with OAuth2 client credentials")),
    )


def styles(view: View) -> tuple[tuple[str, str], ...]:
    """Return how pages may follow each other, as (name in the API, label)."""
    say = view.say
    return (
        ("", say("there is none: all is in one answer")),
        ("page", say("by page number")),
        ("offset", say("by offset")),
        ("cursor", say("by a cursor in each page")),
        ("link", say("by the Link header")),
    )


def going_on(view: View) -> Mapping[str, str]:
    """Return how it goes on after the first page, by the style of the pages."""
    say = view.say
    return {
        "": say("That is the only request: all records are in one answer."),
        "page": say("Then the next page number, until a page has no records."),
        "offset": say("Then with the number of records that came so far, until a page has none."),
        "cursor": say("Then with what the page before names, until one names nothing."),
        "link": say("Then the address that the Link header calls next, until there is none."),
    }


def labels(view: View) -> Mapping[str, str]:
    """Return the labels of the form's fields by the attributes that they set."""
    say = view.say
    return {
        "pagination.style": say("Next page"),
        "pagination.parameter": say("Name of the page's parameter"),
        "pagination.start": say("Number to begin with"),
        "pagination.sizeParameter": say("Name of the size's parameter"),
        "pagination.size": say("Records of a full page"),
        "pagination.cursorPath": say("Where the cursor stands"),
        "pagination.itemsPath": say("Where the records stand"),
        "pagination.maxPages": say("At most pages"),
        "pagination.maxItems": say("At most records"),
        "pagination.checkTotal": say("Records that are announced"),
        "transport.tokenUrl": say("Address of the token"),
        "transport.scope": say("Scope"),
        "authenticationToken": say("Client id"),
        "authenticationSecret": say("Client secret"),
    }


def say_plainly(view: View, message: str) -> str:
    """Return a message with the fields' labels in place of the attributes that it names."""
    known = labels(view)
    return re.sub("|".join(re.escape(name) for name in sorted(known, key=len, reverse=True)), lambda found: f"“{known[found[0]]}”", message)
