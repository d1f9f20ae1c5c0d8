"""What FTP's replies mean: the tables of the code are those of the page, and messages hold no password."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.ftpwire.errors import CONNECTION, PHASES, REPLIES, GivenUp, Phase, explain, judge
from engine.errors import FeedmillError, RefuseRun, Retry
from engine.source import parse_location

PAGE = (Path(__file__).parents[2] / "docs/how-to/fetch-over-ftp.md").read_text("utf-8")
SOURCE = parse_location("ftp://shop:p%40ss%2Fw%3Ard@host/stock.csv")


def _ends_as(fate: type[FeedmillError]) -> str:
    return "refused" if issubclass(fate, RefuseRun) and fate is not GivenUp else "retry"


def _rows(table: Mapping[str, tuple[type[FeedmillError], str]], before: str = "|") -> list[str]:
    return [f"{before} {code} | {_ends_as(fate)} | {text} |" for code, (fate, text) in table.items()]


def test_the_page_has_every_reply_with_its_cure() -> None:
    """Whoever looks a message up finds it, word for word."""
    rows = _rows(REPLIES) + [row for phase, table in PHASES.items() for row in _rows(table, f"| {phase.value} |")]
    assert [row for row in rows if f"\n{row}\n" not in PAGE] == []


def test_the_page_has_every_failure_of_the_connection() -> None:
    """Errors that are no replies are on the page as well."""
    rows = [f"| {text.format(reason='...', security='...', idle=60, hint='')} | {_ends_as(fate)} |" for _, fate, text in CONNECTION]
    assert [row for row in rows if f"\n{row}\n" not in PAGE] == []


@pytest.mark.parametrize("password", ["p@ss/w:rd", "p%40ss%2Fw%3Ard"])
def test_a_server_that_repeats_the_password_is_not_quoted_with_it(password: str) -> None:
    """The server's words are shown, the password in them is not, however it is spelled."""
    error = judge("530", f"Login of shop with {password}\0 failed.\r\n", SOURCE, Phase.LOGIN)
    assert "(Login of shop with *** failed.)" in str(error)
    given = judge("530", "Login of shop failed.\r\n", replace(SOURCE, hides_user=True), Phase.LOGIN)
    assert ("Login of *** failed" in str(given), "shop" in str(given)) == (True, False)


def test_a_long_answer_is_cut() -> None:
    """A message stays a message."""
    assert len(str(judge("550", "no " * 500, SOURCE, Phase.FILE))) < 500


def test_a_reply_in_another_encoding_can_be_read() -> None:
    """Words that are UTF-8 are shown so, and any other bytes do no harm."""
    assert "(Größe)" in str(judge("550", "Größe".encode().decode("latin-1"), SOURCE, Phase.FILE))
    assert isinstance(judge("550", "\xf6\xdf", SOURCE, Phase.FILE), RefuseRun)


def test_the_kind_of_tls_is_named_where_it_may_be_wrong() -> None:
    """A handshake that fails on connecting was implicit, and after AUTH explicit."""
    ftps = parse_location("ftps://host/x")
    assert "speaks implicit TLS (transport.ftps)" in str(explain(ssl.SSLError(1, "x"), ftps, Phase.GREETING))
    assert "speaks explicit TLS (transport.ftps)" in str(explain(ssl.SSLError(1, "x"), ftps, Phase.TLS))
    assert "set transport.ftps to implicit" in str(explain(TimeoutError(), ftps, Phase.GREETING))
    assert "transport.ftps" not in str(explain(TimeoutError(), SOURCE, Phase.GREETING))


@pytest.mark.parametrize("phase", Phase)
def test_every_reply_is_judged_at_every_point(phase: Phase) -> None:
    """No reply falls through, and none but 4xx and a broken transfer passes by itself."""
    for code in range(100, 600):
        error = judge(str(code), "", SOURCE, phase)
        passing = isinstance(error, Retry)
        assert passing == ((code in (120, *range(400, 500)) and code not in (430, 431)) or (phase is Phase.TRANSFER and code >= 500))
