"""XML documents to rows: names, ancestors, lines, encodings, and documents that are not what they should be."""

from __future__ import annotations

import codecs

import pytest

from engine.batch import SEVERAL, JsonValue
from engine.errors import ConfigError, RefuseRun
from mappers.markup.cutter import CutterSizes
from tests.unit.xml_parts import Read, make, read

SHOP = """<?xml version="1.0"?>
<!-- a comment before the root -->
<shop currency="EUR">
  <offers>
    <offer id="1"><sku>A-1</sku><stock><qty>5</qty></stock></offer>

    <offer id='2'
      ><sku><![CDATA[B & <2>]]></sku><stock><qty>0</qty></stock><stock><qty>7</qty></stock></offer>
    <offer id="3"/>
  </offers>
</shop>
"""


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_fields_are_xpath_relative_to_the_record(way: str) -> None:
    """Attributes, paths, several values, functions, predicates, text and ancestors; where nothing is the cell is empty."""
    fields = (
        "@id",
        "sku",
        "stock/qty",
        "../../@currency",
        "concat(sku, '/', @id)",
        "count(stock)",
        "stock[qty > 0]/qty",
        "sku/text()",
        "no",
    )
    found = read(SHOP, *fields, xmlPath="/shop/offers/offer", way=way)
    assert found.rows == [
        ("1", "A-1", "5", "EUR", "A-1/1", "1", "5", "A-1", ""),
        ("2", "B & <2>", f"0{SEVERAL}7", "EUR", "B & <2>/2", "2", "7", "B & <2>", ""),
        ("3", "", "", "EUR", "/3", "0", "", "", ""),
    ]
    assert found.lines == [5, 7, 9]
    assert found.mapper.missing == {"no"}


def test_numbers_come_as_xpath_writes_them() -> None:
    """A whole number has no decimal point, a truth is a word, and what is no number says so."""
    assert read("<r><i><q>2</q><p>0.5</p></i></r>", "sum(q)", "q + p", "q > 1", "number(x)", xmlPath="i").rows == [
        ("2", "2.5", "true", "NaN")
    ]


NAMESPACED = """<feed xmlns="urn:d" xmlns:g="urn:g">
<item id="1"><name>a</name><g:price>5</g:price><s:x xmlns:s="urn:s">q</s:x></item>
<item id="2" xmlns=""><name>b</name><g:price>6</g:price></item></feed>"""


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_names_mean_what_the_document_writes(way: str) -> None:
    """The document's prefixes need no declaring, nor does its default namespace, which an unprefixed name reaches; attributes have none."""
    assert read(NAMESPACED, "@id", "name", "g:price", "s:x", "price", xmlPath="/feed/item", way=way).rows == [
        ("1", "a", "5", "q", ""),
        ("2", "b", "6", "", ""),
    ]


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_given_namespaces_go_by_their_uri(way: str) -> None:
    """A prefix of xmlNamespaces means its URI, whatever the document calls it; an empty one the unprefixed elements."""
    namespaces: dict[str, JsonValue] = {"": "urn:d", "money": "urn:g", "g": "urn:other"}
    found = read(NAMESPACED, "@id", "name", "money:price", "g:price", xmlPath="item", xmlNamespaces=namespaces, way=way)
    assert found.rows == [("1", "a", "5", "")]
    assert found.mapper.missing == {"g:price"}


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_one_uri_under_two_prefixes_is_told_apart_by_how_it_is_written(way: str) -> None:
    """Where a namespace is the default and has a prefix too, each name finds the elements that are written so."""
    document = '<r xmlns="urn:d" xmlns:d="urn:d"><i><a>1</a><d:a>2</d:a></i></r>'
    assert read(document, "a", "d:a", "d:*", xmlPath="i", way=way).rows == [("1", "2", "2")]


def test_an_undeclared_prefix_is_named_with_those_that_are() -> None:
    """The column is missing, and a warning says which prefixes the document has."""
    found = read(NAMESPACED, "@id", "h:price", xmlPath="item")
    assert found.mapper.missing == {"h:price"}
    assert found.mapper.dialect["warnings"] == [
        "the prefix h: of 'h:price' is not declared in the document: it declares g, s; see xmlNamespaces"
    ]


