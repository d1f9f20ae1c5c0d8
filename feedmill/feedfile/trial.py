"""Whether a mapping can work, found by making all that a run would make of it, with a document that has every column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, ParamSpec

from engine.contracts import DocumentFacts
from engine.errors import ConfigError, FeedmillError, RefuseRun
from engine.mapping.rules import compile_rules
from feedmill.assembly import make_recipe

if TYPE_CHECKING:
    from engine.feed import Feed
    from engine.flow.transform import Recipe
    from plugins.manager import Registry

P = ParamSpec("P")

_COLUMNS: Final = "; the source has "


def try_mapping(registry: Registry, feed: Feed) -> Iterator[tuple[FeedmillError, str]]:
    """Yield what goes wrong in making a feed's mapping, with the path at fault where the message need not tell. Blocks."""
    for index, row in enumerate(feed.fields):
        for rule in row.rules:
            yield from faults_of(f"fields.{index}.rules", registry.field_rule, rule)
    # The rules of plugins have been looked for; without them the rest is tried also where one is missing.
    plain = feed.model_copy(update={"fields": tuple(row.model_copy(update={"rules": ()}) for row in feed.fields)})
    recipes: list[Recipe] = []
    yield from faults_of("", lambda: recipes.append(make_recipe(registry, plain)))
    for recipe in recipes:
        yield from faults_of("", recipe.create_mapper, recipe.settings, DocumentFacts(feed.name))
        yield from faults_of("", _try_rules, recipe, plain)


def faults_of(path: str, step: Callable[P, object], *args: P.args, **named: P.kwargs) -> Iterator[tuple[FeedmillError, str]]:
    """Yield the error of a step, where it has one, with a path."""
    try:
        step(*args, **named)
    except (ConfigError, RefuseRun) as error:
        yield error, path


def told(error: FeedmillError) -> tuple[str, ...]:
    """Return what an error complains of, without the columns that stood in for the document's."""
    problems = error.problems if isinstance(error, ConfigError) else ()
    return problems or (str(error).partition(_COLUMNS)[0],)


def _try_rules(recipe: Recipe, feed: Feed) -> None:
    columns: dict[str, int] = {}

    def locate(name: str) -> int:
        """Every column is there: what the source has is not known."""
        return columns.setdefault(name.strip().casefold(), len(columns))

    compile_rules(feed, recipe.rows, locate=locate, columns=(), rules=recipe.rules, numbers=recipe.read_numbers())
