"""TLS of the server: its certificate, and nothing older than TLS 1.2."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from engine.errors import ConfigError

if TYPE_CHECKING:
    from feedmill.service.settings import Server


def server_context(server: Server) -> ssl.SSLContext | None:
    """Return the TLS settings of a server, None where it has no certificate. Blocks.

    Raises `ConfigError` for one file without the other, and for files that cannot be used.
    """
    if server.tls_certificate is None and server.tls_key is None:
        return None
    if server.tls_certificate is None:
        raise ConfigError("[server] has tls_key and no tls_certificate: give the certificate chain as well, or neither")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, server)
    return context


def load_certificate(context: ssl.SSLContext, server: Server) -> None:
    """Read certificate and key anew, for connections that are made from now on. Blocks.

    Raises `ConfigError` for files that cannot be used.
    """
    certificate, key = server.tls_certificate, server.tls_key
    if certificate is None:
        return
    named = f"{certificate} and {key}" if key is not None else str(certificate)
    try:
        # Without a password of its own the library would ask on the terminal, and a daemon would wait for ever.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        cure = "give a certificate chain and its unencrypted key, both PEM"
        raise ConfigError(f"TLS cannot be served with {named} ({error.reason or 'no PEM'}); {cure}") from None
    except OSError as error:
        raise ConfigError(f"TLS cannot be served with {named}: {error.strerror}; check the paths and who may read them") from None
