"""What is streamed: a catalogue of any number of bytes, plain, as one gzip member, and as the pages of a JSON API."""

from __future__ import annotations

import csv
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import orjson

from examples.catalogue import COLUMNS, Catalogue

_DISTINCT_ITEMS: Final = 20_000
"""After so many items they come again: nobody looks into them, and making four gigabytes of new ones would take minutes."""

_PAGE_ITEMS: Final = 4_000
_LONG_AGO: Final = 1_700_000_000
"""A time of change that has settled, so that no connector waits for it to."""


@dataclass(frozen=True, slots=True)
class Material:
    """Files of one size: `size` bytes of CSV in `plain`, packed in `packed`, and `pages` pages of `size_of_pages` bytes in all."""

    plain: Path
    packed: Path
    size: int
    pages: int
    size_of_pages: int


def write_material(directory: Path, size: int) -> Material:
    """Write the files for at least `size` bytes; memory stays flat. They take about 1.3 times that on disk."""
    plain, packed = directory / f"catalogue-{size}.csv", directory / f"catalogue-{size}.csv.gz"
    written = _write_plain(plain, size)
    _write_packed(packed, size)
    for path in (plain, packed):
        os.utime(path, (_LONG_AGO, _LONG_AGO))
    pages = -(-size // len(page(1)))
    return Material(plain, packed, written, pages, pages * len(page(1)))


def page(number: int) -> bytes:
    """Return a page of the API; all are of one length, and no two are equal."""
    return b'[{"sku":"PAGE-%06d"},' % number + _items()


def _write_plain(path: Path, size: int) -> int:
    with path.open("wb") as file:
        for block in _until(size, _blocks()):
            file.write(block)
        return file.tell()


def _write_packed(path: Path, size: int) -> None:
    """Write one gzip member (RFC 1952) of the same bytes: each block is deflated once and goes out as often as it is due."""
    blocks = _blocks()
    deflated = [_deflate(block) for block in blocks]
    checksum = length = 0
    with path.open("wb") as file:
        file.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")
        for block, packed in zip(_until(size, blocks), cycle(deflated), strict=False):
            file.write(packed)
            checksum, length = zlib.crc32(block, checksum), length + len(block)
        file.write(zlib.compressobj(wbits=-zlib.MAX_WBITS).flush())
        file.write(checksum.to_bytes(4, "little") + (length % 2**32).to_bytes(4, "little"))


def _deflate(block: bytes) -> bytes:
    # A full flush ends on a whole byte and refers to nothing before it, so that what follows may be anything.
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(block) + deflater.flush(zlib.Z_FULL_FLUSH)


def _until(size: int, blocks: tuple[bytes, ...]) -> Iterator[bytes]:
    for block in cycle(blocks):
        if size <= 0:
            return
        yield block
        size -= len(block)


@cache
def _blocks() -> tuple[bytes, ...]:
    return tuple(Catalogue(_DISTINCT_ITEMS).blocks())


@cache
def _items() -> bytes:
    rows = csv.DictReader(io.StringIO("".join(Catalogue(_PAGE_ITEMS).lines())), COLUMNS)
    return orjson.dumps(list(islice(rows, 1, None)))[1:]
