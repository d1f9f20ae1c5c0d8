"""XML: which element repeats as the record, which known format it is, and what stands in a record by its path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from lxml import etree

from engine.batch import SEVERAL, clip
from engine.errors import RefuseRun
from mappers.guessing.columns import Column, look_at
from mappers.guessing.guess import Guess, Setting, conclude
from mappers.guessing.names import is_warehouse
from mappers.guessing.shown import PLACES, RecordPlace, show_columns

if TYPE_CHECKING:
    from lxml.etree import _Element as Element

    from engine.batch import JsonValue
    from engine.contracts import DocumentFacts

RECORDS: Final = 20_000
_DEPTH: Final = 4
_COLUMNS: Final = 400
_GOOGLE: Final = "http://base.google.com/ns/1.0"
_ZBOZI: Final = "http://www.zbozi.cz/ns/offer/1.0"
_GENERIC: Final = frozenset({"a", "attribute", "attr", "param", "property", "prop", "field", "feature", "spec", "value", "parameter"})
"""Elements whose name says nothing of what they hold; their attribute does."""

_KEYS: Final = frozenset({"sku", "externalId", "barcode"})
_SOLD: Final = frozenset({"inventoryQuantity", "inventoryQuantityBoolean", "retailPrice", "costPrice"})
_NAMING: Final = ("name", "key", "code", "id", "type", "lang")
"""Attributes by which elements of one name are told apart, as in `<a name="SKU">`."""


@dataclass(slots=True)
class _Place:
    """A path of elements: those that ended in the sample, in order."""

    path: tuple[str, ...]
    elements: list[Element] = field(default_factory=list)


def guess_markup(data: bytes, facts: DocumentFacts, attributes: Mapping[str, JsonValue], *, complete: bool) -> Guess:
    """Guess an XML document. No entity is resolved, no DTD loaded and nothing fetched. A path that is given is where the records are.

    Raises `RefuseRun` for XML that is not well-formed, with its place, and for a document without records.
    """
    root, places = _read(data, facts.name, complete=complete)
    settings = [Setting("resourceType", "xml", "the content is XML")]
    structured = _structured(places)
    chosen = attributes.get("xmlPath")
    record = _find_record(structured) if chosen is None else _find_chosen(places, str(chosen))
    preset = _preset(root, record) if attributes.get("xmlMapping") != "custom" and chosen is None else None
    if record is None or not record.elements:
        empty = f", though it looks like {preset[0]}" if preset is not None else "" if chosen is None else f" at {clip(str(chosen), 80)!r}"
        raise RefuseRun(f"{facts.name} has no element that could be a record{empty}: there is nothing to guess by; nothing was applied")
    columns = _columns(record)
    path = f"/{'/'.join(record.path)}"
    shown = _show_places(structured)
    if preset is not None:
        return replace(_as_preset(preset, settings, columns, path, len(record.elements)), places=shown)
    settings += [
        Setting("xmlMapping", "custom", "no known format: the mapping rows below are the whole mapping"),
        Setting("xmlPath", path, f"{len(record.elements)} of these in the sample, each with fields of its own"),
    ]
    return replace(conclude(f"XML of {len(columns)} fields", settings, columns), places=shown)


def markup_columns(data: bytes, facts: DocumentFacts, path: str | None, *, complete: bool) -> list[Column]:
    """Return the paths of an XML document, by its records at `path` where that is a plain way of names, else by those that are guessed.

    Raises as `guess_markup` does.
    """
    _, places = _read(data, facts.name, complete=complete)
    record = (None if path is None else _find_chosen(places, path)) or _find_record(_structured(places))
    if record is None:
        raise RefuseRun(f"{facts.name} has no element that could be a record: set xmlPath")
    return _columns(record)


def _as_preset(preset: tuple[str, str], settings: list[Setting], columns: list[Column], path: str, records: int) -> Guess:
    name, why = preset
    judged = conclude("", (), columns)
    stock = next((guess for guess in judged.fields if guess.sure and str(guess.row["purpose"]).startswith("inventoryQuantity")), None)
    if stock is None:
        notes = ["no figure of stock was found; what the preset makes of availability is all there is"]
    else:
        notes = [f"stock stands in {stock.row['name']}: {stock.reason}"]
    currency = [setting for setting in judged.settings if setting.attribute == "currency"]
    settings = [*settings, Setting("xmlMapping", name, f"{why}; the preset maps what the format has"), *currency]
    what = f"XML of {len(columns)} fields, {records} records at {path}"
    return Guess(what, records, tuple(settings), (), tuple(notes), show_columns(columns))


def _structured(places: Mapping[tuple[str, ...], _Place]) -> list[_Place]:
    """Return the elements that have fields, but for the whole document."""
    return [place for place in places.values() if len(place.path) > 1 and _has_fields(place)]


def _find_chosen(places: Mapping[tuple[str, ...], _Place], chosen: str) -> _Place | None:
    """Return the elements at a path of names, from the root on, or from anywhere where it begins with `//`."""
    names = tuple(name for name in chosen.split("/") if name)
    anywhere = chosen.startswith("//") or not chosen.startswith("/")
    fits = (place for path, place in places.items() if path == names or (anywhere and names and path[-len(names) :] == names))
    return next(fits, None)


def _show_places(structured: Sequence[_Place]) -> tuple[RecordPlace, ...]:
    ranked = sorted(structured, key=lambda place: (not _repeats(place), -len(place.elements), len(place.path)))
    return tuple(RecordPlace(f"/{'/'.join(place.path)}", len(place.elements)) for place in ranked[:PLACES])


def _read(data: bytes, name: str, *, complete: bool) -> tuple[Element, dict[tuple[str, ...], _Place]]:
    parser = etree.XMLPullParser(
        ("start", "end"), resolve_entities=False, load_dtd=False, dtd_validation=False, no_network=True, huge_tree=False
    )
    places: dict[tuple[str, ...], _Place] = {}
    root: Element | None = None
    path: list[str] = []
    try:
        parser.feed(data)
        if complete:
            parser.close()
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise RefuseRun(f"{name}, line {line}, column {column} is no well-formed XML: {error.msg}; nothing was applied") from None
    for event, element in parser.read_events():
        if not isinstance(element, etree._Element) or not isinstance(element.tag, str):
            continue
        if event == "start":
            root = element if root is None else root
            path.append(_name(element))
        else:
            places.setdefault(tuple(path), _Place(tuple(path))).elements.append(element)
            path.pop()
    if root is None:
        raise RefuseRun(f"{name} has no element; nothing was applied")
    return root, places


def _name(element: Element) -> str:
    # By hand: the library's own way to a name's parts raises for those that its parser lets pass, as `:`.
    local = str(element.tag).rpartition("}")[2]
    return f"{element.prefix}:{local}" if element.prefix else local


def _attribute_name(element: Element, name: str) -> str:
    namespace, _, local = name.rpartition("}")
    prefix = next((key for key, value in element.nsmap.items() if f"{{{value}" == namespace and key), None)
    return f"{prefix}:{local}" if prefix else local


def _children(element: Element) -> list[Element]:
    return [child for child in element if isinstance(child.tag, str)]


def _text(element: Element) -> str:
    return (element.text or "").strip().replace(SEVERAL, "")


def _find_record(structured: Sequence[_Place]) -> _Place | None:
    """Return the element that is an item: one that looks like it, repeats, and is not a part of another that does."""
    scores = {place.path: _item_score(place) for place in structured}
    # One that stands alone may be the only item of a short document, but never wins over one that repeats and says as much.
    ranked = sorted(structured, key=lambda place: (-min(scores[place.path], 5), not _repeats(place), len(place.path), -len(place.elements)))
    if not ranked:
        return None
    best = ranked[0]
    around = [place for place in structured if best.path[: len(place.path)] == place.path and place is not best and _repeats(place)]
    for place in sorted(around, key=lambda place: len(place.path)):
        # A variant is an item of its own where the stock is its own; a warehouse is a part of the item.
        if scores[place.path] >= 3 and (_has_stock(place) or is_warehouse(best.path[-1])):
            return place
    return _variant_of(best, structured, scores)


def _variant_of(item: _Place, structured: Sequence[_Place], scores: Mapping[tuple[str, ...], int]) -> _Place:
    """Return what repeats inside an item with a key and a stock of its own, where the item itself has no stock; else the item."""
    if _has_stock(item):
        return item
    for place in structured:
        within = place is not item and place.path[: len(item.path)] == item.path and _repeats(place)
        if within and scores[place.path] > 3 and _has_stock(place) and not is_warehouse(place.path[-1]):
            return place
    return item


def _has_fields(place: _Place) -> bool:
    return any(len(_children(element)) + len(element.attrib) > 1 for element in place.elements[:50])


def _repeats(place: _Place) -> bool:
    """Tell whether an element stands beside others of its name, not only once in each of what repeats around it."""
    parents = Counter(id(element.getparent()) for element in place.elements)
    return max(parents.values()) > 1


def _item_score(place: _Place) -> int:
    """Return how much of an item an element has: what identifies it, a price or a stock, a name."""
    columns = [look_at(column) for column in _columns(place, limit=50, parents=False)]
    purposes = {purpose for each in columns for purpose in each.votes}
    direct = {purpose for each in columns if "/" not in each.column.name for purpose in each.votes}
    told = sum(not purposes.isdisjoint(some) for some in (_SOLD, {"name"}, {"barcode"}))
    # What lies deeper may be the key of a part; a list holds the keys of all its items.
    return told + (3 if direct & _KEYS else 1 if purposes & _KEYS else 0) if told else 0


def _has_stock(place: _Place) -> bool:
    direct = (column for column in _columns(place, limit=50, parents=False) if "/" not in column.name)
    return any("inventoryQuantity" in look_at(column).votes for column in direct)


def _columns(place: _Place, *, limit: int = RECORDS, parents: bool = True) -> list[Column]:
    rows: list[dict[str, list[str]]] = []
    labels: dict[str, tuple[str, str]] = {}
    for element in place.elements[:limit]:
        row: dict[str, list[str]] = {}
        for path, label, above, value in (*_fields(element, "", "", 0), *(_inherited(element) if parents else ())):
            if path in labels or len(labels) < _COLUMNS:
                labels.setdefault(path, (label, above))
                row.setdefault(path, []).append(value)
        rows.append(row)
    return [
        Column(path, label, [SEVERAL.join(row.get(path, [])) for row in rows], above, shared=path.startswith("../"))
        for path, (label, above) in labels.items()
    ]


def _fields(element: Element, path: str, above: str, depth: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, label, names above and value of everything in an element that has one."""
    for name, value in element.attrib.items():
        known = _attribute_name(element, str(name))
        yield f"{path}@{known}", known, above, str(value).strip()
    children = _children(element)
    times = Counter(_name(child) for child in children)
    for child in children:
        name = _name(child)
        told = _told_apart(child) if times[name] > 1 else None
        step = f"{path}{name}"
        if told is not None:
            attribute, value = told
            quote = '"' if "'" in value else "'"
            kind = "" if _local(name).lower() in _GENERIC else _local(name)
            yield f"{step}[@{attribute}={quote}{value}{quote}]", value, kind, _text(child)
            continue
        if not _children(child):
            yield step, _local(name), above, _text(child)
        if depth < _DEPTH:
            yield from _fields(child, f"{step}/", f"{above} {_local(name)}".strip(), depth + 1)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _told_apart(element: Element) -> tuple[str, str] | None:
    if _children(element) or is_warehouse(_local(_name(element))):
        return None
    return next(((name, value) for name in _NAMING if (value := element.get(name)) and not ("'" in value and '"' in value)), None)


