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


SMALL = Sizes(sample=64, piece=256, line=512, page=1024)


def test_a_document_too_big_to_be_held_is_refused() -> None:
    """At the bound, not at the end, and with the cure."""
    mapper = JsonMapper(MapperSettings(NAMES), DocumentFacts("page"), sizes=SMALL)

    def feed_on() -> None:
        mapper.feed(b"[")
        for _ in range(100):
            mapper.feed(ITEM.encode() + b",")

    with pytest.raises(RefuseRun, match=r"page is one JSON document of more than 1,024 bytes.*JSON Lines.*in pages"):
        feed_on()
    assert mapper.buffered_bytes < 2_048


def test_a_line_too_long_is_refused() -> None:
    """Wherever it stands."""
    with pytest.raises(RefuseRun, match="page, line 3: the line does not end within 512 bytes"):
        read(f'{ITEM}\n{ITEM}\n{{"x": "{"x" * 1000}"}}\n', sizes=SMALL)


def test_a_mapped_key_may_come_late_but_not_too_late() -> None:
    """Lines are held until every mapped key was met; one that first comes behind the bound would be lost, so it is refused."""
    late = '{"externalId": "b", "inventoryQuantity": 7}'
    mapper, batches = read("\n".join([ITEM] * 40 + [late]), sizes=SMALL)
    assert (mapper.locate("inventoryQuantity"), batches[-1].rows[-1]) == (1, ["b", "7"])
    with pytest.raises(RefuseRun, match=r"page, line 101: the mapped key 'inventoryQuantity' first comes here"):
        read("\n".join([ITEM] * 100 + [late]), sizes=SMALL)
    assert len(keys("\n".join([ITEM] * 100), sizes=SMALL)) == 100


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"jsonMapping": "custom"}, "jsonMapping is 'custom', which this version cannot do yet"),
        ({"jsonRoot": "a..b"}, "jsonRoot is 'a..b': give the names on the way"),
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
