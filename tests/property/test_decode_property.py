"""Whatever is packed comes out as it was, however it is packed and cut; whatever is missing from it is missed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Decoding, Ended, Opened
from engine.decode.magic import cut_packing, packing_of
from engine.errors import RefuseRun, Retry
from tests.unit.decode_parts import zstd

SERIES = ("gzip", "bzip2", "xz", "zstd")


def pack(data: bytes, packing: str) -> bytes:
    """Pack bytes once."""
    if packing == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if packing == "bzip2":
        return bz2.compress(data)
    if packing == "xz":
        return lzma.compress(data, preset=0)
    if packing == "zstd":
        return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    archive = io.BytesIO()
    method = {"zip": zipfile.ZIP_DEFLATED, "zip stored": zipfile.ZIP_STORED, "zip bzip2": zipfile.ZIP_BZIP2}[packing]
    with zipfile.ZipFile(archive, "w", method) as directory:
        directory.writestr("stock.csv", data)
    return archive.getvalue()


def unpack(data: bytes, cuts: list[int], decoding: Decoding | None = None) -> list[bytes]:
    """Feed bytes cut at `cuts` and return each document that came out; every document must be closed."""
    decoder = Decoder(decoding or Decoding(), DocumentFacts("feed"))
    documents: list[list[bytes]] = []
    ended = 0
    bounds = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    try:
        for start, end in pairwise(bounds):
            ended += sum(_collect(part, documents) for part in decoder.feed(data[start:end]))
        ended += sum(_collect(part, documents) for part in decoder.finish())
    finally:
        decoder.close()
    assert ended == len(documents)
    return [b"".join(document) for document in documents]


def _collect(part: Opened | bytes | Ended, documents: list[list[bytes]]) -> bool:
    if isinstance(part, Opened):
        documents.append([])
    elif isinstance(part, bytes):
        assert 0 < len(part) <= 1024 * 1024
        documents[-1].append(part)
    return isinstance(part, Ended)


plain = st.one_of(st.binary(max_size=2000), st.builds(lambda row, count: row * count, st.binary(max_size=40), st.integers(1, 3000))).filter(
    lambda data: packing_of(data) is None and cut_packing(data) is None
)
packings = st.lists(st.sampled_from([*SERIES, "zip", "zip stored", "zip bzip2"]), max_size=3)
cuts = st.lists(st.integers(0, 2**20), max_size=12)


@given(plain, packings, cuts)
def test_what_is_packed_comes_out_as_it_was(data: bytes, layers: list[str], at: list[int]) -> None:
    """Any bytes, packed up to three times over, however they arrive."""
    packed = data
    for packing in layers:
        packed = pack(packed, packing)
    assert unpack(packed, at) == [data]


@given(st.lists(plain, min_size=1, max_size=5), st.sampled_from(SERIES), st.integers(0, 3), cuts)
def test_members_one_after_the_other_are_one_document(parts: list[bytes], packing: str, padding: int, at: list[int]) -> None:
    """Members are joined, and NULs that pad the file out mean nothing; their joints may lie anywhere in a chunk."""
    whole = b"".join(parts)
    if packing_of(whole) is None and cut_packing(whole) is None:
        assert unpack(b"".join(pack(part, packing) for part in parts) + bytes(4 * padding), at) == [whole]


@given(plain, packings.filter(bool), st.data(), cuts)
def test_what_is_cut_short_never_ends_quietly(data: bytes, layers: list[str], draw: st.DataObject, at: list[int]) -> None:
    """Every beginning of a packed file is refused, down to the bytes that tell what it is, however it was packed."""
    packed = data
    for packing in layers:
        packed = pack(packed, packing)
    kept = draw.draw(st.integers(0, len(packed) - 1))
    outermost = layers[-1].partition(" ")[0]
    with pytest.raises((Retry, RefuseRun)):
        unpack(packed[:kept], at, Decoding(compression=outermost))
    if packing_of(packed[:kept]) is not None:
        with pytest.raises((Retry, RefuseRun)):
            unpack(packed[:kept], at)


@given(plain, packings.filter(bool), st.data(), st.binary(min_size=1, max_size=3))
def test_damage_is_noticed_or_harmless(data: bytes, layers: list[str], draw: st.DataObject, noise: bytes) -> None:
    """Bytes overwritten anywhere behind the magic change nothing, as a file name's do, or end the run; there is no third way."""
    packed = data
    for packing in layers:
        packed = pack(packed, packing)
    at = draw.draw(st.integers(min(10, len(packed) - 1), len(packed) - 1))
    damaged = (packed[:at] + noise + packed[at + len(noise) :])[: len(packed)]
    try:
        documents = unpack(damaged, [])
    except (Retry, RefuseRun):
        return
    assert documents == [data]


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.booleans(), st.booleans(), cuts)
def test_a_gzip_header_may_hold_anything(data: bytes, extra: bool, name: bool, comment: bool, summed: bool, at: list[int]) -> None:
    """Every optional field of RFC 1952, cut anywhere, is skipped; a check sum of the header is checked."""
    flags = extra * 4 + name * 8 + comment * 16 + summed * 2
    header = bytes((0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 255)) + b"\x03\x00a\x00b" * extra + b"f\xfc.csv\0" * name + b"note\0" * comment
    body = gzip.compress(data, mtime=0)[10:]
    check = (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") if summed else b""
    if packing_of(data) is None and cut_packing(data) is None:
        assert unpack(header + check + body, at) == [data]
        if summed:
            with pytest.raises(Retry, match="check sum of its header"):
                unpack(header + bytes((check[0] ^ 1, check[1])) + body, at)
