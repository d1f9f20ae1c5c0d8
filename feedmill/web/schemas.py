"""JSON Schema of resources whose bodies are merged before they are validated: what may be sent, what is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

if TYPE_CHECKING:
    from feedmill.web.endpoint import Schema

_NULL: Final = {"type": "null"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
ID: Final[Schema] = {"type": "integer", "minimum": 1}


def properties_of(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the schemas of a model's attributes, each complete in itself."""
    whole = model.model_json_schema()
    return {name: _inline(schema, whole.get("$defs", {})) for name, schema in whole["properties"].items()}


def nullable(schema: Schema) -> Schema:
    """Return a schema that admits null beside what another admits."""
    return {"anyOf": [schema, _NULL]}


def body(properties: Mapping[str, Schema], required: Iterable[str] = (), *, given: Iterable[str] = ()) -> Schema:
    """Return the schema of a body: null is the default, also one level deep; attributes of `given` are never null."""
    sent = {name: schema if name in given else nullable(schema) for name, schema in properties.items()}
    return {"type": "object", "properties": sent, "required": list(required), "additionalProperties": False}


def shown(properties: Mapping[str, Schema], *, whole: bool) -> Schema:
    """Return the schema of an answer: all of it, or of what the caller of a list chose."""
    required = list(properties) if whole else []
    return {"type": "object", "properties": {name: _as_shown(schema) for name, schema in properties.items()}, "required": required}


def _as_shown(schema: Schema) -> Schema:
    return nullable(schema)


def _inline(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(each, definitions) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return _inline(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
    return {name: _inline(inner, definitions) for name, inner in schema.items() if name not in ("title",) or not isinstance(inner, str)}
