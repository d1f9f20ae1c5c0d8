"""The hooks of Feedmill. Implement any of them in a module, mark it with `feedmill.hookimpl`, name it in an entry point.

::

    [project.entry-points.feedmill]
    excel = "feedmill_excel"

Built-in connectors, mappers and sinks come through these same hooks. Each is called once, when the registry is loaded, but
for `feedmill_run_event`. Keep them cheap: import a heavy library inside the factory you return, not in the hook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pluggy

from engine.hooks import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.contracts import ConnectorSpec, FieldRuleSpec, MapperSpec, SinkSpec
    from engine.events import RunEvent

_hookspec: Final = pluggy.HookspecMarker(PROJECT)


@_hookspec
def feedmill_connectors() -> Sequence[ConnectorSpec]:
    """Return the connectors you add, each for one or more URL schemes. A scheme that is taken already is a `PluginError`."""
    return ()


@_hookspec
def feedmill_mappers() -> Sequence[MapperSpec]:
    """Return the mappers you add, each for one format. A format that is taken already is a `PluginError`."""
    return ()


@_hookspec
def feedmill_sinks() -> Sequence[SinkSpec]:
    """Return the sinks you add, each for one or more URL schemes. A scheme that is taken already is a `PluginError`."""
    return ()


@_hookspec
def feedmill_field_rules() -> Sequence[FieldRuleSpec]:
    """Return the field rules you add, by names that mapping rows list. A name that is taken already is a `PluginError`."""
    return ()


@_hookspec
def feedmill_run_event(event: RunEvent) -> None:
    """Hear of the begin and the end of every run, in the order in which they happen.

    A plain function, called on the event loop: return at once and hand longer work to a thread of your own. What it raises is
    logged with your plugin's name and changes nothing about the run.
    """
