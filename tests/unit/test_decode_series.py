"""Quirk 3: what is packed is told by its bytes, never by its name, and unpacked strictly."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest

from engine.contracts import DocumentFacts
from engine.decode import Decoder, Decoding, Ended, Opened
from engine.errors import InternalError, RefuseRun, Retry
from engine.feed import build_feed
from tests.unit.decode_parts import ROWS, archive, read, zstd

PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}
SKIPPED = b"\x5a\x2a\x4d\x18\x03\0\0\0abc"


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("step", [1, 7, 10**6])
def test_packed_bytes_are_told_by_their_magic(packing: str, step: int) -> None:
    """A gzip called stock.csv is unpacked, cut anywhere; size and type were said of the packed bytes and are dropped."""
    facts = DocumentFacts("stock.csv", 123, "text/csv", "iso-8859-2")
    assert read(PACK[packing](ROWS), step=step, facts=facts) == [(DocumentFacts("stock.csv", charset="iso-8859-2"), ROWS)]


def test_a_name_unpacks_nothing() -> None:
    """Plain text called .gz is plain text."""
    facts = DocumentFacts("stock.csv.gz", len(ROWS), "application/gzip")
    assert read(ROWS, facts=facts) == [(facts, ROWS)]


@pytest.mark.parametrize("data", [b"", b"P", b"PK", b"BZh1", b"BZh11", b"(", b"P*M", b"\x1f", b"BZh1;A-1\n", b"\xfd7zXY12"])
def test_what_only_begins_like_a_magic_is_plain(data: bytes) -> None:
    """Text may begin with PK or BZh1, and a document may be shorter than any magic."""
    for step in (1, 100):
        assert read(data, step=step) == [(DocumentFacts("feed"), data)]


@pytest.mark.parametrize(("head", "packing"), [(b"\x1f\x8b", "gzip"), (b"PK\x03", "zip"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f", "zstd")])
def test_the_stump_of_a_magic_is_a_file_cut_short(head: bytes, packing: str) -> None:
    """No text is two bytes of gzip."""
    with pytest.raises(Retry, match=f"feed: the compressed file ends early, within its {packing} data"):
        read(head)


def test_plain_chunks_pass_through_as_the_same_objects() -> None:
    """What is not packed costs nothing: no copy is made, and the pipeline may leave the stage out once it knows."""
    chunks = [b"P", b"K;stock\n", b"A-1;5\n" * 100]
    decoder = Decoder(Decoding(), DocumentFacts("feed"))
    assert (list(decoder.feed(chunks[0])), decoder.passthrough) == ([], None)
    second = list(decoder.feed(chunks[1]))
    third = list(decoder.feed(chunks[2]))
    assert [part for part in (*second, *third) if part in chunks] == chunks
    assert all(any(part is chunk for part in (*second, *third)) for chunk in chunks)
    assert (decoder.passthrough, decoder.reason) == (True, None)
    assert list(decoder.finish()) == [Ended()]


def test_the_setting_none_leaves_the_bytes_alone() -> None:
    """A plugin that reads packed files itself gets them."""
    packed = gzip.compress(ROWS)
    decoder = Decoder(Decoding("none"), DocumentFacts("feed"))
    assert decoder.passthrough
    assert list(decoder.feed(packed)) == [Opened(DocumentFacts("feed")), packed]


@pytest.mark.parametrize(
    ("compression", "data", "message"),
    [("gzip", ROWS, "feed is not packed, going by its first bytes, but the setting compression says gzip.*set compression to none"),
     ("zip", gzip.compress(ROWS), "feed is gzip data, .* compression says zip.*set compression to gzip, or leave it unset"),
     ("xz", bz2.compress(ROWS), "feed is bzip2 data, .* compression says xz"),
     ("zstd", archive(("a", b"b")), "feed is zip data, .* compression says zstd"),
     ("zip", b"<html>Please log in</html>", "feed is not packed, .* compression says zip")],
    ids=["plain", "gzip", "bzip2", "zip", "html"],
)  # fmt: skip
def test_a_setting_that_does_not_fit_the_bytes_is_refused(compression: str, data: bytes, message: str) -> None:
    """The message names what was set and what came."""
    with pytest.raises(RefuseRun, match=message):
        read(data, compression=compression)


def test_a_setting_speaks_of_the_outermost_layer() -> None:
    """Within it the bytes tell."""
    assert read(gzip.compress(bz2.compress(ROWS)), compression="gzip") == [(DocumentFacts("feed"), ROWS)]


@pytest.mark.parametrize("packing", PACK)
def test_members_are_joined_and_padding_is_nothing(packing: str) -> None:
    """Files are packed piece by piece, and tapes pad them out with NULs; neither changes what they say."""
    packed = b"".join(PACK[packing](part) for part in (ROWS[:500], b"", ROWS[500:]))
    for step in (1, 10**6):
        assert read(packed + bytes(512), step=step)[0][1] == ROWS


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("behind", [b"x", b"\n", b"\0\0<html>", b"sku;stock\nA-1;0\n"])
def test_bytes_behind_the_last_member_are_refused(packing: str, behind: bytes) -> None:
    """Nobody can say what they are: a second file that was appended, or an error page of the server's."""
    with pytest.raises(RefuseRun, match=f"bytes that are no {packing} follow the end of its {packing} data.*nothing was applied"):
        read(PACK[packing](ROWS) + behind)


