"""A certificate for the loopback, and the authority that signed it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files: what a client trusts, and what a server shows with the key to it."""

    ca_file: Path
    whole_file: Path


def make_certificate(directory: Path) -> Certificate:
    """Make a certificate for 127.0.0.1."""
    made = Certificate(directory / "ca.pem", directory / "server.pem")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(made.ca_file)
    made.whole_file.write_bytes(authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
    made.whole_file.chmod(0o600)
    return made


def server_context(whole_file: str) -> ssl.SSLContext:
    """Return the context of a server that shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole_file)
    return context
