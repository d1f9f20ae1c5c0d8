"""Whether a `feedmill.toml` can work, found without listening, connecting or fetching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.errors import ConfigError
from feedmill.assembly import as_sink_url
from feedmill.feedfile.check import check_reading
from feedmill.feedfile.text import VARIABLE, Fault, Toml, parse_toml
from feedmill.service.config.loading import FEEDS, ServiceFile, read_service_file
from sinks.sqlite.database import locate

if TYPE_CHECKING:
    from feedmill.feedfile.places import Places
    from feedmill.service.settings import ServiceSettings
    from plugins.manager import Registry


def check_service_file(registry: Registry, data: bytes, environment: Mapping[str, str]) -> tuple[Fault, ...]:
    """Return every fault of a `feedmill.toml` and of the feeds declared in it, in the order of its lines. Blocks."""
    file = read_service_file(data, environment, lenient=True)
    toml = parse_toml(data)
    places = toml.places
    faults = [*file.faults, *_doubles(file, places), *_told_all(toml)]
    if file.settings is not None:
        faults += _senseless(file.settings, places)
    for index, reading in enumerate(file.feeds):
        faults += check_reading(registry, reading, at=f"{FEEDS}.{index}")
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.line or 0))


def _senseless(settings: ServiceSettings, places: Places) -> Iterator[Fault]:
    """Yield what each key may say, but not together with another, or not on this machine."""
    try:
        if locate(as_sink_url(settings.database)).path is None:
            yield Fault("a service needs a database on disk", "database", places.line(("database",)))
    except ConfigError as error:
        yield Fault(str(error), "database", places.line(("database",)))
    server = settings.server
    for name, path in (("tls_certificate", server.tls_certificate), ("tls_key", server.tls_key)):
        if path is not None and not path.is_file():
            yield Fault(f"there is no file {path}", f"server.{name}", places.line(("server", name)), warning=True)
    if (server.tls_certificate is None) != (server.tls_key is None):
        yield Fault("tls_certificate and tls_key need each other", "server", places.line(("server",)))
    smtp = settings.alerts.smtp
    if smtp is not None and (smtp.username is None) != (smtp.password is None):
        yield Fault("username and password need each other", "alerts.smtp", places.line(("alerts", "smtp")), warning=True)


def _told_all(toml: Toml) -> Iterator[Fault]:
    """Yield the secrets of `[alerts]` that whoever reads the file reads."""
    for keys in (("alerts", "webhook"), ("alerts", "smtp", "password")):
        value: object = toml.found
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value and not VARIABLE.search(value):
            message = "a secret stands in the file: write ${NAME} in its place and set that environment variable"
            yield Fault(message, ".".join(keys), toml.places.line(keys), warning=True)


def _doubles(file: ServiceFile, places: Places) -> Iterator[Fault]:
    names = [reading.file.name if reading.file is not None else None for reading in file.feeds]
    counts = Counter(names)
    for index, name in enumerate(names):
        if name is not None and counts[name] > 1:
            yield Fault(f"several feeds are named {name!r}", f"{FEEDS}.{index}.name", places.line((FEEDS, index, "name")))
