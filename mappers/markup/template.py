"""Regular records without a parser: one regular expression of the whole record as it is laid out, several times faster.

A template reads only what it proves: a stretch of records, one right behind the other, each of them of the learned shape, with
nothing in it that a parser would change or refuse. Anything else it leaves to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, TypeAlias

from engine.batch import SEVERAL
from mappers.markup.plan import first_filled
from mappers.markup.shape import Irregular, Shape

_BLANK: Final = r"[ \t\n]*+"
_CDATA: Final = r"<!\[CDATA\[[^\]]*+(?:\](?!\]>)[^\]]*+)*+\]\]>"
_TEXT: Final = {False: r"[^<]*+", True: rf"[^<]*+(?:{_CDATA}[^<]*+)*+"}
_PREDEFINED: Final = ("&amp;", "&lt;", "&gt;", "&quot;", "&apos;")
_CDATA_PARTS: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Target:
    """What a column takes of a record: elements by the names that each may have, then a text or an attribute.

    Names are in lxml's notation.
    """

    tags: tuple[frozenset[str], ...]
    attribute: str | None = None
    nodes: bool = False
    """Whether `text()` is taken, of which an empty element has none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a target stands in a shape: the elements down to it, and an attribute of the last."""

    chain: tuple[Shape, ...]
    attribute: str | None
    nodes: bool = False

    @property
    def run(self) -> int | None:
        """Return which element of the chain repeats, None when none does. Raises `Irregular` where two do."""
        runs = [index for index, shape in enumerate(self.chain) if shape.repeated]
        if len(runs) > 1:
            raise Irregular
        return runs[0] if runs else None


@dataclass(frozen=True, slots=True)
class _Run:
    """How the values are taken of a run of elements. `absent` is what one stands for that has none, None for nothing."""

    pattern: re.Pattern[str]
    absent: str | None
    blank: bool

    def join(self, text: str, plain: Callable[[str], str] | None) -> str:
        found = [self.absent if match[1] is None else match[1] for match in self.pattern.finditer(text)]
        values = [value for value in found if value is not None and (value or self.blank)]
        return SEVERAL.join(values if plain is None else map(plain, values))


_Key: TypeAlias = tuple[int, str | None, bool]
"""What is captured: an element, one of its attributes or None for its text, and whether it is the whole run of the element."""


class _Writer:
    """Write a shape as a regular expression with some of it captured."""

    def __init__(self, wanted: frozenset[_Key]) -> None:
        self._wanted = wanted
        self.keys: list[_Key] = []

    def element(self, shape: Shape) -> str:
        name = re.escape(shape.name)
        opening = f"<{name}{''.join(self._attribute(shape, *each) for each in shape.attributes())}"
        if shape.closed and not shape.orders:
            return f"{opening} ?/>"
        inner = f">{self._content(shape)}</{name}>"
        return f"{opening}(?: ?/>|{inner})" if shape.closed else f"{opening}{inner}"

    def _capture(self, shape: Shape, attribute: str | None, pattern: str, *, run: bool = False) -> str:
        if (key := (id(shape), attribute, run)) not in self._wanted:
            return pattern
        self.keys.append(key)
        return f"({pattern})"

    def _attribute(self, shape: Shape, name: str, optional: bool) -> str:
        value = self._capture(shape, name, r'[^"<\t\n]*+')
        written = f' {re.escape(name)}="{value}"'
        return f"(?:{written})?+" if optional else written

    def _content(self, shape: Shape) -> str:
        if not shape.children:
            return self._capture(shape, None, _TEXT[shape.cdata])
        blank = _BLANK if shape.spaced or shape.blank else ""
        return blank + "".join(self._child(child, optional, blank) for child, optional in shape.arranged())

    def _child(self, child: Shape, optional: bool, blank: str) -> str:
        # The run is captured around what it is made of, so its key comes before those inside it; there are none inside.
        run = (id(child), None, True) in self._wanted
        if run:
            self.keys.append((id(child), None, True))
        element = f"{self.element(child)}{blank}"
        if child.repeated:
            many = f"(?:{element}){'*+' if optional else '++'}"
            return f"({many})" if run else many
        return f"(?:{element})?+" if optional else element


@dataclass(slots=True)
class Template:
    """A compiled shape. `read` gives the rows of a stretch of records, as far as it can prove that a parser would.

    `constants` are the columns of what stands outside the records, `present` those of what some record had.
    """

    shape: Shape
    constants: frozenset[int]
    present: frozenset[int]
    _chosen: frozenset[int]
    _pattern: re.Pattern[str]
    _first: re.Pattern[str]
    _start: re.Pattern[str]
    _sources: list[list[tuple[int, _Run | None]]]

    @property
    def ending(self) -> str:
        """Return a record's end tag."""
        return f"</{self.shape.name}>"

    def first_start(self, text: str) -> int:
        """Return where the first record begins, -1 when there is none."""
        match = self._start.search(text)
        return match.start() if match else -1

    def first_end(self, stretch: str) -> int | None:
        """Return where the record ends with which a stretch begins, None when it is of another shape."""
        match = self._first.match(stretch)
        return match.end() if match else None

    def lines(self, stretch: str, line: int) -> list[int]:
        """Return the line of each record of a stretch that was read; the stretch begins at `line`."""
        count, lines, before = stretch.count, [], 0
        for match in self._start.finditer(stretch):
            start = match.start()
            line += count("\n", before, start)
            lines.append(line)
            before = start
        return lines

    def read(self, stretch: str, constants: Sequence[str]) -> tuple[list[tuple[str, ...]], int | None]:
        """Return the rows of a stretch, and where the first record begins that is of another shape.

        `constants` are the cells, by column, of what stands outside the records.
        """
        found = self._pattern.findall(stretch)
        if found and found[-1][-1]:
            return [], len(stretch) - len(found[-1][-1])
        groups = list(zip(*found, strict=True))
        plain = _reader_of(stretch)
        cells = [
            repeat(constants[column] if column in self.constants else "")
            if not sources
            else self._column(column, [self._values(groups[group], run, plain) for group, run in sources])
            for column, sources in enumerate(self._sources)
        ]
        return list(zip(*cells, strict=False)), None

    def _column(self, column: int, choices: Sequence[Sequence[str]]) -> Sequence[str]:
        if column not in self._chosen:
            return choices[0]
        # Where a name of several is not in the shape it is blank in every record, as it is to the parser.
        return [first_filled((*texts, "")) for texts in zip(*choices, strict=True)]

    @staticmethod
    def _values(texts: Sequence[str], run: _Run | None, plain: Callable[[str], str] | None) -> Sequence[str]:
        if run is None:
            return texts if plain is None else [plain(text) if "&" in text or "<" in text else text for text in texts]
        return [run.join(text, plain) if text else "" for text in texts]


