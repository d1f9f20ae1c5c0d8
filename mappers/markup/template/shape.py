"""How the records of a regular file are laid out, learned from some of them as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

DEPTH_LIMIT: Final = 20
_CHILDREN: Final = 200
_VALUE: Final = r'"[^"<\t\n]*"'
_CDATA: Final = r"<!\[CDATA\[[^\]]*+(?:\](?!\]>)[^\]]*+)*+\]\]>"
_TOKEN: Final = re.compile(
    rf"<(?P<end>/?)(?P<name>[^\s/>!?]+)(?P<attributes>(?: [^\s=<>\"'/]+={_VALUE})*)(?P<closed> ?/)?>(?P<text>[^<]*(?:{_CDATA}[^<]*)*)"
)
_ATTRIBUTE: Final = re.compile(rf" ([^\s=]+)={_VALUE}")


class Irregular(Exception):
    """A record that is laid out as no shape can say."""


@dataclass(slots=True)
class Shape:
    """An element: its attributes and children with their orders, and what was seen of its content."""

    name: str
    orders: dict[tuple[str, ...], None] = field(default_factory=dict)
    attribute_orders: dict[tuple[str, ...], None] = field(default_factory=dict)
    children: dict[str, Shape] = field(default_factory=dict)
    repeated: bool = False
    text: bool = False
    blank: bool = False
    cdata: bool = False
    closed: bool = False
    spaced: bool = False

    def arranged(self) -> list[tuple[Shape, bool]]:
        """Return the children in the one order that all records keep, each with whether it may be absent. Raises `Irregular`."""
        return [(self.children[name], any(name not in order for order in self.orders)) for name in _arrange(self.orders)]

    def attributes(self) -> list[tuple[str, bool]]:
        """Return the attributes in their order, each with whether it may be absent. Raises `Irregular`."""
        return [(name, any(name not in order for order in self.attribute_orders)) for name in _arrange(self.attribute_orders)]


def _arrange(orders: Iterable[tuple[str, ...]]) -> list[str]:
    """Return one order that agrees with all."""
    before: dict[str, set[str]] = {}
    for order in orders:
        for index, name in enumerate(order):
            before.setdefault(name, set()).update(order[:index])
    arranged: list[str] = []
    while before:
        free = next((name for name, others in before.items() if not others), None)
        if free is None:
            raise Irregular
        arranged.append(free)
        del before[free]
        for others in before.values():
            others.discard(free)
    return arranged


@dataclass(slots=True)
class _Open:
    shape: Shape
    names: list[str] = field(default_factory=list)
    text: str = ""


def learn(shape: Shape, record: str) -> None:
    """Widen a shape by one record, from its start tag to its end tag; line ends are LF. Raises `Irregular` and spoils the shape."""
    stack: list[_Open] = []
    root: list[_Open] = []
    at = 0
    while match := _TOKEN.match(record, at):
        at = match.end()
        name, text = match["name"], match["text"]
        if match["end"]:
            if not stack or stack[-1].shape.name != name:
                raise Irregular
            _close(stack.pop(), stack, text)
            continue
        if not stack and root:
            raise Irregular
        opened = _enter(shape, stack, name, match["attributes"])
        root = root or [opened]
        if match["closed"]:
            opened.shape.closed = True
            _note_text(stack, text)
        else:
            stack.append(opened)
            opened.text = text
    if at != len(record) or stack or not root:
        raise Irregular


def _enter(shape: Shape, stack: list[_Open], name: str, attributes: str) -> _Open:
    names = tuple(_ATTRIBUTE.findall(attributes))
    if len(stack) > DEPTH_LIMIT or len(set(names)) != len(names) or any(_special(each) for each in names):
        raise Irregular
    if not stack:
        entered = shape
    else:
        parent = stack[-1]
        if name == shape.name or len(parent.shape.children) > _CHILDREN:
            raise Irregular
        entered = parent.shape.children.setdefault(name, Shape(name))
        if parent.names and parent.names[-1] == name:
            entered.repeated = True
        elif name in parent.names:
            raise Irregular
        else:
            parent.names.append(name)
    if entered.name != name:
        raise Irregular
    entered.attribute_orders[names] = None
    return _Open(entered)


def _special(attribute: str) -> bool:
    # Declarations change what names mean; two prefixes may make one attribute; xml:id and its like have rules of their own.
    return ":" in attribute or attribute == "xmlns"


def _close(element: _Open, stack: list[_Open], text: str) -> None:
    shape = element.shape
    shape.orders[tuple(element.names)] = None
    filled = element.text.strip(" \t\n")
    if not element.names:
        shape.text = shape.text or bool(filled)
        shape.blank = shape.blank or bool(element.text)
        shape.cdata = shape.cdata or "<![CDATA[" in element.text
    elif filled:
        raise Irregular
    else:
        shape.spaced = shape.spaced or bool(element.text)
    if shape.text and shape.children:
        raise Irregular
    _note_text(stack, text)


def _note_text(stack: list[_Open], text: str) -> None:
    if not text:
        return
    if text.strip(" \t\n"):
        raise Irregular
    if stack:
        stack[-1].shape.spaced = True
