"""The registry: which plugin answers which scheme, format and rule, and who listens. Loaded once, then never changed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from engine.contracts import Connector, ConnectorSpec, FieldRuleSpec, MapperSpec, SinkSpec
from engine.errors import ConfigError, PluginError
from engine.events import RunEvent
from plugins import hookspecs
from plugins.carrier import Hooks
from plugins.discovery import Candidate, discover, installed_plugins
from plugins.ownership import check_ownership

S = TypeVar("S")

_EVENT_HOOK: Final = hookspecs.feedmill_run_event.__name__


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A loaded plugin as people see it; `adds` has entries such as `connector http`, `mapper csv`, `listener run_event`."""

    name: str
    distribution: str
    version: str
    adds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seam(Generic[S]):
    """One kind of thing a plugin may add: its hook, the spec it returns, and under which names a spec is found."""

    hook: str
    spec: type[S]
    noun: str
    key: str
    names: Callable[[S], Sequence[str]]


_CONNECTORS: Final = _Seam("feedmill_connectors", ConnectorSpec, "connector", "URL scheme", lambda spec: spec.schemes)
_MAPPERS: Final = _Seam("feedmill_mappers", MapperSpec, "mapper", "format", lambda spec: (spec.format,))
_SINKS: Final = _Seam("feedmill_sinks", SinkSpec, "sink", "URL scheme", lambda spec: spec.schemes)
_RULES: Final = _Seam("feedmill_field_rules", FieldRuleSpec, "rule", "name", lambda spec: (spec.name,))


@dataclass(frozen=True, slots=True)
class _Claim(Generic[S]):
    spec: S
    owner: Candidate