VARIANTS = """<products>
<product code="P1"><variant><size>S</size></variant><variant><size>L</size></variant><name>Shirt</name></product>
<product code="P2"><name>Hat</name><variant><size>U</size></variant></product>
</products>"""


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("path", ["/products/product/variant", "variant"])
def test_a_child_is_a_record_with_its_parents_fields(size: int, path: str) -> None:
    """The parent's elements are complete even where they follow the child, wherever the document is cut."""
    found = read(
        VARIANTS, "../@code", "../name", "ancestor::product/name", "size", xmlPath=path, size=size, sizes=CutterSizes(piece=40, holder=160)
    )
    assert found.rows == [("P1", "Shirt", "Shirt", "S"), ("P1", "Shirt", "Shirt", "L"), ("P2", "Hat", "Hat", "U")]


def test_what_stands_before_the_records_is_kept_where_their_parent_is_too_big() -> None:
    """A value of the root is there for every record, though the root is never held whole."""
    document = "<shop><currency>EUR</currency>" + "".join(f"<item><id>{n}</id></item>" for n in range(500)) + "<end>x</end></shop>"
    found = read(document, "id", "../currency", xmlPath="/shop/item", sizes=CutterSizes(piece=1000, holder=1000))
    assert found.rows == [(str(n), "EUR") for n in range(500)]
    assert len(found.pieces) > 5


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ("<shop>{}<currency>EUR</currency></shop>", "../currency", "line 1, column 12511: <currency>, which a field needs, stands behind"),
        ("<shop>{}</shop>", "..", "a field needs all of <shop>"),
        ("<shop>{}</shop>", "count(../item)", "a field needs all of <shop>"),
        ("<shop>" + "<a/>" * 500 + "{}</shop>", "../currency", "more than 600 bytes stand before the records"),
    ],
)
def test_what_would_need_the_whole_document_is_refused(document: str, field: str, said: str) -> None:
    """A value behind thousands of records is no wrong value but a refusal that says why."""
    with pytest.raises(RefuseRun) as caught:
        read(
            document.format("<item><i>1234</i></item>" * 521),
            field,
            xmlPath="/shop/item",
            sizes=CutterSizes(piece=1000, holder=1000, kept=600),
        )
    assert said in str(caught.value)


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_an_element_of_the_records_name_inside_a_record(way: str) -> None:
    """It is no record for a path from the root; for `//item` the outer one counts, and the inner one is part of it."""
    document = "<s><item><id>1</id><related><item><id>9</id></item></related></item><item><id>2</id></item></s>"
    for path in ("/s/item", "//item", "item"):
        assert read(document, "id", xmlPath=path, way=way).rows == [("1",), ("2",)]


