"""What a feed's own settings say of its JSON, checked at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.errors import ConfigError
from mappers.options import read_encoding, read_text
from mappers.structured.fields.paths import BadPath, Path, behind_product, compile_path, is_plain, read_steps
from mappers.structured.fields.presets import INHERITED, PRESETS
from mappers.structured.records import VARIANTS, Nesting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.batch import JsonValue
    from engine.contracts import MapperSettings

DEFAULT_ROOT: Final = "products"

_VARIANTS: Final = Nesting(((VARIANTS,),), optional=True)
_OFFERED: Final = frozenset(field.names[0] for field in PRESETS["inventory"] if field.purpose in ("externalId", "sku", "inventoryQuantity"))


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """The settings of a JSON feed.

    `root` is where the list stands, as it was set, and `way` the keys on the way there; both and `encoding` are None where the
    document decides. `nesting` leads from an element of the list to its records. `names` are the mapped ones, `offered` those
    of a preset that a document may do without, `inherited` what a variant takes from its product. `paged`: the document is one of the
    pages that the feed reads.
    """

    root: str | None = None
    way: Path | None = None
    nesting: Nesting = _VARIANTS
    comma: bool = False
    encoding: str | None = None
    names: tuple[str, ...] = ()
    offered: frozenset[str] = frozenset()
    inherited: frozenset[str] = INHERITED
    paged: bool = False


def read_options(settings: MapperSettings) -> JsonOptions:
    """Read the attributes this mapper knows. Raises `ConfigError` with every fault."""
    problems: list[str] = []
    attributes = settings.attributes
    custom = _choice(attributes, "jsonMapping", ("default", "custom"), problems) == "custom"
    nested = _choice(attributes, "jsonStructure", ("nested", "flat"), problems) == "nested"
    root = read_text(attributes, "jsonRoot", problems)
    way, inner = _root(root, problems) if root is not None else (None, ())
    names = tuple(dict.fromkeys(name.strip() for names in settings.fields for name in names))
    problems += _faults(names)
    options = JsonOptions(
        root=root,
        way=way,
        nesting=Nesting(inner) if inner else _VARIANTS if nested else Nesting(),
        comma=_choice(attributes, "decimalNotation", ("decimal", "comma"), problems) == "comma",
        encoding=read_encoding(attributes, problems),
        names=names,
        # Whether they are there decides what the rules do: one identifier serves as both, and without stock a run is refused.
        offered=_OFFERED if not custom and attributes.get("mapping") in PRESETS else frozenset(),
        inherited=frozenset() if custom else INHERITED,
        paged=attributes.get("pagination") is not None,
    )
    if problems:
        raise ConfigError("the JSON settings cannot work:", problems=tuple(problems))
    return options


def _root(root: str, problems: list[str]) -> tuple[Path, tuple[Path, ...]]:
    """Return the keys on the way to the list, and those from each of its elements to the records in it."""
    try:
        steps = read_steps(root.removeprefix("$").removeprefix(".")) if not is_plain(root) else tuple(root.split("."))
    except BadPath as fault:
        problems.append(f"jsonRoot is {root!r}, which {fault}")
        return (), ()
    ways: list[list[str]] = [[]]
    for step in steps:
        if step is None:
            ways.append([])
        elif isinstance(step, int) or not step:
            problems.append(f"jsonRoot is {root!r}: give the names on the way to the list, joined by single dots, with [*] behind lists")
            return (), ()
        else:
            ways[-1].append(step)
    way, *inner = ways if ways[-1] or len(ways) == 1 else ways[:-1]
    if not all(inner):
        problems.append(f"jsonRoot is {root!r}: a list of lists is not read; give the names between one [*] and the next")
    return tuple(way), tuple(map(tuple, inner))


def _faults(names: tuple[str, ...]) -> list[str]:
    """Try every path that has to be compiled, and say which cannot be."""
    faults = []
    for name in names:
        try:
            if not is_plain(name):
                compile_path(behind_product(name) or name)
        except BadPath as fault:
            faults.append(f"the path {name!r} {fault}")
    return faults


def _choice(attributes: Mapping[str, JsonValue], name: str, allowed: tuple[str, ...], problems: list[str]) -> str:
    value = attributes.get(name)
    if value is None:
        return allowed[0]
    if value not in allowed:
        problems.append(f"{name} is {value!r}: give one of {', '.join(allowed)}")
    return str(value)
