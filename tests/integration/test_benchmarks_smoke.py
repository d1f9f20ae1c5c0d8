"""The benchmarks run: nobody should find out that they do not on the day a figure is needed."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import Measurement, SubjectFailed, measure_command, measure_module
from benchmarks.parts import PARTS
from benchmarks.startup import AGAIN, FIRST, IMPORTS, UNCHANGED, VERSION, Starts, check_starts, write_starts
from benchmarks.transports.material import page, write_material
from benchmarks.transports.report import check_streams, write_section
from benchmarks.transports.streams import Stream, Streams

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmarks from the repository's root, as `make bench` does."""
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_one_subject_can_be_measured_alone() -> None:
    """`--only` measures that subject and no other."""
    done = run("--smoke", "--only", "map")
    assert done.returncode == 0, done.stderr
    assert PARTS["map"].title in done.stdout
    assert "Whole syncs" not in done.stdout
    assert "## Transports" not in done.stdout


def test_memory_of_children_counts() -> None:
    """The peak is that of a process and its children together, and no less than either has really touched."""
    child = "import sys, time; held = b'x' * 50_000_000; time.sleep(0.2)"
    script = f"import subprocess, sys; held = b'x' * 30_000_000; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    measured = measure_command([sys.executable, "-"], script, rows=1)
    assert measured.peak_rss > 80_000_000
    assert measured.wall > measured.cpu > 0


def test_a_child_on_its_way_is_not_counted() -> None:
    """A process that starts others takes no more than itself, whenever it is looked at: until its program runs, a child is its parent."""
    script = "import subprocess; held = b'x' * 60_000_000; [subprocess.run(['true'], check=True) for _ in range(300)]"
    measured = measure_command([sys.executable, "-"], script, rows=1)
    assert 60_000_000 < measured.peak_rss < 110_000_000


def test_a_subject_that_fails_fails_the_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A sync that ends as `error` is never taken for a fast one."""
    monkeypatch.chdir(ROOT)
    with pytest.raises(SubjectFailed, match=r"benchmarks\.sync"):
        measure_module("sync", str(tmp_path / "missing.csv"), str(tmp_path / "shop.db"))


def test_packed_material_is_the_plain_one(tmp_path: Path) -> None:
    """What is streamed as gzip unpacks to the very bytes that are streamed plain; pages are of one length and differ."""
    made = write_material(tmp_path, 5_000_000)
    plain = made.plain.read_bytes()
    assert gzip.decompress(made.packed.read_bytes()) == plain
    assert len(plain) == made.size >= 5_000_000
    assert page(1) != page(2)
    assert len(page(1)) == len(page(made.pages)) == made.size_of_pages // made.pages


@pytest.mark.parametrize(("growth", "kept"), [(16_000_000, True), (16_100_000, False)])
def test_memory_that_grows_breaks_a_promise(growth: int, kept: bool) -> None:
    """A transport whose peak of memory is more than 16 MB higher at ten times the bytes is told by name, and is no success."""
    flat, grown = (Measurement(1, 1.0, 1.0, 1.0, peak) for peak in (50_000_000, 50_000_000 + growth))
    found = Streams(
        4 * 10**9,
        1,
        [Stream("ftp", 4 * 10**9, flat, flat, "curl", None), Stream("sftp", 4 * 10**9, grown, flat, "sftp", None)],
        ["curl"],
        "",
    )
    (promise,) = check_streams(found)
    assert promise.kept is kept
    assert "(sftp)" in promise.found
    section = "\n".join(write_section(found))
    assert ("**no**" in section) is not kept
    assert "nothing was compared with: curl" in section


@pytest.mark.parametrize(("extra", "body", "kept"), [(0.0, 0, True), (0.11, 0, False), (0.0, 1, False)])
def test_a_slow_start_breaks_a_promise(extra: float, body: int, kept: bool) -> None:
    """What is promised of starting is judged by what a process takes above the interpreter of its own round, and by bytes of body."""

    def took(seconds: float) -> list[Measurement]:
        return [Measurement(10, each, each, each, 50_000_000) for each in (seconds, seconds + 0.1, seconds, seconds, seconds)]

    walls = {VERSION: 0.12, FIRST: 0.5, AGAIN: 0.5, UNCHANGED: 0.49, IMPORTS: 0.4}
    found = Starts({name: took(wall + 0.01) for name, wall in walls.items()}, took(0.02), body)
    found.runs[UNCHANGED] = took(0.49 + extra)
    promises = check_starts(found)
    assert [promise.kept for promise in promises] == [True, True, True, not extra, not body]
    assert ("**no**" in "\n".join(write_starts(found))) is not kept
    assert check_starts(Starts({name: runs[:4] for name, runs in found.runs.items()}, found.bare[:4], 1)) == []
