"""What a partial change makes of a stored feed, before anything is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.errors import ConfigError
from feedmill.service.definition.merging import State, merge_changes, merge_new
from sinks.sqlite.service.resources.feeds import FeedRow

SETTINGS: Mapping[str, Any] = {
    "resourceType": "json",
    "resourceLocation": "https://api.example/items",
    "allocationBuffer": 3,
    "guard": {"minItems": 5, "enabled": False},
    "transport": {"attempts": 2},
}
SECRETS: Mapping[str, Any] = {
    "hash": "inbound",
    "resourceLocation": "https://api.example/items",
    "authenticationToken": "client",
    "authenticationSecret": "s3cret",
    "parameters": [{"name": "key", "value": "k3y", "type": "header"}],
}
STATE = State(FeedRow(7, 1, "acme", SETTINGS, b"", "", None, 0, None, None, None, 0, 0), SECRETS, {})


def merged(**sent: Any) -> dict[str, Any]:
    """Return the attributes of the stored feed after a change."""
    return merge_changes(STATE, sent, {})


def faults(**sent: Any) -> set[str]:
    """Return the attributes that a refused change names."""
    with pytest.raises(ConfigError) as caught:
        merged(**sent)
    assert "s3cret" not in str(caught.value)
    assert "k3y" not in str(caught.value)
    return {problem.partition(":")[0] for problem in caught.value.problems}


def test_null_is_the_default_and_objects_are_merged_one_level_deep() -> None:
    """Only what is sent changes, also inside guard and transport; null takes an attribute away."""
    after = merged(
        allocationBuffer=None, guard={"enabled": None, "maxMissingRatio": 0.5}, transport={"maxBytes": 9}, pagination={"style": "link"}
    )
    assert "allocationBuffer" not in after
    assert after["guard"] == {"minItems": 5, "maxMissingRatio": 0.5}
    assert (after["transport"], after["pagination"]) == ({"attempts": 2, "maxBytes": 9}, {"style": "link"})
    assert (after["authenticationSecret"], after["parameters"]) == ("s3cret", SECRETS["parameters"])
    assert "guard" not in merged(guard=None)


def test_secrets_stay_with_their_host() -> None:
    """Whatever is sent to the host is given anew, or given up, when the host changes; that of a login address too."""
    every = {"authenticationToken", "authenticationSecret", "parameters"}
    assert faults(resourceLocation="https://other.example/items") == every
    assert faults(resourceLocation=None) == every
    assert faults(resourceLocation="https://other.example/", authenticationToken="***", authenticationSecret="new") == every - {
        "authenticationSecret"
    }
    assert faults(transport={"auth": "oauth2", "tokenUrl": "https://login.example/token"}) == every
    own = {"auth": "oauth2", "tokenUrl": "https://api.example/token"}
    assert merged(transport=own)["authenticationSecret"] == "s3cret"
    anew = merged(resourceLocation="https://other.example/", authenticationToken=None, authenticationSecret="new", parameters=[])
    assert (anew["authenticationSecret"], anew["parameters"]) == ("new", [])
    assert merged(resourceLocation="https://api.example:443/other")["authenticationSecret"] == "s3cret"


def test_a_new_feed_has_nothing_that_a_mask_could_stand_for() -> None:
    """What is mandatory, unknown, computed or masked is named at once, when a feed is made."""
    with pytest.raises(ConfigError) as caught:
        merge_new({"name": "a", "id": 3, "nmae": "b", "authenticationSecret": "***", "parameters": [{"name": "k", "value": "***"}]})
    named = [problem.partition(":")[0] for problem in caught.value.problems]
    assert named == ["nmae", "id", "resourceType", "dropshipProviderId", "authenticationSecret", "parameters"]
