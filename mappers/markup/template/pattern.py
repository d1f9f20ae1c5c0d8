"""Regular records without a parser: one regular expression of the whole record as it is laid out, several times faster.

A template reads only what it proves: a stretch of records, one right behind the other, each of them of the learned shape, with
nothing in it that a parser would change or refuse. Anything else it leaves to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Final, TypeAlias

from engine.batch import SEVERAL
from mappers.markup.plan import first_filled
from mappers.markup.template.shape import Irregular, Shape

_BLANK: Final = r"[ \t\n]*+"
_CDATA: Final = r"<!\[CDATA\[[^\]]*+(?:\](?!\]>)[^\]]*+)*+\]\]>"
_REFERENCE: Final = "&(?:amp|lt|gt|quot|apos);"
_UNPROVEN: Final = re.compile("&(?!(?:amp|lt|gt|quot|apos);)")
"""An & that begins no predefined entity, as far as that can be told without knowing what stands in a section."""

_MARK: Final = "\x01"
"""Stands between the cells of a column while they are one text: no XML holds it, and a stretch with it is left to the parser."""

_CDATA_PARTS: Final = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)


def _text_pattern(but: str, *more: str) -> str:
    """Return the pattern of a text without some characters, but with whatever `more` says may stand in it all the same."""
    plain = f"[^{but}]*+"
    return f"{plain}(?:(?:{'|'.join(more)}){plain})*+" if more else plain


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
    """How the values are taken of a run of elements. `absent` is what one stands for that has none, None for nothing.

    `tag` is the name of elements that are a start tag, a text and an end tag, and nothing else; None where they may be more.
    """

    pattern: re.Pattern[str]
    absent: str | None
    blank: bool
    tag: str | None = None

    def values(self, texts: Sequence[str], plain: Callable[[str], str] | None) -> list[str]:
        """Return the values of each run in a column of them."""
        taken = self._plain_values(texts, plain) if self.tag is not None and plain is not _read_sections else None
        return taken or [self.join(text, plain) if text else "" for text in texts]

    def _plain_values(self, texts: Sequence[str], plain: Callable[[str], str] | None) -> list[str] | None:
        """Take all runs of a column at once; None where not all elements have the same blanks in between.

        An object for every element would take most of the time that a record takes.
        """
        opening, closing, column = f"<{self.tag}>", f"</{self.tag}>", _MARK.join(texts)
        between = re.search(f"{re.escape(closing)}({_BLANK}){re.escape(opening)}", column)
        found = column.replace(f"{closing}{between[1]}{opening}", SEVERAL) if between else column
        if found.count(opening) != len(texts) - texts.count(""):
            return None
        begin, end = len(opening), -len(closing)
        return [each.rstrip(" \t\n")[begin:end] for each in (_unescape(found) if plain else found).split(_MARK)]

    def join(self, text: str, plain: Callable[[str], str] | None) -> str:
        found = [self.absent if match[1] is None else match[1] for match in self.pattern.finditer(text)]
        values = [value for value in found if value is not None and (value or self.blank)]
        return SEVERAL.join(values if plain is None else map(plain, values))


_Key: TypeAlias = tuple[int, str | None, bool]
"""What is captured: an element, one of its attributes or None for its text, and whether it is the whole run of the element."""


class _Writer:
    """Write a shape as a regular expression with some of it captured.

    `rich`: each & of a text is proven to begin a predefined entity. Otherwise a stretch is known to have no other &, or to hold
    none, and half the time is saved by looking for one character less.
    """

    def __init__(self, wanted: frozenset[_Key], *, rich: bool) -> None:
        self._wanted = wanted
        self._references = (_REFERENCE,) if rich else ()
        self._but = "<&" if rich else "<"
        self._but_quoted = r'"<&\t\n' if rich else r'"<\t\n'
        self.keys: list[_Key] = []

    def element(self, shape: Shape) -> str:
        name = re.escape(shape.name)
        opening = f"<{name}{''.join(self._attribute(shape, *each) for each in shape.attributes())}"
        if shape.closed and not shape.orders:
            return f"{opening} ?/>{self._capture(shape, None, '')}"
        inner = f">{self._content(shape)}</{name}>"
        return f"{opening}(?: ?/>|{inner})" if shape.closed else f"{opening}{inner}"

    def _capture(self, shape: Shape, attribute: str | None, pattern: str, *, run: bool = False) -> str:
        if (key := (id(shape), attribute, run)) not in self._wanted:
            return pattern
        self.keys.append(key)
        return f"({pattern})"

    def _attribute(self, shape: Shape, name: str, optional: bool) -> str:
        value = self._capture(shape, name, _text_pattern(self._but_quoted, *self._references))
        written = f' {re.escape(name)}="{value}"'
        return f"(?:{written})?+" if optional else written

    def _content(self, shape: Shape) -> str:
        if not shape.children:
            sections = (_CDATA,) if shape.cdata else ()
            return self._capture(shape, None, _text_pattern(self._but, *self._references, *sections))
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


@dataclass(frozen=True, slots=True)
class _Variant:
    """A template compiled for texts with or without entities: its pattern, and by column the groups and how runs are taken apart."""

    pattern: re.Pattern[str]
    sources: list[list[tuple[int, _Run | None]]]


class Template:
    """A compiled shape, which reads stretches of records as far as it can prove that a parser would read them so.

    `columns` are the places that each column may be taken from, None for what stands outside the records; `tag_of` gives a
    written name in lxml's notation. Raises `Irregular` where the shape is too irregular, or a column too much for it.
    """

    def __init__(self, shape: Shape, columns: Sequence[Sequence[Target] | None], tag_of: Callable[[str], str]) -> None:
        self.shape = shape
        self._columns = columns
        self._places = [[place for target in targets or () if (place := _find(shape, target, tag_of))] for targets in columns]
        if not any(self._places):
            raise Irregular
        self._variants: dict[bool, _Variant] = {}
        self._start = re.compile(rf"<{re.escape(shape.name)}(?=[ />\n\t])")
        self._variant(rich=False)

    @property
    def present(self) -> frozenset[int]:
        """Return the columns that some record had among those that the shape was learned from."""
        return frozenset(column for column, found in enumerate(self._places) if found and not any(place.nodes for place in found))

    @property
    def ending(self) -> str:
        """Return a record's end tag."""
        return f"</{self.shape.name}>"

    def _variant(self, *, rich: bool) -> _Variant:
        if rich not in self._variants:
            keys = [[_key(place) for place in found] for found in self._places]
            writer = _Writer(frozenset(key for found in keys for key in found), rich=rich)
            record = writer.element(self.shape)
            sources = [
                [(writer.keys.index(key), _run(place, rich=rich) if key[2] else None) for key, place in zip(*found, strict=True)]
                for found in zip(keys, self._places, strict=True)
            ]
            self._variants[rich] = _Variant(re.compile(rf"{record}{_BLANK}|([\s\S]+)"), sources)
        return self._variants[rich]

    def first_start(self, text: str) -> int:
        """Return where the first record begins, -1 when there is none."""
        match = self._start.search(text)
        return match.start() if match else -1

    def starts(self, stretch: str, start: int) -> bool:
        """Tell whether a record begins at `start`."""
        return self._start.match(stretch, start) is not None

    def fits(self, stretch: str, start: int) -> bool:
        """Tell whether the record that begins at `start` is of this shape."""
        match = self._variant(rich=_UNPROVEN.search(stretch) is not None).pattern.match(stretch, start)
        return match is not None and match.lastindex != match.re.groups

    def lines(self, stretch: str, line: int, records: int) -> Sequence[int]:
        """Return the line of each record of a stretch that begins at `line`. Elements of a record's name are taken for records."""
        lines = stretch.count("\n")
        if lines == records - 1 == stretch.count(f"{self.ending}\n<{self.shape.name}"):
            return range(line, line + records)
        starts = [match.start() for match in self._start.finditer(stretch)]
        if not lines:
            return [line] * len(starts)
        return list(accumulate(map(stretch.count, repeat("\n"), starts, starts[1:]), initial=line))

    def read(self, stretch: str, start: int, constants: Sequence[str]) -> tuple[list[Sequence[str]], int]:
        """Return the columns of the records from `start` on, and where the first begins that is of another shape, else the end.

        There are no columns where there is no such record. `constants` are the cells of what stands outside the records.
        """
        variant = self._variant(rich=_UNPROVEN.search(stretch, start) is not None)
        found = variant.pattern.findall(stretch, start)
        rest = found.pop()[-1] if found and found[-1][-1] else ""
        if not found:
            return [], len(stretch) - len(rest)
        groups = list(zip(*found, strict=True))
        plain = _read_sections if "[CDATA[" in stretch else _unescape if "&" in stretch else None
        cells: list[Sequence[str]] = []
        for column, sources in enumerate(variant.sources):
            if not sources:
                cells.append([constants[column] if self._columns[column] is None else ""] * len(found))
                continue
            texts = [_values(groups[group], run, plain) for group, run in sources]
            # Where a name of several is not in the shape it is blank in every record, as it is to the parser.
            chosen = len(self._columns[column] or ()) > 1
            cells.append([first_filled((*each, "")) for each in zip(*texts, strict=True)] if chosen else texts[0])
        return cells, len(stretch) - len(rest)


