"""The OpenAPI document and the pages made of it: whole, and safe to show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine.settings.resource import Resource
from feedmill.web.app import all_endpoints
from feedmill.web.endpoint import Call, Endpoint, Parameter
from feedmill.web.openapi.document import build_document
from feedmill.web.openapi.markdown import render_markdown
from feedmill.web.openapi.names import PROBLEMS
from feedmill.web.openapi.page import POLICY, render_page
from feedmill.web.problems import _KINDS

ROOT = Path(__file__).parents[2]


async def nothing(call: Call) -> web.Response:
    """Answer nothing."""
    return web.Response()


class Thing(Resource):
    """A <script>alert(1)</script> & more."""

    thing_name: str


def make(**more: Any) -> Endpoint:
    """Return an endpoint."""
    made = {"method": "PUT", "scope": "admin", "body": Thing, "answer": Thing, **more}
    return Endpoint(path="/api/things/{id}.json", handle=nothing, summary="Do <b>it</b>.", tag="things", **made)


def statuses(endpoint: Endpoint) -> list[str]:
    """Return the statuses that the document of an endpoint has."""
    operation = build_document([endpoint], "1")["paths"][endpoint.path][endpoint.method.lower()]
    return list(operation["responses"])


def test_an_endpoint_documents_what_the_kernel_answers() -> None:
    """Each way of calling brings the statuses of the kernel's checks, and declared ones come besides."""
    assert statuses(make(statuses={409: "taken"})) == [
        "200",
        "400",
        "401",
        "403",
        "404",
        "408",
        "409",
        "412",
        "413",
        "415",
        "417",
        "422",
        "429",
        "503",
    ]
    assert statuses(make(body=None, status=202)) == ["202", "400", "401", "403", "404", "412", "417", "429", "503"]
    public = Endpoint("GET", "/open", nothing, "Look.", "things", "public")
    assert statuses(public) == ["200", "400", "417"]
    assert statuses(make(body=None, method="GET", conditional=True)) == ["200", "304", "400", "401", "403", "404", "417", "429", "503"]


def test_every_reference_leads_somewhere() -> None:
    """No schema names a component that is not there, and none is left over."""
    document = build_document(all_endpoints(), "1")
    named = {name.rpartition("/")[2] for name in re.findall(r"#/components/schemas/[\w-]+", str(document))}
    assert named - set(document["components"]["schemas"]) == set()
    operations = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(operations) == len(set(operations)) == len(list(all_endpoints()))


def test_the_inbound_hash_is_a_way_to_authenticate() -> None:
    """A public endpoint that takes the hash of a feed says so as security, not as a header."""
    endpoint = make(scope="public", headers=(Parameter("feedmill-webhook-hash", "The hash.", {"type": "string"}),))
    operation = build_document([endpoint], "1")["paths"][endpoint.path]["put"]
    assert operation["security"] == [{"inboundHash": []}]
    assert [each["name"] for each in operation["parameters"]] == ["id"]


def test_pages_escape_what_they_show() -> None:
    """Neither page lets markup through, and the page for people may run nothing."""
    document = build_document([make()], "1")
    page = render_page(document)
    assert "<script" not in page
    assert "<b>" not in page
    assert "Do &lt;b&gt;it&lt;/b&gt;." in page
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    assert "thingName" in page
    assert "thingName" in render_markdown(document)


@pytest.mark.parametrize("folder", ["feedmill/web", "feedmill/service"])
def test_every_name_of_a_problem_is_explained(folder: str) -> None:
    """What a program may meet as the type of a problem stands in the reference, with its status."""
    used = {
        (name, int(status))
        for path in (ROOT / folder).rglob("*.py")
        for status, name in re.findall(r"Problem\(\s*(\d{3}),\s*\"([\w-]+)\"", path.read_text("utf-8"))
    }
    used |= {(kind.name, kind.status) for _, kind in _KINDS}
    assert used <= {(name, status) for name, (status, _) in PROBLEMS.items()}
