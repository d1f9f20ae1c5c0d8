"""The OpenAPI document as tables of the reference pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from feedmill.web.openapi.outline import Content, Operation, operations_by_tag, properties_of


def render_markdown(document: Mapping[str, Any]) -> str:
    """Return the endpoints by tag, then every object that they take and answer."""
    parts: list[str] = []
    for tag, operations in operations_by_tag(document).items():
        parts.append(f"### {tag}")
        parts.extend("\n\n".join(_operation(each)) for each in operations)
    parts.append("### Objects")
    components: Mapping[str, Any] = document["components"]["schemas"]
    for name, schema in sorted(components.items()):
        if not name.endswith("Row"):
            parts.extend(_object(name, schema, components))
    return "\n\n".join(parts)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"#### {operation.method} {operation.path}"
    yield f"{operation.summary} {operation.description}"
    if operation.body is not None:
        yield f"Body: {_content(operation.body)}"
    listed = [each for each in operation.parameters if each.name not in _OF_LISTS or each.name == "where"]
    if listed:
        rows = ((f"`{each.name}`", each.kind, "yes" if each.required else "", each.description) for each in listed)
        yield _table(("parameter", "values", "required", "meaning"), rows)
    answers = ((str(each.status), "" if each.content is None else _content(each.content), each.description) for each in operation.answers)
    yield _table(("status", "body", "meaning"), answers)


_OF_LISTS = ("where", "attributes[]", "order[attribute]", "order[descending]", "limit", "from", "after")
"""Parameters that all lists have, and that are explained once."""


def _content(content: Content) -> str:
    kind = content.name.removesuffix("Row") if content.many else content.name
    return f"{'array of ' if content.many else ''}{kind}, `{content.media}`"


def _object(name: str, schema: Mapping[str, Any], components: Mapping[str, Any]) -> Iterator[str]:
    yield f"#### {name}"
    if said := " ".join(str(schema.get("description", "")).split()):
        yield said
    rows = [
        (f"`{each.name}`", each.kind, "yes" if each.required else "", " ".join(each.description.split()))
        for each in properties_of(schema, components)
    ]
    if rows:
        yield _table(("attribute", "values", "required", "meaning"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;').replace('<', '&lt;') for cell in line)} |" for line in lines)
