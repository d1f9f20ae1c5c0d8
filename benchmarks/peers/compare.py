"""The job through every peer in turn: from a file and over HTTP, three times each, into databases that must end equal."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio

from benchmarks.catalogue import CatalogueFile, write_catalogue
from benchmarks.measure import Measurement, SubjectFailed, middle
from benchmarks.peers.command_line import read_schema
from benchmarks.peers.subjects import AGAIN, CHANGED, FEEDMILL, FIRST, STEPS, Peer, find_peers, make_feedmill
from benchmarks.peers.values import read_fingerprint

PEERS: Final = "peers"
"""The name of this benchmark on the command line."""

FILE: Final = "file"
HTTP: Final = "HTTP"
WAYS: Final = (FILE, HTTP)

_SOURCE: Final = "supplier.csv"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """One cell of the comparison: which way the file came, which run of it, who, and whether on a tenth of the rows."""

    way: str
    step: str
    name: str
    slow: bool


@dataclass(slots=True)
class Comparison:
    """What was measured, by place; the ratios are of each pair, how many times as fast as the peer Feedmill was."""

    rows: int
    slow_rows: int
    peers: list[Peer]
    missing: list[str]
    runs: dict[Place, list[Measurement]] = field(default_factory=dict)
    ratios: dict[Place, list[float]] = field(default_factory=dict)

    def median_of(self, place: Place) -> Measurement:
        """Return the medians of a place."""
        return middle(self.runs[place])

    @property
    def versions(self) -> str:
        """Return who was compared with, each once with its version."""
        return ", ".join(dict.fromkeys(f"{peer.name.partition(' into')[0]} {peer.version}".strip() for peer in self.peers))


def compare_peers(directory: Path, url: str, rows: int, pairs: int, say: Say) -> Comparison:
    """Measure every peer that is installed. Raises `SubjectFailed` when one fails, or ends with another table than Feedmill.

    `url` is where the files of `directory` are served.
    """
    peers, missing = find_peers(anyio.run(read_schema, directory / "schema.db"))
    found = Comparison(rows, max(1_000, rows // 10), peers, missing)
    if missing:
        say(f"WARNING: not installed, so not compared: {', '.join(missing)}")
    for slow, size in ((False, found.rows), (True, found.slow_rows)):
        group = [make_feedmill(), *(peer for peer in peers if peer.slow is slow)]
        files = [write_catalogue(directory, size, version=version) for version in (0, 1)] if len(group) > 1 else []
        for pair in range(pairs if files else 0):
            for way in WAYS:
                round_ = _Round(found, directory / f"{way}-{pair}", directory / _SOURCE, url, way, slow, say)
                round_.run(group, files, pair)
        for file in files:
            file.path.unlink()
    return found


@dataclass(frozen=True, slots=True)
class _Round:
    """All peers of a group once, step by step, so that what is compared was measured within the same minutes."""

    found: Comparison
    directory: Path
    source: Path
    url: str
    way: str
    slow: bool
    say: Say

    def run(self, group: Sequence[Peer], files: Sequence[CatalogueFile], pair: int) -> None:
        self.directory.mkdir()
        for step, file in zip(STEPS, (files[0], files[0], files[1]), strict=True):
            # The same name throughout: a supplier's file changes where it is. A hard link would change the time of the file itself.
            self.source.unlink(missing_ok=True)
            self.source.symlink_to(file.path)
            taking_part = [peer for peer in group if step in peer.steps]
            turn = pair % len(taking_part)
            runs = {peer.name: self._measure(peer, step, file.rows) for peer in (*taking_part[turn:], *taking_part[:turn])}
            self._note_ratios(taking_part, step, runs)
            self._check_equal([peer for peer in taking_part if step == peer.steps[-1]], group[0])
        shutil.rmtree(self.directory)

    def _measure(self, peer: Peer, step: str, rows: int) -> Measurement:
        source = str(self.source) if self.way == FILE else self.url + self.source.name
        run = peer.measure(source, self._database(peer), rows)
        place = Place(self.way, step, peer.name, self.slow)
        self.say(f"{peer.name}, {self.way}, {step}: {run.seconds:.2f} s ({run.wall:.2f} s), {run.peak_rss / 1e6:.0f} MB")
        if run.rows != rows:
            raise SubjectFailed(f"{peer.name} read {run.rows} records of {rows}")
        if peer.name == FEEDMILL:
            _check_counts(run, step, rows)
        self.found.runs.setdefault(place, []).append(run)
        return run

    def _note_ratios(self, peers: Sequence[Peer], step: str, runs: dict[str, Measurement]) -> None:
        ours = runs[FEEDMILL]
        for peer in peers:
            if peer.name != FEEDMILL:
                theirs = runs[peer.name]
                ratio = theirs.wall / ours.wall if peer.clock == "wall" else theirs.seconds / ours.seconds
                self.found.ratios.setdefault(Place(self.way, step, peer.name, self.slow), []).append(ratio)

    def _check_equal(self, ended: Sequence[Peer], ours: Peer) -> None:
        if not ended:
            return
        expected = read_fingerprint(ours.store, self._database(ours), ours.query)
        for peer in ended:
            if peer is ours:
                continue
            read = read_fingerprint(peer.store, self._database(peer), peer.query)
            if read != expected:
                raise SubjectFailed(
                    f"the tables differ, {self.way}: {expected.rows} items of Feedmill's ({expected.digest}), {read.rows} of {peer.name}'s "
                    f"({read.digest})"
                )

    def _database(self, peer: Peer) -> Path:
        return self.directory / f"{peer.name.replace(' ', '-')}.db"


def _check_counts(run: Measurement, step: str, rows: int) -> None:
    changed = rows // 100
    expected = {
        FIRST: {"created": rows, "updated": 0, "unchanged": 0},
        AGAIN: {"created": 0, "updated": 0, "unchanged": rows},
        CHANGED: {"created": 0, "updated": changed, "unchanged": rows - changed},
    }[step]
    counted = {name: run.facts[name] for name in expected}
    if counted != expected:
        raise SubjectFailed(f"{step}: expected {expected}, but the run counted {counted}")
