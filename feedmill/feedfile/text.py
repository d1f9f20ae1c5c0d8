"""The text of a TOML file that a person writes: read, its faults with their lines, its variables filled in."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from engine.errors import ConfigError
from feedmill.feedfile.places import Places

VARIABLE: Final = re.compile(r"(?P<escaped>\$)?\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
_AUTHORITY: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
_AT_LINE: Final = re.compile(r"\(at line (\d+), column (\d+)\)")


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
class Toml:
    """A TOML file as far as it could be read: `found` is empty when `fault` says that it is none."""

    found: dict[str, Any]
    places: Places
    fault: Fault | None = None


def read_text(path: str | Path) -> bytes:
    """Return the bytes of a feed file. Raises `ConfigError` when it cannot be opened."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None


def parse_toml(data: bytes) -> Toml:
    """Return what the bytes of a TOML file say, and where; decimals exact."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Toml({}, Places(""), Fault("is no UTF-8, which TOML has to be", line=line))
    try:
        return Toml(tomllib.loads(text, parse_float=Decimal), Places(text))
    except tomllib.TOMLDecodeError as error:
        return Toml({}, Places(""), _syntax_fault(text, str(error)))


def fill(
    found: Mapping[str, object], environment: Mapping[str, str], places: Places, *, at: str = "", lenient: bool = False
) -> tuple[dict[str, object], list[Fault]]:
    """Return the values with `${NAME}` in texts replaced, and a fault (`lenient`: a warning) for each variable that is not set."""
    faults: list[Fault] = []
    filled = _fill(found, at, environment, lambda path, name: faults.append(unset(path, name, places, warning=lenient)))
    return (filled if isinstance(filled, dict) else {}), faults


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

    return VARIABLE.sub(replace, value)


def unset(path: str, name: str, places: Places, *, warning: bool) -> Fault:
    """Return the fault of a variable that is not set."""
    return Fault(f"the environment variable {name} is not set", path, places.line(split_path(path)), warning)
