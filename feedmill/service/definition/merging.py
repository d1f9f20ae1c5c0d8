"""A feed out of what is stored of it and what a caller sends: every fault at once, and no secret lost or led astray."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from engine.feed import COMPUTED, Feed, build_feed
from engine.source import MASK, mask_location
from feedmill.service.definition.masks import INNER, WHOLE, same_host, unmask, unmask_location, unmask_parameters
from feedmill.service.definition.stored_feeds import SEALED
from sinks.sqlite.definitions import ROW_KINDS
from sinks.sqlite.service.resources.feeds import FIELDS, FeedRow, Rows

if TYPE_CHECKING:
    from engine.batch import JsonValue

NESTED: Final = ("guard", "transport", "pagination")
"""Attributes that are merged one level deep."""

ATTRIBUTES: Final = tuple(field.alias or name for name, field in Feed.model_fields.items())
_MANDATORY: Final = ("name", "resourceType", "dropshipProviderId")
_NUMBERS_BELOW: Final = 2**62
_OF_THE_HOST: Final = ("authenticationToken", "authenticationSecret")


@dataclass(frozen=True, slots=True)
class State:
    """A feed as it is stored, with its secrets opened and its rows."""

    row: FeedRow
    secrets: Mapping[str, JsonValue]
    rows: Rows

    def attributes(self) -> dict[str, object]:
        """Return every attribute that differs from its default, secrets as they are, where they are known."""
        plain = {name: value for name, value in self.row.settings.items() if name not in SEALED}
        location = self.row.settings.get("resourceLocation")
        known: dict[str, Any] = {**plain, **({"resourceLocation": location} if location is not None else {})}
        known |= {kind: [settings for _, settings in self.rows.get(kind, ())] for kind in (FIELDS, *ROW_KINDS)}
        known |= {name: value for name, value in self.secrets.items() if name not in ("hash", "transport")}
        if inner := self.secrets.get("transport"):
            known["transport"] = {**known.get("transport", {}), **cast("dict[str, object]", inner)}
        # Named also where they are the default: rows that come later do not make a mapping of their own of it.
        defaults = {"mapping": "inventory", "xmlMapping": "google", "jsonMapping": "default"}
        return {**defaults, **known, "name": self.row.name, "dropshipProviderId": self.row.provider}

    def feed(self) -> Feed:
        """Return the feed. Raises `ConfigError` when what is stored makes none."""
        return build(self.attributes())


def build(attributes: Mapping[str, object]) -> Feed:
    """Return the feed of these attributes, `name` and `fields` among them. Raises `ConfigError` with every fault."""
    name = attributes.get("name")
    fields = attributes.get(FIELDS) or ()
    if not isinstance(name, str):
        raise ConfigError("the feed cannot be taken so", problems=("name: is no text",))
    if not isinstance(fields, Sequence) or isinstance(fields, str) or not all(isinstance(row, Mapping) for row in fields):
        raise ConfigError("the feed cannot be taken so", problems=("fields: is no list of rows",))
    rest = {
        key: value for key, value in attributes.items() if key not in ("name", FIELDS) and not (key == "jsonFields" and value in ((), []))
    }
    feed = build_feed(name, rest, cast("Sequence[Mapping[str, object]]", fields))
    if huge := list(_find_huge(feed.model_dump(mode="json", by_alias=True), "")):
        raise ConfigError("the feed cannot be taken so", problems=tuple(f"{path}: is larger than a stored number may be" for path in huge))
    return feed


def merge_new(sent: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes of a new feed. Raises `ConfigError` with everything that cannot be sent so."""
    faults = _find_unknown(sent)
    faults += [f"{name}: is set by Feedmill itself" for name in sent if name in COMPUTED]
    faults += [f"{name}: is mandatory" for name in _MANDATORY if sent.get(name) is None]
    merged = {name: value for name, value in sent.items() if value is not None}
    for name in NESTED:
        if isinstance(inner := merged.get(name), Mapping):
            merged[name] = {key: value for key, value in inner.items() if value is not None}
    faults += _unmask_all(merged, {}, merged)
    _raise(faults)
    return merged


def merge_changes(state: State, sent: Mapping[str, object], shown: Mapping[str, object]) -> dict[str, object]:
    """Return the attributes of a stored feed after a partial change; `shown` is what a caller was shown of it, as JSON gives it back.

    Null is the default; `guard`, `transport` and `pagination` are merged one level deep. What was shown and comes back changes
    nothing. Raises `ConfigError` with everything that cannot be sent so.
    """
    faults = _find_unknown(sent)
    for name in COMPUTED.intersection(sent):
        if sent[name] != shown.get(name) and not (name == "hash" and sent[name] in (MASK, state.secrets.get("hash"))):
            faults.append(f"{name}: is set by Feedmill itself, and is not what was sent")
    faults += [f"{name}: is mandatory" for name in _MANDATORY if name in sent and sent[name] is None]
    stored = state.attributes()
    merged = dict(stored)
    for name, value in sent.items():
        if name not in COMPUTED:
            _merge_one(merged, name, value)
    faults += _unmask_all(merged, stored, sent)
    _raise(faults)
    return merged


def with_ids(feed: Feed, state: State | None, given: Rows | None = None) -> Rows:
    """Return the rows of a feed as they are stored; each has the id it was given with, else that of the row at its place before."""
    definition = feed.definition()
    found: dict[str, list[tuple[int | None, Mapping[str, JsonValue]]]] = {}
    for kind in (FIELDS, *ROW_KINDS):
        rows = definition.fields if kind == FIELDS else cast("Sequence[Mapping[str, JsonValue]]", definition.attributes.get(kind) or ())
        before = (given or {}).get(kind) or (state.rows.get(kind, ()) if state is not None and given is None else ())
        ids = [number for number, _ in before]
        found[kind] = [(ids[at] if at < len(ids) else None, row) for at, row in enumerate(rows)]
    return found


