"""One fetch through a connector, every chunk counted and dropped, after the decode stage where that is asked for."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from time import perf_counter

import anyio
import orjson

import feedmill
from benchmarks.subject import hand_back
from engine.contracts import DocumentFacts
from engine.decode import Decoding, Ended, Opened, Part
from engine.document import Document
from engine.flow.unpacking import Unpacking
from engine.source import Paging, Request, Secret, Source, Ssh, Tls
from plugins.manager import load_registry


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be fetched and how; travels as JSON."""

    url: str
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    key_file: str | None = None
    host_key: str | None = None
    pages: bool = False
    unpack: bool = False

    def dump(self) -> str:
        """Return the task as `main` takes it."""
        return orjson.dumps(asdict(self)).decode()

    def source(self, told: list[str]) -> Source:
        """Return the source; what a person would be told is added to `told`."""
        return Source(
            self.url,
            self.user,
            Secret(self.password) if self.password is not None else None,
            tls=Tls(ca_file=self.ca_file),
            ssh=Ssh(key_file=self.key_file, host_key=self.host_key),
            request=Request(paging=Paging("page", max_pages=1_000_000)) if self.pages else Request(),
            tell=told.append,
        )


@dataclass(slots=True)
class Count:
    """What came: documents, their chunks, and the bytes of these."""

    documents: int = 0
    chunks: int = 0
    size: int = 0

    def add(self, chunk: bytes) -> None:
        """Count a chunk and keep nothing of it."""
        self.chunks += 1
        self.size += len(chunk)


async def fetch(task: Task, told: list[str]) -> tuple[Count, float]:
    """Fetch once; return what came, and the seconds until all of it was there and every connection closed."""
    source, count = task.source(told), Count()
    connector = load_registry().connector(source.scheme)
    begun = perf_counter()
    async with connector.fetch(source) as documents:
        async for document in documents:
            count.documents += 1
            await (_unpack(document, count) if task.unpack else _drain(document, count))
    return count, perf_counter() - begun


async def _drain(document: Document, count: Count) -> None:
    async for chunk in document.chunks:
        count.add(chunk)


async def _unpack(document: Document, count: Count) -> None:
    with Unpacking(Decoding()) as unpacking:

        async def take(part: Part) -> None:
            unpacking.take(part)
            while (plain := await unpacking.next_part()) is not None:
                if isinstance(plain, bytes):
                    count.add(plain)

        await take(Opened(DocumentFacts.of(document)))
        async for chunk in document.chunks:
            await take(chunk)
        await take(Ended())


def main(task: str) -> None:
    """Fetch once and hand back what came."""
    feedmill.tune_process()
    told: list[str] = []
    count, seconds = anyio.run(fetch, Task(**orjson.loads(task)), told)
    if told:
        sys.exit("; ".join(told))
    hand_back(count.documents, seconds, chunks=count.chunks, bytes=count.size)


if __name__ == "__main__":
    main(sys.argv[1])
