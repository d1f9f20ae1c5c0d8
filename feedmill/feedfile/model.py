"""The model of `feed.toml` and the way from its text to it, with every fault and the line where it stands."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pydantic import Field, ValidationError, field_validator

from engine.errors import ConfigError
from engine.feed import Feed, explain_fault
from engine.settings.resource import OptionalText
from engine.source import MASK, parse_location
from feedmill.feedfile.places import Places

_VARIABLE: Final = re.compile(r"(?P<escaped>\$)?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_SHORTEST: Final = 4
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
_AT_LINE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")
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
class Fault:
    """What is wrong in a feed file: at which path of keys and on which line, as far as known. A `warning` stops nothing."""

    message: str
    path: str = ""
    line: int | None = None
    warning: bool = False

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line is not None else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


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


def read_text(path: str | Path) -> bytes:
    """Return the bytes of a feed file. Raises `ConfigError` when it cannot be opened."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None


def parse_feed_file(data: bytes, environment: Mapping[str, str], *, lenient: bool = False) -> Reading:
    """Read the bytes of a feed file, see `load_feed_file`.

    With `lenient` a variable that is not set is a warning, for whoever checks a file need not be who runs it.
    """
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Reading(None, (Fault("is no UTF-8, which TOML has to be", line=line),), Places(""))
    try:
        found = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        return Reading(None, (_syntax_fault(text, str(error)),), Places(""))
    places = Places(text)
    faults = [_warn(path, places) for path in _plain_secrets(found)]
    filled = _fill(found, "", environment, lambda path, name: faults.append(_unset(path, name, places, warning=lenient)))
    try:
        file = FeedFile.model_validate(filled)
    except ValidationError as error:
        for fault in error.errors():
            path, message = ".".join(map(str, fault["loc"])), _named(explain_fault(fault, FeedFile), found, environment)
            faults.append(Fault(message.removeprefix(f"{path}: "), path, places.line(split_path(path)) if path else None))
        file = None
    faults.sort(key=lambda fault: fault.line or 0)
    return Reading(file if all(fault.warning for fault in faults) else None, tuple(faults), places)


def split_path(path: str) -> list[str | int]:
    """Return a dotted path as keys and indices."""
    return [int(part) if part.isdecimal() else part for part in path.split(".")]


def _syntax_fault(text: str, message: str) -> Fault:
    said = message[0].lower() + message[1:]
    if place := _AT_LINE.search(message):
        return Fault(f"is no TOML: {said}", line=int(place[1]))
    return Fault(f"is no TOML: {said}", line=text.count("\n") + 1)


def _fill(value: object, path: str, environment: Mapping[str, str], missing: Callable[[str, str], None]) -> object:
    if isinstance(value, dict):
        return {key: _fill(each, f"{path}.{key}".lstrip("."), environment, missing) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, f"{path}.{index}", environment, missing) for index, each in enumerate(value)]
    if not isinstance(value, str):
        return value
    # A password has to be encoded where it becomes a part of a URL (RFC 3986): only there can it be told from the rest.
    authority = _AUTHORITY.match(value)
    query = value.find("?") if "://" in value else -1

    def replace(found: re.Match[str]) -> str:
        if found["escaped"]:
            return found[0][1:]
        name = found["name"]
        if name not in environment:
            missing(path, name)
            return name
        encoded = (authority is not None and found.start() < authority.end()) or 0 <= query < found.start()
        return quote(environment[name], safe="") if encoded else environment[name]

    return _VARIABLE.sub(replace, value)


def _named(message: str, found: Mapping[str, object], environment: Mapping[str, str]) -> str:
    """Put the names of variables in the place of their values, which may be secret wherever a person uses one."""
    for name in {variable["name"] for variable in _VARIABLE.finditer(repr(found))}:
        # Shorter ones are parts of other words.
        if len(value := environment.get(name, "")) >= _SHORTEST:
            message = message.replace(value, f"${{{name}}}")
    return message


def _unset(path: str, name: str, places: Places, *, warning: bool) -> Fault:
    return Fault(f"the environment variable {name} is not set", path, places.line(split_path(path)), warning)


def _plain_secrets(found: Mapping[str, object]) -> list[str]:
    """Return the paths of secrets that stand in the file itself."""
    paths = []
    source = found.get("source")
    if isinstance(source, str) and "://" in source:
        try:
            password = parse_location(_VARIABLE.sub("", source)).password
        except ConfigError:
            password = None
        if password is not None and password.reveal():
            paths.append("source")
    for first, *rest in _SECRETS:
        value = found.get(first)
        for key in rest:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value and not _VARIABLE.search(value):
            paths.append(".".join((first, *rest)))
    return paths


def _warn(path: str, places: Places) -> Fault:
    message = "a password stands in the file: write ${NAME} in its place and set that environment variable"
    return Fault(message, path, places.line(split_path(path)), warning=True)
