"""Where a document has the names that a feed maps: its own spelling of them, and the keys on the way there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, Literal, TypeAlias

from engine.errors import RefuseRun
from mappers.checks import BROKEN
from mappers.options import normal
from mappers.structured.fields.paths import PRODUCT, Path
from mappers.structured.values import Json

Whose: TypeAlias = Literal["own", "product"]
"""Whether a path begins at a record or at the product that it is a variant of."""

Object: TypeAlias = "dict[str, Json]"

_SEEN_KEYS: Final = 10_000
"""Distinct keys of one object that are remembered as looked at; records that use their keys as data have them without end."""


class Names:
    """The plain names of a mapping, looked for in every record as it comes.

    A name is a key, or several with dots between them, whatever their case; in the product of a variant it has `product.` before
    it unless it is one of `inherited`. The spelling of the document that is met first is the one that is meant, for rows were made
    by it. Another one beside it in the same look, or behind it, is `RefuseRun` unless the feed's own is among them: its values
    would be lost.
    """

    def __init__(self, names: Sequence[str], *, inherited: Collection[str], document: str) -> None:
        self._inherited = inherited
        self._document = document
        self._names = {name: normal(name) for name in names}
        self._wanted = frozenset(self._names.values())
        self._met: dict[str, dict[str, dict[Whose, Path]]] = {}
        self._seen: dict[tuple[Whose, Path], tuple[set[str], set[str]]] = {}
        self._spelled: dict[str, str] = {}
        self._fresh = False

    def meet(self, own: Sequence[Object], products: Sequence[Object] = ()) -> bool:
        """Look for the names in some records and their products; tell whether one was met that was not before.

        Raises `RefuseRun` for a name that means two keys.
        """
        self._fresh = False
        self._look("own", own, ())
        if products:
            self._look("product", products, ())
        if self._fresh:
            for name in self._names:
                self._settle(name)
        return self._fresh

    def spelled(self, name: str) -> str | None:
        """Return a name as the document writes it, None while no record had it."""
        return self._spelled.get(name)

    def path(self, name: str, whose: Whose) -> Path | None:
        """Return where a name stands in a record, or in its product."""
        spelled = self._spelled.get(name)
        return self._met[self._names[name]][spelled].get(whose) if spelled is not None else None

    def title(self, path: Path, whose: Whose) -> str:
        """Return the name of a path."""
        name = ".".join(path).strip()
        return PRODUCT + name if whose == "product" and name not in self._inherited else name

    def wants(self, title: str) -> bool:
        """Tell whether a title is a mapped name in the document's spelling."""
        return normal(title) in self._wanted

    def _look(self, whose: Whose, objects: Sequence[Object], above: Path) -> None:
        keys: set[str] = set().union(*objects)
        seen, leading = self._seen.setdefault((whose, above), (set(), set()))
        fresh = keys - seen
        # In an order of their own, so that a document is read the same every time.
        for key in sorted(fresh):
            self._note(whose, (*above, key), leading)
        if len(seen) < _SEEN_KEYS:
            seen |= fresh
        for key in sorted(leading & keys):
            inner = [value for record in objects if isinstance(value := record.get(key), dict)]
            if inner:
                self._look(whose, inner, (*above, key))

    def _note(self, whose: Whose, path: Path, leading: set[str]) -> None:
        title = self.title(path, whose)
        folded = normal(title)
        if any(wanted.startswith(f"{folded}.") for wanted in self._wanted):
            leading.add(path[-1])
        if folded not in self._wanted:
            return
        places = self._met.setdefault(folded, {}).setdefault(title, {})
        known = places.setdefault(whose, path)
        both = len(places) > 1 and title.startswith(PRODUCT)
        if known != path or both:
            raise RefuseRun(
                f"{self._document}: {title!r} stands for two keys at once, one of them with a dot in its name or both called product: "
                "have the supplier rename one; nothing was applied"
            )
        self._fresh = True

    def _settle(self, name: str) -> None:
        spellings = self._met.get(self._names[name], {})
        before = self._spelled.get(name)
        if not spellings or before == name.strip():
            return
        meant = [name.strip()] if name.strip() in spellings else sorted(spellings)
        if before is not None and before not in meant:
            meant = [before, *meant]
        if len(meant) > 1:
            raise RefuseRun(
                f"{self._document}: {name!r} may mean {' or '.join(map(repr, meant))}: map it as the source writes it; nothing was applied"
            )
        self._spelled[name] = meant[0]


class Shown:
    """What nobody mapped but people see: the keys of the first records, never so many that rows grow without end."""

    def __init__(self, names: Names, *, columns: int, depth: int) -> None:
        self._names = names
        self._columns = columns
        self._depth = depth
        self.paths: dict[Whose, dict[str, Path]] = {"own": {}, "product": {}}

    def visit(self, record: Object, whose: Whose, *, skip: Path = ()) -> None:
        """Note the leaves of a record, and what is mapped, in the order in which they stand there; not what lies at `skip`."""
        for path, value in self._walk(record, (), skip):
            title = self._names.title(path, whose)
            into = self.paths[whose]
            if self._names.wants(title) or (not isinstance(value, dict) and len(into) < self._columns and _is_showable(title)):
                into.setdefault(title, path)

    def _walk(self, record: Object, above: Path, skip: Path) -> Iterator[tuple[Path, Json]]:
        for key, value in record.items():
            path = (*above, key)
            if path == skip:
                continue
            yield path, value
            if isinstance(value, dict) and len(path) < self._depth:
                yield from self._walk(value, path, skip)


def _is_showable(title: str) -> bool:
    return bool(title) and BROKEN.search(title) is None
