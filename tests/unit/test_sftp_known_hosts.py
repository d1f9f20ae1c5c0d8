"""The known_hosts file: first uses at the same moment, and which algorithms are asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from connectors.ssh.host_keys import HostKeys, Known, Place, _append
from engine.source import Source, Ssh
from tests.servers.ssh import key, known_line

SOURCE = Source("sftp://supplier.example/stock.csv", "shop")
PLACE = Place("supplier.example", 22)


def test_of_first_uses_at_the_same_moment_one_is_kept(tmp_path: Path) -> None:
    """Whoever writes first decides: the others see that key, and the file holds one line for the server and each other one."""
    path = tmp_path / "known_hosts"
    keys = [key(f"host-{number}").convert_to_public() for number in range(8)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda each: _append(path, each, PLACE), keys * 4))
        list(pool.map(lambda number: _append(path, keys[0], Place("other.example", 2000 + number)), range(50)))
    assert len({known.keys for known in found}) == 1
    lines = path.read_text().splitlines()
    assert sum(line.startswith("supplier.example ") for line in lines) == 1
    assert sorted(line.split()[0] for line in lines[1:]) == sorted(f"[other.example]:{2000 + number}" for number in range(50))
    assert (path.stat().st_mode & 0o777) == 0o600


@pytest.mark.parametrize(
    ("known", "first"),
    [
        (Known(), "ssh-ed25519"),
        (Known((key("rsa", "ssh-rsa"),)), "rsa-sha2-512"),
        (Known((), (key("ecdsa", "ecdsa-sha2-nistp256"),)), "ecdsa-sha2-nistp256"),
        (Known((), (), (key("authority"),)), "ssh-ed25519-cert-v01@openssh.com"),
    ],
)
def test_the_type_of_a_known_key_is_asked_for_first(known: Known, first: str) -> None:
    """A server that has several keys shows one that is known; the rest are asked for too, so that a change is seen as one."""
    algorithms = HostKeys(SOURCE, PLACE, known, Path("known_hosts")).algorithms
    assert algorithms[0] == first
    assert {"ssh-ed25519", "rsa-sha2-256", "ecdsa-sha2-nistp256"} <= set(algorithms)


def test_a_pinned_key_is_looked_for_among_all_types() -> None:
    """Each type that did not show the pinned key is left out the next time, until none is left."""
    pinned = replace(SOURCE, ssh=Ssh(host_key=key("pinned").get_fingerprint()))
    host_keys = HostKeys(pinned, PLACE, Known(), None)
    shown: list[asyncssh.SSHKey] = []
    for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"):
        shown.append(key(f"of-{kind}", kind))
        assert not host_keys.accept(shown[-1])
        more = host_keys.asks_for_another()
    assert not more
    assert not host_keys.asks_for_another()
    assert shown[0].get_fingerprint() in str(host_keys.refusal())


def test_a_line_is_what_openssh_would_write() -> None:
    """Name and port as known_hosts has them, for IPv6 too."""
    assert Place("supplier.example", 22).pattern == "supplier.example"
    assert Place("::1", 2222).pattern == "[::1]:2222"
    assert known_line(key("x"), "h").startswith("h ssh-ed25519 AAAA")