def _values(texts: Sequence[str], run: _Run | None, plain: Callable[[str], str] | None) -> Sequence[str]:
    if run is not None:
        return run.values(texts, plain)
    if plain is _unescape:
        column = _MARK.join(texts)
        return _unescape(column).split(_MARK) if "&" in column else texts
    return texts if plain is None else [plain(text) if "&" in text or "<" in text else text for text in texts]


def _unescape(text: str) -> str:
    if "&" not in text:
        return text
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&apos;", "'")
    return text.replace("&amp;", "&")


def _read_sections(text: str) -> str:
    # Odd parts are what stood inside sections, where nothing is escaped.
    return "".join(part if number % 2 else _unescape(part) for number, part in enumerate(_CDATA_PARTS.split(text)))


def is_plain(stretch: str) -> bool:
    """Tell whether a stretch holds nothing that a pattern would let pass and a parser refuse."""
    if "\ufffe" in stretch or "\uffff" in stretch:
        return False
    # Brackets are rare, the sign behind them is not; one is looked for ten times as fast as two.
    if "]" not in stretch or "]]" not in stretch or "]]>" not in stretch:
        return True
    *sections, _ = stretch.split("]]>")
    return all("<![CDATA[" in section for section in sections)


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


def _run(place: _Place, *, rich: bool) -> _Run:
    last, run = place.chain[-1], place.chain[place.run or 0]
    pattern = re.compile(_Writer(frozenset({(id(last), place.attribute, False)}), rich=rich).element(run))
    if place.attribute is not None:
        return _Run(pattern, None, True)
    if (last is not run and last.closed) or (place.nodes and last.cdata):
        # Nothing captured may be an element that is not there, or one that is empty.
        raise Irregular
    bare = last is run and not (place.nodes or run.closed or run.cdata or run.children or any(run.attribute_orders))
    return _Run(pattern, "" if last is run and not place.nodes else None, not place.nodes, run.name if bare else None)
