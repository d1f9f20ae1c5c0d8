"""What a run and its mapper's process say to each other, and when a run gets such a process."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import IntEnum, StrEnum

import pytest

from engine import errors
from engine.batch import Blocks, ItemBatch, Known, Reject, Value, ValuesByColumn
from engine.contracts import DocumentFacts
from engine.errors import ConfigError, FeedmillError, InternalError, InvalidItem, PluginError, Retry, UnderWay
from engine.feed import build_feed
from engine.flow.lanes import Order, inline, thread
from engine.flow.reading import Advance, Verdict
from engine.flow.transform import MappedBatch
from engine.run import Problem
from engine.screen.known import Arrays
from engine.screen.screening import Remembered, Screening
from feedmill.assembly import make_recipe
from feedmill.lanes.choosing import choose_lane, is_worth_a_process
from feedmill.lanes.errors import dump_error, load_error
from feedmill.lanes.foreseeing import BIG_BYTES
from feedmill.lanes.order import dump_order, make_reading
from feedmill.lanes.process import open_process_lane
from feedmill.lanes.wire import dump, dump_advance, dump_verdict, load, load_advance, load_verdict
from plugins.manager import load_registry, registry_of
from tests.integration import pipeline_parts


class Colour(StrEnum):
    """A text that says of itself something else."""

    RED = "red"

    def __str__(self) -> str:
        return "blue"


class Size(IntEnum):
    """A number with a name."""

    BIG = 3


def made(kind: type[FeedmillError]) -> FeedmillError:
    """Return an error of a kind with all that it tells."""
    if kind is UnderWay:
        return UnderWay("run 3", run=3)
    if kind is InvalidItem:
        return InvalidItem("bad:", {"grams": "is none"})
    if kind is PluginError:
        return PluginError("broke", plugin="p", distribution="d 1", hook="h")
    if issubclass(kind, Retry):
        return kind("later", retry_after=2.5)
    return kind("so", problems=("a", "b")) if issubclass(kind, ConfigError) else kind("so\nand so")


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FeedmillError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_every_error_there_is_arrives_as_it_was(kind: type[FeedmillError]) -> None:
    """Class, message and all else that is read of it."""
    error = made(kind)
    found = load_error(dump_error(error))
    assert (type(found), str(found)) == (kind, str(error))
    for name in ("retry_after", "run", "faults", "problems", "plugin", "distribution", "hook"):
        assert getattr(found, name, None) == getattr(error, name, None)


ROWS: list[Sequence[tuple[Value, ...]]] = [[(Colour.RED, Size.BIG)], ValuesByColumn([[Colour.RED], [Size.BIG]])]


@pytest.mark.parametrize("rows", ROWS, ids=["rows", "columns"])
def test_batches_arrive_as_they_were(rows: Sequence[tuple[Value, ...]]) -> None:
    """With rejects, known records, blocks, and texts that are of no encoding; values of a class of their own become plain ones."""
    items = ItemBatch(("a", "b"), ["k\ud800"], rows, [-(2**63)], [7], [9], frozenset({"a"}), {"s": 4}, b"p" * 16)
    items = replace(items, known=Known(b"i" * 8, b"r" * 8, b"q" * 16), blocks=Blocks(b"b" * 16, b"f" * 8, b"n" * 8, b"l" * 8, b"s" * 8))
    reject = Reject(1, 2, None, "v", "reason", "raw\ud800", "doc", "skipped")
    problem = Problem("code", "message", record=1, retry_after=2.5)
    advance = Advance([MappedBatch(items, (reject,), 3, 100, 1)], {"format": "csv"}, (problem,), "no")
    taken, found = load_advance(memoryview(dump_advance(advance, 12, advance.dialect, advance.problems)), {})
    # Numbers that hardly anybody looks at stay packed.
    packed = replace(items, lines=array("q", items.lines), records=array("q", items.records))
    assert (taken, found) == (12, replace(advance, batches=[replace(advance.batches[0], items=packed)]))
    assert type(found.batches[0].items.rows) is type(rows)
    assert [type(value) for value in found.batches[0].items.rows[0]] == [str, int]
    assert load_advance(memoryview(dump_advance(advance, 0, None, ())), {"x": 1})[1].dialect == {"x": 1}
    verdict = Verdict((problem,), "c", "r", True, b"pat", {"numbers": [1, None]})
    assert load_verdict(memoryview(dump_verdict(verdict))) == verdict


def test_what_is_no_value_is_named() -> None:
    """What cannot be sent is an error that says of which type it is."""
    with pytest.raises(InternalError, match="type object"):
        dump([("a", object())])


def order(size: int | None, screening: Screening | None = None, settings: Mapping[str, object] | None = None) -> Order:
    """Return what a lane is opened for, of a document of so many bytes."""
    recipe = make_recipe(load_registry(), build_feed("shop", settings or {}, pipeline_parts.ROWS))
    return Order(replace(recipe, pinned={"delimiter": ";"}), "shop.csv", {"delimiter": "|"}, screening, DocumentFacts("shop.csv", size))


SECRETS = {
    "authenticationToken": "s3cret",
    "resourceLocation": "https://u:s3cret@h/x?key=s3cret",
    "authenticationSecret": "s3cret",
    "proxyUrl": "http://u:s3cret@proxy:1",
    "webhookEndpoint": "https://h/s3cret",
    "transport": {"privateKeyPassphrase": "s3cret", "privateKey": "/s3cret"},
    "parameters": [{"name": "key", "value": "s3cret"}],
}


def test_a_process_makes_the_recipe_anew_and_learns_no_secret() -> None:
    """Its mapping, its settings and what is pinned are the same; how the source is reached it is not told."""
    asked = order(1, settings={"delimiter": "|", "prefixSku": True, "skuPrefix": "A", "retailPriceChange": "2.50", **SECRETS})
    payload = dump_order(asked)
    assert b"s3cret" not in payload
    recipe = make_reading(payload, load_registry())._recipe
    assert (recipe.settings, recipe.rows, recipe.generation) == (asked.recipe.settings, asked.recipe.rows, asked.recipe.generation)
    kept = asked.recipe.feed.definition().attributes.keys() - {"resourceLocation", "transport", "parameters"}
    assert all(recipe.feed.definition().attributes[name] == asked.recipe.feed.definition().attributes[name] for name in kept)


def test_what_a_run_remembers_goes_along() -> None:
    """The screen's mark, sets and evidence."""
    remembered = Remembered(b"pat", Arrays(b"", b"", b"", b"", b"", b"", b""), {"absent": ["x"]}, iter([4, 5]))
    reading = make_reading(dump_order(order(1, Screening("mark", remembered))), load_registry())
    screening = reading._screening
    assert screening is not None
    assert screening.remembered is not None
    assert (screening.mark, screening.pattern, dict(screening.evidence), list(screening.remembered.without)) == (
        *("mark", b"pat", {"absent": ["x"]}),
        [4, 5],
    )