@dataclass(frozen=True, slots=True)
class _Table(Generic[S]):
    """What was claimed of one seam, by name."""

    seam: _Seam[S]
    claims: Mapping[str, _Claim[S]]

    def find(self, name: str) -> _Claim[S]:
        claim = self.claims.get(name.lower())
        if claim is None:
            near = difflib.get_close_matches(name.lower(), self.claims, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; a plugin that adds a {self.seam.noun} may have to be installed"
            known = ", ".join(sorted(self.claims)) or "none"
            raise ConfigError(f"no {self.seam.noun} answers the {self.seam.key} {name!r}: installed are {known}{hint}")
        return claim

    def added_by(self, owner: Candidate) -> Iterator[str]:
        return (f"{self.seam.noun} {name}" for name, claim in self.claims.items() if claim.owner is owner)


@dataclass(frozen=True, slots=True)
class _Listener:
    owner: Candidate
    call: Callable[..., object]


class Registry:
    """Everything the installed plugins add. Made by `load_registry`; safe to share, for nothing in it changes."""

    __slots__ = ("_connectors", "_listeners", "_mappers", "_plugins", "_rules", "_sinks")

    def __init__(self, hooks: Hooks) -> None:
        self._connectors = _claim(_CONNECTORS, hooks)
        self._mappers = _claim(_MAPPERS, hooks)
        self._sinks = _claim(_SINKS, hooks)
        self._rules = _claim(_RULES, hooks)
        self._listeners = tuple(_Listener(owner, caller) for owner, caller in hooks.implementing(_EVENT_HOOK))
        self._plugins = tuple(self._describe(candidate) for candidate in hooks.candidates)

    def connector(self, scheme: str) -> Connector:
        """Make the connector for a URL scheme.

        Raises `ConfigError`, naming what is installed, when no plugin answers the scheme, and `PluginError` when the plugin's
        factory fails.
        """
        claim = self._connectors.find(scheme)
        with claim.owner.blamed_for(f"connector {scheme}", "making it"):
            return claim.spec.create()

    def mapper(self, name: str) -> MapperSpec:
        """Return the mapper of a format; raises `ConfigError`, naming what is installed, when there is none."""
        return self._mappers.find(name).spec

    def sink(self, scheme: str) -> SinkSpec:
        """Return the sink of a URL scheme; raises `ConfigError`, naming what is installed, when there is none."""
        return self._sinks.find(scheme).spec

    def field_rule(self, name: str) -> FieldRuleSpec:
        """Return a field rule by its name; raises `ConfigError`, naming what is installed, when there is none.

        What the rule raises but `RejectRecord`, or returns but text, is a `PluginError` that names its plugin.
        """
        claim = self._rules.find(name)

        def apply(text: str) -> str:
            with claim.owner.blamed_for(f"rule {name}", "applying it"):
                result: object = claim.spec.apply(text)
            if not isinstance(result, str):
                raise claim.owner.error(f"rule {name}", f"returned {type(result).__name__} for {text!r}; return the new text")
            return result

        return replace(claim.spec, apply=apply)

    def notify(self, event: RunEvent) -> tuple[PluginError, ...]:
        """Tell every listener of an event and return the errors of those that failed.

        Errors are returned, not raised: a broken listener must not cost a run. The caller logs them.
        """
        return tuple(error for listener in self._listeners if (error := _tell(listener, event)) is not None)

    def plugins(self) -> tuple[PluginInfo, ...]:
        """Return the loaded plugins, Feedmill's own first."""
        return self._plugins

    def _describe(self, candidate: Candidate) -> PluginInfo:
        tables = (self._connectors, self._mappers, self._sinks, self._rules)
        adds = [added for table in tables for added in table.added_by(candidate)]
        if any(listener.owner is candidate for listener in self._listeners):
            adds.append("listener run_event")
        return PluginInfo(candidate.name, candidate.distribution, candidate.version, tuple(adds))


def load_registry(*, extra: Sequence[object] = ()) -> Registry:
    """Load every installed plugin, and those in `extra` (modules or objects with marked functions), and call their hooks.

    Raises `PluginError` for the first plugin that will not import, breaks a hook's contract or claims what another has
    claimed, `ConfigError` when Feedmill's own packages were overwritten. It reads files, so call it before the event loop runs
    or in a worker thread.
    """
    check_ownership()
    return Registry(Hooks(discover(installed_plugins(), extra)))


def registry_of(*plugins: object) -> Registry:
    """Make a registry of these plugins alone, without anything installed: for tests and for embedding."""
    return Registry(Hooks(discover((), plugins)))


def _claim(seam: _Seam[S], hooks: Hooks) -> _Table[S]:
    claims: dict[str, _Claim[S]] = {}
    for owner, call in hooks.implementing(seam.hook):
        for spec in _specs(seam, owner, call):
            for name in _names(seam, owner, spec):
                taken = claims.setdefault(name, _Claim(spec, owner))
                if taken.spec is not spec:
                    raise owner.error(f"hook {seam.hook}", _taken(seam.noun, name, taken.owner, owner))
    return _Table(seam, MappingProxyType(claims))


def _specs(seam: _Seam[S], owner: Candidate, call: Callable[..., list[object]]) -> Iterator[S]:
    with owner.blamed_for(f"hook {seam.hook}", "calling it"):
        answers = call()
    # The carrier of the hooks drops an answer of None, so no answer at all is exactly that.
    answer = answers[0] if answers else None
    if isinstance(answer, str) or not isinstance(answer, Sequence):
        raise owner.error(f"hook {seam.hook}", f"returned {type(answer).__name__}; return a list or tuple of {seam.spec.__name__}")
    for entry in answer:
        if not isinstance(entry, seam.spec):
            raise owner.error(f"hook {seam.hook}", f"returned an entry of type {type(entry).__name__}; each must be a {seam.spec.__name__}")
        yield entry


def _names(seam: _Seam[S], owner: Candidate, spec: S) -> Iterator[str]:
    names = seam.names(spec)
    # A forgotten comma makes ("http") a text, which would register the schemes h, t and p.
    if isinstance(names, str) or not names or not all(isinstance(name, str) and name for name in names):
        raise owner.error(f"hook {seam.hook}", f"a {seam.spec.__name__} has {names!r} where a tuple of {seam.key}s belongs")
    return (name.lower() for name in names)


def _taken(noun: str, name: str, first: Candidate, second: Candidate) -> str:
    if first is second:
        return f"registers the {noun} {name!r} twice"
    return f"the {noun} {name!r} is already registered by plugin {first.label}; uninstall one of the two"


def _tell(listener: _Listener, event: RunEvent) -> PluginError | None:
    try:
        # A listener has no say in what the engine does next, so no family of errors but the plugin's own gets through.
        with listener.owner.blamed_for(f"hook {_EVENT_HOOK}", f"telling it of {type(event).__name__}", passing=PluginError):
            listener.call(event=event)
    except PluginError as error:
        return error
    return None
