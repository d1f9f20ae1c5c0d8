"""From installed distributions to plugin objects: entry points are read and imported here, hooks are called elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from typing import Final

from engine.errors import FeedmillError, PluginError
from engine.hooks import PROJECT

GIVEN: Final = "given in code"
"""Stands for the distribution of a plugin that no other process can load."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin object that was found but not asked anything yet, and whose it is."""

    name: str
    distribution: str
    version: str
    plugin: object

    @property
    def label(self) -> str:
        """Return name and distribution as messages show them."""
        return f"{self.name!r} (distribution {self.origin!r})"

    @property
    def origin(self) -> str:
        """Return the distribution with its version, as an error names it."""
        return f"{self.distribution} {self.version}".strip()

    def error(self, hook: str, message: str) -> PluginError:
        """Make the error that names this plugin."""
        return PluginError(message, plugin=self.name, distribution=self.origin, hook=hook)

    @contextmanager
    def blamed_for(self, hook: str, doing: str, *, passing: type[FeedmillError] = FeedmillError) -> Iterator[None]:
        """Turn whatever a stranger's code raises into a `PluginError` that names it; errors of the `passing` family pass."""
        try:
            yield
        except passing:
            raise
        except Exception as error:
            raise self.error(hook, f"{doing} raised {type(error).__name__}: {error}") from error


def installed_plugins() -> Iterable[EntryPoint]:
    """Return the entry points of every installed plugin, Feedmill's own first, then by distribution and name.

    A fixed order keeps listeners' order and messages the same from start to start.
    """
    found = entry_points(group=PROJECT)
    return sorted(found, key=lambda entry: (_owner(entry)[0] != PROJECT, _owner(entry), entry.name))


def discover(entries: Iterable[EntryPoint], extra: Sequence[object] = ()) -> list[Candidate]:
    """Import the plugin behind each entry point and add those given in code; raise `PluginError` for what will not load."""
    return [_import(entry) for entry in entries] + [_given(plugin) for plugin in extra]


def _import(entry: EntryPoint) -> Candidate:
    candidate = Candidate(entry.name, *_owner(entry), plugin=None)
    with candidate.blamed_for(f"entry point {entry.name} = {entry.value}", "importing it"):
        return Candidate(entry.name, *_owner(entry), plugin=entry.load())


def _owner(entry: EntryPoint) -> tuple[str, str]:
    return _identity(entry.dist) if entry.dist is not None else ("unknown", "")


@lru_cache(maxsize=64)
def _identity(distribution: Distribution) -> tuple[str, str]:
    """Return name and version. Each of the two properties would parse the whole of the metadata, README and all, every time."""
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


def _given(plugin: object) -> Candidate:
    name = getattr(plugin, "__name__", None) or type(plugin).__name__
    return Candidate(str(name), GIVEN, "", plugin)
