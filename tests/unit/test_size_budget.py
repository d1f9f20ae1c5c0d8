"""The budgets that keep the house small: lines of a module, lines of a function, modules of a folder."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).parents[2]
ROOMS = ("engine", "connectors", "mappers", "sinks", "plugins", "feedmill")
SOURCES = {path.relative_to(ROOT): path.read_text(encoding="utf-8") for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}

MODULE_MEDIAN, MODULE_CAP = 200, 600
FUNCTION_MEDIAN, FUNCTION_P90, FUNCTION_CAP = 10, 35, 80
FOLDER_CAP = 14


def over(sizes: dict[str, int], cap: int) -> dict[str, int]:
    """Return what is over its cap, the largest first."""
    return dict(sorted(((name, size) for name, size in sizes.items() if size > cap), key=lambda entry: -entry[1]))


def test_modules_stay_small() -> None:
    """No module is over its cap, and half of them are within the median."""
    sizes = {str(path): text.count("\n") for path, text in SOURCES.items()}
    assert not over(sizes, MODULE_CAP), f"split by what changes together; modules over {MODULE_CAP} lines"
    assert median(sizes.values()) <= MODULE_MEDIAN


def test_functions_stay_small() -> None:
    """No function is over its cap, nine in ten are within the 90th percentile, half within the median; docstrings count."""
    sizes = {
        f"{path}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not over(sizes, FUNCTION_CAP), f"name the steps; functions over {FUNCTION_CAP} lines"
    assert quantiles(sizes.values(), n=10)[-1] <= FUNCTION_P90, over(sizes, FUNCTION_P90)
    assert median(sizes.values()) <= FUNCTION_MEDIAN


def test_folders_stay_small() -> None:
    """No folder holds more modules than a reader takes in at a glance."""
    sizes = Counter(str(path.parent) for path in SOURCES)
    assert not over(sizes, FOLDER_CAP), f"give a theme its own folder; folders over {FOLDER_CAP} modules"
