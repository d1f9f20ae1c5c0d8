"""What a failing FTP exchange means for a run: replies and errors of the connection, each with its cure. No I/O here."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import aioftp

from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry
from engine.source import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.source import Source

_Fate = type[Retry] | type[RefuseRun] | type[ConfigError]


class GivenUp(RefuseRun):
    """Report that a download cannot be gone on with: the file is another one now, or the server cannot begin in its middle.

    It never leaves the connector: for the engine it is a `Retry`, but to try again to resume would be of no use.
    """


class Phase(Enum):
    """What was being done when it failed; the value ends a sentence that begins with "answered 530 ..."."""

    GREETING = "on connecting"
    TLS = "to the request for TLS"
    LOGIN = "to the login"
    PROTECTION = "to the request to protect the data"
    FOLDER = "on entering the folder"
    LISTING = "to the request for the folder's listing"
    FILE = "to the request for the file"
    REST = "to the request to go on in the middle of the file"
    TRANSFER = "while the file was sent"


_ELSEWHERE: Final = "nothing was applied; try again later"
REPLIES: Final[Mapping[str, tuple[_Fate, str]]] = {
    "120": (Retry, "the server is not ready yet; try again later"),
    "331": (RefuseRun, "the server asks for a password again; check user and password"),
    "332": (RefuseRun, "the server asks for an account beside user and password, which is not supported; ask for a login without"),
    "421": (
        Retry,
        "the server ends the connection: too many connections, an idle limit or a shutdown; try again later, or lower "
        "transport.maxConnections",
    ),
    "425": (Retry, "the server could not open the data connection; try again later, and have the supplier check its passive ports"),
    "426": (Retry, "the transfer was broken off: nothing was applied; try again later"),
    "430": (RefuseRun, "user or password are not accepted; check them"),
    "431": (RefuseRun, "the server's security does not work just now or is not offered; ask the supplier"),
    "434": (Retry, "the server's host is not available; try again later"),
    "450": (Retry, "the file is in use, perhaps being written; try again later"),
    "451": (Retry, "the server failed; try again later"),
    "452": (Retry, "the server has no room left; try again later"),
    "500": (RefuseRun, "the server does not know the command; ask the supplier which protocol it speaks"),
    "501": (RefuseRun, "the server does not accept the name; check the path"),
    "502": (RefuseRun, "the server does not offer the command; ask the supplier for another way"),
    "503": (RefuseRun, "the server expected other commands before; ask the supplier"),
    "504": (RefuseRun, "the server does not offer the command in this form; ask the supplier"),
    "521": (RefuseRun, "the server does not allow this protection of the data; use ftps: where the URL says ftp:"),
    "522": (
        RefuseRun,
        "the server refuses the data connection, mostly because its TLS session is not the one of the login; "
        "ask the supplier to check its TLS settings",
    ),
    "530": (RefuseRun, "not logged in; check user and password, and that this machine's address is allowed"),
    "532": (RefuseRun, "the server asks for an account beside user and password, which is not supported; ask for a login without"),
    "533": (RefuseRun, "the server refuses this protection of the control connection; check ftp: against ftps: in the URL"),
    "534": (RefuseRun, "the server's policy refuses this kind of TLS; ask the supplier which one it takes"),
    "535": (RefuseRun, "the server's security check failed; ask the supplier which TLS versions and client certificates it takes"),
    "536": (RefuseRun, "the server does not offer protected data; ask the supplier for a server that does"),
    "537": (RefuseRun, "the server does not offer this protection level; ask the supplier for a server that does"),
    "550": (RefuseRun, "the file does not exist or may not be read; check the path, which starts in the login directory (%2F is the root)"),
    "551": (RefuseRun, "the server cannot send this kind of file; name a plain file"),
    "552": (RefuseRun, "the account's quota is used up; ask the supplier"),
    "553": (RefuseRun, "the server does not allow the name; check the path"),
    "554": (RefuseRun, "the server cannot begin in the middle of the file"),
}
"""What a reply means wherever `PHASES` does not say more of it."""

PHASES: Final[Mapping[Phase, Mapping[str, tuple[_Fate, str]]]] = {
    Phase.TLS: {
        "5xx": (RefuseRun, "the server offers no explicit TLS on this port; no password was sent. Ask the supplier for the FTPS port, and "
                "set transport.ftps to implicit if it is one"),
    },
    Phase.PROTECTION: {
        "5xx": (RefuseRun, "the server does not protect what it sends; ask the supplier for a server that does"),
    },
    Phase.FOLDER: {
        "550": (RefuseRun, "the folder does not exist or may not be entered; check the path, which starts in the login directory "
                "(%2F is the root)"),
    },
    Phase.LISTING: {
        "5xx": (RefuseRun, "the folder may not be listed, so no pattern can be looked for; name the file without one "
                "(a date as {date:%Y%m%d} works)"),
    },
    Phase.REST: {"5xx": (GivenUp, "the server cannot go on after a break: nothing was applied; try again later")},
    Phase.TRANSFER: {"5xx": (Retry, "the transfer was broken off: nothing was applied; try again later")},
}  # fmt: skip
"""What a reply means at a certain point; `5xx` stands for all that begin so."""

_TLS_WANTED: Final = re.compile(r"\b(ssl|tls|encrypt\w*)\b", re.IGNORECASE)
_CROWDED: Final = re.compile(r"too many|maximum", re.IGNORECASE)
_WORDS: Final = 160

CONNECTION: Final[tuple[tuple[type[BaseException], _Fate, str], ...]] = (
    # The first entry that fits counts, so each class stands before its bases.
    (
        ssl.SSLCertVerificationError,
        RefuseRun,
        "shows a TLS certificate that is not trusted ({reason}); the supplier has to renew it, or name its authority in transport.caFile",
    ),
    (
        ssl.SSLError,
        Retry,
        "failed the TLS handshake ({reason}); check that the port speaks {security} TLS (transport.ftps), or try again later",
    ),
    (TimeoutError, Retry, "sent nothing for {idle:g} s: nothing was applied; try again later{hint}"),
    (EOFError, Retry, "closed the connection without an answer: nothing was applied; try again later"),
    (OSError, Retry, "lost the connection ({reason}): nothing was applied; try again later"),
    # What the client library says of replies that cannot be read.
    (aioftp.AIOFTPException, RefuseRun, "did not answer in FTP; check scheme and port"),
    (ValueError, RefuseRun, "did not answer in FTP; check scheme and port"),
)


@contextmanager
def explained(source: Source, phase: Phase, name: str | None = None) -> Iterator[None]:
    """Turn every error of the client library into one of Feedmill's that says what happened and what cures it."""
    try:
        yield
    except aioftp.StatusCodeError as error:
        # Not chained: the library's errors quote replies, and a reply may quote the password.
        raise judge(str(error.received_codes[-1]), " ".join(error.info), source, phase, name) from None
    except (aioftp.AIOFTPException, EOFError, OSError, ValueError) as error:
        raise explain(error, source, phase, name) from None


