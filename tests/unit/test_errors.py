"""The error tree: families by what the engine does next, and messages that are whole."""

from __future__ import annotations

import pytest

from engine import errors
from engine.errors import (
    ConfigError,
    FeedmillError,
    InternalError,
    PluginError,
    RefuseRun,
    RejectRecord,
    Retry,
    Stalled,
    Superseded,
)


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (Retry, FeedmillError),
        (Stalled, Retry),
        (RejectRecord, FeedmillError),
        (RefuseRun, FeedmillError),
        (Superseded, RefuseRun),
        (ConfigError, FeedmillError),
        (PluginError, FeedmillError),
        (InternalError, FeedmillError),
    ],
)
def test_the_tree_says_what_the_engine_does_next(child: type[FeedmillError], parent: type[FeedmillError]) -> None:
    """Each error stands directly below its family."""
    assert child.__bases__ == (parent,)


def test_the_tree_is_drawn_whole() -> None:
    """Every error of the module is in the drawing at its head."""
    names = {name for name, thing in vars(errors).items() if isinstance(thing, type) and issubclass(thing, FeedmillError)}
    assert names
    assert all(name in str(errors.__doc__) for name in names)


def test_families_do_not_overlap() -> None:
    """What is tried again is not refused, what is one record's fault is not the run's."""
    families = (Retry, RejectRecord, RefuseRun, ConfigError, PluginError, InternalError)
    assert not [(one, two) for one in families for two in families if one is not two and issubclass(one, two)]


def test_a_retry_carries_its_delay_as_data() -> None:
    """Seconds as the supplier asked for, None when it said nothing."""
    assert Retry("busy", retry_after=120.0).retry_after == 120.0
    assert Retry("busy").retry_after is None
    assert Stalled("still").retry_after is None


def test_a_configuration_error_lists_every_fault() -> None:
    """One line per fault, and the same as data."""
    error = ConfigError("feed 'x' has invalid settings", problems=("a: b", "c: d"))
    assert str(error) == "feed 'x' has invalid settings\n  - a: b\n  - c: d"
    assert error.problems == ("a: b", "c: d")
    assert str(ConfigError("short")) == "short"


def test_a_plugin_error_names_plugin_distribution_and_hook() -> None:
    """Its reader knows whom to ask."""
    error = PluginError("returned None", plugin="ods", distribution="feedmill-ods", hook="register_mappers")
    assert str(error) == "plugin 'ods' (distribution 'feedmill-ods'), register_mappers: returned None"
    assert (error.plugin, error.distribution, error.hook) == ("ods", "feedmill-ods", "register_mappers")