def test_predicates_choose_the_records() -> None:
    """A test of the record, and of an attribute on the way to it; what fails it is no record at all."""
    document = '<r><g on="1"><i t="x"><s/></i><i t="x"/><i t="y"><s/></i></g><g on="0"><i t="x"><s/></i></g></r>'
    assert read(document, "@t", xmlPath="/r/g[@on='1']/i[s]").rows == [("x",), ("y",)]
    assert read(document, "@t", "../@on", xmlPath="i[@t='x'][s] | nothing").rows == [("x", "1"), ("x", "0")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("way", ["template", "walk"])
def test_lines_are_counted_whatever_ends_them(end: str, way: str) -> None:
    """CR LF and CR alone are line ends, in texts too, where they are read as LF."""
    document = end.join(["<r>", "<!--", "-->", "<i a='1'", ">x", "y</i>", "", "<i>z</i><i>", "</i>", "</r>"])
    found = read(document, ".", xmlPath="i", way=way)
    assert (found.rows, found.lines) == ([("x\ny",), ("z",), ("\n",)], [4, 8, 8])


ENCODED = '<?xml version="1.0" encoding="{}"?>\n<r><i>Türschloß €</i></r>'


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (ENCODED.format("utf-8").encode(), {}),
        (codecs.BOM_UTF8 + ENCODED.format("utf-8").encode(), {}),
        (ENCODED.format("windows-1252").encode("cp1252"), {}),
        (ENCODED.format("iso-8859-15").encode("iso8859-15"), {}),
        (ENCODED.format("utf-16").encode("utf-16"), {}),
        (ENCODED.format("utf-16").encode("utf-16-be"), {}),
        (ENCODED.format("utf-8").encode("cp1252"), {"encoding": "windows-1252"}),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_documents_are_read_in_their_encoding(data: bytes, attributes: dict[str, JsonValue], size: int) -> None:
    """The byte order mark, the setting and the declaration decide, in this order; UTF-16 is read like the rest."""
    found = read(data, ".", xmlPath="i", size=size, feed=attributes)
    assert (found.rows, found.lines) == ([("Türschloß €",)], [2])


def test_bytes_that_are_not_what_was_declared_are_refused_with_their_place() -> None:
    """Nothing is guessed for XML: the first wrong byte is named by line and column, with the cure."""
    with pytest.raises(RefuseRun, match=r"feed\.xml, line 3, column 7: .*set encoding"):
        read("<r>\n<i>gut</i>\n<i>schön</i></r>".encode("cp1252"), ".", xmlPath="i")


def test_a_late_letter_settles_the_encoding() -> None:
    """A document that begins as plain ASCII is still read as declared when its first umlaut comes."""
    document = '<?xml version="1.0" encoding="iso-8859-1"?><r>' + "<i>plain</i>" * 400 + "<i>größer</i></r>"
    assert read(document.encode("latin-1"), ".", xmlPath="i", sizes=CutterSizes(piece=500)).rows[-1] == ("größer",)


MALFORMED = {
    "mismatch": ("<r>\n<i>\n  <a>x</b></i></r>", r"line 3, column \d+: not well-formed XML: .*mismatch: a and b"),
    "mismatch outside": ("<r>\n<g><i/></h></r>", r"line 2, column 8: the end tag </h> where <g> should end"),
    "tail": ("<r>\n<i>a</i>\n</r>\n<r>", r"line 4, column 1: not well-formed XML: .*[Ee]xtra content"),
    "entity": ("<r>\n<i>a&nbsp;b</i></r>", r"line 2, column \d+: .*Entity 'nbsp' not defined"),
    "character": ("<r>\n<i>a\x01b</i></r>", r"line 2, column \d+: .*invalid [Cc]har"),
    "attribute twice": ('<r>\n<i a="1" a="2"/></r>', r"line 2, column \d+: .*redefined"),
    "prefix": ("<r>\n<i><x:a/></i></r>", r"line 2, column \d+: .*not defined"),
    "tag": ('<r>\n<i a="1>x</i></r>', r"line 2, column 1: .*(start tag|tag that) cannot be read"),
    "cut short": ("<r>\n<i>a</i><i>b", r"ends inside <i> \(line 2\): it is cut short"),
    "cut short between": ("<r>\n<i>a</i>", r"ends inside <r> \(line 2\): it is cut short"),
    "cut short in a tag": ("<r>\n<i>a</i><i", r"line 2|cut short"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize("piece", [1, 1 << 20])
def test_what_is_not_well_formed_is_refused_with_its_place_in_the_document(name: str, size: int, piece: int) -> None:
    """Line and column are of the document, whichever piece of it the parser was given."""
    document, said = MALFORMED[name]
    with pytest.raises(RefuseRun, match=said):
        read(document, ".", xmlPath="i", size=size, sizes=CutterSizes(piece=piece))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "empty"),
        ("<!doctype html><html><title>Log in</title></html>", "HTML page titled 'Log in'"),
        ('{"error": "expired"}', "a JSON object that says 'expired'"),
        ("sku;qty\n1;2\n", "it begins with 'sku;qty"),
        (b"\x1f\x8b\x08\x00", "gzip data"),
        ("<!-- only a comment -->", "no root element"),
        ("<a/>text", "not well-formed"),
    ],
)
def test_what_is_no_xml_is_refused_for_what_it_is(document: str | bytes, said: str) -> None:
    """Another kind of content is named, with what to do."""
    with pytest.raises(RefuseRun) as caught:
        read(document, ".", xmlPath="i")
    assert said in str(caught.value)


