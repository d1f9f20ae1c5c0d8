"""The mark by which a function is known as a hook implementation. What the hooks are is said in `plugins.hookspecs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import pluggy

PROJECT: Final = "feedmill"
"""The name under which hooks are marked and entry points are grouped."""

F = TypeVar("F", bound=Callable[..., Any])

_mark: Final = pluggy.HookimplMarker(PROJECT)


def hookimpl(function: F) -> F:
    """Mark a function as the implementation of the hook of its own name; it is returned unchanged.

    Stands in the engine because the built-in rooms register like strangers and may import nothing else of ours. A name that
    is no hook, or an argument the hook does not have, is a `PluginError` when the plugin is loaded.
    """
    # Our own signature: a plugin author's types never depend on the library that carries the hooks.
    return _mark(function)
