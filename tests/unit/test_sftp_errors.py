"""What an SSH failure means is written once in the code and told to the reader of the docs as it is."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from connectors.ssh.errors import FAILURES, explain
from engine.errors import ConfigError, RefuseRun, Retry
from engine.source import Secret, Source, Ssh

PAGE = (Path(__file__).parents[2] / "docs/how-to/fetch-over-sftp.md").read_text("utf-8")
SOURCE = Source("sftp://supplier.example/stock.csv", "shop", Secret("hunter2"), ssh=Ssh(key_passphrase=Secret("hunter22")))
NAMES = {ConfigError: "configuration", Retry: "retry"}


@pytest.mark.parametrize(("kind", "fate", "text"), FAILURES, ids=lambda value: value.__name__ if isinstance(value, type) else "")
def test_each_failure_stands_on_the_page(kind: type[BaseException], fate: type[Exception], text: str) -> None:
    """The page has a row for each entry of the table, with what it ends as."""
    assert f"| {text.format(reason='...', idle=60)} | {NAMES.get(fate, 'refused')} |" in PAGE


def test_no_entry_is_hidden_by_one_before_it() -> None:
    """The first class that fits counts, so none may stand behind its base."""
    for place, (kind, _, _) in enumerate(FAILURES):
        assert not any(issubclass(kind, earlier) for earlier, _, _ in FAILURES[:place])


@pytest.mark.parametrize("kind", [asyncssh.ConnectionLost, asyncssh.SFTPFailure, asyncssh.ProtocolError])
def test_what_a_server_says_is_shown_without_secrets_and_control_characters(kind: type[asyncssh.Error]) -> None:
    """A server may quote what it was told, clear a terminal, or go on for ever; the message does none of it."""
    error = explain(kind("bad hunter22\x1b[2J and hunter2 " + "x" * 5000), SOURCE)  # type: ignore[call-arg,arg-type]
    assert isinstance(error, Retry)
    assert "bad *** [2J and *** xxx" in str(error)
    assert len(str(error)) < 400


def test_algorithms_that_are_not_spoken_any_more_are_named() -> None:
    """Only what the server offers is shown: it is what has to change."""
    error = explain(asyncssh.KeyExchangeFailed("No matching key exchange algorithm found, sent a,b and received old1,old2"), SOURCE)
    assert isinstance(error, RefuseRun)
    assert "offers only key exchange algorithms that are not spoken here any more (old1,old2)" in str(error)


def test_a_server_that_has_enough_of_wrong_logins_is_refused() -> None:
    """OpenSSH ends the connection after so many keys: trying again would not help."""
    error = explain(asyncssh.ProtocolError("Too many authentication failures"), SOURCE)
    assert isinstance(error, RefuseRun)
    assert "give one key by transport.privateKey" in str(error)