def test_a_document_without_a_record_is_no_fault_of_the_mapper() -> None:
    """It may be one of several; what a small one says is passed on."""
    found = read("<Error><Code>401</Code>\n<Message>Token expired</Message></Error>", "@id", xmlPath="/shop/item")
    assert (found.rows, found.pieces[-1].final) == ([], True)
    assert found.mapper.dialect["warnings"] == ["no record stands at /shop/item; the document says '401 Token expired'"]


def test_the_record_path_is_guessed_with_a_warning() -> None:
    """The first element that repeats and has children, the nearest to the root."""
    document = "<y><shop><currencies><c id='1'/><c id='2'/></currencies><offers><o><id>1</id></o><o><id>2</id></o></offers></shop></y>"
    found = read(document, "id")
    assert found.rows == [("1",), ("2",)]
    assert found.mapper.dialect["xmlPath"] == "/y/shop/offers/o"
    assert found.mapper.dialect["warnings"] == [
        "xmlPath was guessed as /y/shop/offers/o, the first element that repeats: set it to make sure"
    ]
    with pytest.raises(RefuseRun, match="set xmlPath"):
        read("<a><b><c>1</c></b></a>", "c")


def test_columns_are_located_by_their_expressions() -> None:
    """Each row has its own column, and one in which its name comes second gives way."""
    mapper = make([("g:sale", "g:price"), "@id", ("g:price", "price"), " @id "], xmlPath="i")
    assert [mapper.locate(name) for name in ("g:price", "g:sale", "price", "@id", "no")] == [2, 0, 2, 1, None]


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_the_first_name_that_is_not_blank_counts(way: str) -> None:
    """A row with several names takes the first that is filled, and the column is the same for every record."""
    document = "<r>" + "".join(f"<i><a>{a}</a><b>{b}</b></i>" for a, b in (("1", "2"), ("", "3"), (" ", "4"), ("", ""))) + "</r>"
    assert read(document, ("x", "a", "b"), "b", xmlPath="i", way=way, sizes=CutterSizes(piece=60)).rows == [
        ("1", "2"), ("3", "3"), ("4", "4"), ("", ""),
    ]  # fmt: skip


def test_what_no_record_had_is_missing_and_what_was_empty_is_not() -> None:
    """An element that is there with nothing in it is blank; a sum of what is nowhere is missing, though it says 0."""
    found = read("<r><i><a/><b>1</b></i><i><a></a></i></r>", "a", "b", "c", "sum(d)", "sum(b)", "'x'", xmlPath="i")
    assert found.rows == [("", "1", "", "0", "1", "x"), ("", "", "", "0", "0", "x")]
    assert found.mapper.missing == {"c", "sum(d)"}


def test_an_excerpt_is_the_record_as_written() -> None:
    """From its start tag to its end tag, comments and all."""
    found: Read = read("<r>\n<i a='1'>x<!-- </i> --><b/></i>\n\n<i/><q/></r>", "@a", xmlPath="i")
    assert [found.mapper.excerpt(found.pieces[0], line) for line in (2, 4, 9)] == ["<i a='1'>x<!-- </i> --><b/></i>", "<i/>", ""]


@pytest.mark.parametrize(
    "odd",
    [
        "<t>x</t><t>y</t>\n<t>z</t>",  # another gap between two of them
        "<t>x</t> <t>y</t>\n",  # blanks behind the last
        "<t></t><t>&lt;/t&gt;&amp;lt;</t>",  # what looks like tags when it is read
        "<t>x</t><t/><t>y</t>",
        "<t k='1'>x</t><t>y</t>",
        "<t>x</t><!-- --><t>y</t>",
        "",
    ],
)
@pytest.mark.parametrize("gap", ["", " ", "\n  "])
def test_a_list_that_is_written_otherwise_is_the_list_it_is(odd: str, gap: str) -> None:
    """Amid thousands of lists written alike one that is not gives its own values, and the others theirs."""
    usual = f"<item><ts><t>a</t>{gap}<t>&amp;b</t>{gap}</ts></item>\n"
    document = f"<r>{usual * 400}<item><ts>{odd}</ts></item>\n{usual * 400}</r>"
    found = read(document, "ts/t", xmlPath="/r/item", sizes=CutterSizes(piece=3000))
    assert found.mapper.regular
    assert found.rows == read(document, "ts/t", xmlPath="/r/item", way="xpath").rows


