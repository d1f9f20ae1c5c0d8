"""The schemas of bodies and answers: models and titled JSON Schemas become components, all else stands where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from feedmill.web.endpoint import Endpoint

_REF: Final = "#/components/schemas/{model}"
_Mode = Literal["validation", "serialization"]
_Key = tuple[type[BaseModel], _Mode]
PROBLEM: Final[Mapping[str, Any]] = {
    "title": "Problem",
    "description": "A problem document (RFC 9457): `type` is stable, for programs; `detail` is for people.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


@dataclass(frozen=True, slots=True)
class Schemas:
    """The components of a document, and where each model is found among them."""

    components: dict[str, Any]
    refs: Mapping[_Key, Mapping[str, Any]]

    @classmethod
    def of(cls, endpoints: Sequence[Endpoint]) -> Schemas:
        """Return the schemas of these endpoints."""
        keys = list(dict.fromkeys(_models(endpoints)))
        refs, defined = models_json_schema(keys, by_alias=True, ref_template=_REF)
        schemas = cls(dict(defined.get("$defs", {})), {key: refs[key] for key in keys})
        schemas._resolve(PROBLEM, "serialization")
        for endpoint in endpoints:
            schemas.of_body(endpoint)
            schemas.of_answer(endpoint)
        return schemas

    def of_body(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the schema of what an endpoint takes."""
        return self._resolve(endpoint.body, "validation")

    def of_answer(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return the schema of what an endpoint answers when all is well; rows of a list have the attributes that were asked for."""
        one = self._resolve(endpoint.answer, "serialization")
        if endpoint.lists is not None:
            one = self._partial(one)
        return {"type": "array", "items": one} if endpoint.many else one

    def _resolve(self, shape: object, mode: _Mode) -> dict[str, Any]:
        """Return a shape with models and titled objects inside it moved among the components."""
        if isinstance(shape, type) and issubclass(shape, BaseModel):
            return dict(self.refs[shape, mode])
        if not isinstance(shape, Mapping):
            return {}
        resolved = {name: self._inner(value, mode) for name, value in shape.items()}
        title = resolved.get("title")
        if resolved.get("type") != "object" or not isinstance(title, str):
            return resolved
        self.components.setdefault(title, resolved)
        return {"$ref": _REF.format(model=title)}

    def _inner(self, value: object, mode: _Mode) -> Any:
        if isinstance(value, Mapping | type):
            return self._resolve(value, mode)
        return [self._inner(each, mode) for each in value] if isinstance(value, list | tuple) else value

    def _partial(self, one: Mapping[str, Any]) -> dict[str, Any]:
        name = str(one.get("$ref", "")).rpartition("/")[2]
        if not name:
            return {key: value for key, value in one.items() if key != "required"}
        row = f"{name}Row"
        whole = {key: value for key, value in self.components[name].items() if key != "required"}
        self.components.setdefault(row, {**whole, "title": row})
        return {"$ref": _REF.format(model=row)}


def _models(endpoints: Iterable[Endpoint]) -> Iterator[_Key]:
    for endpoint in endpoints:
        for model in _within(endpoint.body):
            yield model, "validation"
        for model in _within(endpoint.answer):
            yield model, "serialization"


def _within(shape: object) -> Iterator[type[BaseModel]]:
    """Yield the models of a shape, which may stand anywhere in a JSON Schema."""
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        yield shape
    elif isinstance(shape, Mapping):
        for value in shape.values():
            yield from _within(value)
    elif isinstance(shape, list | tuple):
        for value in shape:
            yield from _within(value)
