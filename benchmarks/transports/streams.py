"""Each transport at two sizes, a tenth and the whole, in turns with its peer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.measure import Measurement, SubjectFailed, measure_command, measure_module, middle
from benchmarks.transports.cases import Case, describe_programs, find_missing, make_cases
from benchmarks.transports.material import write_material
from benchmarks.transports.suppliers import serve_all

TRANSPORTS: Final = "transports"
"""The name of this benchmark on the command line."""

_TENTH: Final = 10
_TIMES_ON_DISK: Final = 1.5


@dataclass(frozen=True, slots=True)
class Stream:
    """The medians of one transport. `size` is in bytes; `peer` is None where the program is not installed."""

    title: str
    size: int
    whole: Measurement
    tenth: Measurement
    peer_title: str
    peer: Measurement | None

    @property
    def rate(self) -> float:
        """Return the bytes a second, by the subject's own clock."""
        return self.size / self.whole.seconds

    @property
    def peer_rate(self) -> float | None:
        """Return the bytes a second of the peer, from its start to its exit."""
        return self.size / self.peer.wall if self.peer is not None else None

    @property
    def growth(self) -> int:
        """Return by how many bytes the peak of memory of the whole is over that of a tenth."""
        return self.whole.peak_rss - self.tenth.peak_rss


@dataclass(frozen=True, slots=True)
class Streams:
    """All transports, `times` times, with files of `size` bytes and of a tenth of that.

    `missing` are the programs that are not installed, `programs` tells the versions of those that took part.
    """

    size: int
    times: int
    streams: list[Stream]
    missing: list[str]
    programs: str


def measure_streams(size: int, times: int, say: Callable[[str], None]) -> Streams:
    """Measure every transport several times. Raises `SubjectFailed` where the disk does not hold the files."""
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-") as directory:
        free, wanted = shutil.disk_usage(directory).free, size * _TIMES_ON_DISK
        if free < wanted:
            raise SubjectFailed(f"{directory} has {free / 1e9:.1f} GB left, not {wanted / 1e9:.1f}: set TMPDIR, or --gigabytes to less")
        return _measure_all(Path(directory), size, times, say)


def _measure_all(directory: Path, size: int, times: int, say: Callable[[str], None]) -> Streams:
    missing = find_missing()
    if missing:
        say(f"WARNING: not installed: {', '.join(missing)} (Debian and Ubuntu: curl, openssh-client): NOTHING IS COMPARED with these")
    whole, tenth = write_material(directory, size), write_material(directory, size // _TENTH)
    say(f"{whole.size / 1e6:,.0f} MB and {tenth.size / 1e6:,.0f} MB over each transport")
    with serve_all(directory) as suppliers:
        if suppliers.ssh.in_python:
            say("WARNING: sshd is not installed (Debian and Ubuntu: openssh-server): the server in Python is SLOWER THAN WHAT IS MEASURED")
        pairs = zip(make_cases(whole, suppliers), make_cases(tenth, suppliers), strict=True)
        streams = [_measure(case, smaller, case.peer.partition(",")[0] not in missing, times, say) for case, smaller in pairs]
        return Streams(whole.size, times, streams, missing, describe_programs(suppliers))


def _measure(case: Case, smaller: Case, compared: bool, times: int, say: Callable[[str], None]) -> Stream:
    tenth, whole, peer = [], [], []
    for _ in range(times):
        tenth.append(_fetch(smaller))
        whole.append(_fetch(case))
        if compared:
            peer.append(measure_command(case.command, "", rows=1))
    stream = Stream(case.title, case.size, middle(whole), middle(tenth), case.peer, middle(peer) if compared else None)
    beside = f", {case.peer} {stream.peer_rate / 1e6:,.0f}" if stream.peer_rate is not None else ""
    say(f"{case.title}: {stream.rate / 1e6:,.0f} MB/s{beside}; peak RSS {stream.whole.peak_rss / 1e6:.0f} MB, {stream.growth / 1e6:+.1f}")
    return stream


def _fetch(case: Case) -> Measurement:
    run = measure_module("transports.fetch", case.task.dump())
    if run.facts["bytes"] != case.size:
        raise SubjectFailed(f"{case.title}: {run.facts['bytes']} bytes came, not {case.size}")
    return run