def stored_definition(feed: Feed) -> FeedDefinition:
    """Return what is stored plainly of a feed; its provider has a column of its own."""
    definition = feed.definition()
    attributes = {name: value for name, value in definition.attributes.items() if name != "dropshipProviderId"}
    return replace(definition, attributes=attributes)


def _merge_one(merged: dict[str, object], name: str, value: object) -> None:
    if value is None:
        merged.pop(name, None)
    elif name in NESTED and isinstance(value, Mapping):
        before = merged.get(name)
        inner = {**(before if isinstance(before, Mapping) else {}), **value}
        merged[name] = {key: each for key, each in inner.items() if each is not None}
    else:
        merged[name] = value


def _unmask_all(merged: dict[str, object], stored: Mapping[str, object], sent: Mapping[str, object]) -> list[str]:
    """Put secrets where masks were sent for them, and return what is wrong with that."""
    faults: list[str] = []
    location, before = merged.get("resourceLocation"), stored.get("resourceLocation")
    if isinstance(location, str) and "resourceLocation" in sent:
        try:
            merged["resourceLocation"] = unmask_location(location, before if isinstance(before, str) else None, _auth(stored))
        except ConfigError as error:
            faults.append(f"resourceLocation: {error}")
    for name in WHOLE:
        if name in merged:
            _unmask_one(merged, name, stored.get(name), name, faults)
    inner = merged.get("transport")
    if isinstance(inner, Mapping):
        merged["transport"] = changed = dict(inner)
        of_stored = stored.get("transport")
        for name in INNER:
            if name in changed:
                known = of_stored.get(name) if isinstance(of_stored, Mapping) else None
                _unmask_one(changed, name, known, f"transport.{name}", faults)
    if "parameters" in sent:
        try:
            known_rows = cast("Sequence[Mapping[str, JsonValue]]", stored.get("parameters") or ())
            merged["parameters"] = unmask_parameters(merged.get("parameters"), known_rows)
        except ConfigError as error:
            faults.append(f"parameters: {error}")
    return faults or _find_astray(merged, stored, sent)


def _unmask_one(holder: dict[str, object], name: str, stored: object, path: str, faults: list[str]) -> None:
    try:
        holder[name] = unmask(holder[name], stored)
    except ConfigError as error:
        faults.append(f"{path}: {error}")


def _find_astray(merged: Mapping[str, object], stored: Mapping[str, object], sent: Mapping[str, object]) -> list[str]:
    """Return the secrets that would follow to a host that they were not given for."""
    location, before = merged.get("resourceLocation"), stored.get("resourceLocation")
    login, login_before = _token_url(merged), _token_url(stored)
    moved = before is not None and not _stays(location, before)
    login_moved = login is not None and not _stays(login, login_before) and bool(stored) and not _stays(login, before)
    overheard = before is not None and _is_overheard(merged, stored, (location, login))
    if not (moved or login_moved or overheard):
        return []
    said = [name for name in _OF_THE_HOST if stored.get(name) is not None and sent.get(name, MASK) == MASK and merged.get(name) is not None]
    rows = cast("Sequence[Mapping[str, object]]", stored.get("parameters") or ())
    if rows and ("parameters" not in sent or any(row.get("value") == MASK for row in _rows(sent["parameters"]))):
        said.append("parameters")
    if overheard and _keeps_login(location, sent.get("resourceLocation"), _auth(stored)):
        said.append("resourceLocation")
    return [f"{name}: was given for another host, and does not follow to a new one: send it anew, or null" for name in said]


def _is_overheard(merged: Mapping[str, object], stored: Mapping[str, object], urls: Sequence[object]) -> bool:
    """Return whether a proxy is new and reads what is sent, as it does unless TLS goes through it."""
    proxy = merged.get("proxyUrl")
    new = proxy is not None and not _stays(proxy, stored.get("proxyUrl"))
    return new and any(isinstance(url, str) and url.lower().startswith("http://") for url in urls)


def _keeps_login(location: object, sent: object, auth: Any) -> bool:
    """Return whether a URL has secrets that a caller did not send."""
    try:
        return isinstance(location, str) and sent != location and mask_location(location, auth=auth) != location
    except ConfigError:
        return False


def _stays(new: object, old: object) -> bool:
    """Return whether a URL leads to the host of another; what is no URL is refused by whoever judges the feed."""
    if new == old:
        return True
    try:
        return isinstance(new, str) and isinstance(old, str) and same_host(new, old)
    except ConfigError:
        return True


def _token_url(attributes: Mapping[str, object]) -> object:
    transport = attributes.get("transport")
    return transport.get("tokenUrl") if isinstance(transport, Mapping) else None


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _auth(stored: Mapping[str, object]) -> Any:
    transport = stored.get("transport")
    return transport.get("auth", "basic") if isinstance(transport, Mapping) else "basic"


def _find_unknown(sent: Mapping[str, object]) -> list[str]:
    faults: list[str] = []
    for name in sent:
        if name not in ATTRIBUTES and name not in COMPUTED:
            close = difflib.get_close_matches(name, ATTRIBUTES, n=1)
            faults.append(f"{name[:80]}: unknown attribute" + (f"; did you mean {close[0]!r}?" if close else ""))
    return faults


def _find_huge(value: object, path: str) -> Iterator[str]:
    """Yield the places of numbers that no database and no JSON of others takes."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _find_huge(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _find_huge(inner, f"{path}.{at}")
    elif isinstance(value, int | float) and not (math.isfinite(value) and abs(value) < _NUMBERS_BELOW):
        yield path


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise ConfigError("the feed cannot be taken so", problems=tuple(faults))
