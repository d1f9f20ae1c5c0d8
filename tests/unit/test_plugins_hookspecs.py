"""The hooks document themselves, and what the kits and the registry promise stays complete."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from engine.hooks import hookimpl
from plugins import hookspecs
from plugins.conformance import connector, mapper

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("feedmill_")}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_documented_and_typed(name: str) -> None:
    """Every hook has a docstring and full annotations: they are all a plugin author is given."""
    hook = HOOKS[name]
    assert len(inspect.getdoc(hook) or "") > 60
    assert set(inspect.get_annotations(hook)) == {*inspect.signature(hook).parameters, "return"}


def test_the_mark_changes_nothing_about_a_function() -> None:
    """A marked function is the same function, callable in its author's own tests."""

    def function() -> int:
        return 5

    assert hookimpl(function) is function
    assert function() == 5


@pytest.mark.parametrize("kit", [connector, mapper])
def test_every_check_of_a_kit_is_listed_and_states_its_rule(kit: Any) -> None:
    """No check is written and forgotten, and each says its rule, from which the component specification is made."""
    checks: tuple[Callable[..., object], ...] = kit.CHECKS
    public = {
        name
        for name, value in vars(kit).items()
        if inspect.isfunction(value) and value.__module__ == kit.__name__ and not name.startswith("_")
    }
    assert public == {check.__name__ for check in checks}
    assert len(checks) == len(set(checks))
    assert all(check.__doc__ for check in checks)
