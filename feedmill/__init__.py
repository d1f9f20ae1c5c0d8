"""Feedmill: import suppliers' inventory feeds and keep one idempotent, queryable picture of every item.

This module is the public API, for programs and for plugin authors; everything else may move. `sync` runs a feed, `preview`
shows one, `load_catalogue` brings what items are connected to; `diff`, `history`, `undo` and their like are for what came of it. The
plugin API is `hookimpl`, the specs and the protocols.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.batch import Batch, Flaw, ItemBatch, RawRecords, Reject
    from engine.contracts import (
        Checkpoint,
        Connector,
        ConnectorSpec,
        DocumentFacts,
        FeedDefinition,
        FieldRuleSpec,
        Mapper,
        MapperSettings,
        MapperSpec,
        PresetField,
        Sink,
        SinkSession,
        SinkSpec,
        StageSummary,
    )
    from engine.document import Document
    from engine.errors import (
        ConfigError,
        FeedmillError,
        InternalError,
        InvalidItem,
        LimitReached,
        NotModified,
        PluginError,
        RefuseRun,
        RejectRecord,
        Retry,
        Stalled,
        Superseded,
        UnderWay,
    )
    from engine.events import RunEvent, RunFinished, RunStarted
    from engine.feed import Feed, FieldRow, GuardLimits
    from engine.flow.preview import Preview, PreviewField, PreviewRecord
    from engine.flow.tally import Progress
    from engine.hooks import hookimpl
    from engine.run import Counts, Problem, RunRecord, RunStatus, StageTimes
    from engine.schema import ATTRIBUTES, Attribute, Kind
    from engine.settings.transport import Transport
    from engine.source import (
        Courtesy,
        Egress,
        Expansion,
        Paging,
        Patience,
        Persistence,
        Request,
        RequestParameter,
        Secret,
        Source,
        Ssh,
        Tls,
    )
    from feedmill.catalogue import CatalogueLoad, connect_item, disconnect_item, list_catalogue, load_catalogue
    from feedmill.feedfile.model import FeedFile, load_feed_file
    from feedmill.items import edit, push, remove
    from feedmill.library import guess, preview, sync
    from feedmill.operations import approve, changes, diff, history, reject, undo
    from feedmill.process import tune_process
    from feedmill.service.outbox.signing import verify_signature
    from mappers.guessing.guess import Guess
    from plugins.manager import Registry, load_registry
    from sinks.sqlite.history.diff import RunDiff
    from sinks.sqlite.history.judging import Conflict
    from sinks.sqlite.history.kinds import FieldChange, ItemChange
    from sinks.sqlite.history.log import HistoryEntry, ItemHistory
    from sinks.sqlite.history.undo import UndoOutcome
    from sinks.sqlite.single.calls import Written

_HOMES = {
    "engine.batch": "Batch Flaw ItemBatch RawRecords Reject",
    "engine.contracts": "Checkpoint Connector ConnectorSpec DocumentFacts FeedDefinition FieldRuleSpec Mapper MapperSettings MapperSpec "
    "PresetField Sink SinkSession SinkSpec StageSummary",
    "engine.document": "Document",
    "engine.errors": "ConfigError FeedmillError InternalError InvalidItem LimitReached NotModified PluginError RefuseRun RejectRecord "
    "Retry Stalled Superseded UnderWay",
    "engine.events": "RunEvent RunFinished RunStarted",
    "engine.feed": "Feed FieldRow GuardLimits",
    "engine.flow.preview": "Preview PreviewField PreviewRecord",
    "engine.flow.tally": "Progress",
    "engine.hooks": "hookimpl",
    "engine.run": "Counts Problem RunRecord RunStatus StageTimes",
    "engine.schema": "ATTRIBUTES Attribute Kind",
    "engine.settings.transport": "Transport",
    "engine.source": "Courtesy Egress Expansion Paging Patience Persistence Request RequestParameter Secret Source Ssh Tls",
    "feedmill.catalogue": "CatalogueLoad connect_item disconnect_item list_catalogue load_catalogue",
    "feedmill.feedfile.model": "FeedFile load_feed_file",
    "feedmill.items": "edit push remove",
    "feedmill.library": "guess preview sync",
    "feedmill.operations": "approve changes diff history reject undo",
    "feedmill.process": "tune_process",
    "feedmill.service.outbox.signing": "verify_signature",
    "mappers.guessing.guess": "Guess",
    "plugins.manager": "Registry load_registry",
    "sinks.sqlite.history.diff": "RunDiff",
    "sinks.sqlite.history.judging": "Conflict",
    "sinks.sqlite.history.kinds": "FieldChange ItemChange",
    "sinks.sqlite.history.log": "HistoryEntry ItemHistory",
    "sinks.sqlite.history.undo": "UndoOutcome",
    "sinks.sqlite.single.calls": "Written",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ATTRIBUTES",
    "Attribute",
    "Batch",
    "CatalogueLoad",
    "Checkpoint",
    "ConfigError",
    "Conflict",
    "Connector",
    "ConnectorSpec",
    "Counts",
    "Courtesy",
    "Document",
    "DocumentFacts",
    "Egress",
    "Expansion",
    "Feed",
    "FeedDefinition",
    "FeedFile",
    "FeedmillError",
    "FieldChange",
    "FieldRow",
    "FieldRuleSpec",
    "Flaw",
    "GuardLimits",
    "Guess",
    "HistoryEntry",
    "InternalError",
    "InvalidItem",
    "ItemBatch",
    "ItemChange",
    "ItemHistory",
    "Kind",
    "LimitReached",
    "Mapper",
    "MapperSettings",
    "MapperSpec",
    "NotModified",
    "Paging",
    "Patience",
    "Persistence",
    "PluginError",
    "PresetField",
    "Preview",
    "PreviewField",
    "PreviewRecord",
    "Problem",
    "Progress",
    "RawRecords",
    "RefuseRun",
    "Registry",
    "Reject",
    "RejectRecord",
    "Request",
    "RequestParameter",
    "Retry",
    "RunDiff",
    "RunEvent",
    "RunFinished",
    "RunRecord",
    "RunStarted",
    "RunStatus",
    "Secret",
    "Sink",
    "SinkSession",
    "SinkSpec",
    "Source",
    "Ssh",
    "StageSummary",
    "StageTimes",
    "Stalled",
    "Superseded",
    "Tls",
    "Transport",
    "UnderWay",
    "UndoOutcome",
    "Written",
    "approve",
    "changes",
    "connect_item",
    "diff",
    "disconnect_item",
    "edit",
    "guess",
    "history",
    "hookimpl",
    "list_catalogue",
    "load_catalogue",
    "load_feed_file",
    "load_registry",
    "preview",
    "push",
    "reject",
    "remove",
    "sync",
    "tune_process",
    "undo",
    "verify_signature",
]


def __getattr__(name: str) -> object:
    # Names load when they are asked for: a plugin author who needs `hookimpl`, and `feedmill --version`, pay for nothing else.
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