def test_regular_records_are_read_by_a_template_and_odd_ones_in_between() -> None:
    """A reference or a comment in one record sends that one to the parser, not the whole file."""
    odd = {50: "caf&#233;", 90: "a<!-- b -->c", 120: "<![CDATA[1 < 2]]>", 150: "x &amp; y"}
    document = "<r>\n" + "".join(f"<i n='{n}'><a>{odd.get(n, n)}</a></i>\n".replace("'", '"') for n in range(200)) + "</r>"
    found = read(document, "@n", "a", xmlPath="/r/i", sizes=CutterSizes(piece=1500))
    texts = {50: "café", 90: "ac", 120: "1 < 2", 150: "x & y"}
    assert found.rows == [(str(n), texts.get(n, str(n))) for n in range(200)]
    assert found.lines == list(range(2, 202))
    assert found.mapper.regular


@pytest.mark.parametrize("odd", ["<1a>x</1a>", "<x:y>1</x:y>", "<a&b>x</a&b>", '<b 1="2"/>'])
def test_a_template_is_not_widened_by_what_is_no_xml(odd: str) -> None:
    """An element whose name is none, or whose prefix nobody declared, refuses the document also amid regular records."""
    items = "".join(f"<item><a>{number}</a></item>" for number in range(200))
    with pytest.raises(RefuseRun, match="not well-formed"):
        read(f"<r>{items}<item><a>1</a>{odd}</item>{items}</r>", "a", xmlPath="/r/item", sizes=CutterSizes(piece=2000))


@pytest.mark.parametrize("way", ["template", "walk", "xpath"])
def test_defaults_of_attributes_are_read(way: str) -> None:
    """What the document itself declares for attributes that are absent counts (XML 1.0, 3.3.2), however a field is read."""
    document = '<!DOCTYPE r [<!ATTLIST item cur CDATA "EUR">]><r><item id="1"/><item cur="CZK"/></r>'
    assert read(document, "@cur", "string(@cur)", xmlPath="/r/item", way=way).rows == [("EUR", "EUR"), ("CZK", "CZK")]


@pytest.mark.parametrize("field", ["a/ancestor::item/following-sibling::item/a", ".//a/ancestor-or-self::item/preceding-sibling::item/@id"])
def test_records_beside_an_ancestor_found_by_name_are_refused(field: str) -> None:
    """An ancestor that is named may be the record itself, beside which a piece holds whatever it happens to."""
    with pytest.raises(ConfigError, match="records beside it"):
        read("<r/>", field, xmlPath="/r/item")


@pytest.mark.parametrize("path", ["/r[normalize-space()='']/item", "/r[string-length() > 9]/item", "/r[string()='x']/item"])
def test_the_text_of_an_open_element_is_refused(path: str) -> None:
    """The text of an element that holds the records is not known before its end; in a piece it would be that of the piece."""
    with pytest.raises(ConfigError, match="still open"):
        read("<r/>", "a", xmlPath=path)


@pytest.mark.parametrize("field", ["parent::*[string-length() > 9]/@id", ".//b/../../../x"])
def test_fields_that_need_all_of_an_ancestor_are_refused_where_it_is_long(field: str) -> None:
    """What depends on all of an ancestor, or leads up from an unknown depth, is held whole or refused, never read of a piece."""
    items = "<item><b>1</b></item>" * 200
    document = f'<q><x>1</x><r id="5">{items}</r></q>'
    whole = read(document, field, xmlPath="/q/r/item").rows
    assert whole == read(document, field, xmlPath="/q/r/item", way="xpath", sizes=CutterSizes(piece=500)).rows
    with pytest.raises(RefuseRun, match="needs all of"):
        read(document, field, xmlPath="/q/r/item", sizes=CutterSizes(piece=500, holder=500))


def test_a_doctype_whose_name_is_none_is_refused() -> None:
    """A DOCTYPE is taken off before the parser sees it, so its name is judged here."""
    with pytest.raises(RefuseRun, match="DOCTYPE"):
        read('<!DOCTYPE r&s SYSTEM "x.dtd"><r><item a="1"/></r>', "@a", xmlPath="/r/item")
