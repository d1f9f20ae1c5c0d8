"""Laws of the XML mapper over generated documents: its three ways, any chunks and any pieces read what one whole parse reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lxml import etree

from engine.batch import SEVERAL
from engine.errors import RefuseRun
from mappers.markup.cutter import CutterSizes
from tests.unit.xml_parts import Read, read

TEXTS = st.lists(
    st.sampled_from(
        [
            *("a", "b", "7", " ", "\n", "\t", "é", ">", "'", '"', "]] ", "\u2028", "x", "y", "z"),
            *("&amp;", "&lt;", "&quot;", "&#233;", "&#10;", "<![CDATA[x<y&]]>", "<!-- <item> -->", "<?p q?>", "\r\n", "\r"),
        ]
    ),
    max_size=4,
).map("".join)
PLAIN = st.sampled_from(["", "x", "y z", "a&amp;b", "é", "12"])
VALUES = st.lists(st.sampled_from(["a", " ", "&amp;", "&#10;", "\n", "\t", ">", "é", "'"]), max_size=3).map("".join)
SPACES = st.sampled_from(["", "\n ", "\r\n"])


@dataclass(frozen=True)
class Layout:
    """How the records of one document look."""

    regular: bool
    space: str
    repeats: bool
    nested: bool


LAYOUTS = st.builds(Layout, st.booleans(), SPACES, st.booleans(), st.sampled_from([False, False, True]))


@st.composite
def records(draw: st.DrawFn, layout: Layout, deep: bool = False) -> str:
    """Write one record."""
    value = st.integers(0, 99).map(str) if layout.regular else VALUES
    optional = f' k="{draw(value)}"' if draw(st.booleans()) else ""
    children: list[str] = []
    for name in ("a", "g:b", "c"):
        for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2] if layout.repeats else [0, 1, 1, 1]))):
            odd = not layout.regular or draw(st.integers(0, 19)) == 0
            text = draw(TEXTS if odd else PLAIN)
            children.append(draw(st.sampled_from([f"<{name}>{text}</{name}>"] * 9 + [f"<{name}/>"])))
    if draw(st.booleans()):
        children.append(layout.space.join(["<s>", f'<q w="{draw(st.integers(0, 9))}">{draw(PLAIN)}</q>', "</s>"]))
    if layout.nested and not deep and draw(st.integers(0, 9)) == 0:
        children.append(draw(records(layout, deep=True)))
    if not layout.regular:
        children = draw(st.permutations(children))
    return layout.space.join([f'<item id="{draw(value)}"{optional}>', *children, "</item>"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Write a well-formed document of a few groups of records."""
    layout = draw(LAYOUTS)
    declared = draw(st.sampled_from(['xmlns:g="urn:g"', 'xmlns:g="urn:g" xmlns="urn:d"', 'xmlns:g="urn:d" xmlns="urn:d"']))
    groups: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        between = draw(st.sampled_from(["", "\n", "\n\n", "<!-- <item> -->", "\r"]))
        inside = between.join(draw(st.lists(records(layout), max_size=12)))
        late = f"<late>{number}</late>" if draw(st.booleans()) else ""
        groups.append(f'<group n="{number}" cur="E"><name>N{number}</name>{inside}{late}</group>')
    head = draw(st.sampled_from(["", '<?xml version="1.0"?>\n', "<!-- hi -->"]))
    return f'{head}<root {declared}>\n<head><item id="no">h</item></head>{draw(SPACES).join(groups)}</root>\n'


PATHS = st.sampled_from(["/root/group/item", "item", "//item", "group/item", "/root/*/item", "item[a]", "item[@k]"])
SIMPLE = ("@id", "@k", "a", "g:b", "c", "s/q", "s/q/@w", "a/text()", "../@cur", "../@n", "../../@z")
OTHERS = (".", "s", "concat(a, '|', c)", "count(a)", "a[1]", "*", "a | c", "../name", "ancestor::group/late")
FIELDS = st.one_of(
    st.lists(st.sampled_from(SIMPLE), min_size=1, max_size=6, unique=True),
    st.lists(st.sampled_from(SIMPLE + OTHERS), min_size=1, max_size=6, unique=True),
)
PIECES = st.sampled_from([1, 300, 1000, 3000, 1 << 20])
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def outcome(found: Read) -> tuple[object, ...]:
    """Return what must not depend on how a document is read."""
    return found.rows, found.lines, found.mapper.missing


