"""The JSON Schema of `feed.toml`, for editors: made of the models that validate it and the words of the reference."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any, Final

from feedmill.feedfile.model import FeedFile

_LINK: Final = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_FIRST: Final = ("name", "source", "to")
_DECIMAL: Final = r"^[-+]?[0-9]+(\.[0-9]+)?$"
_NOTES_OF: Final = {
    "FieldRow": ("row",),
    "GuardLimits": ("guard",),
    "JsonField": ("json_row", "row"),
    "Pagination": ("pagination",),
    "Parameter": ("parameter",),
    "Rewrite": ("rewrite",),
    "Transport": ("transport",),
}


def feed_file_schema() -> dict[str, Any]:
    """Return the schema (JSON Schema 2020-12). It takes what TOML can say: no null, and lists as lists."""
    made = describe_feed(FeedFile)
    made.update(title="feed.toml", description="One inventory feed of Feedmill.", required=["name", "source"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **as_toml(made)}


def describe_feed(model: type[FeedFile]) -> dict[str, Any]:
    """Return the schema of a feed in a file as its model has it, with the words of the reference."""
    made = model.model_json_schema(by_alias=True)
    notes = tomllib.loads(files("engine.settings").joinpath("notes.toml").read_text("utf-8"))
    _describe(made, {name: note for theme in notes["feed"].values() for name, note in theme.items() if name != "name"})
    for name, definition in made["$defs"].items():
        _describe(definition, {key: note for part in reversed(_NOTES_OF[name]) for key, note in notes[part].items()})
    properties = made["properties"]
    del properties["resourceLocation"]
    # White space around it is taken off, and nothing is no name.
    properties["name"].update(pattern=r"\S", description="The feed's name; every item belongs to it.")
    made["properties"] = {name: properties[name] for name in (*_FIRST, *(name for name in properties if name not in _FIRST))}
    return made


def _describe(definition: dict[str, Any], notes: dict[str, str]) -> None:
    for name, schema in definition["properties"].items():
        schema.pop("title", None)
        if name in notes:
            schema["description"] = _LINK.sub(r"\1", notes[name]).replace("`", "")


def as_toml(schema: Any) -> Any:
    """Return a schema without what TOML has no word for, which says of decimals as text what they look like."""
    if isinstance(schema, list):
        return [as_toml(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: as_toml(value) for key, value in schema.items() if not (key == "default" and value is None)}
    if "anyOf" in made:
        kinds = [kind for kind in made["anyOf"] if kind != {"type": "null"}]
        if [kind.get("type") for kind in kinds] == ["number", "string"]:
            kinds[1] = {"type": "string", "pattern": _DECIMAL}
        made.pop("anyOf")
        return {**made, **kinds[0]} if len(kinds) == 1 else {**made, "anyOf": kinds}
    return made
