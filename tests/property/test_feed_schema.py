"""The JSON Schema of feed.toml against the models it is made of."""

from __future__ import annotations

import re
import string
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from feedmill.feedfile.model import FeedFile
from feedmill.feedfile.schema import feed_file_schema

SCHEMA: Final = feed_file_schema()
KINDS: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}
NOTES: Final = {"$schema", "$defs", "title", "description", "default"}


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Validate by JSON Schema 2020-12, as far as this schema uses it; a keyword that is not known here fails the test."""
    if "$ref" in schema:
        return accepts(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], value)
    return all(_meets(keyword, rule, schema, value) for keyword, rule in schema.items() if keyword not in NOTES)


def _meets(keyword: str, rule: Any, schema: dict[str, Any], value: Any) -> bool:
    if keyword == "type":
        return isinstance(value, KINDS[rule]) and not (isinstance(value, bool) and rule in ("integer", "number"))
    if keyword == "enum":
        return value in rule
    if keyword == "anyOf":
        return any(accepts(each, value) for each in rule)
    if isinstance(value, str) and keyword in ("minLength", "maxLength", "pattern"):
        return {
            "minLength": len(value) >= rule if keyword == "minLength" else True,
            "maxLength": keyword != "maxLength" or len(value) <= rule,
        }.get(keyword, True) and (keyword != "pattern" or re.search(rule, value) is not None)
    if isinstance(value, int | float) and keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        return bool(
            {"minimum": value >= rule, "maximum": value <= rule, "exclusiveMinimum": value > rule, "exclusiveMaximum": value < rule}[
                keyword
            ]
        )
    if isinstance(value, list) and keyword == "items":
        return all(accepts(rule, each) for each in value)
    if isinstance(value, dict) and keyword == "required":
        return set(rule) <= set(value)
    if isinstance(value, dict) and keyword == "properties":
        return all(accepts(rule[name], each) for name, each in value.items() if name in rule)
    if isinstance(value, dict) and keyword == "additionalProperties":
        others = {name: each for name, each in value.items() if name not in schema.get("properties", {})}
        return all(accepts(rule, each) for each in others.values()) if isinstance(rule, dict) else rule or not others
    assert keyword in {
        *("minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("items", "required", "properties", "additionalProperties"),
    }, keyword
    return True


def values(schema: dict[str, Any], depth: int = 0) -> st.SearchStrategy[Any]:
    """Draw what a schema mostly accepts, and sometimes does not."""
    wild = st.sampled_from([True, -1, 0, 1, 2.5, "", "x", "12.5", "EUR", [], ["a"], {}])
    if "$ref" in schema:
        return values(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], depth)
    if "anyOf" in schema:
        return st.one_of(*(values(each, depth) for each in schema["anyOf"]), wild)
    if "enum" in schema:
        return st.sampled_from(schema["enum"]) | wild
    text = st.text(alphabet=string.ascii_letters + string.digits + " .:*$", max_size=5)
    made: dict[str, st.SearchStrategy[Any]] = {
        "string": text,
        "integer": st.integers(-2, 2**62 + 1),
        "number": st.integers(-2, 300) | st.floats(-2, 300, allow_nan=False),
        "boolean": st.booleans(),
    }
    if schema["type"] == "array":
        return st.lists(values(schema["items"], depth + 1), max_size=2) | wild
    if schema["type"] == "object":
        return objects(schema, depth) | wild if depth else objects(schema, depth)
    return made[schema["type"]] | wild


def objects(schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    """Draw an object: what is required, some of what is known, seldom what is not."""
    known = schema.get("properties", {})
    if not known:
        return st.dictionaries(st.sampled_from(["a", ">100"]), values(schema["additionalProperties"], depth + 1), max_size=2)

    @st.composite
    def draw_object(draw: st.DrawFn) -> dict[str, Any]:
        names = [*schema.get("required", []), *draw(st.lists(st.sampled_from(list(known)), max_size=3))]
        made = {name: draw(values(known[name], depth + 1)) for name in names}
        return {**made, "unheard": 1} if draw(st.integers(0, 19)) == 0 else made

    return draw_object()


def verdict(value: dict[str, Any]) -> bool:
    """Return what the model says, but for what no schema can say: that two attributes do not go together."""
    try:
        FeedFile.model_validate(value)
    except ValidationError as error:
        return all(fault["type"] == "value_error" for fault in error.errors())
    return True


@settings(max_examples=300)
@given(objects(SCHEMA, 0))
def test_what_the_schema_accepts_the_model_takes(value: dict[str, Any]) -> None:
    """An editor that sees no fault is right, but for attributes that do not go together."""
    if accepts(SCHEMA, value):
        assert verdict(value), value


def test_the_schema_accepts_every_default_and_every_choice() -> None:
    """Each attribute may be written with its default, and with each of the values it lists."""
    base = {"name": "a", "source": "x.csv"}
    for schema, wrap in ((SCHEMA, None), (SCHEMA["$defs"]["FieldRow"], "fields"), (SCHEMA["$defs"]["GuardLimits"], "guard")):
        for name, attribute in schema["properties"].items():
            choices = [*attribute.get("enum", []), *([attribute["default"]] if "default" in attribute else [])]
            for choice in choices:
                row = {"name": "x", "purpose": "sku", name: choice}
                value = {**base, name: choice} if wrap is None else {**base, wrap: [row] if wrap == "fields" else {name: choice}}
                assert accepts(SCHEMA, value), (name, choice)
                assert verdict(value), (name, choice)


def test_the_schema_refuses_what_is_unknown_everywhere() -> None:
    """A misspelt key is a fault at every level, and null, which TOML has not, is nowhere."""
    assert not accepts(SCHEMA, {"name": "a", "source": "x", "delimeter": ";"})
    assert not accepts(SCHEMA, {"name": "a", "source": "x", "guard": {"minItem": 1}})
    assert not accepts(SCHEMA, {"name": "a", "source": "x", "resourceLocation": "y"})
    assert not accepts(SCHEMA, {"name": "a"})
    assert "null" not in str(SCHEMA)


def test_every_attribute_is_described() -> None:
    """An editor can say of every key what it means, without the links of the reference."""
    for part in (SCHEMA, *SCHEMA["$defs"].values()):
        for name, attribute in part["properties"].items():
            assert attribute.get("description"), name
            assert "](" not in attribute["description"]
