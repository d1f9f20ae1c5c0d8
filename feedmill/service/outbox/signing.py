"""The signature of a webhook's body: how Feedmill makes it, and how a receiver checks it."""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from typing import Final

TOPIC: Final = "Feedmill-Topic"
DELIVERY: Final = "Feedmill-Delivery"
TIMESTAMP: Final = "Feedmill-Timestamp"
SIGNATURE: Final = "Feedmill-Signature"


def sign(secret: str, body: bytes, at: int) -> str:
    """Return the value of the signature's header for a body that is sent at a moment, in seconds since 1970."""
    return f"t={at},v1={_digest(secret, body, str(at))}"


def verify_signature(
    secret: str, headers: Mapping[str, str], body: bytes, *, tolerance: float | None = 300, now: float | None = None
) -> bool:
    """Return whether a webhook's body was signed with this secret, at most `tolerance` seconds ago or ahead of this clock.

    `body` is the body as it came, before anything parses it; `headers` may write their names in any case. An old signature is
    refused so that what somebody has overheard cannot be sent again later; None admits any age. Raises nothing: what is no
    signature is a wrong one.
    """
    sent = next((value for name, value in headers.items() if name.lower() == SIGNATURE.lower()), "")
    parts = [part.strip().partition("=") for part in sent.split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not (at.isascii() and at.isdecimal() and len(at) < 20):
        return False
    if tolerance is not None and abs((time.time() if now is None else now) - int(at)) > tolerance:
        return False
    expected = _digest(secret, body, at).encode()
    return any(hmac.compare_digest(expected, value.encode()) for name, _, value in parts if name == "v1")


def _digest(secret: str, body: bytes, at: str) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()
