"""A guess as a feed file: TOML that can be taken as it is, each choice with its reason above it, the doubtful ones as comments."""

from __future__ import annotations

import re
import textwrap
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import tomli_w

from engine.errors import ConfigError
from engine.source import parse_location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mappers.guessing.columns import FieldGuess
    from mappers.guessing.guess import Guess, Setting

_WIDTH: Final = 110
_SECRET_NAMES: Final = re.compile(r"token|key|secret|pass|pwd|auth|sig|hash|user|login|credential", re.IGNORECASE)
_SECRETS: Final = frozenset(
    {
        *("authenticationToken", "authenticationSecret", "proxyUrl", "webhookEndpoint", "parseWebhookEndpoint"),
        *("transport.clientKeyPassword", "transport.privateKeyPassphrase"),
    }
)
_DATE: Final = re.compile(r"[-_ ]?\d{6,14}$")
_OTHER: Final = re.compile(r"[^A-Za-z0-9]+")


def name_of(source: str) -> str:
    """Return a name for a feed that has none: that of the file, without its endings."""
    path = urlsplit(source).path if "://" in source else source
    stem = unquote(PurePosixPath(path).name).partition(".")[0].strip()
    return _DATE.sub("", stem) or stem or "feed"


def draft_lines(guess: Guess, *, name: str, source: str, given: Mapping[str, object]) -> Iterator[str]:
    """Yield the lines of a feed file; `given` are attributes that a person has set already."""
    masked, variables = mask_source(name, source)
    yield from _comment(f"A guess from {guess.records:,} records: {guess.what}. Look it over, then check, preview and sync:")
    yield from ("#   feedmill check feed.toml", "#   feedmill preview --config feed.toml", "#   feedmill sync --config feed.toml", "")
    yield from (note for text in guess.notes for note in _comment(f"Note: {text}."))
    yield from ("",) if guess.notes else ()
    yield f"name = {_value(name)}"
    if variables:
        yield from _comment(f"Credentials are not written down: set the environment variable {' and '.join(variables)}.")
    yield f"source = {_written(masked)}"
    yield from ('to = "sqlite:///shop.db"', "")
    yield from (line for setting in guess.settings if setting.attribute not in given for line in _setting(setting))
    for attribute, value in given.items():
        yield from _given(name, attribute, value)
    yield from (line for field in guess.fields if field.sure for line in ("", *_field(field)))
    unsure = [field for field in guess.fields if not field.sure]
    if unsure:
        yield from ("", "# Not sure, so not mapped:")
        yield from (line for field in unsure for line in ("", *_field(field)))


def _given(name: str, attribute: str, value: object) -> Iterator[str]:
    if attribute == "parameters":
        yield from _comment("Given, but not written down, for their values may be secret: parameters.")
    elif attribute in _SECRETS:
        variable = f"{_stem(name)}_{attribute.rpartition('.')[2].upper()}"
        yield from _comment(f"Given, and not written down: set the environment variable {variable}.")
        yield f'{attribute} = "${{{variable}}}"'
    else:
        yield from ("# Given.", f"{attribute} = {_value(value)}")


def mask_source(name: str, source: str) -> tuple[str, tuple[str, ...]]:
    """Return a source with `${NAME}` in the place of its credentials, and the variables that have to be set."""
    if "://" not in source:
        return _escaped(source), ()
    try:
        found = parse_location(source)
    except ConfigError:
        return _escaped(source), ()
    stem = _stem(name)
    variables: list[str] = []

    def variable(part: str) -> str:
        variables.append(f"{stem}_{part}")
        return f"${{{stem}_{part}}}"

    parts = urlsplit(found.url)
    userinfo = "" if found.username is None else variable("USER") + (":" + variable("PASSWORD") if found.password is not None else "")
    query = "&".join(_masked_pair(pair, variable) for pair in parts.query.split("&")) if parts.query else ""
    masked = urlunsplit((parts.scheme, f"{userinfo}@{parts.netloc}" if userinfo else parts.netloc, parts.path, query, ""))
    return masked, tuple(variables)


def _stem(name: str) -> str:
    """Return how the environment variables of a feed begin."""
    stem = _OTHER.sub("_", name).strip("_").upper() or "FEED"
    return f"FEED_{stem}" if stem[0].isdigit() else stem


def _masked_pair(pair: str, variable: Callable[[str], str]) -> str:
    key, _, value = pair.partition("=")
    if value and _SECRET_NAMES.search(unquote(key)):
        return f"{key}={variable(_OTHER.sub('_', unquote(key)).strip('_').upper() or 'QUERY')}"
    return _escaped(pair)


def _escaped(text: str) -> str:
    return text.replace("${", "$${")


def _setting(setting: Setting) -> Iterator[str]:
    yield from _comment(setting.reason)
    yield f"{'' if setting.sure else '# '}{setting.attribute} = {_value(setting.value)}"


def _field(field: FieldGuess) -> Iterator[str]:
    begin = "" if field.sure else "# "
    yield from _comment(field.reason)
    yield from (line for rival in field.rivals for line in _comment(f"Also looked at: {rival}"))
    yield f"{begin}[[fields]]"
    yield from (f"{begin}{key} = {_value(value)}" for key, value in field.row.items())


def _comment(text: str) -> list[str]:
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    wrapped = textwrap.wrap(plain[0].upper() + plain[1:], _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in wrapped]


def _value(value: object) -> str:
    """Write a value as TOML on one line; a `${` of the source's own is kept from being taken for a variable."""
    return _written(_escaped(value) if isinstance(value, str) else value)


def _written(value: object) -> str:
    # On one line, whatever it is: what is not sure has a single mark of a comment before it.
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_written(str(key))} = {_value(each)}' for key, each in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")
