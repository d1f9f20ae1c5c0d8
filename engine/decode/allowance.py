"""How much a document may unpack to: the account of the bytes that came and of what became of them."""

from __future__ import annotations

from engine.decode.settings import GRACE_BYTES, LAYERS, MEMBERS, Decoding
from engine.errors import RefuseRun


class Allowance:
    """Count what each layer of one document puts out, and refuse the run beyond the limits of its `Decoding`.

    Each layer counts by itself, all archives' members together: what one layer blows up and the next one swallows (padding,
    frames to skip) costs time all the same.
    """

    def __init__(self, decoding: Decoding, name: str) -> None:
        self._decoding = decoding
        self._name = name
        self._sent = 0
        self._members = 0
        self._unpacked = [0] * (LAYERS + 1)

    def receive(self, size: int) -> None:
        """Count bytes as the source sent them."""
        self._sent += size

    def unpack(self, layer: int, size: int) -> None:
        """Count bytes that a layer puts out; raises `RefuseRun` when they are more than the document may unpack to."""
        total = self._unpacked[layer] = self._unpacked[layer] + size
        decoding = self._decoding
        if total > decoding.max_bytes:
            self._refuse(f"more than {decoding.max_bytes:,} bytes")
        if total > GRACE_BYTES and total > decoding.max_ratio * self._sent:
            self._refuse(f"more than {decoding.max_ratio:,} times the {self._sent:,} bytes that were sent")

    def spool(self, size: int) -> None:
        """Check the size of an archive that stands on disk until it is read."""
        if size > self._decoding.max_bytes:
            raise RefuseRun(
                f"{self._name} is an archive of more than {self._decoding.max_bytes:,} bytes (transport.maxBytes), too much to keep on "
                "disk: nothing was applied; if the supplier's archives are that large, raise transport.maxBytes"
            )

    def list_members(self, count: int) -> None:
        """Count the members that an archive lists; raises `RefuseRun` when they are too many to be a feed."""
        self._members += count
        if self._members > MEMBERS:
            raise RefuseRun(
                f"{self._name} holds more than {MEMBERS:,} archive members, which is no feed: nothing was applied; ask the supplier for "
                "one with fewer files"
            )

    def _refuse(self, what: str) -> None:
        raise RefuseRun(
            f"{self._name} unpacks to {what}, as a decompression bomb does: nothing was applied; the limits are maxRatio "
            f"{self._decoding.max_ratio:,} and maxBytes {self._decoding.max_bytes:,}: if the supplier really sends that much, raise "
            "transport.maxRatio or transport.maxBytes"
        )
