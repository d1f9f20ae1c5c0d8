"""The section on transports, and what is promised of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from benchmarks.promise import Promise, write_promises
from benchmarks.transports.streams import Stream, Streams

PROMISED_BYTES: Final = 1e9
"""For how many bytes the promise is made: a tenth of fewer may be over before every buffer was full once."""

PROMISED_GROWTH: Final = 16e6


def check_streams(found: Streams) -> list[Promise]:
    """Compare every transport with what is promised: memory does not grow with what is streamed."""
    if found.size < PROMISED_BYTES:
        return []
    most = max(found.streams, key=lambda stream: stream.growth)
    text = f"peak RSS at {_gigabytes(found.size)} is at most 16 MB over that at a tenth of it, over every transport"
    return [Promise(text, f"at most {most.growth / 1e6:+.1f} MB ({most.title})", most.growth <= PROMISED_GROWTH)]


def write_section(found: Streams) -> Iterator[str]:
    """Yield the lines."""
    size = _gigabytes(found.size)
    yield from ("", "## Transports", "")
    yield from textwrap.wrap(
        f"{size} of CSV through each connector alone, on loopback, every chunk counted and dropped; *gzip* goes through the decode stage "
        "too and counts as what it unpacks to, *rest* as JSON in pages. The connector runs in a fresh process, the server in another, and "
        "so does, in its turn, the program in C that fetches the same from the same server. MB/s is by the connector's own clock, without "
        "starting Python, and by the other's from its start to its exit. *Busy* is CPU seconds by seconds of the whole process: near 100 % "
        "the client is what limits, well below it waits for the server. "
        f"{found.programs}.",
        118,
        break_on_hyphens=False,
    )
    yield ""
    yield f"| transport | MB/s | busy | in C | MB/s | busy | peak RSS, {size} | a tenth of it | difference | peak RSS in C |"
    yield "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    yield from map(_row, found.streams)
    if found.missing:
        yield from ("", f"**Not installed, so nothing was compared with: {', '.join(found.missing)}.**")
    yield from write_promises(check_streams(found))


def _row(stream: Stream) -> str:
    whole, peer = stream.whole, stream.peer
    ours = f"{stream.rate / 1e6:,.0f} | {_share(whole.cpu, whole.wall)}"
    memory = f"{_megabytes(whole.peak_rss)} | {_megabytes(stream.tenth.peak_rss)} | {stream.growth / 1e6:+.1f} MB"
    if peer is None or stream.peer_rate is None:
        return f"| {stream.title} | {ours} | ({stream.peer_title}) | | | {memory} | |"
    theirs = f"{stream.peer_title} | {stream.peer_rate / 1e6:,.0f} | {_share(peer.cpu, peer.wall)}"
    return f"| {stream.title} | {ours} | {theirs} | {memory} | {_megabytes(peer.peak_rss)} |"


def _share(cpu: float, wall: float) -> str:
    return f"{cpu / wall:.0%}" if wall else ""


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2g} GB"
