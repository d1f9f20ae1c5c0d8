"""The OpenAPI document as tables of the reference pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from feedmill.web.openapi.names import PROBLEMS
from feedmill.web.openapi.outline import Content, Operation, describe, operations_by_tag, properties_of
from feedmill.web.openapi.statuses import KERNEL
from feedmill.web.queries import LIST_PARAMETERS


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


def render_statuses() -> str:
    """Return what any endpoint may answer before it begins."""
    of = {
        None: "every call",
        "token": "calls with a token",
        "path": "paths with a parameter",
        "change": "calls that change something",
        "body": "calls with a body",
    }
    rows = ((str(status), of.get(where, "calls with a body or a query"), told) for status, (where, told) in KERNEL.items())
    return _table(("status", "of", "meaning"), rows)


def render_problems() -> str:
    """Return the names of problems."""
    return _table(
        ("type, behind `urn:feedmill:problem:`", "status", "meaning"),
        ((f"`{name}`", str(status), told) for name, (status, told) in PROBLEMS.items()),
    )


def render_queries() -> str:
    """Return what all lists are queried by."""
    rows = ((f"`{each.name}`", describe(each.schema), each.description) for each in LIST_PARAMETERS)
    return _table(("query", "values", "meaning"), rows)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"#### {operation.method} {operation.path}"
    yield f"{operation.summary} {operation.description}"
    if operation.body is not None:
        yield f"Body: {_content(operation.body)}"
    listed = [each for each in operation.parameters if each.name not in _OF_LISTS]
    if asked := [each.kind for each in operation.parameters if each.name == "order[attribute]"]:
        yield f"A list; queries may name: {asked[0]}."
    if listed:
        rows = ((f"`{each.name}`", each.kind, "yes" if each.required else "", each.description) for each in listed)
        yield _table(("parameter", "values", "required", "meaning"), rows)
    answers: list[tuple[str, str, str]] = []
    for each in operation.answers:
        good, usual = each.status < 400, (KERNEL.get(each.status) or (None, None))[1]
        if good or each.description != usual:
            answers.append((str(each.status), _content(each.content) if good and each.content else "", each.description))
    yield _table(("status", "body", "meaning"), answers)


_OF_LISTS: Final = frozenset(each.name for each in LIST_PARAMETERS)


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
