"""Where a JSON document has its list; what is refused because it is none, breaks off, or says that it failed."""

from __future__ import annotations

import pytest

from engine.batch import Batch, JsonValue
from engine.contracts import DocumentFacts, MapperSettings
from engine.errors import ConfigError, RefuseRun
from engine.feed import build_feed
from feedmill.assembly import make_recipe
from mappers.json import SPEC, JsonMapper
from mappers.structured.bodies import Sizes
from plugins.manager import load_registry

NAMES = (("externalId",), ("inventoryQuantity",))


def read(text: str, *, sizes: Sizes | None = None, **attributes: JsonValue) -> tuple[JsonMapper, list[Batch]]:
    """Read a document in chunks of a few bytes."""
    mapper = JsonMapper(MapperSettings(NAMES, attributes), DocumentFacts("page"), sizes=sizes)
    data = text.encode()
    batches: list[Batch] = []
    for at in range(0, len(data), 50):
        batches += map(mapper.parse, mapper.feed(data[at : at + 50]))
    batches += map(mapper.parse, mapper.finish())
    return mapper, batches


def keys(text: str, sizes: Sizes | None = None, root: JsonValue = None) -> list[str]:
    """Return the keys of all rows of a document without flaws."""
    mapper, batches = read(text, sizes=sizes, jsonRoot=root)
    assert not any(batch.flaws for batch in batches)
    at = mapper.locate("externalId")
    return [] if at is None else [row[at] for batch in batches for row in batch.rows]


ITEM = '{"externalId": "a"}'


@pytest.mark.parametrize(
    ("text", "root"),
    [
        (f"[{ITEM}]", None),
        (f'{{"products": [{ITEM}]}}', None),
        (f'{{"products": [{{"variants": [{ITEM}]}}]}}', None),
        (f'{{"variants": [{ITEM}]}}', None),
        (ITEM, None),
        (f'{{"product": {ITEM}}}', "product"),
        (f'{{"data": {{"page": 1, "all items": [{ITEM}], "next": null}}, "items": [1]}}', "data.all items"),
        (f'{{"data.items": [{ITEM}]}}', "data.items"),
        (f'{{"the.list, now": [{ITEM}], "the": {{"list, now": 1}}}}', '["the.list, now"]'),
        (f'{{"data": {{"items": [{ITEM}]}}}}', "$.data.items[*]"),
        (f'{{"data": {{"groups": [{{"sizes": [{ITEM}]}}]}}}}', "data.groups[*].sizes[*]"),
        (f'[{{"stock": {{"sizes": [{ITEM}]}}}}]', "[*].stock.sizes"),
        (f'{{"products": [{ITEM}], "error": null, "errors": [], "message": "", "status": "ok", "success": true}}', None),
        (f'{{"products": [{ITEM}], "message": "1 product found", "error": "none"}}', None),
        ('{"externalId": "a", "status": "error"}', None),
        (f" \r\n\t{ITEM}\n \n", None),
    ],
)
def test_the_list_is_found(text: str, root: str | None) -> None:
    """A list, a list under `products` or under `jsonRoot`, a single item or product."""
    assert keys(text, root=root) == ["a"]


@pytest.mark.parametrize(("text", "root"), [("[]", None), ('{"products": []}', None), ('{"a": {"b": null}}', "a.b"), ("[\n]", None)])
def test_an_empty_list_is_no_record_and_no_fault(text: str, root: str | None) -> None:
    """The last page of several is often empty; a run without any record is refused by the guard."""
    _, batches = read(text, jsonRoot=root)
    assert [(batch.columns, batch.rows, batch.flaws) for batch in batches] == [((), [], ())]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"error": "token expired"}', "token expired"),
        ('{"message": "Unauthorized"}', "Unauthorized"),
        ('{"status": 404, "title": "Not  found\\n", "type": "about:blank"}', "Not found"),
        ('{"status": "error"}', "error"),
        ('{"error": {"code": 7, "message": "no such shop"}}', "no such shop"),
        ('{"errors": [{"detail": "throttled"}], "data": null}', "throttled"),
        ('{"externalId": "req-1", "error": "busy"}', "busy"),
        ('{"success": false, "products": []}', "an error"),
        ('{"products": [{"externalId": "a"}], "errors": [{"message": "shard 2 is down"}]}', "shard 2 is down"),
        ('{"status": "failed", "products": [{"externalId": "a"}]}', "failed"),
    ],
)
def test_an_answer_that_says_it_failed_is_refused(text: str, message: str) -> None:
    """Its message is quoted. Items beside it do not help: they may be a part of the feed, and the rest would look sold out."""
    with pytest.raises(
        RefuseRun, match=f"^page is a JSON object that says '{message}', so it is not the whole feed: .*nothing was applied$"
    ):
        read(text)
    with pytest.raises(RefuseRun, match="page"):
        read(text, jsonRoot="data.items")


