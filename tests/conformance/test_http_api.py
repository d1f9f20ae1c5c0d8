"""The server keeps to its own OpenAPI document, whatever is sent: schemathesis makes the calls.

Every endpoint of the document is called with what its schemas admit and with what they do not, half of the time with ids that
exist. `FEEDMILL_API_EXAMPLES` says how often; `make fuzz` sets it higher.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    CheckFunction,
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from engine.contracts import FeedDefinition
from feedmill.service.settings import Limits, Outgoing
from tests.servers.feedmill_service import Running, make_token, run_service

EXAMPLES: Final = int(os.environ.get("FEEDMILL_API_EXAMPLES", "3"))
CHECKS: Final[Sequence[CheckFunction]] = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)
SEEDS: Final[Sequence[tuple[str, Any]]] = (
    ("/api/dropship-providers.json", {"name": "Acme"}),
    ("/api/inventory-feeds.json", {"name": "seeded", "resourceType": "webhook", "dropshipProviderId": 1}),
    ("/api/products.json", {"name": "Lamp"}),
    ("/api/variants.json", {"sku": "A"}),
    ("/api/inventory-feed-variants.json", {"inventoryFeedId": 1, "externalId": "A", "vendorSku": "A", "inventoryQuantity": 3}),
    ("/api/inventory-feed-variants.json", {"inventoryFeedId": 1, "externalId": "B", "vendorSku": "B"}),
    ("/api/webhooks.json", {"location": "https://127.0.0.1:9/told"}),
    ("/api/api-tokens.json", {"name": "shop", "scopes": ["read"]}),
)
"""What is there when the calls of an endpoint begin; what cannot be made again, or has no such endpoint, is passed over."""

NAMING: Final = ("id", "inventoryFeedId", "inventoryFeedVariantId", "variantId", "productId", "dropshipProviderId", "feedId")
"""Attributes of bodies that name something, and are made to name what is there."""


class Caller:
    """Calls from a thread of their own, as a client makes them."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.session = requests.Session()
        self.session.trust_env = False
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def renew(self) -> None:
        """Take a new token: an endpoint may have revoked the last."""
        token = from_thread.run(make_token, self._running.service, "admin")
        self.session.headers["Authorization"] = f"Bearer {token}"

    def seed(self) -> None:
        """Make what the calls of an endpoint are to find."""
        for path, body in SEEDS:
            self.session.post(f"{self._running.url}{path}", json=body, timeout=20)

    def known_ids(self, path: str) -> list[int]:
        """Return ids for the `{id}` of a path: of the list that stands before it, else small ones."""
        answer = self.session.get(f"{self._running.url}{path.partition('/{id}')[0]}.json?limit=5", timeout=20)
        rows = answer.json() if answer.status_code == 200 else []
        return [row["id"] for row in rows if isinstance(row, dict) and "id" in row] or [1]


def operations(document: dict[str, Any], url: str) -> Iterator[Any]:
    """Yield the operations of a document, those that delete last."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(found) == sum(map(len, document["paths"].values()))
    yield from sorted(found, key=lambda operation: operation.method.upper() == "DELETE")


def takes_something(operation: Any) -> bool:
    """Return whether anything can be sent to an endpoint that its document does not admit."""
    return bool(operation.body) or any(True for _ in operation.iter_parameters())


def point_to_seeds(body: object) -> None:
    """Make the ids of a body those of what was made first."""
    for row in body if isinstance(body, list) else [body]:
        if isinstance(row, dict):
            row.update({name: 1 for name in NAMING if isinstance(row.get(name), int)})


def check(operation: Any, caller: Caller) -> None:
    """Call an endpoint again and again, and hold each answer to the document."""
    caller.renew()
    caller.seed()
    numbers = caller.known_ids(operation.path) if "{id}" in operation.path else []
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

    def examine(case: Any, number: int | None, known: bool) -> None:
        if number is not None:
            case.path_parameters["id"] = number
        if known:
            point_to_seeds(case.body)
        answer = case.call(session=caller.session, timeout=20)
        caller.statuses[operation.label][answer.status_code] += 1
        case.validate_response(answer, checks=list(CHECKS))

    ids = st.one_of(st.sampled_from(numbers), st.none()) if numbers else st.none()
    for mode in modes if takes_something(operation) else modes[:1]:
        run: Callable[[], None] = settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )(given(case=operation.as_strategy(generation_mode=mode), number=ids, known=st.booleans())(examine))
        run()


@pytest.mark.timeout(3600 if EXAMPLES > 3 else 120)
async def test_every_endpoint_answers_as_the_document_says(tmp_path: Path) -> None:
    """No call is answered by a 5xx that is our fault, a status that is not documented, or a body that is not of its schema."""
    settings_of_egress = Outgoing(allow_private=True, ports=())
    async with run_service(tmp_path, egress=settings_of_egress, limits=Limits(failures_per_second=None)) as running:
        await running.service.store.control.find_feed(FeedDefinition("seeded-below"))
        status, document = await running.call("GET", "/api/openapi.json", token="")
        assert status == 200
        caller = Caller(running)
        faults: list[str] = []

        def walk() -> None:
            for operation in operations(document, running.url):
                try:
                    check(operation, caller)
                except (AssertionError, BaseExceptionGroup) as error:
                    faults.append(f"{operation.label}: {error}")

        await to_thread.run_sync(walk)
        caller.session.close()
        assert not faults, "\n\n".join(faults)
        reached = [label for label, statuses in caller.statuses.items() if any(status < 400 for status in statuses)]
        assert len(reached) > len(caller.statuses) // 2, f"too few calls get through to tell anything: {caller.statuses}"
