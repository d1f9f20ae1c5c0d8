"""The server keeps to its own OpenAPI document, whatever is sent: schemathesis makes the calls.

Every endpoint of the document is called with what its schemas admit and with what they do not, half of the time with ids that
exist, and once with what it takes. `FEEDMILL_API_EXAMPLES` says how often; `make fuzz` sets it higher.
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

from tests.servers.feedmill_service import make_token
from tests.servers.seeded_service import REWRITE, Seeded, run_seeded_service

EXAMPLES: Final = int(os.environ.get("FEEDMILL_API_EXAMPLES", "1"))
CHECKS: Final[Sequence[CheckFunction]] = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
)
ITEM: Final = {"externalId": "new", "vendorSku": "new", "inventoryQuantity": 4}
ACKNOWLEDGED: Final = {"id": 2, "sku": "V-2"}
SOUND: Final[dict[str, Any]] = {
    "POST /api/inventory-feeds.json": {"name": "another", "resourceType": "webhook", "dropshipProviderId": 1},
    "POST /api/inventory-feed-fields.json": {"inventoryFeedId": 4, "name": "brand", "purpose": "brandName"},
    "POST /api/inventory-feed-json-fields.json": {"inventoryFeedId": 4, "path": "price", "purpose": "retailPrice"},
    "POST /api/inventory-feed-mappings.json": {"inventoryFeedId": 4, **REWRITE},
    "PUT /api/inventory-feed-mappings/{id}.json": {"transformTo": "size"},
    "PUT /api/inventory-feed-json-fields/{id}.json": {"path": "stock"},
    "POST /api/variants.json": {"sku": "V-3"},
    "POST /api/inventory-feed-variants.json": {"inventoryFeedId": 1, **ITEM},
    "PUT /api/inventory-feeds/{id}/parse-webhook.json": ITEM,
    "PUT /api/inventory-feeds/{id}/parse-webhooks.json": [ITEM],
    "POST /webhooks/inventory-feeds/parse-webhooks.json": [ITEM],
    "DELETE /api/inventory-feeds/{id}/remove-by-external-id.json": {"externalId": "A"},
    "PUT /api/inventory-feed-variants/{id}/connect.json": {"variantId": 1},
    "PUT /api/channels/{channel}/acknowledge-inventory-feed-variants.json": ACKNOWLEDGED,
    "PUT /api/channels/{channel}/acknowledge-inventory-feed-variants-batches.json": [ACKNOWLEDGED],
    "PUT /api/channels/{channel}/disconnect-inventory-feed-variants.json": {"id": 1},
    "PUT /api/channels/{channel}/disconnect-inventory-feed-variants-batches.json": [{"id": 1}],
}
"""Bodies that are taken, where what is made up by chance hardly ever is; the others get through by themselves."""

NAMING: Final = ("id", "inventoryFeedId", "inventoryFeedVariantId", "variantId", "productId", "dropshipProviderId", "feedId")
"""Attributes of bodies that name something, and are made to name what is there."""


class Caller:
    """Calls from a thread of their own, as a client makes them."""

    def __init__(self, seeded: Seeded) -> None:
        self._seeded = seeded
        self.session = requests.Session()
        self.session.trust_env = False
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)

    def renew(self) -> None:
        """Take a new token, since an endpoint may have revoked the last, and put everything back."""
        token = from_thread.run(make_token, self._seeded.running.service, "admin")
        self.session.headers["Authorization"] = f"Bearer {token}"
        from_thread.run(self._seeded.restore)

    def call(self, operation: Any, case: Any) -> None:
        """Make a call and hold its answer to the document."""
        answer = case.call(session=self.session, timeout=20)
        self.statuses[operation.label][answer.status_code] += 1
        case.validate_response(answer, checks=list(CHECKS))

    def sound_case(self, operation: Any) -> Any:
        """Return a call that has everything it needs."""
        path, case = {"id": self._sound_id(operation.label), "channel": "shop"}, {}
        if operation.label in SOUND:
            case = {"body": SOUND[operation.label], "media_type": "application/json"}
        elif operation.label == "POST /api/variants/upload.json":
            case = {"body": b"sku\nV-4\n", "media_type": "text/csv"}
        elif operation.label == "POST /api/webhooks.json":
            case = {"body": {"location": self._seeded.location}, "media_type": "application/json"}
        headers = {"feedmill-webhook-hash": self._seeded.secret} if operation.path.startswith("/webhooks") else {}
        return operation.Case(path_parameters=path, headers=headers, **case)

    def _sound_id(self, label: str) -> int:
        if "/data-imports/{id}/" in label:
            return self._seeded.complete if "undo" in label or ".csv" in label else self._seeded.held
        if label.endswith(("preview.json", "columns.json", "fetch.json")):
            return 2
        return self.known_ids(label.partition(" ")[2])[0] if "{id}" in label else 1

    def known_ids(self, path: str) -> list[int]:
        """Return ids for the `{id}` of a path: of the list that stands before it, else small ones."""
        answer = self.session.get(f"{self._seeded.running.url}{path.partition('/{id}')[0]}.json?limit=5", timeout=20)
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
    caller.call(operation, caller.sound_case(operation))
    numbers = caller.known_ids(operation.path) if "{id}" in operation.path else []
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]

    def examine(case: Any, number: int | None, known: bool) -> None:
        if number is not None:
            case.path_parameters["id"] = number
        if known:
            point_to_seeds(case.body)
        caller.call(operation, case)

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
    async with run_seeded_service(tmp_path) as seeded:
        status, document = await seeded.running.call("GET", "/api/openapi.json", token="")
        assert status == 200
        caller = Caller(seeded)
        faults: list[str] = []

        def walk() -> None:
            for operation in operations(document, seeded.running.url):
                try:
                    check(operation, caller)
                except (AssertionError, BaseExceptionGroup) as error:
                    faults.append(f"{operation.label}: {error}")

        await to_thread.run_sync(walk)
        caller.session.close()
        assert not faults, "\n\n".join(faults)
        reached = [label for label, statuses in caller.statuses.items() if any(status < 400 for status in statuses)]
        assert len(reached) > 0.9 * len(caller.statuses), f"too few calls get through to tell anything: {caller.statuses}"
