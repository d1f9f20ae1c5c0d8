"""Fields against the elements of a parsed piece: a walk over the children for plain paths, compiled XPath for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from engine.batch import SEVERAL
from mappers.markup.expression import Expression, Kind, SimplePath, parse_expression, simple_path

if TYPE_CHECKING:
    from lxml import etree

    from mappers.markup.expression import NameTest
    from mappers.markup.names import Names
    from mappers.markup.streaming import RecordPath

Cells: TypeAlias = "list[str | None]"
Reader: TypeAlias = "Callable[[etree._Element], str | None]"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Options that stand in elements of one kind: the elements, and in each its name and its value."""

    element: Expression
    name: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class Field:
    """A column: the names under which the source may carry it and what they mean; the first that is not blank counts."""

    names: tuple[str, ...]
    choices: tuple[Expression | Pairs, ...]
    label: str = ""


def value_of(element: etree._Element) -> str:
    """Return the string-value of an element (XPath 1.0, 5.2)."""
    return "".join(element.itertext()) if len(element) else element.text or ""


def first_filled(texts: Sequence[str]) -> str:
    """Return the first text that is more than white space, else an empty one; a lone text as it is."""
    if len(texts) == 1:
        return texts[0]
    return next((text for text in texts if text and not text.isspace()), "")


@dataclass(slots=True)
class _Node:
    """What is taken of an element on the way of a walk, by slot."""

    values: list[int] = field(default_factory=list)
    texts: list[int] = field(default_factory=list)
    attributes: list[tuple[str, int]] = field(default_factory=list)
    # By `object`, for lxml promises no more of a tag; all are texts.
    children: dict[object, _Node] = field(default_factory=dict)

    lone: dict[object, int] = field(default_factory=dict)
    """The slots of those children of which nothing but the value is taken, once."""

    def settle(self) -> None:
        """Find out which children are so."""
        for tag, child in self.children.items():
            child.settle()
            if len(child.values) == 1 and not (child.texts or child.attributes or child.children):
                self.lone[tag] = child.values[0]


class Plan:
    """How records are found in pieces with certain namespaces, and how their cells are read.

    With `walking` false every field is evaluated as XPath: slower, and by definition right.
    """

    def __init__(self, record: RecordPath, fields: Sequence[Field], names: Names, *, walking: bool = True) -> None:
        self.names = names
        self._record = names.compile(record.expression)
        self._outermost = record.outermost
        self._root = _Node()
        self._calls: list[tuple[int, Reader]] = []
        self._probes: dict[int, Reader] = {}
        self._choices: list[tuple[int, ...]] = []
        self._slots = 0
        for each in fields:
            first = self._slots
            for expression in each.choices:
                self._add(expression, walking=walking)
            self._choices.append(tuple(range(first, self._slots)))
        self._root.settle()
        self._plain = all(len(choice) == 1 for choice in self._choices)

    def _add(self, expression: Expression | Pairs, *, walking: bool) -> None:
        slot = self._slots
        self._slots += 1
        if isinstance(expression, Pairs):
            self._calls.append((slot, _pairs(expression, self.names)))
            return
        simple = simple_path(expression) if walking else None
        if simple is None or not self._place(simple, slot):
            self._calls.append((slot, _call(expression, self.names)))
        if expression.kind is not Kind.NODES and expression.paths and all(path.text for path in expression.paths):
            self._probes[slot] = _call(parse_expression(" | ".join(path.text for path in expression.paths)), self.names)

    def _place(self, simple: SimplePath, slot: int) -> bool:
        tags = [self.names.tags(name) for name in simple.tags]
        attribute = None if simple.attribute is None else self._attribute(simple.attribute)
        if any(tag is None for tag in tags) or (simple.attribute is not None and attribute is None):
            return False
        if simple.up:
            if attribute is not None:
                self._calls.append((slot, _above(simple.up, attribute)))
            return attribute is not None
        nodes = [self._root]
        for tag in tags:
            # An element that several names mean is one node of the walk for each; they share nothing.
            nodes = [node.children.setdefault(name, _Node()) for node in nodes for name in sorted(tag or ())]
        for node in nodes:
            if attribute is not None:
                node.attributes.append((attribute, slot))
            else:
                (node.values if simple.tail == "element" else node.texts).append(slot)
        return True

    def _attribute(self, name: NameTest) -> str | None:
        tags = self.names.tags(name)
        return next(iter(tags)) if tags is not None and len(tags) == 1 else None

    def select(self, root: etree._Element) -> list[etree._Element]:
        """Return the records of a piece in their order."""
        found = self._record(root)
        records: list[etree._Element] = found if isinstance(found, list) else []
        if not self._outermost:
            return records
        kept: list[etree._Element] = []
        chosen: set[etree._Element] = set()
        parent: etree._Element | None = None
        for record in records:
            above = record.getparent()
            if above is not parent:
                if any(each in chosen for each in record.iterancestors()):
                    continue
                parent = above
            kept.append(record)
            chosen.add(record)
        return kept

    def cells(self, record: etree._Element) -> Cells:
        """Return the values of a record by slot, None where it has nothing there."""
        cells: Cells = [None] * self._slots
        _walk(self._root, record, cells)
        for slot, call in self._calls:
            cells[slot] = call(record)
        return cells

    def row(self, cells: Cells) -> tuple[str, ...]:
        """Return the cells of the columns: of several choices the first that is there."""
        if self._plain:
            return tuple([cell or "" for cell in cells])
        return tuple([first_filled([cells[slot] or "" for slot in choice]) for choice in self._choices])

    def met(self, column: int, records: Sequence[etree._Element], cells: Sequence[Cells]) -> bool:
        """Tell whether any record has something where a column leads."""
        for slot in self._choices[column]:
            if (probe := self._probes.get(slot)) is not None:
                if any(probe(record) is not None for record in records):
                    return True
            elif any(row[slot] is not None for row in cells):
                return True
        return False


