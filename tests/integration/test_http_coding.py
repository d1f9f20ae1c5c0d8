"""Content codings against Python's own compressors: the same bytes however they are cut, and never a part of them as the whole."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.web.coding import coding_of
from engine.document import CHUNK_BYTES
from engine.errors import Retry
from engine.source import Source

SOURCE = Source("http://acme.example/stock.csv")
BODIES = st.lists(st.binary(min_size=1, max_size=400) | st.integers(1, 3).map(lambda n: bytes(n * CHUNK_BYTES)), min_size=1, max_size=3)


def _decode(coding: str, coded: bytes, cut: int) -> bytes:
    inflater = coding_of(coding, SOURCE)
    pieces = [piece for start in range(0, len(coded), cut) for piece in inflater.decode(coded[start : start + cut])]
    inflater.finish()
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in pieces)
    return b"".join(pieces)


@given(bodies=BODIES, cut=st.integers(1, 2000), padding=st.integers(0, 20))
def test_gzip_reads_back_the_same_however_it_is_cut(bodies: list[bytes], cut: int, padding: int) -> None:
    """Any number of members with any padding, in chunks of any size, is the body they were made of."""
    coded = b"".join(gzip.compress(body) for body in bodies) + bytes(padding)
    assert _decode("gzip", coded, cut) == b"".join(bodies)


@given(bodies=BODIES, cut=st.integers(1, 2000), bare=st.booleans())
def test_deflate_reads_back_the_same_however_it_is_cut(bodies: list[bytes], cut: int, bare: bool) -> None:
    """With the zlib header that the standard wants or without it, as some servers send it."""
    body = b"".join(bodies)
    assert _decode("deflate", zlib.compress(body, wbits=-15 if bare else 15), cut) == body


@given(data=st.data(), bodies=BODIES, coding=st.sampled_from(["gzip", "deflate"]))
def test_no_beginning_of_a_coded_body_passes_for_the_whole(data: st.DataObject, bodies: list[bytes], coding: str) -> None:
    """Wherever a coded body is cut off, the missing end is noticed."""
    body = b"".join(bodies)
    coded = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    length = data.draw(st.integers(1, len(coded) - 1))
    with pytest.raises(Retry, match="nothing was applied"):
        _decode(coding, coded[:length], 64)


@given(rubbish=st.binary(min_size=1, max_size=40))
def test_rubbish_after_a_coded_body_is_an_error(rubbish: bytes) -> None:
    """What follows a finished gzip body is padding of zeros, another member, or damage."""
    if rubbish.strip(b"\0"):
        with pytest.raises(Retry):
            _decode("gzip", gzip.compress(b"sku;stock\n") + rubbish, 7)
