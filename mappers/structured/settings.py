"""What a feed's own settings say of its JSON, checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from mappers.options import text_encoding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.batch import JsonValue
    from engine.contracts import MapperSettings

DEFAULT_ROOT: Final = "products"


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """The settings of a JSON feed. `root` and `encoding` are None where the document decides; `names` are the mapped ones.

    `paged`: the document is one of the pages that the feed reads.
    """

    root: str | None = None
    nested: bool = True
    comma: bool = False
    encoding: str | None = None
    names: tuple[str, ...] = ()
    paged: bool = False


def read_options(settings: MapperSettings) -> JsonOptions:
    """Read the attributes this mapper knows. Raises `ConfigError` with every fault."""
    problems: list[str] = []
    attributes = settings.attributes
    if _choice(attributes, "jsonMapping", ("default", "custom"), problems) == "custom":
        problems.append("jsonMapping is 'custom', which this version cannot do yet: leave it at default, and name keys with --field")
    root = _text(attributes, "jsonRoot", problems)
    if root is not None and not all(root.split(".")):
        problems.append(f"jsonRoot is {root!r}: give the names on the way to the list, joined by single dots")
    options = JsonOptions(
        root=root,
        nested=_choice(attributes, "jsonStructure", ("nested", "flat"), problems) == "nested",
        comma=_choice(attributes, "decimalNotation", ("decimal", "comma"), problems) == "comma",
        encoding=_encoding(attributes, problems),
        paged=attributes.get("pagination") is not None,
        names=tuple(dict.fromkeys(name.strip() for names in settings.fields for name in names)),
    )
    if problems:
        raise ConfigError("the JSON settings cannot work:", problems=tuple(problems))
    return options


def _text(attributes: Mapping[str, JsonValue], name: str, problems: list[str]) -> str | None:
    value = attributes.get(name)
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    problems.append(f"{name} is {value!r}: give a text, or null")
    return None


def _choice(attributes: Mapping[str, JsonValue], name: str, allowed: tuple[str, ...], problems: list[str]) -> str:
    value = attributes.get(name)
    if value is None:
        return allowed[0]
    if value not in allowed:
        problems.append(f"{name} is {value!r}: give one of {', '.join(allowed)}")
    return str(value)


def _encoding(attributes: Mapping[str, JsonValue], problems: list[str]) -> str | None:
    text = _text(attributes, "encoding", problems)
    if text is None:
        return None
    name = text_encoding(text)
    if name is None:
        problems.append(f"encoding is {text!r}, which is no known encoding: JSON is utf-8; try windows-1252 or utf-16")
    return name
