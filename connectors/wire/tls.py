"""TLS towards suppliers: who is trusted, and who we are. Certificates and host names are always checked."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ConfigError

if TYPE_CHECKING:
    from engine.source import Source, Tls


def client_context(source: Source) -> ssl.SSLContext:
    """Return a context for TLS 1.2 or newer that checks certificate and host name. Reads files: not on the event loop.

    `tls.ca_file` takes the place of the system's certification authorities; whatever certificate stands in it is trusted,
    be it no root. Raises `ConfigError`, which names the setting, for a file that cannot be read or does not hold what it should.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    tls = source.tls
    if tls.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, tls.ca_file, source)
    if tls.certificate_file is not None:
        _identify(context, tls.certificate_file, tls, source)
    return context


def _trust(context: ssl.SSLContext, path: str, source: Source) -> None:
    _read(path, "caFile", source)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigError(f"{source.name}: transport.caFile {path} holds no certificate in PEM; {_PEM}") from None


def _identify(context: ssl.SSLContext, path: str, tls: Tls, source: Source) -> None:
    certificate = _read(path, "clientCertificate", source)
    key = _read(tls.key_file, "clientKey", source) if tls.key_file is not None else certificate
    holder = f"transport.clientKey {tls.key_file}" if tls.key_file is not None else f"transport.clientCertificate {path}"
    if b"-----BEGIN CERTIFICATE-----" not in certificate:
        raise ConfigError(f"{source.name}: transport.clientCertificate {path} holds no certificate in PEM; {_PEM}")
    if b"PRIVATE KEY-----" not in key:
        raise ConfigError(f"{source.name}: {holder} holds no private key in PEM; name the key's file in transport.clientKey")
    password = tls.key_password.reveal() if tls.key_password is not None else ""
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal and wait.
        context.load_cert_chain(path, tls.key_file, password=lambda: password)
    except (ssl.SSLError, ValueError):
        if b"ENCRYPTED" not in key:
            raise ConfigError(f"{source.name}: {holder} does not fit the certificate in {path}; check both files") from None
        cure = "is wrong" if tls.key_password is not None else "is missing"
        raise ConfigError(f"{source.name}: {holder} is encrypted and transport.clientKeyPassword {cure}; give the key's password") from None


_PEM = "a PEM file has lines as -----BEGIN CERTIFICATE-----"


def _read(path: str, setting: str, source: Source) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigError(f"{source.name}: transport.{setting} {path} cannot be read ({reason}); check path and permissions") from None
