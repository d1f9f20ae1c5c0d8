"""The lock files tell the truth about the bounds in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]
TESTED = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"], *GROUPS["dev"]]
"""What `make test-lowest` installs; no test of the product runs on the tools that make pages."""
LOCKED = [*TESTED, *GROUPS["docs"]]


def pins(name: str) -> dict[str, Version]:
    """Return the version that a lock file pins each distribution to."""
    text = (ROOT / name).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(distribution): Version(version) for distribution, version in found}


def lower_bound(requirement: Requirement) -> Version:
    """Return the lowest version that a requirement allows."""
    (bound,) = (Version(part.version) for part in requirement.specifier if part.operator == ">=")
    return bound


@pytest.mark.parametrize("text", sorted({*LOCKED, *GROUPS["lock"]}))
def test_every_direct_dependency_is_bounded(text: str) -> None:
    """Each has one lower and one upper bound, so that no release of tomorrow can break an install of today."""
    assert sorted(part.operator for part in Requirement(text).specifier) == ["<", ">="], f"write {text!r} as NAME>=LOWEST,<NEXT"


@pytest.mark.parametrize("text", sorted(set(LOCKED)))
def test_the_lock_pins_within_the_bounds(text: str) -> None:
    """constraints.txt holds every direct dependency at a version that pyproject.toml allows."""
    requirement = Requirement(text)
    locked = pins("constraints.txt").get(canonicalize_name(requirement.name))
    assert locked is not None, f"constraints.txt misses {requirement.name}: run `make lock`"
    assert locked in requirement.specifier, f"constraints.txt has {requirement.name} {locked}, but {text}: run `make lock`"


@pytest.mark.parametrize("text", sorted(set(TESTED)))
def test_the_lowest_lock_is_the_lower_bound(text: str) -> None:
    """constraints-lowest.txt holds every direct dependency at exactly its lower bound: what we allow is what CI runs."""
    requirement = Requirement(text)
    lowest = pins("constraints-lowest.txt").get(canonicalize_name(requirement.name))
    assert lowest == lower_bound(requirement), f"constraints-lowest.txt has {requirement.name} {lowest}, but {text}: run `make lock`"


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-lowest.txt"])
def test_a_lock_names_no_place(name: str) -> None:
    """A lock holds versions only: no index, no host, no path of the machine that wrote it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-|\s@\s|[ =]/", text, re.MULTILINE), f"{name} names an index, an option or a path"
