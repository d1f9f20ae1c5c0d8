"""Read `feedmill.toml`, the environment and what is given beside them, with every fault and where it comes from."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

from pydantic import BaseModel, ValidationError

from engine.errors import ConfigError
from feedmill.feedfile.declared import DeclaredFeed
from feedmill.feedfile.model import Reading, read_feed
from feedmill.feedfile.text import Fault, Toml, fill, parse_toml, read_text, split_path
from feedmill.service.settings import PREFIX, Environment, ServiceSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FEEDS: Final = "feeds"
_UNQUOTED: Final = "alerts"
"""The table with secrets: what was written in place of a table of its may be one, such as a URL for `smtp`."""


@dataclass(frozen=True, slots=True)
class ServiceFile:
    """A `feedmill.toml` as far as it could be read: `settings` are None where a fault of theirs, no warning, stands against them.

    `faults` are those of the settings; each of `feeds` has its own.
    """

    settings: ServiceSettings | None
    feeds: tuple[Reading, ...]
    faults: tuple[Fault, ...]


def load_settings(path: str | Path | None = None, **overrides: object) -> ServiceSettings:
    """Return the settings of a service: `overrides` count first, then the environment, then the file.

    `overrides` are the keys of `feedmill.toml`, tables as mappings: `server={"port": 9000}`. Raises `ConfigError` with every
    fault, its line or its variable, and what is meant instead. Blocks.
    """
    toml = Toml({}, parse_toml(b"").places) if path is None else parse_toml(read_text(path))
    settings, faults = _build(toml, os.environ, overrides, lenient=False)
    if settings is None:
        named = "the configuration of the service" if path is None else str(path)
        raise ConfigError(f"{named} cannot be used", problems=tuple(map(str, faults)))
    return settings


def read_service_file(data: bytes, environment: Mapping[str, str], *, lenient: bool = False) -> ServiceFile:
    """Return what a `feedmill.toml` says, feeds declared in it too, and every fault. Blocks.

    With `lenient` a variable that is not set is a warning, for whoever checks a file need not be who runs it.
    """
    toml = parse_toml(data)
    settings, faults = _build(toml, environment, {}, lenient=lenient)
    tables = toml.found.get(FEEDS, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append(Fault("is a list of tables: write [[feeds]]", FEEDS, toml.places.line((FEEDS,))))
        tables = []
    feeds = tuple(
        read_feed(DeclaredFeed, table, environment, toml.places, at=f"{FEEDS}.{index}", lenient=lenient)
        for index, table in enumerate(tables)
    )
    return ServiceFile(settings, feeds, tuple(faults))


def is_service_file(found: Mapping[str, object]) -> bool:
    """Return whether a TOML file is the configuration of a service, not a feed: a feed has a name and a source at its top."""
    return not {"name", "source"} & found.keys()


def _build(
    toml: Toml, environment: Mapping[str, str], overrides: Mapping[str, object], *, lenient: bool
) -> tuple[ServiceSettings | None, list[Fault]]:
    """Return the settings, None when a fault stands against them."""
    if toml.fault is not None:
        return None, [toml.fault]
    tables = {name: value for name, value in toml.found.items() if name != FEEDS}
    filled, faults = fill(tables, environment, toml.places, lenient=lenient)
    variables = Environment(ServiceSettings)()
    merged: dict[str, Any] = _merge(_merge(filled, variables), overrides)
    try:
        settings = ServiceSettings(**merged)
    except ValidationError as error:
        faults += [_explain(fault, toml, variables) for fault in error.errors()]
        settings = None
    return (settings if all(fault.warning for fault in faults) else None), faults


def _merge(under: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        merged[name] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _explain(fault: ErrorDetails, toml: Toml, variables: Mapping[str, object]) -> Fault:
    keys = [str(part) for part in fault["loc"]]
    path = ".".join(keys)
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(keys[-1], _names(keys[:-1]), n=1)
        message = "unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    else:
        said = fault["msg"].removeprefix("Value error, ")
        shown = fault["input"] if isinstance(fault["input"], str | int | float) and keys[0] != _UNQUOTED else None
        message = f"{said[0].lower()}{said[1:]}" + (f", got {shown!r}" if shown is not None else "")
    if _has(variables, keys):
        return Fault(f"{message} (the environment variable {PREFIX}{'__'.join(keys).upper()})", path)
    return Fault(message, path, toml.places.line(split_path(path)))


def _has(variables: Mapping[str, object], keys: list[str]) -> bool:
    value: Any = variables
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return False
        value = value[key]
    return True


def _names(keys: list[str]) -> list[str]:
    """Return the keys of the table at a path."""
    model: type[BaseModel] = ServiceSettings
    for key in keys:
        field = model.model_fields.get(key)
        inner = next(_models(field.annotation), None) if field is not None else None
        if inner is None:
            return []
        model = inner
    return [*model.model_fields, *([FEEDS] if not keys else [])]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            yield each
