"""What a failing SSH or SFTP exchange means for a run, each with its cure. No I/O here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncssh

from engine.errors import ConfigError, FeedmillError, RefuseRun, Retry

if TYPE_CHECKING:
    from engine.source import Source

_Fate: TypeAlias = type[Retry] | type[RefuseRun] | type[ConfigError]

LATER: Final = "nothing was applied; try again later"


class Missing(RefuseRun):
    """Report that a path leads to nothing, to whoever can say more of it."""


FAILURES: Final[tuple[tuple[type[BaseException], _Fate, str], ...]] = (
    # The first entry that fits counts, so each class stands before its bases.
    (asyncssh.HostKeyNotVerifiable, RefuseRun, "shows a host key or certificate that is not to be trusted ({reason}); ask the supplier"),
    (asyncssh.ProtocolNotSupported, RefuseRun, "speaks SSH version 1 only, which is broken; the supplier has to update the server"),
    (asyncssh.MACError, Retry, f"sent data that was damaged on its way; {LATER}"),
    (asyncssh.CompressionError, Retry, f"sent data that was damaged on its way; {LATER}"),
    (asyncssh.KeyExchangeFailed, Retry, f"broke the SSH handshake off ({{reason}}); {LATER}"),
    (asyncssh.IllegalUserName, ConfigError, "has a user name that SSH does not allow; check it"),
    (asyncssh.ServiceNotAvailable, Retry, f"does not offer its service ({{reason}}); {LATER}"),
    (asyncssh.ConnectionLost, Retry, f"closed the connection ({{reason}}); {LATER}"),
    (asyncssh.DisconnectError, Retry, f"ended the connection ({{reason}}); {LATER}"),
    (asyncssh.ChannelOpenError, RefuseRun, "accepted the login and then refused SFTP ({reason}); ask the supplier to allow it"),
    (asyncssh.SFTPNoSuchFile, Missing, "is not there; check the path with the supplier"),
    (asyncssh.SFTPNoSuchPath, Missing, "is not there; check the path with the supplier"),
    (asyncssh.SFTPNotADirectory, RefuseRun, "has a file where the path names a folder; check the path with the supplier"),
    (asyncssh.SFTPInvalidFilename, RefuseRun, "says that this is no valid file name; check the path with the supplier"),
    (asyncssh.SFTPFileIsADirectory, RefuseRun, "is a folder; name one file in it, or set resourcePath to a pattern such as *.csv"),
    (asyncssh.SFTPPermissionDenied, RefuseRun, "does not let this user read it; ask the supplier for the right to"),
    (asyncssh.SFTPOpUnsupported, RefuseRun, "cannot do what is needed to read a file ({reason}); ask the supplier about the server"),
    (asyncssh.SFTPNoConnection, Retry, f"closed the connection; {LATER}"),
    (asyncssh.SFTPConnectionLost, Retry, f"closed the connection; {LATER}"),
    (asyncssh.SFTPBadMessage, Retry, "does not answer in SFTP; a login script that prints something is the usual cause: ask the supplier"),
    (asyncssh.SFTPFailure, Retry, f"failed and does not say more than {{reason}}; {LATER}"),
    (asyncssh.SFTPError, Retry, f"failed ({{reason}}); {LATER}"),
    (asyncssh.Error, Retry, f"failed ({{reason}}); {LATER}"),
    (TimeoutError, Retry, f"gave no answer for {{idle:g}} s; {LATER}"),
    (EOFError, Retry, f"closed the connection; {LATER}"),
    (OSError, Retry, f"lost the connection ({{reason}}); {LATER}"),
    # What the client library says when a file or a connection is used that has just been closed.
    (ValueError, Retry, f"closed the connection; {LATER}"),
)

_SHOWN_CHARACTERS: Final = 200


@contextmanager
def explained(source: Source, name: str | None = None) -> Iterator[None]:
    """Turn every error of the client library into one of Feedmill's that says what happened and what cures it.

    `name` is the URL of the file that it is about, where it is not the source's own.
    """
    try:
        yield
    except (asyncssh.Error, OSError, EOFError, ValueError) as error:
        # Not chained: the library's errors hold what the server said, which may be what it was told.
        raise explain(error, source, name) from None


def explain(error: BaseException, source: Source, name: str | None = None) -> FeedmillError:
    """Return what an error of the client library means for the run."""
    if isinstance(error, asyncssh.KeyExchangeFailed) and "No matching" in error.reason:
        return _nothing_in_common(error, source)
    if isinstance(error, asyncssh.DisconnectError) and "authentication" in error.reason.lower():
        return RefuseRun(
            f"{source.name}: ended the login ({reason_of(error, source)}); check user and password, and give one key by "
            "transport.privateKey where an agent holds many"
        )
    fate, text = next((fate, text) for kind, fate, text in FAILURES if isinstance(error, kind))
    return fate(f"{name or source.name}: {text.format(reason=reason_of(error, source), idle=source.patience.idle)}")


def _nothing_in_common(error: asyncssh.KeyExchangeFailed, source: Source) -> RefuseRun:
    # The library's message lists our algorithms too, which are many and cure nothing.
    what, _, lists = error.reason.removeprefix("No matching ").partition(" algorithm found")
    offered = lists.rpartition("received ")[2]
    return RefuseRun(
        f"{source.name}: offers only {what} algorithms that are not spoken here any more ({_printable(offered, source)}); "
        "ask the supplier to update the server, or for another way to fetch the file"
    )


def reason_of(error: BaseException, source: Source) -> str:
    """Return what a library or a server said, printable, short and without the password."""
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
    return _printable(str(text), source)


def _printable(text: str, source: Source) -> str:
    # A server may quote what it was told.
    secrets = [secret.reveal() for secret in (source.password, source.ssh.key_passphrase) if secret is not None]
    secrets += [source.username] if source.username is not None and source.hides_user else []
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***") if secret else text
    flat = "".join(sign if sign.isprintable() else " " for sign in text)
    return flat if len(flat) <= _SHOWN_CHARACTERS else flat[:_SHOWN_CHARACTERS] + "..."
