"""Bytes from elsewhere: one protocol of the wire, one module. Imports only `engine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.contracts import Connector, ConnectorSpec
from engine.hooks import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence


def _http() -> Connector:
    # Imported when a feed asks for it: the client library costs more start-up time than the rest of Feedmill together.
    from connectors.http import HttpConnector

    return HttpConnector()


def _rest() -> Connector:
    from connectors.rest import RestConnector

    return RestConnector()


def _file() -> Connector:
    from connectors.file import FileConnector

    return FileConnector()


def _sftp() -> Connector:
    from connectors.sftp import SftpConnector

    return SftpConnector()


def _ftp() -> Connector:
    from connectors.ftp import FtpConnector

    return FtpConnector()


@hookimpl
def feedmill_connectors() -> Sequence[ConnectorSpec]:
    """Register the built-in connectors."""
    return (
        ConnectorSpec(("http", "https"), _http),
        ConnectorSpec(("rest+http", "rest+https"), _rest),
        ConnectorSpec(("ftp", "ftps"), _ftp),
        ConnectorSpec(("sftp",), _sftp),
        ConnectorSpec(("file",), _file),
    )
