"""The section on transports, and what is promised of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from benchmarks.measure import Measurement
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
        f"so does, in its turn, the program in C that fetches the same from the same server; figures are medians of {found.times}. MB/s is "
        "by the connector's own clock, without starting Python, and by the other's from its start to its exit. CPU seconds and peak RSS "
        "are of the whole process. *Busy* is CPU seconds by seconds of the process: near 100 % the connector is what limits, well below "
        f"it waits for the server. {found.programs}.",
        118,
        break_on_hyphens=False,
    )
    yield ""
    yield f"| transport | MB/s | busy | CPU s/GB | in C | MB/s | CPU s/GB | peak RSS, {size} | a tenth of it | difference |"
    yield "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    yield from map(_row, found.streams)
    if found.missing:
        yield from ("", f"**Not installed, so nothing was compared with: {', '.join(found.missing)}.**")
    yield from write_promises(check_streams(found))


def _row(stream: Stream) -> str:
    whole, peer = stream.whole, stream.peer
    ours = f"{stream.rate / 1e6:,.0f} | {whole.cpu / whole.wall:.0%} | {_per_gigabyte(whole, stream)}"
    theirs = "| |" if peer is None else f"{stream.size / peer.wall / 1e6:,.0f} | {_per_gigabyte(peer, stream)} |"
    memory = f"{_megabytes(whole.peak_rss)} | {_megabytes(stream.tenth.peak_rss)} | {stream.growth / 1e6:+.1f} MB"
    return f"| {stream.title} | {ours} | {stream.peer_title} | {theirs} {memory} |"


def _per_gigabyte(run: Measurement, stream: Stream) -> str:
    return f"{run.cpu / stream.size * 1e9:.2f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.2g} GB"
