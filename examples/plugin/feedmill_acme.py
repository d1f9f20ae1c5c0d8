"""A Feedmill plugin in one module: the field rule `gtin13` and the connector `newest`, which reads the newest file of a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import anyio
import anyio.to_thread
import feedmill


@feedmill.hookimpl
def feedmill_field_rules() -> tuple[feedmill.FieldRuleSpec, ...]:
    """Add the rule `gtin13`."""
    return (feedmill.FieldRuleSpec("gtin13", gtin13),)


@feedmill.hookimpl
def feedmill_connectors() -> tuple[feedmill.ConnectorSpec, ...]:
    """Add the connector for URLs such as newest://localhost/srv/acme/*.csv."""
    return (feedmill.ConnectorSpec(("newest",), NewestConnector),)


def gtin13(text: str) -> str:
    """Return a barcode as 13 digits. A wrong check digit rejects the record: the barcode is of some other article."""
    digits = text.replace(" ", "").zfill(13)
    if len(digits) != 13 or not digits.isdecimal():
        raise feedmill.RejectRecord("is no GTIN of 8, 12 or 13 digits")
    if sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10:
        raise feedmill.RejectRecord("is no GTIN: its check digit is wrong")
    return digits


class NewestConnector:
    """Read the newest file that a pattern matches."""

    @asynccontextmanager
    async def fetch(self, source: feedmill.Source) -> AsyncIterator[AsyncIterator[feedmill.Document]]:
        """Open the file; leaving the context closes it."""
        path = await anyio.to_thread.run_sync(_find, source)
        async with await anyio.open_file(path, "rb") as file:
            yield _documents(source, file)


def _find(source: feedmill.Source) -> Path:
    pattern = Path(unquote(urlsplit(source.url).path))
    found = [path for path in pattern.parent.glob(pattern.name) if path.is_file()]
    if not found:
        raise feedmill.RefuseRun(f"{source.name}: no file of that name; check folder and pattern")
    return max(found, key=lambda path: path.stat().st_mtime)


async def _documents(source: feedmill.Source, file: anyio.AsyncFile[bytes]) -> AsyncIterator[feedmill.Document]:
    facts = await anyio.Path(str(file.name)).stat()
    changed = datetime.fromtimestamp(facts.st_mtime, UTC)
    yield feedmill.Document(source.name, _chunks(source, file, facts.st_size), size=facts.st_size, mtime=changed)


async def _chunks(source: feedmill.Source, file: anyio.AsyncFile[bytes], size: int) -> AsyncIterator[bytes]:
    received = 0
    while chunk := await file.read(256 * 1024):
        received += len(chunk)
        yield chunk
    # A document that ends quietly is taken for complete, so this has to be known, not hoped for.
    if received != size:
        raise feedmill.Retry(f"{source.name}: {received} bytes read of a file of {size}, so it is still being written; try again later")
