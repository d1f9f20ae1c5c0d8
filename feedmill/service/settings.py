"""`feedmill.toml`: how a service runs. Environment variables count before the file: `FEEDMILL_SERVER__PORT=9000`."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX: Final = "FEEDMILL_"
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """Base of a table of `feedmill.toml`: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """`[server]`: where it listens, and what it takes."""

    host: str = "127.0.0.1"
    port: Port = 8080
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    max_body_bytes: Count = 1024 * 1024
    max_upload_bytes: Count = 256 * 1024 * 1024
    max_json_depth: Count = 32
    max_head_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024
    max_connections: Count = 512
    header_seconds: Annotated[float, Field(gt=0)] = 10.0
    body_seconds: Annotated[float, Field(gt=0)] = 30.0
    shutdown_seconds: Seconds = 30.0

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            ip_network(text)
        return texts


class Workers(Section):
    """`[workers]`: processes that runs execute in, and how often a run may take its worker with it."""

    count: Annotated[int, Field(ge=1, le=64)] = 1
    max_epochs: Count = 3


class Scheduler(Section):
    """`[scheduler]`: when feeds are fetched. Seconds."""

    enabled: bool = True
    jitter: Seconds = 60.0
    supplier_interval: Seconds = 0.0
    pause_after: Count = 10


class Push(Section):
    """`[push]`: how single items are gathered into one commit, and how much may wait in the inbox."""

    gather_ms: Annotated[float, Field(ge=0, le=100)] = 2.0
    max_group: Count = 256
    max_waiting: Count = 5_000
    max_inbox_batches: Count = 10_000
    max_inbox_bytes: Count = 256 * 1024 * 1024
    keep_batches_days: Annotated[int, Field(ge=1)] = 7


class Limits(Section):
    """`[limits]`: requests a second of one token, and how many may come at once; none by default.

    `failures_per_second` is how often one address may show a token or hash that is none, after the first `failures_burst`.
    """

    reads_per_second: Rate | None = None
    writes_per_second: Rate | None = None
    burst: Count = 10
    failures_per_second: Rate | None = 1.0
    failures_burst: Count = 30


class Outgoing(Section):
    """`[egress]`: what feeds, webhooks and alerts may connect to. Private addresses only where the operator says so."""

    allow_private: bool = False
    schemes: tuple[str, ...] | None = None
    ports: tuple[int, ...] | None = None


class Webhooks(Section):
    """`[webhooks]`: how patiently payloads are delivered. Seconds."""

    timeout: Annotated[float, Field(gt=0)] = 10.0
    attempts: Count = 12
    first_wait: Seconds = 5.0
    max_wait: Seconds = 3600.0
    pause_after: Count = 50
    keep_days: Annotated[int, Field(ge=1)] = 7


class Smtp(Section):
    """`[alerts.smtp]`: the mail server that alerts go through."""

    host: str
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)


class Alerts(Section):
    """`[alerts]`: where a person is told of what needs one."""

    webhook: SecretStr | None = None
    smtp: Smtp | None = None


class Log(Section):
    """`[log]`: how much is logged; calls that failed always, every call with `access`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = False


class ServiceSettings(BaseSettings):
    """All of `feedmill.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    database: str = "sqlite:///feedmill.db"
    key_file: Path | None = None
    server: Server = Server()
    workers: Workers = Workers()
    scheduler: Scheduler = Scheduler()
    push: Push = Push()
    limits: Limits = Limits()
    egress: Outgoing = Outgoing()
    webhooks: Webhooks = Webhooks()
    alerts: Alerts = Alerts()
    log: Log = Log()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what is given in the program count first, then the environment, then the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))
