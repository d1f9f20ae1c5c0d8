"""An order on its way to a mapper's process: the feed without its secrets, and what a run remembers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from engine.contracts import DocumentFacts
from engine.errors import ConfigError
from engine.feed import Feed
from engine.flow.reading import Reading
from engine.screen.screening import Remembered, Screening
from feedmill.lanes.wire import dump, load

if TYPE_CHECKING:
    from engine.flow.lanes import Order
    from plugins.manager import Registry

_REACHING: Final = frozenset({"resourceLocation", "parameters", "transport"})
"""Attributes that say how a source is reached, which is no business of a mapper, and that may hold what nobody else should know."""


def dump_order(order: Order) -> bytes:
    """Return an order as it is sent."""
    definition = order.recipe.feed.definition()
    attributes = {name: value for name, value in definition.attributes.items() if name not in _REACHING}
    return dump(
        {
            "feed": {**attributes, "name": definition.name, "fields": [dict(row) for row in definition.fields]},
            "generation": order.recipe.generation,
            "pinned": dict(order.recipe.pinned),
            "source": order.source,
            "before": dict(order.before),
            "screening": None if order.screening is None else _tell_screening(order.screening),
        }
    )


def make_reading(payload: bytes, registry: Registry) -> Reading:
    """Return the reading that an order is for, with the plugins that are installed.

    Raises `ConfigError` as `make_recipe` does, and when other plugins are installed than those the run began with.
    """
    from feedmill.assembly import make_recipe

    told: dict[str, Any] = load(payload)
    feed = Feed.model_validate(told["feed"])
    recipe = make_recipe(registry, feed)
    if recipe.generation != told["generation"]:
        raise ConfigError(
            f"feed {feed.name!r}: the plugins that are installed now are not those this program began with ({told['generation']}): "
            "start it again"
        )
    screening = None if told["screening"] is None else _make_screening(*told["screening"])
    return Reading(replace(recipe, pinned=told["pinned"]), told["source"], told["before"], screening)


def _tell_screening(screening: Screening) -> tuple[object, ...]:
    remembered = screening.remembered
    if remembered is None:
        return (screening.mark, None)
    arrays = remembered.arrays
    told = (arrays.prints, arrays.items, arrays.block_prints, arrays.firsts, arrays.records, arrays.lines, arrays.sizes)
    return (screening.mark, (remembered.pattern, told, dict(remembered.evidence), list(remembered.without)))


def _make_screening(mark: str, told: tuple[Any, ...] | None) -> Screening:
    if told is None:
        return Screening(mark)
    from engine.screen.known import Arrays

    pattern, arrays, evidence, without = told
    return Screening(mark, Remembered(pattern, Arrays(*arrays), evidence, without))


def dump_facts(facts: DocumentFacts) -> bytes:
    """Return what is known of a document as it is sent."""
    return dump((facts.name, facts.size, facts.content_type, facts.charset))


def load_facts(payload: bytes) -> DocumentFacts:
    """Return what is known of a document."""
    return DocumentFacts(*load(payload))
