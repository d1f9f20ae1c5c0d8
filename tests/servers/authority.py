"""A certificate authority for one test run, with a server certificate for the loopback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Authority:
    """PEM files: what a client trusts, and what a server shows and keeps. `whole_file` is the server's certificate with its key."""

    ca_file: Path
    certificate_file: Path
    key_file: Path
    whole_file: Path


def authority(folder: Path, *names: str) -> Authority:
    """Make an authority in `folder`, with a certificate for `names`: 127.0.0.1, 127.0.0.2 and localhost where none is given."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Authority(*(folder / name for name in ("ca.pem", "certificate.pem", "key.pem", "whole.pem")))
    ca = trustme.CA()
    server = ca.issue_cert(*(names or ("127.0.0.1", "127.0.0.2", "localhost")))
    ca.cert_pem.write_to_path(made.ca_file)
    made.certificate_file.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    made.key_file.write_bytes(server.private_key_pem.bytes())
    made.whole_file.write_bytes(server.private_key_and_cert_chain_pem.bytes())
    made.key_file.chmod(0o600)
    made.whole_file.chmod(0o600)
    return made
