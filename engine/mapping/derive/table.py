"""What derivation works on: the columns of readable items, and the plan of the steps for documents that have certain columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from engine.run import Problem

if TYPE_CHECKING:
    from engine.batch import Value
    from engine.feed import Feed
    from engine.mapping.readers import Read

KEY: Final = "externalId"


@dataclass(slots=True)
class Table:
    """Readable items by columns: one list an attribute, one entry an item, the key among them.

    A step puts new lists in the place of those it changes, for two attributes may share one. `skips` says why items are not
    imported, by their place.
    """

    rows: int
    columns: dict[str, list[Read]]
    skips: dict[int, str] = field(default_factory=dict)

    def values(self, attribute: str) -> Sequence[Value]:
        """Return a column; blank for every item where the feed does not map the attribute."""
        # What could not be read was taken out before.
        return cast("list[Value]", self.columns[attribute]) if attribute in self.columns else [None] * self.rows

    def texts(self, attribute: str) -> Sequence[str | None]:
        """Return a column of texts."""
        return cast("Sequence[str | None]", self.values(attribute))


Step: TypeAlias = Callable[[Table], None]


@dataclass(slots=True)
class Plan:
    """The steps of a feed for documents whose columns fill the attributes `mapped`, which grow as steps make more.

    `blamed` names the attributes whose values a step may make unusable. `sku_is_key` is set where one column is both.
    """

    feed: Feed
    mapped: set[str]
    sku_is_key: bool
    steps: list[Step] = field(default_factory=list)
    blamed: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def add(self, step: Step, *made: str) -> None:
        """Add a step that makes these attributes."""
        self.steps.append(step)
        self.mapped.update(made)

    def miss(self, why: str) -> None:
        """Note that a setting changes nothing because a column is missing."""
        self.problems.append(Problem("column-missing", why))
