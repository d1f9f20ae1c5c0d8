"""The rules that a mapping row can have, each of one or several attributes: what the editor offers, reads and writes. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias, get_args

from engine.feed import Purpose
from feedmill.dashboard.forms import whole_number
from feedmill.service.definition.showing import ROW_MODELS

Kind: TypeAlias = Literal["flag", "text", "list", "table", "choice", "number", "names", "mark"]
"""How an attribute is typed: `list` is one text a line, `table` one `text = value` a line, `names` are texts with an order, `mark` is what
stands between entries, where a line break is written `\\n` and a tab `\\t`."""

PURPOSES: Final[tuple[str, ...]] = get_args(Purpose)
KINDS: Final = ("fields", "jsonFields", "mappings")
_PRICES: Final = ("retailPrice", "compareAtPrice", "costPrice")
_STOCK: Final = ("inventoryQuantity",)
_NUMBERS: Final = (*_PRICES, "inventoryQuantity", "grams", "weight")


@dataclass(frozen=True, slots=True)
class Part:
    """One attribute of a rule and how it is typed; `empty` is what it begins with."""

    name: str
    kind: Kind
    label: str = ""
    options: tuple[str, ...] = ()
    empty: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its parts, and the purposes for which it is offered, every one where there are none."""

    name: str
    label: str
    parts: tuple[Part, ...]
    purposes: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """Return what the reference says of it."""
        return " ".join(load_notes().get(part.name, "") for part in self.parts).replace("`", "")

    def is_in(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row has the rule."""
        return any(part.name in row for part in self.parts)

    def is_for(self, row: Mapping[str, Any]) -> bool:
        """Return whether the rule can do something in a row."""
        return not self.purposes or row.get("purpose") in self.purposes


def gettext(text: str) -> str:
    """Mark a text as one that is translated where it is shown."""
    return text


def _one(name: str, label: str, kind: Kind, *purposes: str, options: tuple[str, ...] = (), empty: str = "") -> Rule:
    return Rule(name, label, (Part(name, kind, "", options, empty),), purposes)


RULES: Final = (
    _one("optionName", gettext("named"), "text", "option", "metaFields"),
    _one("metaFieldsScope", gettext("scope"), "text", "metaFields"),
    _one("strip", gettext("take out"), "list"),
    _one("lookup", gettext("look up"), "table"),
    _one("default", gettext("where blank, read"), "text"),
    _one("parseNumber", gettext("first number in the text"), "flag", *_NUMBERS),
    _one("slugify", gettext("slugify"), "flag"),
    _one("prefix", gettext("put before"), "text"),
    _one("seperator", gettext("separator"), "mark", "tags", "images", "externalId"),
    _one("normalizeImageUrl", gettext("tidy image addresses"), "flag", "images"),
    Rule(
        "priceOperator",
        gettext("reckon"),
        (
            Part("priceOperator", "choice", gettext("reckon"), ("multiply", "divide", "addition", "subtract"), "multiply"),
            Part("priceOperatorValue", "text", gettext("with")),
            Part("priceOperatorField", "text", gettext("or with the column")),
        ),
        _PRICES,
    ),
    Rule(
        "subfieldRegex",
        gettext("part of the text"),
        (Part("subfieldRegex", "text", gettext("part of the text")), Part("subfieldPurpose", "choice", gettext("is"), PURPOSES, "barcode")),
    ),
    _one("inventoryQuantityBoolean", gettext("yes or no"), "flag", *_STOCK),
    _one("inventoryQuantityDefault", gettext("yes stands for"), "number", "inventoryQuantity", "inventoryQuantityBoolean", empty="1"),
    _one("locations", gettext("of several columns"), "choice", *_STOCK, options=("first", "single", "sum"), empty="first"),
    _one("quantityOperator", gettext("count as"), "choice", *_STOCK, options=("subtract", "addition"), empty="subtract"),
    _one("blank", gettext("a blank cell"), "choice", options=("clear", "skip"), empty="clear"),
    _one("rules", gettext("rules of plugins"), "names"),
)
"""In the order in which they are shown, which is about that in which they work."""

_BY_NAME: Final = {rule.name: rule for rule in RULES}
_OF_JSON: Final = ("parseNumber", "inventoryQuantityBoolean", "inventoryQuantityDefault")
_FIXED: Final[Mapping[str, tuple[Part, ...]]] = {
    "fields": (Part("name", "text"), Part("purpose", "choice")),
    "jsonFields": (Part("object", "choice"), Part("path", "text"), Part("purpose", "choice")),
    "mappings": (
        *(Part("field", "choice"), Part("matchType", "choice"), Part("transformFrom", "list")),
        *(Part("transformTo", "text"), Part("transformType", "choice")),
    ),
}


def rules_of(kind: str) -> tuple[Rule, ...]:
    """Return the rules that rows of a kind can have."""
    return RULES if kind == "fields" else tuple(_BY_NAME[name] for name in _OF_JSON) if kind == "jsonFields" else ()


def parts_of(kind: str) -> dict[str, Part]:
    """Return every attribute that a row of a kind can have, by its name, but for `enabled`."""
    return {part.name: part for part in (*_FIXED[kind], *(part for rule in rules_of(kind) for part in rule.parts))}


def rule_named(name: str) -> Rule | None:
    """Return a rule by its name."""
    return _BY_NAME.get(name)


def show_value(kind: Kind, value: object) -> str:
    """Return a value as its control shows it."""
    if isinstance(value, Mapping):
        return "\n".join(f"{text} = {each}" for text, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(map(str, value))
    if kind == "flag":
        return str(value).lower()
    if kind == "mark":
        return str(value or "").replace("\n", "\\n").replace("\t", "\\t")
    return "" if value is None else str(value)


def parse_value(kind: Kind, typed: Sequence[str]) -> object:
    """Return what was typed as the API takes it; what cannot be read goes on as it is, and the API says what is wrong with it."""
    text = typed[-1].replace("\r\n", "\n")
    if kind == "names":
        return [each.strip() for each in typed]
    if kind == "flag":
        return text == "true"
    if kind == "mark":
        return text.replace("\\n", "\n").replace("\\t", "\t")
    if kind == "list":
        return [line for line in text.split("\n") if line.strip()]
    if kind == "table":
        return dict(map(_parse_pair, filter(str.strip, text.split("\n"))))
    if kind == "number":
        number = whole_number(text)
        return text if number is None else number
    return text


def _parse_pair(line: str) -> tuple[str, str | int]:
    text, _, value = (part.strip() for part in line.rpartition("=")) if "=" in line else (line.strip(), "", "")
    number = whole_number(value)
    # What is written otherwise, as 007, is a text.
    return text, value if number is None or str(number) != value else number


@cache
def defaults_of(kind: str) -> Mapping[str, object]:
    """Return the attributes of a row of a kind that have a default, as the API shows them."""
    model = ROW_MODELS[kind]
    shown = model.model_construct().model_dump(mode="json", by_alias=True)
    return {field.alias or name: shown[field.alias or name] for name, field in model.model_fields.items() if not field.is_required()}


@cache
def load_notes() -> Mapping[str, str]:
    """Return what the reference says of each attribute of a row. Blocks the first time."""
    known = tomllib.loads(files("engine.settings").joinpath("notes.toml").read_text("utf-8"))
    return {**known["rewrite"], **known["row"]}
