"""`import feedmill`: what it offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import feedmill


@pytest.mark.parametrize("name", feedmill.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Names load when they are asked for; each one that is promised can be had."""
    assert getattr(feedmill, name) is not None


def test_the_promise_and_the_homes_agree() -> None:
    """`__all__`, the lazy table and `dir()` list the same names, in order."""
    assert feedmill.__all__ == sorted(feedmill.__all__)
    assert set(feedmill.__all__) == set(feedmill._HOME_OF)
    assert dir(feedmill) == feedmill.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A misspelt name fails as it does in any module."""
    with pytest.raises(AttributeError, match="no attribute 'synch'"):
        getattr(feedmill, "".join(("syn", "ch")))


def test_importing_feedmill_loads_nothing_heavy() -> None:
    """A plugin author who needs `hookimpl`, and `feedmill --version`, pay for no library of the rest."""
    code = "import sys, feedmill; feedmill.hookimpl; print([m for m in ('aiohttp', 'pydantic', 'sqlalchemy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
