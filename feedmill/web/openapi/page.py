"""`/api/docs`: the OpenAPI document as a page that needs no script. All text in it is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Final

from feedmill.web.openapi.outline import Operation, Property, operations_by_tag

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}"
    "nav a{margin-right:1rem}h2{margin-top:3rem;border-bottom:1px solid #ccc}"
    "details{border:1px solid #ddd;border-radius:4px;margin:.5rem 0;padding:.5rem 1rem}summary{cursor:pointer}"
    "code{font:14px/1.4 ui-monospace,monospace}table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;border-top:1px solid #eee;padding:.25rem .5rem}"
    ".method{display:inline-block;min-width:4.5rem;font-weight:600}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#161616}a{color:#8ab4f8}th,td,details,h2{border-color:#444}}"
)
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page: nothing but its own style."""


def render_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document."""
    groups = operations_by_tag(document)
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    links = "".join(f'<a href="#{escape(tag, quote=True)}">{escape(tag)}</a>' for tag in groups)
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
        f"<p>{escape(document['info']['description'])}</p>",
        f'<p>The same for programs: <a href="/api/openapi.json">openapi.json</a>.</p><nav>{links}</nav>',
    ]
    for tag, operations in groups.items():
        parts.append(f'<h2 id="{escape(tag, quote=True)}">{escape(tag)}</h2>')
        parts.extend(_operation(each) for each in operations)
    return "".join((*parts, "</body></html>"))


def _operation(operation: Operation) -> str:
    head = f'<span class="method">{operation.method}</span><code>{escape(operation.path)}</code> {escape(operation.summary)}'
    return f"<details><summary>{head}</summary>{''.join(_parts(operation))}</details>"


def _parts(operation: Operation) -> Iterator[str]:
    yield f"<p>{escape(operation.description)}</p>"
    if operation.parameters:
        yield "<h4>Parameters</h4>" + _table(operation.parameters)
    if operation.body is not None:
        yield f"<h4>Body, {escape(operation.body.media)}{_many(operation.body.many)}</h4>" + _table(operation.body.properties)
    for answer in operation.answers:
        media = "" if answer.content is None else f", {escape(answer.content.media)}{_many(answer.content.many)}"
        yield f"<h4>{answer.status}{media}</h4><p>{escape(answer.description)}</p>"
        if answer.content is not None and answer.status < 400:
            yield _table(answer.content.properties)


def _many(many: bool) -> str:
    return ", an array of" if many else ""


def _table(properties: tuple[Property, ...]) -> str:
    if not properties:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(each.name)}</code></td><td>{escape(each.kind)}</td><td>{'required' if each.required else ''}</td>"
        f"<td>{escape(each.description)}</td></tr>"
        for each in properties
    )
    return f"<table>{rows}</table>"
