"""What a feed's own settings say of its XML, checked at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from mappers.markup.expression import BadExpression, Expression, Kind, parse_expression
from mappers.markup.names import Names
from mappers.markup.plan import Field, Pairs
from mappers.markup.presets import XML_PRESETS
from mappers.markup.streaming import Look, RecordPath, looks_of, record_path
from mappers.options import read_encoding, read_text

if TYPE_CHECKING:
    from engine.batch import JsonValue
    from engine.contracts import MapperSettings

MAPPINGS: Final = (*XML_PRESETS, "custom")
_NUMBER: Final = re.compile(r"[-+]?\s*(?:\d+(?:\.\d*)?|\.\d+)")
_PAIRS: Final = re.compile(r"options\(\s*([^,()]+?)\s*,\s*([^,()]+?)\s*,\s*([^,()]+?)\s*\)")


@dataclass(frozen=True, slots=True)
class XmlOptions:
    """The settings of an XML feed. `record` is None where the document has to tell, `encoding` likewise.

    `pinned` are the person's own prefixes, `offered` those of the preset. `looks` are what fields need beside the record.
    """

    fields: tuple[Field, ...]
    record: RecordPath | None
    record_reason: str
    encoding: str | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[Look, ...] = ()

    def locate(self, name: str) -> int | None:
        """Return the index of the column that a mapping row names: its own before one in which the name is a second choice."""
        wanted = name.strip()
        ranked = sorted(
            (choices.index(wanted), len(choices), index)
            for index, choices in enumerate(each.names for each in self.fields)
            if wanted in choices
        )
        return ranked[0][2] if ranked else None


def read_options(settings: MapperSettings) -> XmlOptions:
    """Read the attributes this mapper knows. Raises `ConfigError` with every fault."""
    problems: list[str] = []
    attributes = settings.attributes
    mapping = attributes.get("xmlMapping") or "custom"
    if mapping not in MAPPINGS:
        problems.append(f"xmlMapping is {mapping!r}: give one of {', '.join(MAPPINGS)}")
    preset = XML_PRESETS.get(str(mapping))
    looks: list[Look] = []
    fields = [_field(names, looks, problems) for names in dict.fromkeys(settings.fields)]
    path = read_text(attributes, "xmlPath", problems)
    record = _record(path or (preset.path if preset is not None else None), problems)
    options = XmlOptions(
        fields=_labelled([each for each in fields if each is not None]),
        record=record,
        record_reason="set by the feed" if path else f"where {mapping} has its records",
        encoding=read_encoding(attributes, problems),
        pinned=_namespaces(attributes, problems),
        offered=preset.namespaces if preset is not None else {},
        looks=tuple(dict.fromkeys(looks)),
    )
    problems += _uncompiled(options)
    if problems:
        raise ConfigError("the XML settings cannot work:", problems=tuple(problems))
    return options


def _labelled(fields: list[Field]) -> tuple[Field, ...]:
    labels = [each.names[0] for each in fields]
    return tuple(
        Field(each.names, each.choices, label=" or ".join(each.names) if labels.count(each.names[0]) > 1 else each.names[0])
        for each in fields
    )


def _field(names: tuple[str, ...], looks: list[Look], problems: list[str]) -> Field | None:
    choices: list[Expression | Pairs] = []
    for name in names:
        try:
            choices.append(read_choice(name))
            looks += looks_of(_parts(choices[-1])[0])
        except BadExpression as fault:
            problems.append(f"{name!r}: {fault}")
    return Field(tuple(name.strip() for name in names), tuple(choices)) if len(choices) == len(names) else None


def read_choice(name: str) -> Expression | Pairs:
    """Read what a mapping row names: XPath, or `options(ELEMENT, NAME, VALUE)`. Raises `BadExpression`."""
    if _NUMBER.fullmatch(name.strip()):
        # XPath has it for the number itself: one key for all goods, or one stock.
        raise BadExpression("is a number and no path, and columns of XML have none: name an element or an attribute, as sku or @id")
    pairs = _PAIRS.fullmatch(name.strip())
    if pairs is None:
        return parse_expression(name.strip())
    element, label, value = (parse_expression(part) for part in pairs.groups())
    if element.kind is not Kind.NODES or looks_of(label) or looks_of(value):
        raise BadExpression("options(ELEMENT, NAME, VALUE) takes a path of elements, and a name and a value in each of them")
    return Pairs(element, label, value)


def _parts(choice: Expression | Pairs) -> tuple[Expression, ...]:
    return (choice.element, choice.name, choice.value) if isinstance(choice, Pairs) else (choice,)


def _record(path: str | None, problems: list[str]) -> RecordPath | None:
    if path is None:
        return None
    try:
        return record_path(path)
    except BadExpression as fault:
        problems.append(f"xmlPath is {path!r}: {fault}")
        return None


def _uncompiled(options: XmlOptions) -> list[str]:
    """Try what libxml2 says of each expression: it knows how many arguments a function takes."""
    from lxml import etree

    problems = []
    element = etree.Element("record")
    names = Names(frozenset(), options.pinned, options.offered)
    expressions = [(each.text, each) for field_ in options.fields for choice in field_.choices for each in _parts(choice)]
    if options.record is not None:
        expressions.append((f"xmlPath {options.record.text}", options.record.expression))
    for shown, expression in expressions:
        try:
            names.compile(expression)(element)
        except etree.XPathError as fault:
            problems.append(f"{shown!r}: {str(fault)[:1].lower()}{str(fault)[1:]}")
    return list(dict.fromkeys(problems))


def _namespaces(attributes: Mapping[str, JsonValue], problems: list[str]) -> dict[str, str]:
    value = attributes.get("xmlNamespaces") or {}
    if not isinstance(value, Mapping) or not all(isinstance(uri, str) and uri for uri in value.values()):
        problems.append(f"xmlNamespaces is {value!r}: give a URI for each prefix")
        return {}
    odd = [prefix for prefix in value if prefix in ("xml", "xmlns") or ":" in prefix]
    problems += [f"xmlNamespaces: {prefix!r} is no prefix that can be given" for prefix in odd]
    return {prefix: str(uri) for prefix, uri in value.items() if prefix not in odd}