def test_a_long_message_is_clipped() -> None:
    """A stack trace does not fill the log."""
    with pytest.raises(RefuseRun) as refusal:
        read(f'{{"error": "{"x" * 5000}"}}')
    assert len(str(refusal.value)) < 500


REFUSED = {
    "list elsewhere": ('{"took": 1, "data": {"rows": [{"x": 1}]}}', {}, r"'data' \(lists stand under data.rows\): set jsonRoot=data.rows"),
    "nothing at all": ("{}", {}, "without 'products' and without a mapped key; it has nothing: check the address"),
    "root is gone": ('{"data": {"rows": []}}', {"jsonRoot": "data.items"}, "has no list under jsonRoot=data.items"),
    "root of a list": ("[]", {"jsonRoot": "items"}, "is a list, so jsonRoot=items leads nowhere: unset it"),
    "root of lines": (f"{ITEM}\n{ITEM}", {"jsonRoot": "items"}, "is JSON Lines, in which jsonRoot=items leads nowhere"),
    "items by key": ('{"products": {"1": {"x": 1}}}', {}, "'products' is an object, not a list of items"),
    "root is a text": ('{"products": "none"}', {}, "'products' is a text, not a list"),
    "root twice": ('{"products": [{"externalId": 1}], "products": []}', {}, "has 'products' twice"),
    "trailing comma": ('[\n{"a": 1},\n]', {}, r"line 3, column 1 \(character 13\) is no JSON: a comma with nothing behind it before ']'"),
    "comma in an item": ('[{"a": 1,}]', {}, r"line 1, column \d+ \(character \d+\) is no JSON: .*near"),
    "missing comma": ('[{"a": 1}\n{"a": 2}]', {}, "line 2, column 1 .* expecting ',' or ']', near '{\"a\": 2}]'"),
    "single quotes": ("[{'a': 1}]", {}, "line 1, column 3 .* near \"'a': 1}]\""),
    "cut in the list": ('[{"a": 1}', {}, "ends at line 1, column 10 before its JSON does .*cut short; fetch it again"),
    "cut in the wrapper": ('{"products": [{"a": 1}]', {}, "ends at line 1, column 24 before its JSON does"),
    "two documents": (f"[{ITEM}]\n[{ITEM}]", {}, "line 2, column 1 .* the document ends here, and something follows"),
    "endless nesting": ("[" * 100_000, {}, "a value nested too deep to be read"),
    "a csv": ("externalId,stock\n1,2\n", {}, "is no JSON document: it begins with 'externalId,stock"),
    "a scalar": ("null", {}, "it begins with 'null'"),
    "a page": ("<html><title>Sign in</title></html>", {}, "an HTML page titled 'Sign in'.*not json"),
    "xml": ("<?xml version='1.0'?><a/>", {}, "an XML document, not json"),
    "nothing": ("", {}, r"empty \(0 bytes\), not json"),
    "two keys of one name": ('[{"stock.free": 1, "stock": {"free": 2}, "externalId": 1}]', {}, "'stock.free' stands for two keys at once"),
    "two of one name": ('[{"EXTERNALID": 1, "ExternalId": 2}]', {}, "'externalId' may mean 'EXTERNALID' or 'ExternalId'"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_trusted_is_refused(kind: str) -> None:
    """The message says where, what stands there and what cures it."""
    text, attributes, message = REFUSED[kind]

    def locate() -> None:
        names = (*NAMES, ("stock.free",))
        mapper = JsonMapper(MapperSettings(names, attributes), DocumentFacts("page"))
        mapper.feed(text.encode())
        list(map(mapper.parse, mapper.finish()))
        for (name,) in names:
            mapper.locate(name)

    with pytest.raises(RefuseRun, match=f"^page.*{message}"):
        locate()


def test_lines_are_read_as_they_come() -> None:
    """Rows come out before the document ends, and little is held: a stream of lines has no bound."""
    sizes = Sizes(sample=64, piece=512, line=4096, page=4096)
    mapper = JsonMapper(MapperSettings(NAMES), DocumentFacts("page"), sizes=sizes)
    seen = most = 0
    for number in range(2_000):
        for piece in mapper.feed(b'{"externalId": "%d", "inventoryQuantity": 1}\n' % number):
            seen += len(mapper.parse(piece).rows)
        most = max(most, mapper.buffered_bytes)
    assert seen > 1_900
    assert most < 8_192
    assert (mapper.dialect["layout"], sum(len(mapper.parse(piece).rows) for piece in mapper.finish()) + seen) == ("lines", 2_000)


def test_a_broken_line_is_rejected_alone() -> None:
    """Lines can be told apart whatever stands in them; `line` is the line, blank ones counted."""
    _, batches = read(f"{ITEM}\n\n{{broken}}\n{ITEM} {ITEM}\n{ITEM}\n")
    assert [list(batch.lines) for batch in batches] == [[1, 5]]
    assert [(flaw.line, flaw.reason.split("(")[0], flaw.raw) for batch in batches for flaw in batch.flaws] == [
        (3, "is no JSON: expecting property name enclosed in double quotes ", "{broken}"),
        (4, "is no JSON: something follows the value ", f"{ITEM} {ITEM}"),
    ]


@pytest.mark.parametrize("tail", ['{"externalId": "b"', '{"externalId": "b', "{"])
def test_lines_that_break_off_are_refused(tail: str) -> None:
    """A last line without its end that is no JSON is the sign of a document cut short."""
    with pytest.raises(RefuseRun, match=r"page ends inside line 3 .*cut short"):
        read(f"{ITEM}\n{ITEM}\n{tail}")
    assert keys(f'{ITEM}\n{{"externalId": "b"}}') == ["a", "b"]


SMALL = Sizes(sample=64, piece=256, line=512, record=1024, page=1024)


def feed_on(mapper: JsonMapper, head: str, text: str) -> None:
    """Feed a document that never ends."""
    list(mapper.feed(head.encode()))
    for _ in range(200):
        list(map(mapper.parse, mapper.feed(text.encode())))
        assert mapper.buffered_bytes < 2_500


ENDLESS = {
    "element": ('[{"x": [', "1," * 9, r"line 1, column 2: the element that begins here does not end within 1,024 bytes; check"),
    "text": ('[{"externalId": "', "{} " * 9, r"line 1, column 2: the element that begins here does not end within 1,024 bytes"),
    "no list": (
        '{"a": [1], "b": 2, "rows": [', "{}," * 9, r"no list begins under 'products' within 1,024 bytes; it has .*: set jsonRoot=rows"),
    "before the list": ('{"a": "', "x" * 9, r"no list begins under 'products' within 1,024 bytes; it has 'a': set jsonRoot to the names"),
    "behind the list": (f'{{"products": [{ITEM}], "x": [', f"{ITEM}," * 9, r"more than 1,024 bytes stand behind the list of items"),
}  # fmt: skip


@pytest.mark.parametrize("where", ENDLESS)
def test_what_would_have_to_be_held_whole_is_bounded(where: str) -> None:
    """An element, and what stands around the list: refused at the bound, not at the end, with the cure; nothing more is held."""
    head, text, message = ENDLESS[where]
    with pytest.raises(RefuseRun, match=f"^page.*{message}"):
        feed_on(JsonMapper(MapperSettings(NAMES), DocumentFacts("page"), sizes=SMALL), head, text)


@pytest.mark.parametrize("indent", ["", "\n  "])
@pytest.mark.parametrize(("head", "tail"), [("[", "]"), ('{"took": 1, "products": [', '], "next": null}')])
def test_one_document_is_read_as_it_comes(head: str, tail: str, indent: str) -> None:
    """Rows come out before it ends, little is held, and `line` counts the records of the whole document."""
    mapper = JsonMapper(MapperSettings(NAMES), DocumentFacts("page"), sizes=SMALL)
    lines: list[int] = []
    most = 0
    for number in range(2_000):
        item = f'{"," if number else head}{indent}{{"externalId": "k{number}", "x": [{{"y": 1}}, {{"y": "}},{{"}}]}}'
        for piece in mapper.feed(item.encode()):
            lines += mapper.parse(piece).lines
        most = max(most, mapper.buffered_bytes)
    assert len(lines) > 1_950
    assert most < 1_024
    for piece in mapper.feed(tail.encode()):
        lines += mapper.parse(piece).lines
    lines += [line for piece in mapper.finish() for line in mapper.parse(piece).lines]
    assert lines == list(range(1, 2_001))


def test_what_is_no_item_is_counted_across_pieces() -> None:
    """`line` is the number of a record among all, those that are rejected or skipped included."""
    parts = [(ITEM, "7", '{"variants": []}', f'{{"variants": [{ITEM}, null]}}')[number % 4] for number in range(400)]
    _, batches = read(f"[{', '.join(parts)}]", sizes=SMALL)
    rows = [line for batch in batches for line in batch.lines]
    flaws = [flaw.line for batch in batches for flaw in batch.flaws]
    assert len(batches) > 10
    assert rows == [line for start in range(0, 500, 5) for line in (start + 1, start + 4)]
    assert flaws == [line for start in range(0, 500, 5) for line in (start + 2, start + 3, start + 5)]


def test_a_big_element_makes_a_big_piece_alone() -> None:
    """Behind it pieces are as small as before."""
    big = f'{{"externalId": "b", "x": [{"1, " * 300}1]}}'
    mapper = JsonMapper(MapperSettings(NAMES), DocumentFacts("page"), sizes=SMALL)
    text = f"[{ITEM}, {big}, {', '.join([ITEM] * 100)}]"
    sizes = [len(piece.data) for piece in [*mapper.feed(text.encode()), *mapper.finish()]]
    assert [size for size in sizes if size > SMALL.piece] == [size for size in sizes if size >= len(big)]
    assert max(sizes) < 2 * len(big)
    assert len(sizes) > 8


def test_positions_are_those_of_the_whole_document() -> None:
    """Line, column and character are counted over what is gone, in characters though a letter has several bytes."""
    items = "".join(f'{{"externalId": "größe{number}"}},\n' for number in range(200))
    text = f'{{\n"ä": 1, "products": [\n{items}{{"externalId": nil}}]}}'
    at = text.index("nil")
    with pytest.raises(
        RefuseRun, match=rf"^page, line 203, column 16 \(character {at + 1:,}\) is no JSON: expecting value, near 'nil}}\]}}'"
    ):
        read(text, sizes=SMALL)
    behind = text.replace("nil", "1")[:-1] + ', "a": nil}'
    with pytest.raises(
        RefuseRun, match=rf"^page, line 203, column 26 \(character {behind.index('nil') + 1:,}\) is no JSON: expecting value"
    ):
        read(behind, sizes=SMALL)


@pytest.mark.parametrize("tail", ['], "error": "shard 2 is down"}', '], "products": []}', "]", "]} {}", "],}", "", ",]}"])
def test_what_stands_behind_a_long_list_still_counts(tail: str) -> None:
    """An error, a second list, a missing bracket, a second document: rows were given, and the document is refused."""
    items = ",".join(f'{{"externalId": "k{number}"}}' for number in range(500))
    with pytest.raises(RefuseRun, match=r"^page"):
        read(f'{{"products": [{items}{tail}', sizes=SMALL)
    assert len(keys(f'{{"products": [{items}], "error": null}}', sizes=SMALL)) == 500


def test_a_line_too_long_is_refused() -> None:
    """Wherever it stands."""
    with pytest.raises(RefuseRun, match="page, line 3: the line does not end within 512 bytes"):
        read(f'{ITEM}\n{ITEM}\n{{"x": "{"x" * 1000}"}}\n', sizes=SMALL)


@pytest.mark.parametrize("layout", ["lines", "document"])
def test_a_mapped_key_may_come_late(layout: str) -> None:
    """It is a column from the first record on, blank until one has it; which of them none had the end tells."""
    items = [ITEM] * 100 + ['{"externalId": "b", "InventoryQuantity": 7}']
    text = "\n".join(items) if layout == "lines" else f"[{', '.join(items)}]"
    mapper, batches = read(text, sizes=SMALL)
    assert len(batches) > 5
    rows = [list(row) for batch in batches for row in batch.rows]
    assert (rows[0], rows[-1]) == (["a", ""], ["b", "7"])
    assert (mapper.columns, mapper.locate("inventoryQuantity"), mapper.missing) == (("externalId", "inventoryQuantity"), 1, frozenset())
    mapper, _ = read(text.replace("InventoryQ", "q"), sizes=SMALL)
    assert (mapper.locate("inventoryQuantity"), list(mapper.missing)) == (1, ["inventoryQuantity"])


def test_a_name_that_changes_its_spelling_is_refused() -> None:
    """Rows were made by the first one, and the values of the other would be lost."""
    items = ['{"ExternalId": "a"}'] * 100
    with pytest.raises(RefuseRun, match=r"^page: 'externalId' may mean 'ExternalId' or 'externalId': map it as the source writes it"):
        read("\n".join([*items, ITEM]), sizes=SMALL)
    with pytest.raises(RefuseRun, match=r"^page: 'externalId' may mean 'EXTERNALID' or 'ExternalId'"):
        read("\n".join([*items, '{"EXTERNALID": "b"}']), sizes=SMALL)


def test_a_preset_takes_the_identifier_that_is_there() -> None:
    """What else it offers is no column, for it would pass for blank; where that comes late after all the document is refused."""
    settings = MapperSettings((("externalId",), ("vendorSku",), ("inventoryQuantity",)), {"mapping": "inventory"})
    mapper = JsonMapper(settings, DocumentFacts("page"), sizes=SMALL)
    text = "\n".join(['{"vendorSku": "a", "x": 1}'] * 100) + "\n"
    for piece in mapper.feed(text.encode()):
        mapper.parse(piece)
    assert [mapper.locate(name) for name in ("externalId", "vendorSku", "inventoryQuantity")] == [None, 0, None]
    assert mapper.missing == frozenset()
    assert list(mapper.feed(ITEM.encode())) == []
    with pytest.raises(RefuseRun, match=r"^page: the key 'externalId' first comes behind records without it"):
        list(map(mapper.parse, mapper.finish()))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"jsonRoot": "a..b"}, "jsonRoot is 'a..b': give the names on the way"),
        ({"jsonRoot": "a[0].b"}, r"jsonRoot is 'a\[0\].b': give the names on the way"),
        ({"jsonRoot": "a['b"}, "jsonRoot is .*, which cannot be read from"),
        ({"jsonRoot": "a[*][*].b"}, "a list of lists is not read"),
        ({"jsonMapping": "jmespath"}, "jsonMapping is 'jmespath': give one of default, custom"),
        ({"jsonRoot": 5}, "jsonRoot is 5: give a text"),
        ({"jsonStructure": "deep"}, "jsonStructure is 'deep': give one of nested, flat"),
        ({"encoding": "klingon"}, "encoding is 'klingon', which is no known encoding"),
    ],
)
def test_settings_that_cannot_work_are_named(attributes: dict[str, JsonValue], message: str) -> None:
    """At once, before any byte."""
    with pytest.raises(ConfigError, match=message):
        JsonMapper(MapperSettings(NAMES, attributes), DocumentFacts("page"))


