"""`jsonFields`: rows of a custom mapping, from the command line, stored, and read again."""

from __future__ import annotations

import pytest

from engine.contracts import FeedDefinition
from engine.errors import ConfigError
from engine.feed import Feed, build_feed
from engine.settings.transport import locate
from feedmill.assembly import make_recipe
from plugins.manager import load_registry

ROWS = (
    '[{"path": "sku", "purpose": "sku"}, {"path": "stock[*].qty", "purpose": "inventoryQuantity", "parseNumber": true},'
    ' {"object": "product", "path": "title", "purpose": "name"}]'
)
BOTH = '[{"path": "a", "purpose": "inventoryQuantity"}, {"path": "b", "purpose": "inventoryQuantityBoolean"}]'


def mapped(feed: Feed) -> list[tuple[str, str]]:
    """Return what a feed maps: the paths the mapper is given, and their purposes."""
    return [(row.names[0], row.row.purpose) for row in make_recipe(load_registry(), feed).rows]


def test_rows_given_as_text_are_the_whole_mapping() -> None:
    """Giving them means a custom mapping: no preset adds to it, and a product's path is told apart from a variant's."""
    feed = build_feed("shop", {"resourceType": "json", "jsonFields": ROWS})
    assert (feed.json_mapping, mapped(feed)) == (
        "custom",
        [("sku", "sku"), ("stock[*].qty", "inventoryQuantity"), ("product.title", "name")],
    )
    recipe = make_recipe(load_registry(), feed)
    assert [row.row.parse_number for row in recipe.rows] == [False, True, False]
    assert recipe.settings.attributes["jsonMapping"] == "custom"


def test_rows_are_stored_and_read_again() -> None:
    """A later run without them maps the same; one that names a purpose anew replaces its row, one that names rows all of them."""
    stored = build_feed("shop", {"resourceType": "json", "jsonFields": ROWS}).definition()
    assert isinstance(stored, FeedDefinition)
    again = build_feed("shop", {}, stored=stored)
    assert again.definition() == stored
    assert mapped(build_feed("shop", {}, [{"purpose": "name", "name": "label"}], stored=stored)) == [
        ("label", "name"),
        ("sku", "sku"),
        ("stock[*].qty", "inventoryQuantity"),
    ]
    assert mapped(build_feed("shop", {"jsonFields": [{"path": "id", "purpose": "sku"}]}, stored=stored)) == [("id", "sku")]


def test_paths_may_be_mapping_rows() -> None:
    """With the rules that only those have; no preset is added to them either."""
    rows = [{"purpose": "sku", "name": "$.ids[0]", "prefix": "A-"}, {"purpose": "inventoryQuantity", "name": "stock.qty"}]
    feed = build_feed("shop", {"resourceType": "json", "jsonMapping": "custom", "mapping": "publishing"}, rows)
    assert mapped(feed) == [("$.ids[0]", "sku"), ("stock.qty", "inventoryQuantity")]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jsonFields": ROWS, "jsonMapping": "default"}, "jsonFields: these rows are read with jsonMapping=custom only"),
        ({"jsonFields": BOTH}, "jsonFields: stock is mapped from a column of figures and from one of yes and no"),
        ({"jsonFields": '[{"purpose": "sku"}]'}, "jsonFields.0.path: field required"),
        ({"jsonFields": '[{"path": "a", "purpose": "sku", "parsNumber": true}]'}, "did you mean 'parseNumber'?"),
        ({"jsonFields": "[{"}, "jsonFields: "),
    ],
)
def test_rows_that_cannot_work_are_named(changes: dict[str, object], said: str) -> None:
    """By their place and with the cure."""
    with pytest.raises(ConfigError) as fault:
        build_feed("shop", {"resourceType": "json", **changes})
    assert any(said in problem for problem in fault.value.problems), fault.value.problems


@pytest.mark.parametrize(
    ("root", "place"),
    [
        ("data.items", "data.items"),
        ("data.items[*].sizes[*]", "data.items"),
        ("$.data.items[*]", "data.items"),
        ("[*].sizes", None),
        ('["a.b"]', None),
        (None, None),
    ],
)
def test_pages_are_counted_where_the_list_of_products_stands(root: str | None, place: str | None) -> None:
    """The page's own list, not the one in each product; where it has no plain name the connector finds it itself."""
    feed = build_feed("shop", {"resourceType": "json", "jsonRoot": root, "pagination": {"style": "page"}})
    paging = locate(feed, "https://shop.example/items").request.paging
    assert paging is not None
    assert paging.items_path == place
