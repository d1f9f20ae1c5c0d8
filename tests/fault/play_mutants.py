"""The seeded defects of `mutants.py`: each is put into a copy of the tree, and the tests that it names must notice it there.

Run by `make mutants`, which CI does too; every defect starts processes of its own, which is too much for each `make test`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from shutil import copytree
from typing import Final

import pytest
from anyio import create_task_group, to_thread

from tests.fault.mutants import MUTANTS, Mutant

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = ("engine", "connectors", "mappers", "sinks", "plugins", "feedmill", "tests")
AT_ONCE: Final = 2
SOUND: Final = ("tests/unit/test_sqlite_scopes.py", "tests/fault/test_sqlite_killed.py::test_run_after_a_kill_in_a_rejection")
"""What shows that a copy of the tree is sound: tests of which one starts a process. All of them run in the tree itself anyway."""


@pytest.mark.timeout(600)
async def test_every_mutant_is_killed(copies: SimpleQueue[Path]) -> None:
    """Each defect makes at least one of its tests fail, and that is not the copy's fault."""
    told: dict[str, str] = {}

    def judge(mutant: Mutant | None) -> None:
        tree = copies.get()
        try:
            told["no defect" if mutant is None else mutant.name] = play(tree, mutant)
        finally:
            copies.put(tree)

    async with create_task_group() as tasks:
        for mutant in (None, *MUTANTS):
            tasks.start_soon(to_thread.run_sync, judge, mutant)
    assert told == {"no defect": "passed", **{mutant.name: "killed" for mutant in MUTANTS}}


@pytest.fixture
def copies(tmp_path: Path) -> SimpleQueue[Path]:
    """Return as many copies of the tree as are worked on at once, compiled files included."""
    made: SimpleQueue[Path] = SimpleQueue()
    for number in range(AT_ONCE):
        tree = tmp_path / str(number)
        for part in PARTS:
            copytree(ROOT / part, tree / part)
        (tree / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
        made.put(tree)
    return made


def play(tree: Path, mutant: Mutant | None) -> str:
    """Return what became of a mutant in a tree, or of a tree without one."""
    tests = SOUND if mutant is None else mutant.tests
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    with seeded(tree, mutant):
        done = subprocess.run(
            command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    said = done.stdout.decode()[-2_000:]
    if done.returncode == pytest.ExitCode.OK:
        return "passed"
    return "killed" if done.returncode == pytest.ExitCode.TESTS_FAILED and mutant is not None else f"did not run: {said}"


@contextmanager
def seeded(tree: Path, mutant: Mutant | None) -> Iterator[None]:
    """Put a defect into a tree for the length of the block."""
    if mutant is None:
        yield
        return
    file = tree / mutant.file
    text = file.read_text()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        yield
    finally:
        file.write_text(text)
