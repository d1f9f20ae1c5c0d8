"""Quirk 3: a bomb is refused before it has gone off, and whatever comes, memory stays flat."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import partial

import pytest

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Decoding
from engine.errors import RefuseRun
from tests.unit.decode_parts import archive, names, read, zstd

MIB = 1024 * 1024


def zeros(size: int, make: Callable[[io.BytesIO], io.BufferedIOBase]) -> bytes:
    """Return NULs packed by a file object, piece by piece."""
    target = io.BytesIO()
    with make(target) as file:
        for _ in range(size // MIB):
            file.write(bytes(MIB))
    return target.getvalue()


def gzip_zeros(size: int) -> bytes:
    """Return NULs packed about a thousand to one."""
    return zeros(size, lambda target: gzip.GzipFile(fileobj=target, mode="wb", compresslevel=6))


def unpacked(data: bytes, decoding: Decoding, *, upto: int) -> int:
    """Unpack without keeping anything; return the bytes that came, and stop after `upto`."""
    decoder = Decoder(decoding, DocumentFacts("feed"))
    total = 0
    try:
        for step in (partial(decoder.feed, data), decoder.finish):
            for part in step():
                if isinstance(part, bytes):
                    assert len(part) <= MIB
                    total += len(part)
                if total >= upto:
                    return total
    finally:
        decoder.close()
    return total


def test_a_small_file_of_equal_rows_is_no_bomb() -> None:
    """The ratio is judged only beyond 64 MiB: 48 MiB of one row pack a thousand to one."""
    assert unpacked(gzip_zeros(48 * MIB), Decoding(max_ratio=1), upto=10**12) == 48 * MIB


@pytest.mark.parametrize("wrap", [lambda data: data, gzip.compress, lambda data: archive(("stock.csv", data))])
def test_a_bomb_is_refused_by_its_ratio(wrap: Callable[[bytes], bytes]) -> None:
    """Measured against the bytes that were sent, whatever layers lie between; the message names limits and settings."""
    bomb = wrap(gzip_zeros(80 * MIB))
    with pytest.raises(
        RefuseRun, match=r"more than 250 times the [\d,]+ bytes that were sent.*maxRatio 250 and maxBytes .*raise transport.maxRatio"
    ):
        read(bomb)
    assert unpacked(bomb, Decoding(max_ratio=10**6), upto=10**12) == 80 * MIB


def test_what_an_inner_layer_swallows_counts_too() -> None:
    """A gzip of padding alone keeps a processor busy for ever while nothing comes out."""
    inner = gzip.compress(b"sku\n1\n")
    bomb = gzip.compress(inner + bytes(80 * MIB))
    with pytest.raises(RefuseRun, match=r"transport\.maxRatio"):
        read(bomb)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd.compress, lambda data: archive(("stock.csv", data))])
def test_a_document_is_refused_by_its_size(pack: Callable[[bytes], bytes]) -> None:
    """One byte over the limit is over it."""
    packed = pack(b"sku;stock\n" * 1000)
    assert len(read(packed, max_bytes=10_000)[0][1]) == 10_000
    with pytest.raises(RefuseRun, match=r"unpacks to more than 9,999 bytes.*maxBytes 9,999.*transport.maxBytes"):
        read(packed, max_bytes=9_999)


def test_all_members_of_an_archive_count_together() -> None:
    """A thousand small members are one large document."""
    packed = archive(*((f"{number}.csv", b"x" * 1000) for number in range(20)), method=zipfile.ZIP_DEFLATED)
    assert len(read(packed, max_bytes=20_000)) == 20
    with pytest.raises(RefuseRun, match=r"transport\.maxBytes"):
        read(packed, max_bytes=19_999)


def test_an_archive_itself_is_not_kept_on_disk_without_end() -> None:
    """It is refused while it arrives."""
    decoder = Decoder(Decoding(max_bytes=1000), DocumentFacts("feed"))
    list(decoder.feed(b"PK\x03\x04" + bytes(900)))
    with pytest.raises(RefuseRun, match=r"feed is an archive of more than 1,000 bytes \(transport\.maxBytes\)"):
        list(decoder.feed(bytes(900)))
    decoder.close()


def test_an_archive_of_very_many_members_is_no_feed() -> None:
    """Ten thousand members are read, one more is refused, those of archives within included."""
    most = [(str(number), b"") for number in range(9_999)]
    assert len(names(read(archive(*most, ("x", b""), method=zipfile.ZIP_STORED), step=10**6))) == 10_000
    with pytest.raises(RefuseRun, match="feed holds more than 10,000 archive members"):
        read(archive(*most, ("x", b""), ("y", b""), method=zipfile.ZIP_STORED), step=10**6)
    with pytest.raises(RefuseRun, match="feed holds more than 10,000 archive members"):
        read(archive(("in.zip", archive(*most, method=zipfile.ZIP_STORED)), ("in2.zip", archive(("a", b""))), ("x", b"")), step=10**6)


def test_members_that_share_their_bytes_are_a_bomb() -> None:
    """A directory may point a thousand times at the same bytes."""
    packed = archive(("a.csv", b"sku\n" + bytes(range(256)) * 40), method=zipfile.ZIP_STORED)
    start = packed.index(b"PK\x01\x02")
    entry, end = packed[start : packed.index(b"PK\x05\x06")], bytearray(packed[packed.index(b"PK\x05\x06") :])
    end[8:10] = end[10:12] = (100).to_bytes(2, "little")
    end[12:16] = (len(entry) * 100).to_bytes(4, "little")
    with pytest.raises(RefuseRun, match="a zip whose members overlap"):
        read(packed[:start] + entry * 100 + bytes(end))


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip_zeros(64 * MIB),
    "bzip2": lambda: bz2.compress(bytes(24 * MIB)) * 40,
    "xz": lambda: lzma.compress(bytes(64 * MIB), preset=0),
    "zstd": lambda: zeros(256 * MIB, lambda target: zstd.ZstdFile(target, "wb")),
    "zip": lambda: archive(("stock.csv", gzip_zeros(64 * MIB)), method=zipfile.ZIP_STORED),
    "zip of bzip2": lambda: archive(("stock.csv", bytes(32 * MIB)), method=zipfile.ZIP_BZIP2),
}


@pytest.mark.parametrize("packing", BOMBS)
def test_memory_stays_flat_whatever_one_chunk_holds(packing: str) -> None:
    """A chunk that stands for hundreds of MiB comes out piece by piece, and a consumer that stops holds none of the rest."""
    bomb = BOMBS[packing]()
    tracemalloc.start()
    try:
        assert unpacked(bomb, Decoding(max_ratio=10**9), upto=24 * MIB) >= 24 * MIB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB + 2 * len(bomb)


def test_a_window_that_would_not_fit_is_refused() -> None:
    """Half a GiB may be asked for by the header of a file of a hundred bytes."""
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 29})
    with pytest.raises(RefuseRun, match=r"cannot be unpacked here .*memory.*ask the supplier to pack it with the default settings"):
        read(wide.compress(b"sku\n" * 100) + wide.flush())
    greedy = lzma.compress(b"sku\n" * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 512 * MIB, "mf": lzma.MF_HC3}])
    with pytest.raises(RefuseRun, match=r"cannot be unpacked here .*[Mm]emory"):
        read(greedy)
    assert (
        read(lzma.compress(b"sku\n" * 100, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 64 * MIB, "nice_len": 8, "mf": lzma.MF_HC3}]))[
            0
        ][1]
        == b"sku\n" * 100
    )


def test_a_dictionary_that_was_never_sent_is_refused() -> None:
    """No second fetch will bring it."""
    dictionary = zstd.ZstdDict(zstd.train_dict([b"sku;stock;%d\n" % number for number in range(2000)], 1024).dict_content)
    with pytest.raises(RefuseRun, match=r"cannot be unpacked here"):
        read(zstd.compress(b"sku;stock;1\n" * 20, zstd_dict=dictionary))


def test_a_file_of_tiny_members_is_no_slower_than_its_bytes() -> None:
    """Each member hands back the bytes that follow it: with a whole chunk at a time they would be copied over and over."""
    assert read(gzip.compress(b"1\n") * 20_000, step=MIB)[0][1] == b"1\n" * 20_000
