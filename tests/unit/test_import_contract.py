"""Which room may import which: the arrows of the architecture, kept by a test."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("engine", "connectors", "mappers", "sinks", "plugins", "feedmill")
OUTSIDE = {"tests", "benchmarks", "examples", "docs"}
ALLOWED = {room: {room, "engine"} for room in ROOMS} | {"engine": {"engine"}, "feedmill": set(ROOMS)}
INTERFACES = {f"engine/{name}.py" for name in ("contracts", "batch", "document", "errors", "run")}
MODULES = sorted(path.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the top-level package of every import of a module, those for type checkers and inside functions too."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, (node.module or "").partition(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_the_rooms_it_may(module: str) -> None:
    """The engine knows no other room, the other rooms know only the engine, and only `feedmill` knows all."""
    room = module.partition("/")[0]
    forbidden = (OUTSIDE | set(ROOMS)) - ALLOWED[room]
    breaches = [f"{module}:{line} imports {package!r}" for line, package in imports(module) if package in forbidden]
    assert not breaches, f"room {room!r} may import only {sorted(ALLOWED[room])}: {'; '.join(breaches)}"


@pytest.mark.parametrize("module", sorted(INTERFACES))
def test_an_interface_stands_alone(module: str) -> None:
    """The modules that a plugin author programs against import the standard library and the engine, nothing else."""
    known = sys.stdlib_module_names | {"engine"}
    breaches = [f"{module}:{line} imports {package!r}" for line, package in imports(module) if package not in known]
    assert not breaches, f"no third-party type may reach the plugin API: {'; '.join(breaches)}"


def test_every_room_is_looked_at() -> None:
    """The contract is checked on real modules of all six rooms, not on an empty list."""
    assert {module.partition("/")[0] for module in MODULES} == set(ROOMS)
    assert set(MODULES) >= INTERFACES
