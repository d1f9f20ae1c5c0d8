"""The files that run the service elsewhere say what the program takes: image, compose file, systemd unit."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from feedmill.cli import build_app
from feedmill.service.config.loading import load_settings
from feedmill.service.settings import ServiceSettings
from feedmill.web.app import all_endpoints

ROOT = Path(__file__).parents[2]
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")
COMPOSE = (ROOT / "compose.yaml").read_text("utf-8")
UNIT = (ROOT / "examples/feedmill.service").read_text("utf-8")


def parses(arguments: list[str]) -> bool:
    """Return whether the command line takes arguments; it raises where it does not."""
    build_app().parse_args(arguments, exit_on_error=False, print_error=False)
    return True


def test_the_image_starts_a_service_that_its_health_check_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entry point and command are the program's, the variables its settings, the path one that answers, the copied files there."""
    entry, command = (json.loads(re.findall(rf"^{word} (\[.*\])$", IMAGE, re.MULTILINE)[0]) for word in ("ENTRYPOINT", "CMD"))
    assert entry == ["feedmill"]
    assert parses(command)
    variables = dict(re.findall(r"(FEEDMILL_\w+)=(\S+)", IMAGE))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert settings.server.host == "0.0.0.0"
    assert settings.database.startswith("sqlite:////var/lib/feedmill/")
    assert "VOLUME /var/lib/feedmill\n" in IMAGE
    assert f"EXPOSE {settings.server.port}\n" in IMAGE
    (check,) = re.findall(r'CMD \["python", "-c", "(.*)"\]', IMAGE)
    compile(check, "HEALTHCHECK", "exec")
    (path,) = re.findall(rf"http://127\.0\.0\.1:{settings.server.port}(/\w+)", check)
    assert {endpoint.path: endpoint.scope for endpoint in all_endpoints()}[path] == "public"
    assert re.findall(r"^USER (\S+)", IMAGE, re.MULTILINE) == ["10001"]
    for source in re.findall(r"^COPY (?!--from)(\S+) ", IMAGE, re.MULTILINE):
        assert (ROOT / source).exists()


def test_compose_and_the_unit_wait_longer_than_a_stop_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither kills a service within its own grace; both give it the keys as a file, by variables that are settings."""
    grace = ServiceSettings().server.shutdown_seconds
    assert int(re.findall(r"stop_grace_period: (\d+)s", COMPOSE)[0]) > grace
    assert int(re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)[0]) > grace
    (shown,) = re.findall(r"FEEDMILL_KEY_FILE: (\S+)", COMPOSE)
    assert shown == "/run/secrets/feedmill-keys"
    assert "secrets:\n  feedmill-keys:\n    file: " in COMPOSE
    for name, value in (*re.findall(r"^Environment=(\w+)=(.*)$", UNIT, re.MULTILINE), ("FEEDMILL_KEY_FILE", shown)):
        monkeypatch.setenv(name, value)
    assert str(load_settings().key_file) == shown
    assert load_settings().database == "sqlite:////var/lib/feedmill/feedmill.db"


def test_the_unit_runs_what_the_pages_install() -> None:
    """The command can be given, systemd waits for READY, and a configuration that cannot work is not tried again."""
    (command,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert parses(arguments)
    page = (ROOT / "docs/how-to/run-under-systemd.md").read_text("utf-8")
    assert program in page
    assert arguments[-1] in page
    for line in ("Type=notify", "RestartPreventExitStatus=78", "KillMode=mixed", "NoNewPrivileges=yes", "ProtectSystem=strict"):
        assert f"\n{line}\n" in UNIT
