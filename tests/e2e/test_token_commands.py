"""`feedmill token` and `feedmill keys`: what they print, and what they leave in the database and beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from feedmill.cli import run
from feedmill.exits import Exit
from feedmill.service.keys import KeyRing


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the process as it was: the command line tunes its own, and logs to the stream that a test takes away."""
    before = structlog.get_config()
    monkeypatch.setattr("feedmill.process.tune_process", lambda: None)
    yield
    structlog.configure(**before)


def test_tokens_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A token is printed alone, once; the database is made where there is none; even the last token can be revoked."""
    db = str(tmp_path / "shop.db")
    assert run(["token", "create", "--name", "ci", "--scope", "admin", "--scope", "read", "--db", db]) == Exit.COMPLETE
    token = capsys.readouterr().out
    assert re.fullmatch(r"fm_[A-Za-z0-9_-]{43}\n", token)
    assert run(["token", "list", "--db", db]) == Exit.COMPLETE
    shown = json.loads(capsys.readouterr().out)
    assert (shown["id"], shown["scopes"], shown["hint"], shown["revokedAt"]) == (1, ["admin", "read"], token.strip()[-4:], None)
    assert run(["token", "revoke", "1", "--db", db]) == Exit.COMPLETE
    capsys.readouterr()
    assert run(["token", "list", "--db", db]) == Exit.COMPLETE
    assert json.loads(capsys.readouterr().out)["revokedAt"] is not None
    assert token.strip().encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["token", "create", "--name", "x", "--scope", "root"], Exit.USAGE, "none of admin, read, feed:ID:push"),
        (["token", "create", "--name", " ", "--scope", "read"], Exit.USAGE, "--name is empty"),
        (["token", "create", "--name", "x", "--scope", "feed:9:push"], Exit.FAILED, "names inventory feed 9"),
        (["token", "list"], Exit.CONFIGURATION, "there is no database"),
        (["token", "revoke", "7"], Exit.CONFIGURATION, "there is no database"),
        (["token", "revoke", "0"], Exit.USAGE, "no id of a token"),
        (["keys", "rotate"], Exit.CONFIGURATION, "there is no key file"),
    ],
)
def test_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: Exit, said: str) -> None:
    """What cannot be done is told with its cure and an exit code, and nothing is printed where a script expects a token."""
    assert run([*arguments, "--db", str(tmp_path / "shop.db")]) == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_a_new_key(capsys: pytest.CaptureFixture[str]) -> None:
    """A new key is printed alone, and seals."""
    assert run(["keys", "new"]) == Exit.COMPLETE
    ring = KeyRing(capsys.readouterr().out.split())
    assert ring.open(ring.seal({"a": 1})) == {"a": 1}


def test_people_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who has the database can let people in: by a link for a password, by one that needs none; and out again."""
    db = str(tmp_path / "shop.db")
    run(["token", "create", "--name", "ci", "--scope", "admin", "--db", db])
    capsys.readouterr()
    for arguments, pattern in (
        (["invite", "Ada", "--role", "admin", "--url", "http://shop.test"], r"http://shop\.test/welcome/[\w-]{43}\n"),
        (["link", "ada"], r"http://127\.0\.0\.1:8080/welcome/[\w-]{43}\n"),
        (["link", "Ada", "--enter"], r"http://127\.0\.0\.1:8080/enter/[\w-]{43}\n"),
        (["list"], r'\{"id":1,"name":"Ada","role":"admin","ready":false,"seenAt":"[^"]+"\}\n'),
        (["remove", "Ada"], r"Ada is removed\n"),
        (["list"], ""),
    ):
        assert run(["people", *arguments, "--db", db]) == Exit.COMPLETE
        assert re.fullmatch(pattern, capsys.readouterr().out)
    assert run(["people", "link", "Ada", "--db", db]) == Exit.CONFIGURATION
    assert "there is nobody called 'Ada'" in capsys.readouterr().err
