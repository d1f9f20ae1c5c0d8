"""TLS towards suppliers: who is trusted, who we are, and which setting is at fault. The handshakes are real, in memory."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat, load_pem_private_key

from connectors.wire.tls import client_context
from engine.errors import ConfigError
from engine.source import Secret, Source, Tls, parse_location

SOURCE = parse_location("https://shop:hunter2@supplier.example/stock.csv?key=hush")
HOST = "supplier.example"
PASSWORD = "k3y-p@ss"


def _source(tls: Tls) -> Source:
    return replace(SOURCE, tls=tls)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Give a certification authority of a supplier's own."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Give its certificate as a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture
def server(authority: trustme.CA) -> ssl.SSLContext:
    """Give a server's side of a handshake, with a certificate for one host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    return context


class _Key:
    """A client's certificate and keys as files: together, apart, and the key encrypted."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        issued = authority.issue_cert("buyer@shop.example")
        plain = issued.private_key_pem.bytes()
        key = load_pem_private_key(plain, None)
        sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
        old_sealed = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(PASSWORD.encode()))
        certificate = issued.cert_chain_pems[0].bytes()
        self.certificate = self._written(folder / "cert.pem", certificate)
        self.together = self._written(folder / "both.pem", plain + certificate)
        self.plain = self._written(folder / "key.pem", plain)
        self.sealed = self._written(folder / "sealed.pem", sealed)
        self.old_sealed = self._written(folder / "old-sealed.pem", old_sealed)
        self.foreign = self._written(folder / "foreign.pem", authority.issue_cert("other@shop.example").private_key_pem.bytes())

    @staticmethod
    def _written(path: Path, content: bytes) -> str:
        path.write_bytes(content)
        return str(path)


@pytest.fixture
def key(authority: trustme.CA, tmp_path: Path) -> _Key:
    """Give a client's certificate and keys."""
    return _Key(authority, tmp_path)


def _shake(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> ssl.SSLObject:
    """Let client and server shake hands through memory; returns the server's end, raises what the first of them raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=host)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for end in _turns(ours, theirs):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return theirs


def _turns(ours: ssl.SSLObject, theirs: ssl.SSLObject) -> Iterator[ssl.SSLObject]:
    for _ in range(4):
        yield ours
        yield theirs


def test_a_ca_of_ones_own_is_trusted_and_takes_the_systems_place(ca_file: str, server: ssl.SSLContext) -> None:
    """A certificate of the supplier's own authority is accepted, and no other authority is."""
    context = client_context(_source(Tls(ca_file)))
    assert _shake(context, server).version() == "TLSv1.3"
    assert len(context.get_ca_certs()) == 1


def test_without_it_the_systems_authorities_decide(server: ssl.SSLContext) -> None:
    """A private certificate is not trusted just because it is there."""
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(client_context(SOURCE), server)


def test_the_host_name_has_to_fit(ca_file: str, server: ssl.SSLContext) -> None:
    """A trusted certificate of another host is refused."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        _shake(client_context(_source(Tls(ca_file))), server, "other.example")


def test_an_authority_that_is_no_root_is_trusted_when_it_stands_in_the_file(authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    """An operator who names the certificate of a department means it, with or without the head office's."""
    branch = authority.create_child_ca()
    path = tmp_path / "branch.pem"
    branch.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    branch.issue_cert(HOST).configure_cert(context)
    _shake(client_context(_source(Tls(str(path)))), context)


def test_old_versions_of_tls_are_not_spoken(ca_file: str) -> None:
    """TLS 1.2 is the oldest (RFC 8996)."""
    assert client_context(_source(Tls(ca_file))).minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("kind", ["together", "apart", "sealed", "old_sealed"])
def test_a_client_certificate_is_shown(kind: str, key: _Key, ca_file: str, authority: trustme.CA, server: ssl.SSLContext) -> None:
    """In one file with its key or in two, the key encrypted or not."""
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    tls = {
        "together": Tls(ca_file, key.together),
        "apart": Tls(ca_file, key.certificate, key.plain),
        "sealed": Tls(ca_file, key.certificate, key.sealed, Secret(PASSWORD)),
        "old_sealed": Tls(ca_file, key.certificate, key.old_sealed, Secret(PASSWORD)),
    }[kind]
    assert _shake(client_context(_source(tls)), server).getpeercert()


def test_a_password_for_a_key_that_needs_none_does_no_harm(key: _Key) -> None:
    """The key may have been exchanged for a plain one."""
    client_context(_source(Tls(None, key.certificate, key.plain, Secret(PASSWORD))))


@pytest.mark.parametrize("kind", ["sealed", "old_sealed"])
@pytest.mark.parametrize(
    ("password", "fault"),
    [(None, "is missing"), (Secret("wr0ng-p@ss"), "is wrong"), (Secret(""), "is wrong"), (Secret("x" * 5000), "is wrong")],
)
def test_a_key_that_stays_shut_is_the_passwords_fault(kind: str, password: Secret | None, fault: str, key: _Key) -> None:
    """Nobody is asked on a terminal, and no password is shown."""
    path = getattr(key, kind)
    with pytest.raises(ConfigError) as caught:
        client_context(_source(Tls(None, key.certificate, path, password)))
    assert f"transport.clientKey {path} is encrypted and transport.clientKeyPassword {fault}" in str(caught.value)
    assert "wr0ng" not in str(caught.value)


def test_each_file_that_does_not_hold_what_it_should_is_named_with_its_setting(key: _Key, ca_file: str, tmp_path: Path) -> None:
    """Missing, a folder, empty, of another kind, or of another pair: the message names setting and file."""
    missing, empty = str(tmp_path / "missing.pem"), tmp_path / "empty.pem"
    empty.touch()
    for tls, said in (
        (Tls(missing), f"transport.caFile {missing} cannot be read (No such file or directory)"),
        (Tls(str(tmp_path)), f"transport.caFile {tmp_path} cannot be read (Is a directory)"),
        (Tls("ca\0.pem"), "transport.caFile ca\0.pem cannot be read (ValueError)"),
        (Tls(str(empty)), f"transport.caFile {empty} holds no certificate in PEM"),
        (Tls(key.plain), f"transport.caFile {key.plain} holds no certificate in PEM"),
        (Tls(None, missing), f"transport.clientCertificate {missing} cannot be read"),
        (Tls(None, key.plain), f"transport.clientCertificate {key.plain} holds no certificate in PEM"),
        (Tls(None, key.certificate), f"transport.clientCertificate {key.certificate} holds no private key in PEM"),
        (Tls(None, key.certificate, missing), f"transport.clientKey {missing} cannot be read"),
        (Tls(None, key.certificate, ca_file), f"transport.clientKey {ca_file} holds no private key in PEM"),
        (Tls(None, key.certificate, key.foreign), f"transport.clientKey {key.foreign} does not fit the certificate in {key.certificate}"),
    ):
        with pytest.raises(ConfigError) as caught:
            client_context(_source(tls))
        assert said in str(caught.value)
        assert str(caught.value).startswith("https://shop:***@supplier.example/stock.csv?key=***: ")
