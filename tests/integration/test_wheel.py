"""The wheel, built once: it holds the six rooms and nothing else, and it works without the source tree."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {"feedmill", "engine", "connectors", "mappers", "sinks", "plugins"}

LOAD_ENTRY_POINTS = """
from importlib.metadata import distribution
for entry in distribution("feedmill").entry_points:
    entry.load()
    print(entry.group, entry.name, "=", entry.value)
"""


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end and return its output; show all of it when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the locked hatchling of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack the wheel: a pure one is installed by that, and its folder goes first on the path."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files(root: Path) -> set[str]:
    """Return the files under a folder, without what Python caches there."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def python(installed: Path, code: str) -> str:
    """Run code with the wheel's files ahead of the source tree that the environment links to."""
    return run(sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r})\n{code}", cwd=installed)


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path, installed: Path) -> None:
    """The top of the wheel is the six packages and its own metadata; tests, docs and benchmarks stay at home."""
    dist_info = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    assert {path.name for path in installed.iterdir()} == ROOMS | {dist_info}
    assert (installed / dist_info / "licenses" / "LICENSE").is_file()


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_is_packed_whole(room: str, installed: Path) -> None:
    """Every file of a room is in the wheel, typing marker, migrations and templates too, and none is made up."""
    assert files(installed / room) == files(ROOT / room)
    assert (installed / room / "py.typed").is_file()


def test_the_wheel_imports_without_the_source_tree(installed: Path) -> None:
    """Each of the six packages comes from the wheel's own files."""
    origins = python(installed, f"import {', '.join(sorted(ROOMS))}\nfor room in {sorted(ROOMS)!r}: print(sys.modules[room].__file__)")
    assert all(Path(origin).is_relative_to(installed) for origin in origins.splitlines())
    assert len(origins.splitlines()) == len(ROOMS)


def test_every_entry_point_of_the_wheel_loads(installed: Path) -> None:
    """The console script and the built-in plugins are declared, and each name leads to something that is there."""
    loaded = python(installed, LOAD_ENTRY_POINTS).splitlines()
    assert {line.partition(" = ")[0] for line in loaded} >= {
        "console_scripts feedmill",
        "feedmill connectors",
        "feedmill mappers",
        "feedmill sinks",
    }