@given(documents(), PATHS, FIELDS, PIECES)
@QUICK
def test_all_ways_read_the_same(document: str, path: str, fields: Sequence[str], piece: int) -> None:
    """The template and the walk give what compiled XPath gives, record by record, whatever the pieces."""
    reference = outcome(read(document, *fields, xmlPath=path, way="xpath"))
    sizes = CutterSizes(piece=piece)
    assert outcome(read(document, *fields, xmlPath=path, way="walk", sizes=sizes)) == reference
    assert outcome(read(document, *fields, xmlPath=path, way="template", sizes=sizes)) == reference


@st.composite
def lists_of_tags(draw: st.DrawFn) -> str:
    """Write records that are alike but for how many tags each has and what stands in and between them."""
    gaps = st.just(draw(st.sampled_from(["", " ", "\n  "]))) if draw(st.booleans()) else st.sampled_from(["", " ", "\n  "])
    texts = st.lists(st.sampled_from(["a", "b", "&amp;", "&lt;", "&lt;t&gt;", "lt;", " ", "é"]), max_size=3).map("".join)
    tagged = st.lists(st.tuples(texts, gaps), max_size=4).map(lambda tags: "".join(f"<t>{text}</t>{gap}" for text, gap in tags))
    inside = draw(st.lists(tagged, min_size=1, max_size=12))
    return f"<r>{''.join(f'<item><ts>{tags}</ts><n>{number}</n></item>' for number, tags in enumerate(inside))}</r>"


@given(lists_of_tags(), PIECES)
@QUICK
def test_lists_are_taken_whole(document: str, piece: int) -> None:
    """However many elements a list has and whatever stands between and in them, every way gives the same values in their order."""
    reference = read(document, "ts/t", "n", xmlPath="/r/item", way="xpath")
    for way in ("walk", "template"):
        assert read(document, "ts/t", "n", xmlPath="/r/item", way=way, sizes=CutterSizes(piece=piece)).rows == reference.rows


@given(documents(), PATHS, FIELDS, PIECES, st.integers(1, 200))
@QUICK
def test_chunks_never_change_what_is_read(document: str, path: str, fields: Sequence[str], piece: int, size: int) -> None:
    """Rows, lines, missing columns and the pieces themselves are the same however the bytes come."""
    whole = read(document, *fields, xmlPath=path, sizes=CutterSizes(piece=piece))
    parts = read(document, *fields, xmlPath=path, sizes=CutterSizes(piece=piece), size=size)
    assert outcome(parts) == outcome(whole)
    assert parts.pieces == whole.pieces


@given(documents(), st.sampled_from(["a", "g:b", "s/q/@w", "../name", "ancestor::group/late", "string(c)"]), st.integers(50, 2000))
@QUICK
def test_the_pieces_read_what_one_whole_parse_reads(document: str, field: str, piece: int) -> None:
    """A parse of the whole document, and XPath with its namespaces, finds the same values, those of ancestors included."""
    assume('xmlns="' not in document)
    root = etree.fromstring(document.encode(), etree.XMLParser(remove_comments=True, remove_pis=True))
    evaluate = etree.XPath(field, namespaces={"g": "urn:g"}, smart_strings=False)
    expected = [(_text(evaluate(record)),) for record in root.xpath("/root/group/item")]
    # Holders are waited for as long as the document is: nothing of it may be refused.
    found = read(document, field, xmlPath="/root/group/item", sizes=CutterSizes(piece=piece, holder=1 << 20))
    assert found.rows == expected


def _text(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    return SEVERAL.join(part if isinstance(part, str) else "".join(part.itertext()) for part in value)


@given(documents(), st.data())
@settings(QUICK, max_examples=60)
def test_damage_is_read_as_a_whole_parse_reads_it_or_refused(document: str, data: st.DataObject) -> None:
    """Whatever is cut out of a document or put into it: what lxml takes is read the same, and what it refuses is refused."""
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 30)))
    put = data.draw(
        st.sampled_from(["", "<", ">", "&", "]]>", "<!--", "-->", "</item>", "<item>", '"', "\x01", "</group><group>", "\ufffe"])
    )
    damaged = f"{document[:start]}{put}{document[end:]}"
    try:
        etree.fromstring(damaged.encode())
        fine = True
    except etree.XMLSyntaxError:
        fine = False
    fields = ("@id", "a", "g:b", "../@n")
    sizes = CutterSizes(piece=data.draw(st.sampled_from([300, 1500])))
    try:
        rows = read(damaged, *fields, xmlPath="/root/group/item", sizes=sizes).rows
    except RefuseRun:
        assert not fine
        return
    assert fine
    assert rows == read(damaged, *fields, xmlPath="/root/group/item", way="xpath").rows