def _walk(node: _Node, element: etree._Element, cells: Cells) -> None:
    for name, slot in node.attributes:
        value = element.get(name)
        if value is not None:
            _put(cells, slot, value)
    if node.values:
        value = value_of(element)
        for slot in node.values:
            _put(cells, slot, value)
    for slot in node.texts:
        for text in element.xpath("text()", smart_strings=False) if len(element) else (element.text,):
            if text:
                _put(cells, slot, text)
    if node.children:
        lone, children = node.lone, node.children
        for child in element:
            tag = child.tag
            if (place := lone.get(tag)) is not None:
                # Written out, for this is most of what a walk does.
                value = child.text or "" if not len(child) else "".join(child.itertext())
                cells[place] = value if (known := cells[place]) is None else f"{known}{SEVERAL}{value}"
            elif (inner := children.get(tag)) is not None:
                _walk(inner, child, cells)


def _put(cells: Cells, slot: int, value: str) -> None:
    known = cells[slot]
    cells[slot] = value if known is None else f"{known}{SEVERAL}{value}"


def _above(up: int, attribute: str) -> Reader:
    last: etree._Element | None = None
    value: str | None = None

    def read(record: etree._Element) -> str | None:
        nonlocal last, value
        parent = record.getparent()
        if parent is None or parent is not last:
            last, above = parent, parent
            for _ in range(up - 1):
                above = None if above is None else above.getparent()
            value = None if above is None else above.get(attribute)
        return value

    return read


def _pairs(pairs: Pairs, names: Names) -> Reader:
    elements, name, value = (
        names.compile(each, as_text=text) for each, text in ((pairs.element, False), (pairs.name, True), (pairs.value, True))
    )

    def read(record: etree._Element) -> str | None:
        found = elements(record)
        if not isinstance(found, list) or not found:
            return None
        read = [(str(name(element)).strip(), str(value(element)).strip()) for element in found if not isinstance(element, str)]
        options = [(label, text) for label, text in read if label and text]
        return json.dumps(
            [{"name": label, "value": text, "position": at} for at, (label, text) in enumerate(options, 1)], ensure_ascii=False
        )

    return read


def _call(expression: Expression, names: Names) -> Reader:
    if expression.kind is not Kind.NODES:
        text = names.compile(expression, as_text=True)
        return lambda record: str(text(record))
    nodes = names.compile(expression)

    def read(record: etree._Element) -> str | None:
        found = nodes(record)
        if not isinstance(found, list) or not found:
            return None
        return SEVERAL.join([node if isinstance(node, str) else value_of(node) for node in found])

    return read
