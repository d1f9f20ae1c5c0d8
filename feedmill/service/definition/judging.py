"""Whether a feed can work, found without fetching anything; and whether this server may do what it asks for."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from connectors.wire.egress import check_address, check_url
from engine.contracts import PUSHED
from engine.errors import ConfigError, FeedmillError
from engine.feed import Feed, FieldRow
from engine.mapping.rules import with_subfields
from engine.scheduling.calendar import check_schedule
from engine.settings.transport import locate
from engine.source import Egress, Source, parse_location
from feedmill.assembly import find_mapper, make_connector, make_recipe
from feedmill.feedfile.trial import faults_of, told, try_mapping
from feedmill.service.definition.masks import is_masked

if TYPE_CHECKING:
    from plugins.manager import Registry

_LOCAL: Final = ("ca_file", "client_certificate", "client_key", "private_key", "known_hosts", "ssh_agent", "trust_first_use")
"""Attributes of `transport` that use files, keys or agents of this machine."""


_ATTRIBUTE: Final = re.compile(r"^([a-z]+) (?=is |names )|\b([a-z]+[A-Z]\w*)")
_ATTRIBUTES: Final = frozenset(field.alias or name for name, field in Feed.model_fields.items())


@dataclass(frozen=True, slots=True)
class Judge:
    """What feeds are judged by: the plugins there are, and where this server may connect to."""

    registry: Registry
    egress: Egress

    def judge(self, feed: Feed) -> str | None:
        """Return what a feed still lacks before it can be fetched, None where that is nothing. Blocks.

        Raises `ConfigError` listing everything that can never work, or that the operator does not allow. A feed that is pushed to
        lacks nothing.
        """
        wrong = [*self.find_refused(feed), *self._find_schedule(feed)]
        lacks: str | None = None
        if feed.resource_type not in PUSHED:
            missing, fault = self._find_missing(feed)
            wrong += [fault] if fault else self._find_mapped_wrongly(feed, missing)
            lacks = _say_lacking(feed, missing)
        if wrong:
            raise ConfigError(f"feed {feed.name!r} cannot work like this", problems=tuple(dict.fromkeys(wrong)))
        return lacks

    def find_refused(self, feed: Feed) -> Iterator[str]:
        """Yield what is wrong with where a feed is fetched from, and with every other address that it names."""
        if feed.resource_location is not None and feed.resource_type not in PUSHED:
            for error, path in faults_of("resourceLocation", self._try_location, feed, feed.resource_location):
                yield _placed(error, path)
        for name, url in (
            ("proxyUrl", feed.proxy_url),
            ("webhookEndpoint", feed.webhook_endpoint),
            ("parseWebhookEndpoint", feed.parse_webhook_endpoint),
            ("transport.tokenUrl", feed.transport.token_url),
        ):
            if url is not None:
                # What a feed's transport says is shown and stored as it is.
                for error, path in faults_of(name, self._try_web_address, url, plain=name.startswith("transport.")):
                    yield _placed(error, path)
        if not self.egress.allow_private:
            for name in _LOCAL:
                if getattr(feed.transport, name):
                    alias = type(feed.transport).model_fields[name].alias
                    yield f"transport.{alias}: uses what is on this server, which is only allowed with allow_private under [egress]"

    def _try_location(self, feed: Feed, location: str) -> None:
        source = locate(feed, location, egress=self.egress)
        check_url(source)
        _check_host(source)
        make_connector(self.registry, feed, source)

    def _try_web_address(self, url: str, *, plain: bool) -> None:
        bare = parse_location(url)
        if plain and bare.username is not None:
            raise ConfigError("holds a user, who is given as authenticationToken, or a password, as authenticationSecret")
        if bare.scheme not in ("http", "https"):
            raise ConfigError("is no http or https URL")
        _check_host(Source(bare.url, egress=self.egress))

    def _find_schedule(self, feed: Feed) -> Iterator[str]:
        if feed.fetch_schedule is not None:
            for error, path in faults_of("fetchSchedule", check_schedule, feed.fetch_schedule):
                yield _placed(error, path)
        elif feed.fetch_frequency == "custom":
            yield "fetchSchedule: is needed by fetchFrequency=custom"

    def _find_missing(self, feed: Feed) -> tuple[list[str], str | None]:
        """Return the purposes that rows are still missing for, and why that cannot be said."""
        # A row that asks for nothing: a mapping without any row is not wrong, it has not been made yet.
        begun = feed.model_copy(update={"fields": (*_plain(feed), _stand_in("handle"))})
        blamed = "resourceType"
        try:
            find_mapper(self.registry, feed)
            blamed = "xmlMapping" if feed.resource_type == "xml" else "mapping"
            recipe = make_recipe(self.registry, begun)
        except ConfigError as error:
            return [], _placed(error, blamed)
        targets = {row.target for row in with_subfields(recipe.rows)}
        needed: list[str] = []
        if feed.external_id_strategy == "options" and "externalId" not in targets:
            needed = ["externalGroupId", "options", *([] if feed.sku_exempt else ["sku"])]
        elif not {"externalId", "vendorSku"} & targets:
            needed = ["sku"]
        if feed.require_barcode:
            needed.append("barcode")
        return [purpose for purpose in needed if {"sku": "vendorSku"}.get(purpose, purpose) not in targets], None

    def _find_mapped_wrongly(self, feed: Feed, missing: list[str]) -> list[str]:
        whole = feed.model_copy(update={"fields": (*feed.fields, *map(_stand_in, missing))})
        found = [(text, path) for error, path in try_mapping(self.registry, whole) for text in told(error)]
        return [f"{path or _named(text)}: {text}" for text, path in found]


def _say_lacking(feed: Feed, missing: list[str]) -> str | None:
    if feed.resource_location is None:
        return "resourceLocation is not given: nothing can be fetched"
    if is_masked(feed.resource_location):
        return "the credentials in resourceLocation are not known to this server: send it once with them"
    if missing:
        return f"no row is mapped to {' and none to '.join(missing)}: add rows, or use a mapping that has them"
    return None


def _check_host(source: Source) -> None:
    """Check a host that is written as an address, in whatever notation a resolver takes; names are checked when they are resolved."""
    host = urlsplit(source.url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        check_address("127.0.0.1", source, host=host)
    elif (address := _as_address(host)) is not None:
        check_address(address, source, host=host)


def _as_address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host.isascii() and host[:1].isdigit() else None
    except OSError:
        return None


def _stand_in(purpose: str) -> FieldRow:
    return FieldRow.model_validate({"name": f"standIn{purpose}", "purpose": purpose})


def _plain(feed: Feed) -> tuple[FieldRow, ...]:
    return tuple(row.model_copy(update={"rules": ()}) for row in feed.fields)


def _placed(error: FeedmillError, path: str) -> str:
    return f"{path}: {told(error)[0]}"


def _named(text: str) -> str:
    """Return the attribute that a message begins with or names, the mapping where it names none."""
    words = (word for found in _ATTRIBUTE.finditer(text) for word in found.groups() if word)
    return next((word for word in words if word in _ATTRIBUTES), "mapping")