@pytest.mark.parametrize("preset", SPEC.presets)
def test_presets_name_the_default_document(preset: str) -> None:
    """Each purpose has one name, that of the attribute it fills; a feed can be made of each."""
    assert all(field.names == ({"sku": "vendorSku"}.get(field.purpose, field.purpose),) for field in SPEC.presets[preset])
    feed = build_feed("acme", {"resourceType": "json", "mapping": preset})
    assert len(make_recipe(load_registry(), feed).rows) == len(SPEC.presets[preset])


@pytest.mark.parametrize("sample", range(8, 40))
def test_a_character_that_lies_across_the_first_look_is_read(sample: int) -> None:
    """Where the list is looked for, what is held may end inside a character, in whatever encoding the document is."""
    text = '{"note": "\u017elu\u0165ou\u010dk\u00fd k\u016f\u0148", "products": [{"sku": "\u017e"}]}'
    settings = MapperSettings((("sku",),), {"jsonMapping": "custom"})
    for encoding in ("utf-8", "utf-16"):
        mapper = JsonMapper(settings, DocumentFacts("t.json"), sizes=Sizes(sample=sample))
        data = text.encode(encoding)
        pieces = [piece for byte in data for piece in mapper.feed(bytes((byte,)))]
        rows = [row for piece in [*pieces, *mapper.finish()] for row in mapper.parse(piece).rows]
        assert [tuple(row) for row in rows] == [("\u017e",)]
