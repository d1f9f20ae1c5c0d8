"""The last line before a log: whatever slipped into it and looks like a secret is masked. Nothing relies on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from engine.source import MASK

_NAMES: Final = frozenset(
    {
        *("authorization", "proxy-authorization", "cookie", "set-cookie", "feedmill-webhook-hash", "jetti-webhook-hash"),
        *("token", "access_token", "password", "passwd", "secret", "hash", "key", "api_key", "apikey"),
        *("authenticationtoken", "authenticationsecret"),
    }
)
"""What is never logged under one of these names, whatever it looks like."""

_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # Tokens of ours, and what else is 256 bits in URL-safe base64: inbound hashes and keys.
    (re.compile(r"\bfm_[A-Za-z0-9_-]{16,}"), f"fm_{MASK}"),
    (re.compile(r"(?<![A-Za-z0-9_/+-])[A-Za-z0-9_-]{43}(?:=|(?![A-Za-z0-9_/+=-]))"), MASK),
    # Headers by their names; what follows a scheme by itself only if no plain word could look so.
    (
        re.compile(r"(?i)\b(authorization|(?:feedmill|jetti)-webhook-hash)(['\"]?\s*[:=]\s*['\"]?)((?:bearer|basic)\s+)?[^\s'\",;]+"),
        rf"\1\2\3{MASK}",
    ),
    (re.compile(r"\b((?i:bearer|basic))\s+(?=[a-z._~+/-]*[A-Z0-9=])[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {MASK}"),
    # Userinfo of URLs: the password, or the whole of it where there is none, for then it may be a token.
    (re.compile(r"(?<=://)([^\s/?#:@]*):[^\s/?#@]*@"), rf"\1:{MASK}@"),
    (re.compile(r"(?<=://)[^\s/?#:@]+@"), f"{MASK}@"),
)
_QUERY: Final = re.compile(r"(://[^\s?#]*\?)([^\s#'\"]*)")
"""The query of a URL: suppliers put their tokens there, so none of its values is shown."""
_PAIR: Final = re.compile(r"([^=&]+)=[^&]*")


def mask_secrets(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask what looks like a secret in every value of a log line; a processor of structlog."""
    for name, value in event.items():
        event[name] = MASK if value and isinstance(value, str | bytes) and name.lower() in _NAMES else _masked(value)
    return event


def mask_text(text: str) -> str:
    """Return a text with whatever looks like a secret masked."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return _QUERY.sub(lambda found: found[1] + _PAIR.sub(rf"\1={MASK}", found[2]), text)


def _masked(value: object) -> object:
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, Mapping):
        return {name: MASK if str(name).lower() in _NAMES and isinstance(inner, str) else _masked(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(inner) for inner in value]
    return value