def test_other_plugins_than_the_run_began_with_are_refused() -> None:
    """As after an upgrade while a service runs: the message says what to do."""
    asked = order(1)
    payload = dump_order(replace(asked, recipe=replace(asked.recipe, generation="other=1")))
    with pytest.raises(ConfigError, match="start it again"):
        make_reading(payload, load_registry())


def test_a_process_is_for_what_is_big_and_new() -> None:
    """Not where most of it is known from the last run, and for one of unknown size where there is a process already."""

    def known(*sizes: int) -> Screening:
        return Screening("m", Remembered(b"", Arrays(sizes=array("i", sizes).tobytes())))

    assert is_worth_a_process(order(BIG_BYTES))
    assert is_worth_a_process(order(BIG_BYTES, Screening("m")))
    assert is_worth_a_process(order(BIG_BYTES, known(1_000, BIG_BYTES // 3)))
    assert not is_worth_a_process(order(BIG_BYTES, known(1_000, BIG_BYTES // 2)))
    assert not is_worth_a_process(order(BIG_BYTES - 1))
    assert not is_worth_a_process(order(BIG_BYTES - 1), started=True)
    assert not is_worth_a_process(order(None))
    assert is_worth_a_process(order(None), started=True)


def test_a_lane_is_chosen_by_name() -> None:
    """A process needs plugins that another process can load, too."""
    installed = load_registry()
    assert choose_lane(installed, "inline") is inline
    assert choose_lane(installed, "thread") is thread
    assert choose_lane(installed, "process") is open_process_lane
    import mappers

    given = registry_of(mappers)
    assert choose_lane(given, "auto") is thread
    with pytest.raises(ConfigError, match="given in code"):
        choose_lane(given, "process")


def test_values_of_every_plain_type_arrive() -> None:
    """Texts, numbers, nothing, bytes."""
    told = (None, True, 1, 2**70, 1.5, "\0é\ud800", b"x", [("a",)], {"k": [1]})
    assert load(dump(told)) == told
