"""What a document is packed in, told by its first bytes. Names lie: suppliers send `stock.csv` as gzip and plain text as `.gz`."""

from __future__ import annotations

from typing import Final

# A bzip2 block begins with the digits of pi, a file without one ends with those of its root: text may begin with BZh1.
_BZIP2_BLOCKS: Final = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")

MAGICS: Final[dict[str, tuple[bytes, ...]]] = {
    "gzip": (b"\x1f\x8b\x08",),
    "zip": (b"PK\x03\x04", b"PK\x05\x06"),
    "bzip2": tuple(b"BZh%d%b" % (size, block) for size in range(1, 10) for block in _BZIP2_BLOCKS),
    "xz": (b"\xfd7zXZ\0",),
    # RFC 8878: a frame, and sixteen kinds of frames to skip.
    "zstd": (b"\x28\xb5\x2f\xfd", *(bytes((kind, 0x2A, 0x4D, 0x18)) for kind in range(0x50, 0x60))),
}
"""The bytes with which each packing begins, by the name it has in the feed's setting `compression`."""

_ALL: Final = tuple((magic, packing) for packing, magics in MAGICS.items() for magic in magics)
MAGIC_BYTES: Final = max(len(magic) for magic, _ in _ALL)
"""How many bytes always tell."""


def packing_of(head: bytes) -> str | None:
    """Return what bytes that begin with `head` are packed in, None when in nothing known."""
    return next((packing for magic, packing in _ALL if head.startswith(magic)), None)


def undecided(head: bytes) -> bool:
    """Tell whether more bytes could still make `head` the beginning of something packed."""
    return any(len(head) < len(magic) and magic.startswith(head) for magic, _ in _ALL)


def cut_packing(head: bytes) -> str | None:
    """Name the packing of a whole document that is too short to be one and yet no text: `PK` may be, `PK` and a control not."""
    if len(head) < 2 or (head.isascii() and head.decode("ascii").isprintable()):
        return None
    return next((packing for magic, packing in _ALL if magic.startswith(head)), None)
