"""The names of problems, which programs may rely on; a test proves that no other one is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROBLEMS: Final[Mapping[str, tuple[int, str]]] = {
    "malformed": (400, "The body is no JSON, or the request is none."),
    "unauthenticated": (401, "No token or hash was sent, or none that is valid."),
    "forbidden": (403, "The token's scopes do not admit the call."),
    "not-found": (404, "What the path names, or the feed that the body names, is not there."),
    "method": (405, "The path does not take the method; `Allow` says which it takes."),
    "slow": (408, "The request did not arrive in time."),
    "conflict": (409, "What is named is in a state that does not admit the call, or the key is taken."),
    "idempotency-key-reused": (409, "The idempotency key was sent before, with another body."),
    "under-way": (409, "A run of the feed is under way: wait until it has ended."),
    "precondition-failed": (412, "What `If-Match` says does not hold any more: GET it again. Or the call cannot hold to it."),
    "too-large": (413, "The body has more bytes than the server takes."),
    "batch-too-large": (413, "The body holds more objects than one call may send; the detail names the limit."),
    "media-type": (415, "The body is of another media type than the endpoint takes."),
    "content-encoding": (415, "The body is packed; send it as it is."),
    "expectation": (417, "The expectation in `Expect` is not known."),
    "invalid": (422, "Values cannot be stored, or a query cannot be asked; `errors` names every one."),
    "refused": (422, "What was sent, or the source, cannot be trusted; nothing was applied."),
    "daily-limit": (429, "The plan's items of the day are used up; `Retry-After` ends at midnight UTC."),
    "rate-limit": (429, "The token makes more calls than it may; wait for `Retry-After`."),
    "too-many-failures": (429, "The address has shown too many tokens or hashes that are none."),
    "head-too-large": (431, "The headers have more bytes than the server takes."),
    "internal": (500, "The server is at fault, and has logged how."),
    "busy": (503, "The database or the source is busy; send it again after `Retry-After`."),
    "too-many-connections": (503, "The server holds as many connections as it may."),
    "unready": (503, "The server has just begun, or is about to end; send it again after `Retry-After`."),
    "stopping": (503, "The server is stopping; send it again after `Retry-After`."),
}
"""By name, without `urn:feedmill:problem:` before it: the status, and when it comes."""
