"""An OpenAPI document as a reader goes through it: operations by tag, with parameters, bodies and answers. Pages are made of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Property:
    """A parameter, or an attribute of an object; `kind` is in words."""

    name: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its media type, and the attributes of the object, or of each object where there are `many`."""

    media: str
    many: bool
    properties: tuple[Property, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered with a status."""

    status: int
    description: str
    content: Content | None


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    summary: str
    description: str
    parameters: tuple[Property, ...]
    body: Content | None
    answers: tuple[Answer, ...]


def operations_by_tag(document: Mapping[str, Any]) -> dict[str, list[Operation]]:
    """Return the operations of a document, by tags in order."""
    groups: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    components = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append(_operation(method.upper(), path, operation, components))
    return groups


def _operation(method: str, path: str, operation: Mapping[str, Any], components: Mapping[str, Any]) -> Operation:
    parameters = (
        Property(each["name"], describe(each["schema"]), each.get("required", False), each.get("description", ""))
        for each in operation["parameters"]
    )
    body = operation.get("requestBody")
    return Operation(
        method,
        path,
        operation["summary"],
        operation["description"],
        tuple(parameters),
        None if body is None else _content(body, components),
        tuple(
            Answer(int(status), told["description"], _content(told, components) if "content" in told else None)
            for status, told in operation["responses"].items()
        ),
    )


def _content(holder: Mapping[str, Any], components: Mapping[str, Any]) -> Content:
    ((media, told),) = holder["content"].items()
    schema = told["schema"]
    many = schema.get("type") == "array"
    one = schema.get("items", {}) if many else schema
    return Content(media, many, tuple(properties_of(one, components)), _name(one) or describe(one))


def properties_of(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[Property]:
    """Yield the attributes of an object."""
    whole = components[name] if (name := _name(schema)) else schema
    for attribute, inner in whole.get("properties", {}).items():
        yield Property(attribute, describe(inner), attribute in whole.get("required", ()), inner.get("description", ""))


def describe(schema: Mapping[str, Any]) -> str:
    """Return the kind of a value in words."""
    if name := _name(schema):
        return name
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(map(describe, schema[several])))
    if "enum" in schema:
        return ", ".join("null" if value is None else str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type", "any")
    kinds = kind if isinstance(kind, list) else [kind]
    return " or ".join(_kind(each, schema) for each in kinds)


def _kind(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "array":
        return f"array of {describe(schema['items'])}" if schema.get("items") else "array"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    low, high = schema.get("minimum"), schema.get("maximum")
    if kind != "integer" or low is None:
        return kind
    return f"integer from {low}" if high is None or high >= 1 << 53 else f"integer from {low} to {high}"


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
