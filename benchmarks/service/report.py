"""The section on pushes, and what is promised of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from benchmarks.promise import Promise, write_promises
from benchmarks.service.push import CONNECTIONS, Load, Pushes

PROMISED_RATIO: Final = 0.5
_PROMISED_REQUESTS: Final = 10_000
"""For how many requests the promise is made: the first ones open connections and grow the file."""


def check_pushes(found: Pushes) -> list[Promise]:
    """Compare single pushes with what is promised: at least half the rate of a handler that stores nothing."""
    if found.requests < _PROMISED_REQUESTS:
        return []
    text = f"single pushes on {CONNECTIONS} connections, each on disk before its answer, at least half the rate of a bare handler"
    return [Promise(text, f"{found.ratio:.2f} of it", found.ratio >= PROMISED_RATIO)]


def write_pushes(found: Pushes) -> Iterator[str]:
    """Yield the lines."""
    yield from ("", "### Pushes", "")
    yield from textwrap.wrap(
        f"`feedmill serve` as it is installed, {CONNECTIONS} keep-alive connections, each of which sends the next item when the "
        "last one was answered; the client is a "
        "process of its own, and so is each server. The bare handler is of the same server library, parses the same body and answers "
        f"it, and stores nothing. Figures are medians of {found.times}, pairs in turn; the ratio is that of the pairs. Batches have "
        "50 items, on 8 connections, and count until the last one is applied.",
        118,
        break_on_hyphens=False,
    )
    yield from ("", "| server | requests/s | median | p99 | CPU a request |", "| --- | ---: | ---: | ---: | ---: |")
    yield _row("the service, single pushes", found.ours)
    yield _row("bare handler", found.bare)
    yield from ("", f"Ratio: {found.ratio:.2f}. Items of batches: {found.batched_items:.0f} a second.")
    yield from write_promises(check_pushes(found))


def _row(title: str, load: Load) -> str:
    return f"| {title} | {load.rate:.0f} | {load.median * 1e3:.1f} ms | {load.p99 * 1e3:.1f} ms | {load.cpu * 1e6:.0f} µs |"
