"""The JSON Schema of `feedmill.toml`, for editors: made of the models that validate it."""

from __future__ import annotations

from typing import Any

from feedmill.feedfile.declared import DeclaredFeed
from feedmill.feedfile.schema import as_toml, describe_feed
from feedmill.service.config.loading import FEEDS
from feedmill.service.settings import ServiceSettings


def service_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12). It takes what TOML can say: no null, and lists as lists."""
    made = ServiceSettings.model_json_schema()
    feed = describe_feed(DeclaredFeed)
    del feed["properties"]["to"]
    made["$defs"] = {**made["$defs"], **feed.pop("$defs"), "DeclaredFeed": {**feed, "title": "[[feeds]]", "required": ["name"]}}
    made["properties"][FEEDS] = {
        "type": "array",
        "items": {"$ref": "#/$defs/DeclaredFeed"},
        "description": "Feeds that `feedmill feeds apply` makes and changes.",
    }
    for name, definition in made["$defs"].items():
        if name in _sections():
            definition["title"] = f"[{_sections()[name]}]"
        for schema in definition["properties"].values():
            schema.pop("title", None)
    for schema in made["properties"].values():
        schema.pop("title", None)
    made.update(title="feedmill.toml", description="How a Feedmill service runs.")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **as_toml(made)}


def _sections() -> dict[str, str]:
    named = {type(field.default).__name__: name for name, field in ServiceSettings.model_fields.items()}
    return {**named, "Smtp": "alerts.smtp"}
