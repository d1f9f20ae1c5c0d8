"""The model of `feed.toml` and the way from its text to it, with every fault and the line where it stands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError, field_validator

from engine.errors import ConfigError
from engine.feed import Feed, explain_fault
from engine.settings.resource import OptionalText
from engine.source import MASK, parse_location
from feedmill.feedfile.places import Places
from feedmill.feedfile.text import VARIABLE, Fault, fill, parse_toml, read_text, split_path

_SHORTEST: Final = 4
_SECRETS: Final = (
    ("authenticationSecret",),
    ("transport", "clientKeyPassword"),
    ("transport", "privateKeyPassphrase"),
)


class FeedFile(Feed):
    """A feed as a file: where it comes from, where its items go, and every attribute of the feed."""

    source: str = Field(min_length=1, repr=False, description="Where the feed comes from: a URL, or a path seen from the current folder.")
    to: OptionalText = Field(default=None, repr=False, description="Where the items go: sqlite:///shop.db, or another sink's URL.")

    @field_validator("source")
    @classmethod
    def _check_source(cls, text: str) -> str:
        if MASK in text:
            raise ValueError(f"holds {MASK}, which stands for something secret: write ${{NAME}} and set that environment variable")
        return text

    @field_validator("resource_location")
    @classmethod
    def _check_location(cls, text: str | None) -> str | None:
        if text is not None:
            raise ValueError("is called source in a feed file")
        return text

    @property
    def settings(self) -> dict[str, object]:
        """Return the attributes that the file sets, by their API names."""
        return self.model_dump(by_alias=True, exclude_unset=True, exclude={"name", "source", "to", "fields"})

    @property
    def rows(self) -> list[dict[str, object]]:
        """Return the mapping rows of the file."""
        return [row.model_dump(by_alias=True, exclude_unset=True) for row in self.fields]


@dataclass(frozen=True, slots=True)
class Reading:
    """A feed file as far as it could be read: `file` is None when a fault stands against it."""

    file: FeedFile | None
    faults: tuple[Fault, ...]
    places: Places


def load_feed_file(path: str | Path, *, environment: Mapping[str, str] | None = None) -> FeedFile:
    """Read a feed file; `${NAME}` in a text is the value of an environment variable.

    Raises `ConfigError` with every fault and its line: TOML that is none, unknown and invalid attributes, variables that are
    not set. Blocks.
    """
    reading = parse_feed_file(read_text(path), os.environ if environment is None else environment)
    faults = [fault for fault in reading.faults if not fault.warning]
    if reading.file is None or faults:
        raise ConfigError(f"{path} cannot be used", problems=tuple(map(str, faults)))
    return reading.file


def parse_feed_file(data: bytes, environment: Mapping[str, str], *, lenient: bool = False) -> Reading:
    """Read the bytes of a feed file, see `load_feed_file`.

    With `lenient` a variable that is not set is a warning, for whoever checks a file need not be who runs it.
    """
    toml = parse_toml(data)
    if toml.fault is not None:
        return Reading(None, (toml.fault,), toml.places)
    return read_feed(FeedFile, toml.found, environment, toml.places, lenient=lenient)


def read_feed(
    model: type[FeedFile],
    found: Mapping[str, object],
    environment: Mapping[str, str],
    places: Places,
    *,
    at: str = "",
    lenient: bool = False,
) -> Reading:
    """Read a feed as a table of a TOML file says it; `at` is the path of that table, where it is not the whole file."""
    prefix = f"{at}." if at else ""
    faults = [_warn(prefix + path, places) for path in _plain_secrets(found)]
    filled, unset = fill(found, environment, places, at=at, lenient=lenient)
    faults += unset
    try:
        file = model.model_validate(filled)
    except ValidationError as error:
        for fault in error.errors():
            path, message = ".".join(map(str, fault["loc"])), _named(explain_fault(fault, model), found, environment)
            line = places.line(split_path(prefix + path)) if prefix + path else None
            faults.append(Fault(message.removeprefix(f"{path}: "), (prefix + path).removesuffix("."), line))
        file = None
    faults.sort(key=lambda fault: fault.line or 0)
    return Reading(file if all(fault.warning for fault in faults) else None, tuple(faults), places)


def _named(message: str, found: Mapping[str, object], environment: Mapping[str, str]) -> str:
    """Put the names of variables in the place of their values, which may be secret wherever a person uses one."""
    for name in {variable["name"] for variable in VARIABLE.finditer(repr(found))}:
        # Shorter ones are parts of other words.
        if len(value := environment.get(name, "")) >= _SHORTEST:
            message = message.replace(value, f"${{{name}}}")
    return message


def _plain_secrets(found: Mapping[str, object]) -> list[str]:
    """Return the paths of secrets that stand in the file itself."""
    paths = []
    source = found.get("source")
    if isinstance(source, str) and "://" in source:
        try:
            password = parse_location(VARIABLE.sub("", source)).password
        except ConfigError:
            password = None
        if password is not None and password.reveal():
            paths.append("source")
    for first, *rest in _SECRETS:
        value = found.get(first)
        for key in rest:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value and not VARIABLE.search(value):
            paths.append(".".join((first, *rest)))
    return paths


def _warn(path: str, places: Places) -> Fault:
    message = "a password stands in the file: write ${NAME} in its place and set that environment variable"
    return Fault(message, path, places.line(split_path(path)), warning=True)
