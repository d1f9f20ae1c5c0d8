"""Scripts and styles: read once, packed once, named by their contents, so that a browser keeps them for ever."""

from __future__ import annotations

import gzip
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from aiohttp import web

FOLDER: Final = Path(__file__).with_name("static")
PREFIX: Final = "/static/"

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file, as it is and packed, with the address that its contents give it."""

    url: str
    kind: str
    plain: bytes
    packed: bytes


@cache
def load_assets() -> Mapping[str, Asset]:
    """Return every file of the folder by its name, `vendor/htmx.min.js`. Blocks the first time."""
    found = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()}
    return {name: _make_asset(name, plain) for name, plain in found.items()}


def _make_asset(name: str, plain: bytes) -> Asset:
    kind = _TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(f"{PREFIX}{sha256(plain).hexdigest()[:12]}/{name}", kind, plain, gzip.compress(plain, 9, mtime=0))


async def serve_asset(request: web.Request) -> web.Response:
    """Answer a file by its address. One that has another content now is not found: the page that names it is an old one."""
    asset = load_assets().get(request.match_info["name"])
    if asset is None or asset.url != request.path:
        raise web.HTTPNotFound
    charset = "utf-8" if asset.kind.startswith("text/") else None
    response = web.Response(content_type=asset.kind, charset=charset, headers={"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"})
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.headers["Content-Encoding"] = "gzip"
        response.body = asset.packed
    else:
        response.body = asset.plain
    return response
