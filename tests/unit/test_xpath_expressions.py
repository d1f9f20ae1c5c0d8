"""Expressions and paths: what is XPath 1.0, what a stream can give, and what is refused with its reason."""

from __future__ import annotations

import pytest

from engine.errors import ConfigError
from mappers.markup.expression import BadExpression, Kind, parse_expression, simple_path
from mappers.markup.settings import read_choice
from mappers.markup.streaming import Look, looks_of, record_path
from tests.unit.xml_parts import make


@pytest.mark.parametrize(
    ("text", "kind", "simple"),
    [
        ("a", Kind.NODES, True),
        ("a/b/@c", Kind.NODES, True),
        ("../@currency", Kind.NODES, True),
        (".", Kind.NODES, True),
        ("a/text()", Kind.NODES, True),
        ("child::a", Kind.NODES, True),
        ("div/mod", Kind.NODES, True),
        ("a-b", Kind.NODES, True),
        ("a[1]", Kind.NODES, False),
        ("a | b", Kind.NODES, False),
        ("../name", Kind.NODES, False),
        ("//a", Kind.NODES, False),
        ("(a | b)[1]/c", Kind.NODES, False),
        ("a -b", Kind.NUMBER, False),
        ("* * *", Kind.NUMBER, False),
        ("count(x) * 2", Kind.NUMBER, False),
        ("concat(a, ' ', b)", Kind.TEXT, False),
        ("a = 'x' or b", Kind.TRUTH, False),
    ],
)
def test_an_expression_is_what_xpath_says_it_is(text: str, kind: Kind, simple: bool) -> None:
    """Names and operators are told apart by what stands before them, and only plain paths are simple."""
    found = parse_expression(text)
    assert (found.kind, simple_path(found) is not None) == (kind, simple)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a[", "the end stands where a name should"),
        ("a b", "'b' stands where an operator or the end should (character 3)"),
        ("a/", "where a name should"),
        ("", "where a name should"),
        ("'x", "is no XPath"),
        ("foo(1)", "there is no function foo()"),
        ("id('x')", "there is no function id()"),
        ("a::b", "there is no axis a::"),
        ("$x", "there are no variables"),
        ("1 | a", "'|' joins paths only"),
        ("(" * 60 + "a" + ")" * 60, "nested deeper"),
    ],
)
def test_what_is_no_xpath_is_said_with_its_place(text: str, said: str) -> None:
    """A typing mistake names what stands where, a missing function itself."""
    with pytest.raises(BadExpression) as caught:
        parse_expression(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("a/../b", ()),
        ("a[../b]", ()),
        ("../@x", ()),
        ("ancestor::c/@x", ()),
        ("ancestor-or-self::*/@lang", ()),
        ("../name", (Look("name", 1),)),
        ("../../x/y", (Look("x", 2),)),
        ("ancestor::c[@x]/name", (Look("name", None, "c"),)),
        ("..", (Look("*", 1),)),
        ("..//x", (Look("*", 1),)),
        ("concat(../a, b, ../c)", (Look("a", 1), Look("c", 1))),
    ],
)
def test_what_a_field_needs_beside_its_record_is_known(text: str, looks: tuple[Look, ...]) -> None:
    """Attributes of ancestors need nothing, for they are open; children of ancestors have to be waited for."""
    assert looks_of(parse_expression(text)) == looks


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("item[3]", "[3] counts the elements of the whole document"),
        ("item[last()]", "[last()] counts"),
        ("item[position() < 3]", "counts"),
        ("item[count(x)]", "counts"),
        ("../item", ".. cannot be followed in a stream"),
        ("a/following::b", "following:: cannot be followed"),
        ("item/@id", "@id is no element"),
        ("item/text()", "text() is no element"),
        ("count(item)", "it selects no elements"),
        ("/", "the whole document is no record"),
        ("./item", "item stands for //item"),
        ("(a | b)/c", "without parentheses"),
        ("/a[b]/c", "[b] needs more than the attributes of an element that is still open"),
        ("item[../x]", "looks outside the record"),
        ("/a/b[", "the end stands where a name should"),
    ],
)
def test_a_path_that_no_stream_can_follow_is_refused_with_the_reason(path: str, said: str) -> None:
    """Positions, axes that lead outwards and functions are refused when the mapper is made, not when the feed is read."""
    with pytest.raises(BadExpression) as caught:
        record_path(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("name", ["1", " 12 ", "-1", "2.", ".5"])
def test_a_number_is_no_field(name: str) -> None:
    """A column by its number is for tables: XPath reads the number itself, one key and one stock for all goods."""
    with pytest.raises(BadExpression, match="is a number and no path"):
        read_choice(name)


@pytest.mark.parametrize(
    "path", ["/rss/channel/item", "item", "//item", "shop//offer", "/a/*/b", "item[@t='x'][stock]", "/a/b | c", "/s/p[@x='1']/i", "g:item"]
)
def test_a_path_that_a_stream_can_follow_is_taken(path: str) -> None:
    """Steps by name, `*`, `//`, unions, predicates of the record, and of attributes on the way."""
    assert record_path(path).ways


def test_all_faults_of_the_settings_come_at_once() -> None:
    """Each faulty row and setting is named with its reason."""
    with pytest.raises(ConfigError) as caught:
        make(
            ["a[", "//b", "following::c", "contains(d)"],
            xmlPath="item[1]",
            xmlNamespaces={"xml": "urn:x"},
            encoding="klingon",
            xmlMapping="ebay",
        )
    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 8
    for said in (
        *("'a['", "'//b': it begins at the document's root", "'following::c': following:: needs what follows the record"),
        *(
            "xmlPath is 'item[1]'",
            "xmlNamespaces: 'xml'",
            "encoding is 'klingon'",
            "xmlMapping is 'ebay'",
            "'contains(d)': invalid number of arguments",
        ),
    ):
        assert said in told
