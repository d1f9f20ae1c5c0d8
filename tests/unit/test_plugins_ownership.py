"""Feedmill's plainly named packages are Feedmill's, or the start says whose they are."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from engine.errors import ConfigError
from plugins import ownership
from plugins.ownership import PACKAGES, check_ownership, foreign_packages, package_file


def _install(home: Path) -> tuple[dict[str, Path | None], dict[Path, str]]:
    """Lay all packages out as an installer does and give files and digests."""
    files: dict[str, Path | None] = {}
    digests = {}
    for package in PACKAGES:
        file = home / package / "__init__.py"
        file.parent.mkdir(parents=True)
        file.write_text(f'"""{package}"""')
        files[package] = file
        digests[file] = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
    return files, digests


def test_this_installation_is_feedmills_own() -> None:
    """The check passes here, editable or not."""
    check_ownership()


def test_packages_side_by_side_with_their_own_digests_are_ours(tmp_path: Path) -> None:
    """An untouched installation has no problem, and an editable one, which lists no digests, none either."""
    files, digests = _install(tmp_path)
    assert foreign_packages(files, digests) == {}
    assert foreign_packages(files, {}) == {}


def test_a_package_that_was_overwritten_is_named(tmp_path: Path) -> None:
    """Another distribution that wrote its own `engine` over ours shows by the digest."""
    files, digests = _install(tmp_path)
    (tmp_path / "engine" / "__init__.py").write_text("# the search engine")
    problems = foreign_packages(files, digests)
    assert list(problems) == ["engine"]
    assert "is not the file that Feedmill installed" in problems["engine"]


def test_a_package_that_is_shadowed_is_named(tmp_path: Path) -> None:
    """A package of the same name earlier on the path shows by its place."""
    files, digests = _install(tmp_path / "site")
    others, _ = _install(tmp_path / "project")
    problems = foreign_packages({**files, "sinks": others["sinks"]}, digests)
    assert list(problems) == ["sinks"]
    assert "is imported from" in problems["sinks"]


def test_a_package_that_is_gone_is_named(tmp_path: Path) -> None:
    """Uninstalling another distribution can take files of ours away."""
    files, digests = _install(tmp_path)
    assert foreign_packages({**files, "mappers": None}, digests) == {"mappers": "its __init__.py is missing"}


def test_all_faults_come_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads one error with every package in it and the cure."""

    def elsewhere(package: str) -> Path | None:
        return package_file(package) if package not in ("engine", "plugins") else Path("/elsewhere") / package / "__init__.py"

    monkeypatch.setattr(ownership, "package_file", elsewhere)
    with pytest.raises(ConfigError, match="virtual environment of its own") as caught:
        check_ownership()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["engine", "plugins"]
