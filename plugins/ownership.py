"""The check that Feedmill's plainly named packages are Feedmill's: `engine` and its neighbours could be anybody's."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from engine.errors import ConfigError

DISTRIBUTION: Final = "feedmill"
PACKAGES: Final = ("feedmill", "engine", "connectors", "mappers", "sinks", "plugins")


def check_ownership() -> None:
    """Raise one `ConfigError` when a package of ours is shadowed by, or overwritten with, somebody else's.

    Asking `packages_distributions()` outright reads the file list of everything installed (0.1 s with 60 distributions,
    measured, and more with each) and knows nothing of editable installs. Two cheap questions find the same: do all our packages
    lie side by side, and has each `__init__.py` the digest our own file list gives it? Only a bad answer pays for a name.
    """
    try:
        ours = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise ConfigError("feedmill is not installed, only importable: install it (pip install feedmill, or pip install -e .)") from None
    files = {package: package_file(package) for package in PACKAGES}
    problems = foreign_packages(files, recorded_digests(ours))
    if problems:
        raise ConfigError(
            "another distribution has taken packages of Feedmill's; install Feedmill in a virtual environment of its own",
            problems=tuple(f"{package}: {reason}{_culprits(package)}" for package, reason in problems.items()),
        )


def package_file(package: str) -> Path | None:
    """Return the `__init__.py` a package is imported from, without importing it; None when there is none."""
    spec = find_spec(package)
    return Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None


def recorded_digests(ours: Distribution) -> dict[Path, str]:
    """Return the SHA-256 our file list gives each `__init__.py`; an editable install lists none."""
    return {
        Path(str(ours.locate_file(entry))).resolve(): entry.hash.value
        for entry in ours.files or ()
        if entry.name == "__init__.py" and entry.hash is not None and entry.hash.mode == "sha256"
    }


def foreign_packages(files: dict[str, Path | None], digests: dict[Path, str]) -> dict[str, str]:
    """Return what is wrong, by package. `files` are where packages are imported from, `digests` what ours should be."""
    problems = {}
    home = files[DISTRIBUTION]
    for package, file in files.items():
        if file is None or home is None:
            problems[package] = "its __init__.py is missing"
        elif file.parent.parent != home.parent.parent:
            problems[package] = f"is imported from {file.parent}, not from beside {home.parent}"
        elif file in digests and file.is_file() and _digest(file) != digests[file]:
            problems[package] = f"{file} is not the file that Feedmill installed"
    return problems


def _digest(file: Path) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode("ascii")


def _culprits(package: str) -> str:
    others = sorted(set(packages_distributions().get(package, ())) - {DISTRIBUTION})
    return f" (also in {', '.join(others)})" if others else ""
