"""Preconditions (RFC 9110): a GET tells the state of a thing by its `ETag`, and a change holds to that by `If-Match`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from feedmill.shapes import dump_bytes
from feedmill.web.problems import Outdated, Problem

if TYPE_CHECKING:
    from feedmill.web.endpoint import Call, Endpoint

_ANY: Final = "*"
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS: Final = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_EACH: Final = re.compile(_TAG)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a call holds to: that a thing is in one of the states of these entity tags, or that there is one, by `*`."""

    tags: frozenset[str]

    def refuse(self, shown: Mapping[str, object], what: str) -> Outdated | None:
        """Return why a thing, as it is shown within the transaction that would change it, may not be changed; None where it may.

        Tags are compared strongly: a weak one never holds.
        """
        if _ANY in self.tags or tag_of(shown) in self.tags:
            return None
        return Outdated(f"{what} is not any more as If-Match says: nothing was changed; GET it again, and change what it is now")

    def refuse_item(self, item: Mapping[str, object]) -> Outdated | None:
        """Return why an item may not be changed, as `refuse` does."""
        return self.refuse(item, f"inventory feed variant {item['id']} ({str(item['externalId'])[:80]!r})")


def tag_of(shown: Mapping[str, object]) -> str:
    """Return the strong entity tag of a thing: the same for the same answer, byte by byte, and for no other."""
    return f'"{hashlib.blake2b(dump_bytes(shown), digest_size=16).hexdigest()}"'


def conditions_of(request: web.BaseRequest, endpoint: Endpoint) -> tuple[Condition | None, frozenset[str]]:
    """Return what a change holds to by `If-Match`, and the entity tags that a GET knows already by `If-None-Match`.

    Raises `Problem` 400 for what are no entity tags, and 412 for a change that is to hold to something of which nothing is looked at:
    it would overwrite unseen.
    """
    if endpoint.method == "GET":
        return None, _read(request, hdrs.IF_NONE_MATCH) if endpoint.conditional else frozenset()
    tags = _read(request, hdrs.IF_MATCH)
    if tags and not endpoint.conditional and _ANY not in tags:
        detail = f"{endpoint.method} {endpoint.path} cannot hold to If-Match, and nothing was done rather than unseen: send it without"
        raise Problem(412, "precondition-failed", detail)
    return Condition(tags) if tags else None, frozenset()


def answer_state(call: Call, shown: Mapping[str, object]) -> web.Response:
    """Answer a thing with its entity tag; 304, without it, to who knows it already."""
    tag = tag_of(shown)
    if _ANY in call.known or tag in {each.removeprefix("W/") for each in call.known}:
        return web.Response(status=304, headers={"ETag": tag})
    return web.Response(body=dump_bytes(shown), content_type="application/json", headers={"ETag": tag})


def _read(request: web.BaseRequest, name: str) -> frozenset[str]:
    if name not in request.headers:
        return frozenset()
    text = ",".join(request.headers.getall(name)).strip(" \t")
    if text == _ANY:
        return frozenset((_ANY,))
    if _TAGS.fullmatch(text) is None:
        raise Problem(400, "malformed", f'{name} is neither * nor a list of entity tags, as "0c2d", which stand in quotes')
    return frozenset(_EACH.findall(text))