def test_frames_to_skip_are_skipped() -> None:
    """Zstandard's frames for other programs (RFC 8878, section 3.1.2) hold no data, wherever they stand."""
    frame = PACK["zstd"](ROWS)
    assert read(SKIPPED + frame + SKIPPED + frame + SKIPPED, step=1)[0][1] == ROWS * 2
    with pytest.raises(Retry, match="ends early"):
        read(frame + SKIPPED[:-1])


@pytest.mark.parametrize("packing", PACK)
def test_a_packed_file_cut_short_is_tried_again(packing: str) -> None:
    """Half a feed is never a feed; the second member may be the one that is cut."""
    packed = PACK[packing](ROWS) * 2
    for kept in (len(packed) - 1, len(packed) - 9, len(packed) * 3 // 4, len(packed) // 2 + 2, len(packed) // 4):
        with pytest.raises(Retry, match=f"the compressed file ends early, within its {packing} data: nothing was applied"):
            read(packed[:kept])


@pytest.mark.parametrize("packing", PACK)
def test_a_damaged_file_is_tried_again(packing: str) -> None:
    """A bit that flipped is found by the sums, if by nothing before them."""
    packed = bytearray(PACK[packing](ROWS))
    packed[len(packed) // 2] ^= 0x10
    with pytest.raises((Retry, RefuseRun), match="nothing was applied"):
        read(bytes(packed))


@pytest.mark.parametrize(("at", "message"), [(-1, "its length"), (-5, "its check sum"), (3, "its header has flags that mean nothing")])
def test_gzip_is_held_to_its_sums(at: int, message: str) -> None:
    """Check sum, length and reserved flags (RFC 1952) are each looked at: the fast library alone would let the last one pass."""
    packed = bytearray(gzip.compress(ROWS))
    packed[at] ^= 0x80
    with pytest.raises(Retry, match=f"feed: the compressed file is damaged .gzip: {message}.*try again later"):
        read(bytes(packed))


def test_a_gzip_header_that_does_not_end_is_damage() -> None:
    """A name of a megabyte would be held in memory until its end."""
    with pytest.raises(Retry, match="its header does not end"):
        read(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 1_000_000, step=65536)


def test_layers_are_unpacked_three_deep() -> None:
    """A gzip around a gzip is a server's mistake; four are a trap."""
    thrice = gzip.compress(bz2.compress(gzip.compress(ROWS)))
    decoder = Decoder(Decoding(), DocumentFacts("feed"))
    parts = [*decoder.feed(thrice), *decoder.finish()]
    assert b"".join(part for part in parts if isinstance(part, bytes)) == ROWS
    assert decoder.reason == "gzip, then bzip2, then gzip (magic bytes)"
    with pytest.raises(RefuseRun, match=r"feed is packed more than 3 times over.*send it packed once"):
        read(gzip.compress(thrice))


@pytest.mark.parametrize(("compression", "reason"), [(None, "gzip (magic bytes)"), ("gzip", "gzip (set by the feed)")])
def test_how_it_was_unpacked_is_shown(compression: str | None, reason: str) -> None:
    """The run's dialect names the packing and who says so."""
    decoder = Decoder(Decoding(compression), DocumentFacts("feed"))
    list(decoder.feed(gzip.compress(ROWS)))
    assert (decoder.reason, decoder.passthrough) == (reason, False)


def test_parts_that_nobody_reads_are_not_lost_in_silence() -> None:
    """Feeding on while an iterator still holds a part of the document is a fault of ours, and says so."""
    decoder = Decoder(Decoding(), DocumentFacts("feed"))
    next(decoder.feed(gzip.compress(ROWS)))
    with pytest.raises(InternalError, match="a part of the document would be lost"):
        decoder.finish()


def test_a_feed_says_how_it_is_unpacked() -> None:
    """The settings reach the stage."""
    settings = {"compression": "zip", "transport.member": "*.csv", "transport.maxRatio": 9, "transport.maxBytes": 10}
    assert Decoding.of(build_feed("acme", settings)) == Decoding("zip", "*.csv", 9, 10)
    assert Decoding.of(build_feed("acme", {})) == Decoding()
