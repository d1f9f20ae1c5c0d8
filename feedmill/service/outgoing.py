"""Requests that the service sends of its own accord: webhooks, alerts, transformations. Each within the rules of `[egress]`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.source import Egress


@dataclass(frozen=True, slots=True)
class Answered:
    """What an address answered: the status and the body, of which at most so much was read as was asked for."""

    status: int
    body: bytes
    retry_after: float | None = None


async def post_json(
    url: str, body: bytes, headers: Mapping[str, str], *, egress: Egress, seconds: float, max_bytes: int = 4096
) -> Answered:
    """POST JSON to an address and return its answer, whatever its status. No redirect is followed.

    Raises `RefuseRun` when `egress` forbids the address, `ConfigError` for a URL that is none, `Retry` when nothing answers in time.
    """
    raise NotImplementedError(url, body, headers, egress, seconds, max_bytes)