def explain(error: BaseException, source: Source, phase: Phase, name: str | None = None) -> FeedmillError:
    """Return what an error of the connection means for the run."""
    fate, text = next((fate, text) for kind, fate, text in CONNECTION if isinstance(error, kind))
    if phase is Phase.TRANSFER and isinstance(error, ssl.SSLError):
        return Retry(f"{name or source.name}: sent bytes that TLS finds damaged ({_reason(error)}): nothing was applied; try again later")
    greeting = phase is Phase.GREETING and source.scheme == "ftps"
    shown = text.format(
        reason=_reason(error),
        security="implicit" if greeting else "explicit",
        idle=source.patience.idle,
        hint="; if the port speaks implicit TLS, set transport.ftps to implicit" if greeting else "",
    )
    return fate(f"{name or source.name}: {shown}")


def judge(code: str, words: str, source: Source, phase: Phase, name: str | None = None) -> FeedmillError:
    """Return the error that a reply is: 4xx passes and is `Retry`, all else will not change by itself and is `RefuseRun`.

    Where servers are known to say otherwise (a login that is refused because too many are in, one that wants TLS) their words
    count.
    """
    table = PHASES.get(phase, {})
    fallback = (Retry, f"the server failed; {_ELSEWHERE}") if code.startswith("4") else (RefuseRun, "the server refuses; ask the supplier")
    fate, cure = table.get(code) or table.get(f"{code[:1]}xx") or REPLIES.get(code) or fallback
    if phase is Phase.LOGIN:
        fate, cure = _login_refused(code, words, source) or (fate, cure)
    return fate(f"{name or source.name}: answered {code}{_quoted(words, source)} {phase.value}: {cure}")


def _login_refused(code: str, words: str, source: Source) -> tuple[_Fate, str] | None:
    if code.startswith("5") and source.scheme == "ftp" and _TLS_WANTED.search(words):
        return RefuseRun, "the server takes nobody without TLS; write ftps: instead of ftp:"
    if code != "530":
        return None
    if _CROWDED.search(words):
        return Retry, "too many are logged in; try again later, or lower transport.maxConnections"
    if source.username is None:
        return RefuseRun, "no credentials were sent; put them into the URL as user:password@host, reserved characters percent-encoded"
    return RefuseRun, "the user and password that were sent are not accepted; check them, and that this machine's address is allowed"


def _quoted(words: str, source: Source) -> str:
    """Return a server's own words fit for a message: short, printable, without the login that some servers repeat."""
    text = words.encode("latin-1", "replace").decode("utf-8", "replace")
    password = source.password.reveal() if source.password is not None else ""
    user = (source.username or "") if source.hides_user else ""
    for secret in sorted({password, quote(password, safe=""), user} - {""}, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).strip(" -").split())
    return f" ({text[:_WORDS]})" if text else ""


def _reason(error: BaseException) -> str:
    reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(reason or type(error).__name__)
