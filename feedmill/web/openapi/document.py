"""The OpenAPI 3.1 document of the API: every endpoint with what it takes and all that it may answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from feedmill.web.endpoint import LARGEST, OPEN, Endpoint, Parameter
from feedmill.web.openapi.schemas import Schemas
from feedmill.web.openapi.statuses import answers_of
from feedmill.web.queries import LIST_PARAMETERS

INBOUND: Final = "feedmill-webhook-hash"
"""The header by which a supplier's call shows the secret of its feed."""

_IN_PATH: Final = re.compile(r"\{(\w+)\}")
_DESCRIPTION: Final = (
    "The inventory of suppliers' feeds: what is imported, from where, how, and what became of it. Errors are problem documents"
    " (RFC 9457). Attributes not sent are left as they are; unknown ones are refused."
)
_IF_MATCH: Final = Parameter("If-Match", "The `ETag` of a GET: in another state nothing is changed.", {"type": "string"})
_IF_NONE_MATCH: Final = Parameter("If-None-Match", "An `ETag` that is known: in that state the answer is 304.", {"type": "string"})
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API token, with the scopes admin, read or feed:ID:push."},
    "inboundHash": {"type": "apiKey", "in": "header", "name": INBOUND, "description": "The hash of the feed that is pushed to."},
}


def build_document(endpoints: Iterable[Endpoint], version: str) -> dict[str, Any]:
    """Return the document of these endpoints, in their order."""
    served = list(endpoints)
    schemas = Schemas.of(served)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in served:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Feedmill", "version": version, "description": _DESCRIPTION},
        "tags": [{"name": tag} for tag in sorted({endpoint.tag for endpoint in served})],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SECURITY},
    }


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _name(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "description": f"Scope: `{endpoint.scope}`.",
        "parameters": list(_parameters(endpoint)),
        "responses": {str(status): told for status, told in answers_of(endpoint, schemas).items()},
        "security": _security(endpoint),
    }
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": {endpoint.takes: {"schema": schemas.of_body(endpoint)}}}
    return operation


def _name(endpoint: Endpoint) -> str:
    words = re.findall(r"\w+", endpoint.path.removeprefix("/api").removesuffix(".json"))
    return "-".join((endpoint.method.lower(), *words))


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    if endpoint.scope not in OPEN:
        return [{"bearer": []}]
    return [{"inboundHash": []}] if is_inbound(endpoint) else []


def is_inbound(endpoint: Endpoint) -> bool:
    """Return whether an endpoint authenticates by the hash of a feed."""
    return any(header.name.lower() == INBOUND for header in endpoint.headers)


def _parameters(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    for name in _IN_PATH.findall(endpoint.path):
        numeric = name == "id" or name.endswith("Id")
        schema = {"type": "integer", "minimum": 1, "maximum": LARGEST} if numeric else {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if endpoint.lists is not None:
        for parameter in LIST_PARAMETERS:
            yield {**_parameter(_of_list(parameter, endpoint), "query"), **_style(parameter)}
    for parameter in endpoint.query:
        yield _parameter(parameter, "query")
    if endpoint.conditional:
        yield _parameter(_IF_NONE_MATCH if endpoint.method == "GET" else _IF_MATCH, "header")
    for parameter in endpoint.headers:
        # Where it authenticates it is a security scheme.
        if parameter.name.lower() != INBOUND:
            yield _parameter(parameter, "header")


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    return {"name": parameter.name, "in": where, "description": parameter.description, "schema": dict(parameter.schema)}


def _of_list(parameter: Parameter, endpoint: Endpoint) -> Parameter:
    """Return a parameter of lists with the attributes that this one has."""
    if endpoint.lists is None:
        return parameter
    columns = endpoint.lists.columns
    asked = [name for name, column in columns.items() if column.kind != "json"]
    if parameter.name == "where":
        return Parameter("where", f"{parameter.description} Attributes: {', '.join(asked)}.", parameter.schema)
    if parameter.name == "order[attribute]":
        return Parameter(parameter.name, parameter.description, {**parameter.schema, "enum": asked})
    return parameter


def _style(parameter: Parameter) -> Mapping[str, Any]:
    if parameter.schema["type"] == "object":
        return {"style": "deepObject", "explode": True}
    return {"style": "form", "explode": True} if parameter.schema["type"] == "array" else {}
