"""The processor that masks what slipped into a log line and looks like a secret."""

from __future__ import annotations

import io
import json

import pytest
import structlog

from feedmill.logs import configure_logging
from feedmill.service.security.masking import mask_text
from feedmill.service.security.tokens import PREFIX

TOKEN = f"{PREFIX}RJrv9Vc_XjdS8ss5EIPvcKV-DT67pG_XbV9zic6hI-Y"
HASH = "fYApnN1lYuEsOF_4BFBpJAm8ve7IrY9nVIRSfRxFCWg"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"token {TOKEN} was shown", TOKEN[3:]),
        (f"Authorization: Bearer {HASH}", HASH),
        ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'sesame-open'}", "sesame-open"),
        ("jetti-webhook-hash: abc123", "abc123"),
        (f"feedmill-webhook-hash={HASH}", HASH),
        ("GET https://joe:pa%20ss@feeds.example/a failed", "pa%20ss"),
        ("ftp://t0ken@feeds.example/a", "t0ken"),
        ("http://joe:@feeds.example/?apikey=s3cret&plain=also", "s3cret"),
        (f"sealed with {(key := 'NehOrIpmFVZPH8DpvY8lV2zXABAKiuz4-IlduluKKlk=')}", key[:-1]),
    ],
)
def test_secrets_are_masked(text: str, secret: str) -> None:
    """Tokens, hashes, keys, credentials of headers and URLs and values of queries are not in the text any more."""
    assert secret in text
    assert secret not in mask_text(text)
    assert "***" in mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "feed Acme, run 12: 3 created of 1,000",
        "https://feeds.example/stock/2026-01-01.csv",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "basic mapping, bearer of news, a hash of what is there: see https://feeds.example/#token",
        "joe@example.com wrote: a=b&c=d",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    """A line that holds no secret is logged as it is."""
    assert mask_text(text) == text


def test_a_log_line_is_masked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masked are texts in lists and mappings, whatever stands under a name for secrets, and tracebacks; numbers are kept."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    before = structlog.get_config()
    try:
        configure_logging()
        try:
            raise ValueError(f"no {TOKEN}")
        except ValueError as error:
            structlog.get_logger("feedmill").error(
                "failed", exc_info=error, password="sesame", headers={"Cookie": "c00kie", "a": [f"Bearer {HASH}"]}, token_id=7
            )
    finally:
        structlog.configure(**before)
    line = json.loads(written.getvalue())
    assert "ValueError" in line["exception"]
    assert (line["password"], line["headers"], line["token_id"]) == ("***", {"Cookie": "***", "a": ["Bearer ***"]}, 7)
    assert not [secret for secret in (TOKEN, HASH, "sesame", "c00kie") if secret in written.getvalue()]