def _reader_of(stretch: str) -> Callable[[str], str] | None:
    """Return what makes text of markup in a stretch, None where all of it is text already."""
    if "<![CDATA[" in stretch:
        return _read_sections
    return _unescape if "&" in stretch else None


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&apos;", "'")
    return text.replace("&amp;", "&")


def _read_sections(text: str) -> str:
    # Odd parts are what stood inside sections, where nothing is escaped.
    return "".join(part if number % 2 else _unescape(part) for number, part in enumerate(_CDATA_PARTS.split(text)))


def is_plain(stretch: str) -> bool:
    """Tell whether a stretch holds no reference but the predefined ones, and no end of a CDATA section that none began."""
    outside = stretch
    if "]]>" in stretch or "<![CDATA[" in stretch:
        *sections, rest = stretch.split("]]>")
        if any(section.count("<![CDATA[") != 1 for section in sections) or "<![CDATA[" in rest:
            return False
        outside = "".join([*(section.partition("<![CDATA[")[0] for section in sections), rest])
    if "\ufffe" in stretch or "\uffff" in stretch:
        return False
    references = outside.count("&")
    return not references or references == sum(map(outside.count, _PREDEFINED))


def make_template(shape: Shape, columns: Sequence[Sequence[Target] | None], tag_of: Callable[[str], str]) -> Template | None:
    """Compile a shape for some columns, each the places it may be taken from, or None for what stands outside the records.

    `tag_of` gives a written name in lxml's notation. None when the shape is too irregular, or a column too much for it.
    """
    try:
        places = [[place for target in targets or () if (place := _find(shape, target, tag_of)) is not None] for targets in columns]
        keys = [[_key(place) for place in found] for found in places]
        writer = _Writer(frozenset(key for found in keys for key in found))
        record = writer.element(shape)
        if not writer.keys:
            return None
        sources = [
            [(writer.keys.index(key), _run(place) if key[2] else None) for key, place in zip(*found, strict=True)]
            for found in zip(keys, places, strict=True)
        ]
        return Template(
            shape,
            frozenset(column for column, targets in enumerate(columns) if targets is None),
            frozenset(column for column, found in enumerate(places) if found and not any(place.nodes for place in found)),
            frozenset(column for column, targets in enumerate(columns) if targets is not None and len(targets) > 1),
            re.compile(rf"{record}{_BLANK}|([\s\S]+)"),
            re.compile(record),
            re.compile(rf"<{re.escape(shape.name)}(?=[ />\n\t])"),
            sources,
        )
    except Irregular:
        return None


def _find(shape: Shape, target: Target, tag_of: Callable[[str], str]) -> _Place | None:
    chain: list[Shape] = []
    here = shape
    for tags in target.tags:
        meant = [child for child in here.children.values() if tag_of(child.name) in tags]
        if len(meant) > 1:
            raise Irregular
        if not meant:
            return None
        here = meant[0]
        chain.append(here)
    if target.attribute is not None:
        known = any(target.attribute in order for order in here.attribute_orders)
        return _Place((*chain,) or (shape,), target.attribute) if known else None
    if here.children or here is shape:
        raise Irregular
    return _Place(tuple(chain), None, target.nodes)


def _key(place: _Place) -> _Key:
    run = place.run
    return (id(place.chain[-1]), place.attribute, False) if run is None else (id(place.chain[run]), None, True)


def _run(place: _Place) -> _Run:
    last, run = place.chain[-1], place.chain[place.run or 0]
    pattern = re.compile(_Writer(frozenset({(id(last), place.attribute, False)})).element(run))
    if place.attribute is not None:
        return _Run(pattern, None, True)
    if (last is not run and last.closed) or (place.nodes and last.cdata):
        # Nothing captured may be an element that is not there, or one that is empty.
        raise Irregular
    return _Run(pattern, "" if last is run and not place.nodes else None, not place.nodes)
