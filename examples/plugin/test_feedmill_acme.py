"""The plugin's own tests: its rule, and Feedmill's conformance kit over its connector. They want the plugin installed."""

from __future__ import annotations

import os
from pathlib import Path

import feedmill
import pytest
from plugins.conformance.connector import CHECKS, ConnectorCase, ConnectorCheck

# Through the entry point, as Feedmill itself finds the plugin.
REGISTRY = feedmill.load_registry()
OLD, NEW = b"sku,stock\nA1,1\n", b"sku,stock\n" + b"A1,2\n" * 100_000


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


@pytest.fixture
def case(tmp_path: Path) -> ConnectorCase:
    """Give the connector a folder with an old file and a new one."""
    for day, (name, content) in enumerate((("b.csv", OLD), ("a.csv", NEW)), 1):
        path = tmp_path / name
        path.write_bytes(content)
        os.utime(path, (day * 86_400, day * 86_400))
    base = f"newest://localhost{tmp_path}"
    return ConnectorCase(REGISTRY.connector("newest"), feedmill.Source(f"{base}/*.csv"), NEW, feedmill.Source(f"{base}/*.xml"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_the_connector_keeps_the_contract(check: ConnectorCheck, case: ConnectorCase) -> None:
    """Every rule of Feedmill's kit holds."""
    await check(case)


def test_a_short_barcode_is_filled_up() -> None:
    """A UPC of 12 digits is the GTIN of 13 with a zero before it."""
    gtin13 = REGISTRY.field_rule("gtin13").apply
    assert gtin13("0 36000 29145 2") == gtin13("036000291452") == "0036000291452"


@pytest.mark.parametrize("text", ["036000291453", "none", "12345678901234"])
def test_a_barcode_that_cannot_be_right_rejects_the_record(text: str) -> None:
    """A wrong check digit, letters and too many digits are refused."""
    with pytest.raises(feedmill.RejectRecord, match="GTIN"):
        REGISTRY.field_rule("gtin13").apply(text)