def _inherited(element: Element) -> Iterator[tuple[str, str, str, str]]:
    """Yield what the elements around a record say for all records in them."""
    above, steps = element.getparent(), "../"
    inside = element
    while above is not None and above.getparent() is not None:
        for name, value in above.attrib.items():
            yield f"{steps}@{_attribute_name(above, str(name))}", _attribute_name(above, str(name)), "", str(value).strip()
        for child in _children(above):
            if child is not inside and not _children(child) and child.tag != element.tag:
                yield f"{steps}{_name(child)}", _local(_name(child)), "", _text(child)
        inside, above, steps = above, above.getparent(), f"{steps}../"


def _preset(root: Element, record: _Place | None) -> tuple[str, str] | None:
    """Return the preset of a known format and what tells it."""
    name = _local(_name(root)).lower()
    spaces = {space for element in (root, *(record.elements[:1] if record else ())) for space in element.nsmap.values()}
    last = _local(record.path[-1]).lower() if record is not None else ""
    if name in ("rss", "feed") and _GOOGLE in spaces:
        return "google", f"root {name} with the namespace {_GOOGLE}"
    if name == "shop":
        if _ZBOZI in spaces:
            return "zbozi", f"root SHOP with the namespace {_ZBOZI}"
        if last == "shopitem" or record is None:
            return "heureka", "root SHOP with SHOPITEM in it"
    if name == "yml_catalog":
        return "yml", "root yml_catalog"
    if name == "offers" and last == "o" and record is not None and {"id", "price"} <= set(record.elements[0].attrib):
        return "ceneo", "root offers with o in it, id and price as attributes"
    return None
