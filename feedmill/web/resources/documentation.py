"""The API described by itself: for programs, and for people."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, Final

from aiohttp import web
from anyio import to_thread

from feedmill.shapes import dump
from feedmill.web.app import all_endpoints
from feedmill.web.endpoint import Call, Endpoint
from feedmill.web.openapi.document import build_document
from feedmill.web.openapi.page import POLICY, render_page

_DOCUMENT: Final = {"type": "object", "description": "The OpenAPI document."}


@cache
def _document() -> dict[str, Any]:
    return build_document(all_endpoints(), version("feedmill"))


@cache
def _json() -> bytes:
    return dump(_document()).encode()


@cache
def _page() -> str:
    return render_page(_document())


async def _openapi(call: Call) -> web.Response:
    # In a thread: it is made once, and takes longer than the loop may wait.
    return web.Response(body=await to_thread.run_sync(_json), content_type="application/json")


async def _docs(call: Call) -> web.Response:
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return web.Response(text=await to_thread.run_sync(_page), content_type="text/html", headers=headers)


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/api/openapi.json", _openapi, "Return this document (OpenAPI 3.1).", "documentation", "public", answer=_DOCUMENT),
    Endpoint(
        "GET",
        "/api/docs",
        _docs,
        "Show this document as a page.",
        "documentation",
        "public",
        answer={"type": "string"},
        media="text/html",
    ),
)
