"""`feedmill.toml`: what counts first, what is wrong with it and where, its schema."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import BaseModel

from engine.errors import ConfigError
from feedmill.cli import run
from feedmill.service.config.checking import check_service_file
from feedmill.service.config.loading import load_settings
from feedmill.service.config.schema import service_schema
from feedmill.service.settings import ServiceSettings
from plugins.manager import load_registry

WHOLE = """
database = "shop.db"

[server]
port = 9000
trusted_proxies = ["10.0.0.0/8"]

[alerts.smtp]
host = "mail.example"
sender = "feedmill@shop.example"
recipients = ["me@shop.example"]
username = "feedmill"
password = "${SMTP_PASSWORD}"

[[feeds]]
name = "acme"
source = "https://supplier.example/stock.csv"
provider = "Acme"
guard = { minItems = 5 }

[[feeds]]
name = "partner"
resourceType = "webhook"
"""


def write(directory: Path, text: str) -> str:
    """Write a configuration and return its path."""
    path = directory / "feedmill.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_command_line_counts_before_the_environment_and_that_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each key by itself; lists of the environment have commas or are JSON; variables in the file are filled in."""
    monkeypatch.setenv("SMTP_PASSWORD", "geheim")
    monkeypatch.setenv("FEEDMILL_SERVER__HOST", "::1")
    monkeypatch.setenv("FEEDMILL_SERVER__TRUSTED_PROXIES", "10.1.0.0/16, ::1")
    monkeypatch.setenv("FEEDMILL_EGRESS__PORTS", "[80, 443]")
    settings = load_settings(write(tmp_path, WHOLE), server={"host": "127.0.0.2"})
    assert (settings.server.host, settings.server.port) == ("127.0.0.2", 9000)
    assert settings.server.trusted_proxies == ("10.1.0.0/16", "::1")
    assert settings.egress.ports == (80, 443)
    assert settings.alerts.smtp is not None
    assert settings.alerts.smtp.password is not None
    assert settings.alerts.smtp.password.get_secret_value() == "geheim"
    assert "geheim" not in repr(settings)


def test_variables_that_are_no_settings_disturb_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """`FEEDMILL_LOG` is a level and `FEEDMILL_KEYS` are keys; no `.env` is read."""
    monkeypatch.setenv("FEEDMILL_LOG", "debug")
    monkeypatch.setenv("FEEDMILL_KEYS", "a b")
    monkeypatch.setenv("FEEDMILL_LOG__LEVEL", "error")
    assert load_settings().log.level == "error"


def test_every_fault_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line of the file, or the variable; what may be meant; never a secret."""
    monkeypatch.setenv("FEEDMILL_SERVER__PORT", "99999")
    monkeypatch.setenv("FEEDMILL_ALERTS__SMTP__PASWORD", "geheim")
    with pytest.raises(ConfigError) as raised:
        load_settings(write(tmp_path, 'databse = "x"\n[server]\nhost = ""\n[alerts]\nwebhook = 5\n'))
    said = str(raised.value)
    for part in (
        "feedmill.toml cannot be used",
        "line 1, databse: unknown key; did you mean 'database'?",
        "line 3, server.host: string should have at least 1 character",
        "server.port: input should be less than or equal to 65535, got '99999' (the environment variable FEEDMILL_SERVER__PORT)",
        "did you mean 'password'? (the environment variable FEEDMILL_ALERTS__SMTP__PASWORD)",
        "line 5, alerts.webhook: input should be a valid string",
    ):
        assert part in said
    assert "geheim" not in said
    for path, reason in (("nowhere.toml", "No such file"), (write(tmp_path, "a = "), "line 1, is no TOML")):
        with pytest.raises(ConfigError, match=reason):
            load_settings(path)
    monkeypatch.delenv("FEEDMILL_SERVER__PORT")
    with pytest.raises(ConfigError, match="the environment variable NOBODY is not set"):
        load_settings(write(tmp_path, 'database = "${NOBODY}"'))


def test_check_knows_a_configuration_and_the_feeds_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`feedmill check` tells a configuration from a feed, and finds what only a run would."""
    assert run(["check", write(tmp_path, WHOLE)]) == 0
    assert "ok\n" in capsys.readouterr().out
    faulty = WHOLE.replace("minItems", "minItem").replace('"shop.db"', '"sqlite://"') + 'delimiter = ";"\n[[feeds]]\nname = "acme"\n'
    assert run(["check", write(tmp_path, faulty)]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition("feedmill.toml:")[2] for line in lines] == [
        "2: database: a service needs a database on disk",
        "13: warning: alerts.smtp.password: the environment variable SMTP_PASSWORD is not set",
        "19: feeds.0.guard.minItem: unknown attribute; did you mean 'minItems'?",
        "25: feeds.2.source: is not given, and resourceType is none of those that are pushed to (manual, upload, webhook)",
    ]
    doubled = b'[[feeds]]\nname = "a"\nresourceType = "manual"\n[[feeds]]\nname = "a"\nsource = "gopher://a/b"\n'
    first, second, third = map(str, check_service_file(load_registry(), doubled, {}))
    assert (first, second) == ("line 2, feeds.0.name: several feeds are named 'a'", "line 5, feeds.1.name: several feeds are named 'a'")
    plain = b'[alerts]\nwebhook = "https://hooks.example/geheim"\nsmtp = "smtp://joe:geheim@mail.example"\n'
    secret, url = map(str, check_service_file(load_registry(), plain, {}))
    assert secret.startswith("line 2, alerts.webhook: a secret stands in the file")
    assert url == "line 3, alerts.smtp: input should be a valid dictionary or instance of Smtp"
    assert third.startswith("line 6, feeds.1.source: no connector answers the URL scheme 'gopher'")


def models(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of the configuration."""
    for name, field in model.model_fields.items():
        inner = [each for each in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(each, type)]
        tables = [each for each in inner if issubclass(each, BaseModel)]
        yield f"{path}{name}", field if not tables else None
        for table in tables:
            yield from models(table, f"{path}{name}.")


def test_every_key_is_described() -> None:
    """The reference and the schema say of each key what it is."""
    assert [name for name, field in models(ServiceSettings) if field is not None and not field.description] == []


def test_the_schema_takes_what_is_valid_and_nothing_else() -> None:
    """Editors complete and check with it, feeds too."""
    validator = jsonschema_rs.Draft202012Validator(service_schema())
    assert [error.message for error in validator.iter_errors(tomllib.loads(WHOLE))] == []
    for wrong in (
        "port = 1",
        "[server]\nport = 70000",
        "[[feeds]]\nname = 'a'\nto = 'x'",
        "[[feeds]]\nsource = 'a'",
        "[log]\nlevel = 'loud'",
    ):
        assert not validator.is_valid(tomllib.loads(wrong)), wrong
