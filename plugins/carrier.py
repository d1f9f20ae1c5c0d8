"""The one module that knows the library which carries the hooks: registering plugins with it and calling one at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import pluggy

from engine.hooks import PROJECT
from plugins import hookspecs
from plugins.discovery import Candidate

REGISTRATION: Final = "registration"


class Hooks:
    """Every plugin's marked functions, checked against the hookspecs; raises `PluginError` for one that does not fit.

    Each plugin has a carrier of its own: every answer and every error belongs to one plugin, and one plugin's failure never
    keeps a call from the others.
    """

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self.candidates = candidates
        self._carriers = [(candidate, _carry(candidate)) for candidate in candidates]
        _check_distinct(candidates)

    def implementing(self, hook: str) -> Iterator[tuple[Candidate, Callable[..., list[object]]]]:
        """Yield, in load order, the plugins that implement a hook, each with a call that reaches it alone."""
        for candidate, carrier in self._carriers:
            caller = getattr(carrier.hook, hook)
            if caller.get_hookimpls():
                yield candidate, caller


def _carry(candidate: Candidate) -> pluggy.PluginManager:
    carrier = pluggy.PluginManager(PROJECT)
    carrier.add_hookspecs(hookspecs)
    try:
        carrier.register(candidate.plugin, candidate.name)
        carrier.check_pending()
    except pluggy.PluginValidationError as error:
        raise candidate.error(REGISTRATION, f"{_one_line(error)}; {_known_hooks()}") from None
    marked = [found for caller in carrier.get_hookcallers(candidate.plugin) or () for found in caller.get_hookimpls()]
    if not marked:
        raise candidate.error(REGISTRATION, _nothing_marked(candidate.plugin))
    for found in marked:
        if inspect.iscoroutinefunction(found.function):
            raise candidate.error(f"hook {found.function.__name__}", "is an async function; hooks are plain functions")
    return carrier


def _check_distinct(candidates: Sequence[Candidate]) -> None:
    seen: set[int] = set()
    for candidate in candidates:
        if id(candidate.plugin) in seen:
            raise candidate.error(REGISTRATION, "the same module is registered twice; remove one of its entry points")
        seen.add(id(candidate.plugin))


def _hook_names() -> list[str]:
    return sorted(name for name in vars(hookspecs) if name.startswith(f"{PROJECT}_"))


def _known_hooks() -> str:
    return f"the hooks are {', '.join(_hook_names())}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _nothing_marked(plugin: object) -> str:
    named = [name for name in _hook_names() if callable(getattr(plugin, name, None))]
    if named:
        return f"has {', '.join(named)}, but not marked with @hookimpl, so nothing was registered"
    return f"implements no hook: mark its functions with @hookimpl; {_known_hooks()}"
