"""`feedmill.toml`: how a service runs. Environment variables count before the file: `FEEDMILL_SERVER__PORT=9000`."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "FEEDMILL_"
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(ge=0)]
Some = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of a table of `feedmill.toml`: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """`[server]`: where it listens, and what it takes."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; `0.0.0.0` is every one of IPv4.")
    port: Port = Field(default=8080, description="Port to listen on; 0 takes a free one.")
    tls_certificate: Path | None = Field(default=None, description="PEM file with the certificate and those between it and the authority.")
    tls_key: Path | None = Field(default=None, description="PEM file with the key of the certificate.")
    trusted_proxies: tuple[str, ...] = Field(default=(), description="Addresses or networks whose `Forwarded` headers are believed.")
    max_body_bytes: Count = Field(default=1024 * 1024, description="Largest body of a call.")
    max_upload_bytes: Count = Field(default=256 * 1024 * 1024, description="Largest file that is uploaded.")
    max_json_depth: Count = Field(default=32, description="How deep the JSON of a body may be nested.")
    max_head_bytes: Annotated[int, Field(ge=1024)] = Field(default=64 * 1024, description="Largest head of a request.")
    max_connections: Count = Field(default=512, description="How many connections may be open.")
    header_seconds: Some = Field(default=10.0, description="How long a client may take to send the head of a request.")
    body_seconds: Some = Field(default=30.0, description="How long a client may take to send a body.")
    shutdown_seconds: Seconds = Field(default=30.0, description="How long requests and runs may take to end when the service is stopped.")

    @field_validator("trusted_proxies")
    @classmethod
    def _check_networks(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        for text in texts:
            ip_network(text)
        return texts


class Workers(Section):
    """`[workers]`: processes that runs execute in, and how often a run may take its worker with it."""

    count: Annotated[int, Field(ge=1, le=64)] = Field(default=1, description="Worker processes: so many runs at a time.")
    lane: Literal["auto", "thread", "process", "inline"] = Field(
        default="auto",
        description="Where records are read: a process beside the worker, a thread, the event loop; `auto`: a process for big new files.",
    )
    max_epochs: Count = Field(default=3, description="How often a run is begun; one whose worker died so often ends as `error`.")


class Scheduler(Section):
    """`[scheduler]`: when feeds are fetched."""

    enabled: bool = Field(default=True, description="Whether feeds are fetched on schedule.")
    jitter: Seconds = Field(default=60.0, description="Seconds over which hourly and daily feeds are spread.")
    supplier_interval: Seconds = Field(default=0.0, description="Least seconds between two fetches from one provider.")
    pause_after: Count = Field(default=10, description="Failures in a row after which a feed is paused.")


class Push(Section):
    """`[push]`: how single items are gathered into one commit, and how much may wait in the inbox."""

    gather_ms: Annotated[float, Field(ge=0, le=100)] = Field(default=4.0, description="Milliseconds for which items are gathered, at most.")
    max_group: Count = Field(default=256, description="Most items of one commit.")
    max_waiting: Count = Field(default=5_000, description="Most items that wait for their commit; beyond it 503.")
    max_inbox_batches: Count = Field(default=10_000, description="Most batches that wait to be applied; beyond it 503.")
    max_inbox_bytes: Count = Field(default=256 * 1024 * 1024, description="Most bytes that wait to be applied; beyond it 503.")
    keep_batches_days: Annotated[int, Field(ge=1)] = Field(default=7, description="Days for which the results of batches are kept.")


class Limits(Section):
    """`[limits]`: how many requests of one token are answered; all by default."""

    reads_per_second: Some | None = Field(default=None, description="GETs a second of one token; unset: no limit.")
    writes_per_second: Some | None = Field(
        default=None, description="Other requests a second of one token, or with the hash of one feed; unset: no limit."
    )
    burst: Count = Field(default=10, description="How many requests may come at once.")
    failures_per_second: Some | None = Field(default=1.0, description="How often one address may show a token or hash that is none.")
    failures_burst: Count = Field(default=30, description="How many such failures may come at once.")


class Outgoing(Section):
    """`[egress]`: what feeds, webhooks and alerts may connect to. Private addresses only where the operator says so."""

    allow_private: bool = Field(default=False, description="Whether private and loopback addresses and local files are allowed.")
    schemes: tuple[str, ...] | None = Field(default=None, description="Schemes that are allowed; unset: all that a connector speaks.")
    ports: tuple[int, ...] | None = Field(default=None, description="Ports that are allowed; unset: all.")


class Webhooks(Section):
    """`[webhooks]`: how patiently payloads are delivered."""

    timeout: Some = Field(default=10.0, description="Seconds that a receiver may take to answer.")
    attempts: Count = Field(default=12, description="Attempts, after which a payload is given up.")
    first_wait: Seconds = Field(default=5.0, description="Seconds before the second attempt; each further wait is twice as long.")
    max_wait: Seconds = Field(default=3600.0, description="Longest wait between two attempts, in seconds.")
    pause_after: Count = Field(default=50, description="Failures in a row after which a webhook is paused.")
    keep_days: Annotated[int, Field(ge=1)] = Field(default=7, description="Days for which delivered payloads are kept.")


class Smtp(Section):
    """`[alerts.smtp]`: the mail server that alerts go through."""

    host: str = Field(min_length=1, description="The mail server.")
    port: Port = Field(default=587, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(default="starttls", description="How the connection is encrypted.")
    username: str | None = Field(default=None, description="User name, where the server wants a login.")
    password: SecretStr | None = Field(default=None, description="Password; better `FEEDMILL_ALERTS__SMTP__PASSWORD` or `${NAME}`.")
    sender: str = Field(min_length=1, description="Address that alerts come from.")
    recipients: tuple[str, ...] = Field(min_length=1, description="Addresses that alerts go to.")


class Alerts(Section):
    """`[alerts]`: where a person is told of what needs one."""

    webhook: SecretStr | None = Field(default=None, description="URL to which alerts are posted as JSON.")
    smtp: Smtp | None = Field(default=None, description="The mail server, see `[alerts.smtp]`; unset: no mail.")


class Log(Section):
    """`[log]`: how much is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level; the variable `FEEDMILL_LOG` counts first."
    )
    access: bool = Field(default=False, description="Whether every call is logged; those that failed always are.")


class Environment(EnvSettingsSource):
    """The environment, without `FEEDMILL_LOG` (a level, not the table) and `FEEDMILL_KEYS`, which are no settings."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what a variable named like a field says; tables are put together from variables for their keys alone."""
        value, key, is_complex = super().get_field_value(field, field_name)
        return (None if self.field_is_complex(field) else value), key, is_complex

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        """Return what a variable for a list says: JSON, or texts with commas between them."""
        try:
            found = super().decode_complex_value(field_name, field or FieldInfo(), value)
        except ValueError:
            found = None
        return found if isinstance(found, list | dict) else [part.strip() for part in str(value).split(",") if part.strip()]


class ServiceSettings(BaseSettings):
    """All of `feedmill.toml`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    database: str = Field(default="sqlite:///feedmill.db", min_length=1, description="The database: `sqlite:///shop.db`, or a path.")
    key_file: Path | None = Field(
        default=None, description="File with the keys that seal secrets at rest; unset: beside the database. `FEEDMILL_KEYS` counts first."
    )
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
        """Let what is given in the program count first, then the environment; files are read by `load_settings`."""
        return (init_settings, Environment(settings_cls))
